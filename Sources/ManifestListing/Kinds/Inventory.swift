import BatchDomain
import Foundation

/// The manifest of an S3 inventory: which data files it has and what their columns are (Amazon S3 User Guide, "Inventory
/// manifest").
struct InventoryManifest: Equatable {
  /// One data file.
  struct DataFile: Decodable, Equatable {
    /// Its key in the destination bucket.
    var key: String
    /// The MD5 of its bytes in hexadecimal digits.
    var MD5checksum: String?
  }

  private struct Document: Decodable {
    var sourceBucket: String?
    var destinationBucket: String?
    var fileFormat: String?
    var fileSchema: String?
    var files: [DataFile]?
  }

  /// The bucket that was listed.
  var sourceBucket: [UInt8]?
  /// The bucket of the data files.
  var destinationBucket: String?
  /// What the columns are.
  var columns: InventoryColumns
  /// The data files, in the order of the manifest.
  var files: [DataFile]

  /// Reads the document.
  ///
  /// - Throws: ``ListError``; a format other than CSV is refused by its name.
  init(_ json: [UInt8], of name: String) throws(ListError) {
    let document: Document
    do {
      document = try JSONDecoder().decode(Document.self, from: Data(json))
    } catch {
      throw ListError(
        .damaged, name,
        "it is no manifest of an inventory that can be read, expected fileSchema and files with key",
        remedy: "download the manifest.json again")
    }
    let format = document.fileFormat ?? "CSV"
    guard format.utf8.elementsEqual("CSV".utf8) else {
      throw ListError(
        .notRecognized, name,
        "it is an inventory in the format \(ListError.quoted(format.utf8)), expected CSV",
        remedy:
          "configure the inventory with the output format CSV, or list the bucket itself: `orchestrate list s3://BUCKET/PREFIX`"
      )
    }
    guard let schema = document.fileSchema, let files = document.files else {
      throw ListError(
        .damaged, name, "it is a manifest of an inventory without fileSchema or files, expected both",
        remedy: "download the manifest.json again")
    }
    sourceBucket = document.sourceBucket.map { Array($0.utf8) }
    // An Amazon resource name: arn:aws:s3:::BUCKET.
    destinationBucket = document.destinationBucket.map {
      String($0[($0.lastIndex(of: ":").map($0.index(after:)) ?? $0.startIndex)...])
    }
    columns = try InventoryColumns(schema: schema, of: name)
    self.files = files
  }
}

/// Which column of an inventory's rows has what.
struct InventoryColumns: Equatable {
  var bucket: Int?
  var key: Int
  var size: Int?
  var isLatest: Int?
  var isDeleteMarker: Int?
  var storageClass: Int?
  var accessTier: Int?
  /// How many columns there are at least.
  var count: Int

  /// The columns of a file without its manifest: bucket, encoded key, and perhaps the size.
  static let withoutManifest = InventoryColumns()

  private init() { (bucket, key, size, count) = (0, 1, 2, 2) }

  /// Reads a `fileSchema`: names with commas between them.
  init(schema: String, of name: String) throws(ListError) {
    let names = schema.split(separator: ",", omittingEmptySubsequences: false)
      .map { $0.trimmingCharacters(in: .whitespaces) }
    func column(_ name: String) -> Int? { names.firstIndex { $0.utf8.elementsEqual(name.utf8) } }
    guard let key = column("Key") else {
      throw ListError(
        .damaged, name, "its fileSchema is \(ListError.quoted(schema.utf8)), expected a column Key",
        remedy: "download the manifest.json again")
    }
    self.key = key
    bucket = column("Bucket")
    size = column("Size")
    isLatest = column("IsLatest")
    isDeleteMarker = column("IsDeleteMarker")
    storageClass = column("StorageClass")
    accessTier = column("IntelligentTieringAccessTier")
    count = names.count
  }
}

/// The rows of an inventory: of one of its data files, or of one without its manifest.
final class InventoryRows: ListParser {
  let kind = "CSV of an S3 inventory without its manifest (bucket, encoded key, size)"
  private let name: String
  private let columns: InventoryColumns
  private let bucket: [UInt8]?
  /// The bucket that the rows are of: that of the manifest, else that of the first row.
  private var listed: [UInt8]?
  /// The bucket that the option names, which each row must have.
  private let expected: [UInt8]?
  private var rows = CSVCutter()
  /// How many fields the first row has: a row of an inventory is never shorter than another.
  private var width: Int?
  private var endsInsideRow = false

  var doubt: String? {
    endsInsideRow
      ? "ends without a line feed, which S3 writes behind every row: its last row is perhaps cut off" : nil
  }

