import BatchDomain

/// What reads one kind of list: takes its text in blocks and hands each object on.
protocol ListParser: AnyObject {
  /// What it reads, for people.
  var kind: String { get }

  /// Why the list is perhaps not complete, as a clause about the file; known at its end.
  var doubt: String? { get }

  /// Takes the next part of the text.
  ///
  /// - Throws: ``ListError``, and what `lister` throws.
  func take(_ text: UnsafeBufferPointer<UInt8>, into lister: ManifestLister) throws

  /// Takes the end of the text.
  func finish(into lister: ManifestLister) throws
}

extension ListParser {
  var doubt: String? { nil }
}

/// One `s3://` address on each line.
final class AddressList: ListParser {
  let kind = "one s3:// address on each line"
  private let name: String
  private let bucket: [UInt8]?
  private var lines = LineCutter()

  /// - Parameter bucket: the bucket that the option names, which each address must have.
  init(name: String, bucket: [UInt8]?) { (self.name, self.bucket) = (name, bucket) }

  func take(_ text: UnsafeBufferPointer<UInt8>, into lister: ManifestLister) throws {
    try lines.take(text, of: name) { try read($0, $1, lister) }
  }

  func finish(into lister: ManifestLister) throws { try lines.finish { try read($0, $1, lister) } }

  private func read(_ line: ArraySlice<UInt8>, _ number: Int, _ lister: ManifestLister) throws {
    guard !line.allSatisfy(JSONSyntax.isSpace) else { return }
    guard let address = S3ObjectAddress(line) else {
      throw ListError(
        .damaged, name, "line \(number) is \(ListError.quoted(line)), expected s3://bucket/key",
        remedy: "correct that line or remove it")
    }
    if let bucket, bucket != address.bucket {
      throw ListError.otherBucket(name, address.bucket, given: bucket)
    }
    guard !address.key.isEmpty else {
      lister.leaveOut(.folder)
      return
    }
    try lister.take(ListedObject(key: address.key), in: address.bucket)
  }
}

extension ListError {
  /// The file and the option name two buckets.
  static func otherBucket(_ file: String, _ found: [UInt8], given: [UInt8]) -> ListError {
    ListError(
      .otherBucket, file,
      "it is of the bucket \(quoted(found)), and --bucket is \(quoted(given)), expected one bucket",
      remedy: "leave --bucket out, or name the file of that bucket")
  }

  /// Nothing says which bucket keys are in.
  static func bucketNeeded(_ file: String) -> ListError {
    ListError(
      .bucketNeeded, file, "it does not say which bucket its keys are in, expected --bucket NAME",
      remedy: "give the name of the bucket with --bucket")
  }
}

/// A line that `aws s3 ls --recursive` prints: day, time, size in ten places at least, a space, and the key as it is.
enum ListingLine: Equatable {
  /// An object; the key is all that follows the space.
  case object(size: Int64, key: [UInt8])
  /// A folder, which only a listing without `--recursive` has.
  case folder
  /// A sum at the end, or nothing.
  case remark
  /// An object whose size was shortened, so that where its key begins is not certain.
  case shortened

  /// Reads a line; `nil` when it is none of these.
  init?(_ line: ArraySlice<UInt8>) {
    let text = line.drop { $0 == 0x20 }
    if text.isEmpty || text.starts(with: "Total Objects: ".utf8) || text.starts(with: "Total Size: ".utf8) {
      self = .remark
      return
    }
    if line.count > text.count, text.starts(with: "PRE ".utf8) {
      self = .folder
      return
    }
    // 2026-11-01 10:00:00
    let pattern = Array("0000-00-00 00:00:00 ".utf8)
    guard line.count > pattern.count,
      zip(line, pattern).allSatisfy({ $1 == UInt8(ascii: "0") ? Self.isDigit($0) : $0 == $1 })
    else { return nil }
    let rest = line.dropFirst(pattern.count).drop { $0 == 0x20 }
    let digits = rest.prefix(while: Self.isDigit)
    let tail = rest[digits.endIndex...]
    if !digits.isEmpty,
      tail.first == UInt8(ascii: ".") || Self.units.contains(where: { tail.starts(with: $0) })
    {
      self = .shortened
      return
    }
    guard let size = ItemNote.number(digits), tail.first == 0x20, tail.count > 1 else { return nil }
    self = .object(size: size, key: Array(tail.dropFirst()))
  }

  /// What follows a whole number where `--human-readable` was given.
  private static let units = [" Bytes ", " Byte ", " KiB ", " MiB ", " GiB ", " TiB "].map { Array($0.utf8) }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}

/// What `aws s3 ls --recursive` prints.
final class RecursiveListing: ListParser {
  let kind = "the lines of `aws s3 ls --recursive`"
  private let name: String
  private let bucket: [UInt8]
  private var lines = LineCutter()
  /// Whether the line that was read last is an object.
  private var endsWithObject = false
  private var endsInsideLine = false

  var doubt: String? {
    endsInsideLine && endsWithObject
      ? "ends without a line feed, which `aws s3 ls` prints behind every key: its last key is perhaps cut off"
      : nil
  }

  init(name: String, bucket: [UInt8]?) throws(ListError) {
    guard let bucket else { throw ListError.bucketNeeded(name) }
    (self.name, self.bucket) = (name, bucket)
  }

  func take(_ text: UnsafeBufferPointer<UInt8>, into lister: ManifestLister) throws {
    try lines.take(text, of: name) { try read($0, $1, lister) }
  }

  func finish(into lister: ManifestLister) throws {
    endsInsideLine = lines.isInsideLine
    try lines.finish { try read($0, $1, lister) }
  }

  private func read(_ line: ArraySlice<UInt8>, _ number: Int, _ lister: ManifestLister) throws {
    endsWithObject = false
    switch ListingLine(line) {
    case .object(let size, let key)?:
      endsWithObject = true
      try lister.take(ListedObject(key: key, size: size), in: bucket)
    case .remark?: break
    case .folder?:
      throw ListError(
        .damaged, name,
        "line \(number) is a folder, expected objects: without --recursive the names of objects are not whole keys",
        remedy: "make the list with `aws s3 ls --recursive`")
    case .shortened?:
      throw ListError(
        .damaged, name,
        "line \(number) has a shortened size, expected whole bytes: where its key begins is not certain",
        remedy: "make the list without --human-readable")
    case nil:
      throw ListError(
        .damaged, name,
        "line \(number) is \(ListError.quoted(line)), expected day, time, size and key as `aws s3 ls --recursive` prints them",
        remedy:
          "a key may have a line feed in it: list the bucket itself, or take `aws s3api list-objects-v2`")
    }
  }
}