  /// - Parameters:
  ///   - bucket: the bucket of rows that have no column for it.
  ///   - expected: the bucket that the option names.
  init(name: String, columns: InventoryColumns, bucket: [UInt8]?, expected: [UInt8]?) {
    (self.name, self.columns, self.bucket, self.expected) = (name, columns, bucket, expected)
    listed = bucket
  }

  func take(_ text: UnsafeBufferPointer<UInt8>, into lister: ManifestLister) throws {
    try rows.take(text, of: name) { try read($0, $1, lister) }
  }

  func finish(into lister: ManifestLister) throws {
    endsInsideRow = rows.isInsideRow
    try rows.finish(of: name) { try read($0, $1, lister) }
  }

  private func read(_ row: [[UInt8]], _ line: Int, _ lister: ManifestLister) throws {
    let expectedCount = max(columns.count, width ?? 0)
    guard row.count >= expectedCount else {
      throw damaged(line, "has \(row.count) fields, expected \(expectedCount)")
    }
    width = width ?? row.count
    guard let key = FormText.decode(row[columns.key]) else {
      throw damaged(
        line,
        "has the key \(ListError.quoted(row[columns.key])), expected one encoded as S3 does: `%` and two digits, `+` for a space"
      )
    }
    guard !key.isEmpty else { throw damaged(line, "has an empty key, expected a key") }
    guard let bucket = columns.bucket.map({ row[$0] }) ?? bucket ?? expected else {
      throw ListError.bucketNeeded(name)
    }
    if let expected, expected != bucket { throw ListError.otherBucket(name, bucket, given: expected) }
    guard BucketName.isPlausible(bucket) else {
      throw damaged(line, "has the bucket \(ListError.quoted(bucket)), expected the name of a bucket")
    }
    if bucket != listed { try check(bucket, line) }
    if try flag(columns.isDeleteMarker, row, line) ?? false { return lister.leaveOut(.deleteMarker) }
    if try !(flag(columns.isLatest, row, line) ?? true) { return lister.leaveOut(.olderVersion) }
    try lister.take(
      ListedObject(key: key, size: try size(row, line), storageClass: storageClass(row)), in: bucket)
  }

  /// Refuses a bucket beside another one, and the name of a video where a bucket should be.
  private func check(_ bucket: [UInt8], _ line: Int) throws(ListError) {
    if let listed {
      throw ListError(
        .otherBucket, name,
        "line \(line) is of the bucket \(ListError.quoted(bucket)), and "
          + (self.bucket == nil ? "the rows before it" : "its manifest.json")
          + " of \(ListError.quoted(listed)), expected one bucket",
        remedy: self.bucket == nil
          ? "make a list of each bucket; where the first column is no bucket, write its addresses one on each line"
          : "download that file and the manifest again, both of one inventory")
    }
    guard expected != nil || !ObjectSelection.isVideo(bucket) else {
      throw damaged(
        line,
        "has \(ListError.quoted(bucket)) in the place of a bucket, expected bucket, encoded key and size",
        remedy: "write the addresses one on each line; where it is a bucket, name it with --bucket")
    }
    listed = bucket
  }

  private func size(_ row: [[UInt8]], _ line: Int) throws(ListError) -> Int64? {
    guard let column = columns.size, row.indices.contains(column), !row[column].isEmpty else { return nil }
    guard let size = ItemNote.number(row[column]) else {
      throw damaged(
        line, "has \(ListError.quoted(row[column])) as its size, expected a number of bytes",
        remedy: columns == .withoutManifest
          ? "name the manifest.json of the inventory, which says what its columns are"
          : "download the inventory again")
    }
    return size
  }

  private func flag(_ column: Int?, _ row: [[UInt8]], _ line: Int) throws(ListError) -> Bool? {
    guard let column, !row[column].isEmpty else { return nil }
    if row[column].elementsEqual("true".utf8) { return true }
    if row[column].elementsEqual("false".utf8) { return false }
    throw damaged(
      line, "has \(ListError.quoted(row[column])) in column \(column + 1), expected true or false")
  }

  /// The storage class; of objects that move by themselves, the archive that they are in.
  private func storageClass(_ row: [[UInt8]]) -> String? {
    if let tier = columns.accessTier.map({ row[$0] }) {
      if tier.elementsEqual("ARCHIVE".utf8) { return "GLACIER" }
      if tier.elementsEqual("DEEP_ARCHIVE".utf8) { return "DEEP_ARCHIVE" }
    }
    guard let word = columns.storageClass.map({ row[$0] }), !word.isEmpty else { return nil }
    return String(decoding: word, as: UTF8.self)
  }

  private func damaged(_ line: Int, _ cause: String, remedy: Remedy = "download or make the list again")
    -> ListError
  {
    ListError(.damaged, name, "line \(line) \(cause)", remedy: remedy)
  }
}
