package import BatchDomain
import Crypto

/// Makes a manifest of the objects of a bucket, from a listing in S3 or from a file that lists them.
///
/// Memory does not grow with the number of objects. Not Sendable: one task uses it. Reading files, sorting and writing block
/// the thread.
package final class ManifestLister {
  /// What a manifest is made like.
  package struct Options: Sendable {
    /// The id of the index of every item.
    package var indexID: String
    /// The language of every item.
    package var language: String
    /// Ends of names of videos, compared without regard to case.
    package var suffixes: [String]
    /// Whether `transcription` is filled where a file with one lies beside the video.
    package var findsTranscriptions: Bool
    /// How the manifest is laid out.
    package var layout: ManifestLayout
    /// How many bytes of names are sorted in memory, when names are sorted at all.
    package var sortedInMemory: Int
    /// Where names are sorted that are more.
    package var temporaryFolder: String

    /// Options; sorting takes 16 MiB at a time unless said otherwise.
    package init(
      indexID: String, language: String = "en", suffixes: [String] = ObjectSelection.videoSuffixes,
      findsTranscriptions: Bool = false, layout: ManifestLayout = .json, sortedInMemory: Int = 16 << 20,
      temporaryFolder: String
    ) {
      self.indexID = indexID
      self.language = language
      self.suffixes = suffixes
      self.findsTranscriptions = findsTranscriptions
      self.layout = layout
      self.sortedInMemory = sortedInMemory
      self.temporaryFolder = temporaryFolder
    }
  }

  /// What became of the objects so far.
  package private(set) var tally = ListTally()
  /// The key that was listed last.
  package private(set) var lastKey: [UInt8]?

  private let selection: ObjectSelection
  private var writer: ItemWriter
  private let join: TranscriptionJoin?
  private var prefixBucket: [UInt8] = []
  private var prefix: [UInt8] = []

  /// A lister.
  ///
  /// - Parameter write: takes the manifest piece by piece. What is written before ``finish()`` has returned is not complete.
  package init(_ options: Options, write: @escaping (String) throws -> Void) {
    selection = ObjectSelection(
      suffixes: options.suffixes, findsTranscriptions: options.findsTranscriptions)
    writer = ItemWriter(
      indexID: options.indexID, language: options.language, layout: options.layout, write: write)
    join =
      options.findsTranscriptions
      ? TranscriptionJoin(memoryLimit: options.sortedInMemory, folder: options.temporaryFolder) : nil
  }

  /// Lists a bucket.
  ///
  /// - Parameters:
  ///   - prefix: only keys that begin with it.
  ///   - startAfter: only keys behind it.
  ///   - progress: called after each page.
  /// - Throws: what `listing` and the writer throw.
  package func list(
    _ bucket: String, prefix: [UInt8], startAfter: [UInt8]?, in listing: any ObjectListing,
    progress: () -> Void = {}
  ) async throws {
    let name = Array(bucket.utf8)
    for try await page in listing.pages(bucket: bucket, prefix: prefix, startAfter: startAfter) {
      for object in page.objects { try take(object, in: name) }
      progress()
    }
    // A stream ends at once when its reader is cancelled.
    try Task.checkCancellation()
  }

  /// Ends the manifest. A list that was broken off must not be ended.
  package func finish() throws {
    if let join {
      tally.unusedTranscriptions = try join.drain { item in
        if item.transcription != nil { tally.transcribed += 1 }
        try writer.append(item)
      }
    }
    try writer.finish()
  }

  /// Takes an object of the list.
  func take(_ object: ListedObject, in bucket: [UInt8]) throws {
    lastKey = object.key
    switch selection.verdict(on: object) {
    case .leftOut(let reason): leaveOut(reason)
    case .item:
      tally.listed += 1
      tally.items += 1
      let note = ItemNote(size: object.size, storageClass: object.storageClass)
      if note.isTooLarge { tally.tooLarge += 1 }
      let name = address(object.key, in: bucket)
      // Only where it matters: a manifest is what the dashboard writes.
      let kept = note.isTooLarge ? note : nil
      if let join {
        try join.add(item: name, kept)
      } else {
        try writer.append(MadeItem(object: name, note: kept))
      }
    case .transcription(let kind):
      tally.listed += 1
      try join?.add(transcription: address(object.key, in: bucket), kind)
    }
  }

  /// Counts an object that is no item.
  func leaveOut(_ reason: ObjectSelection.Reason) {
    tally.listed += 1
    tally.leftOut[reason, default: 0] += 1
  }

  private func address(_ key: [UInt8], in bucket: [UInt8]) -> [UInt8] {
    if bucket != prefixBucket || prefix.isEmpty {
      prefixBucket = bucket
      prefix = "s3://".utf8 + bucket + [UInt8(ascii: "/")]
    }
    return prefix + key
  }
}

/// Where a list is.
package enum ListSource: Sendable, Equatable {
  /// A file; `-` is standard input.
  case file(String)
  /// An object in S3.
  case object(bucket: String, key: [UInt8])

  /// What it is called in messages.
  package var name: String {
    switch self {
    case .file(let path): path == "-" ? FileBlocks.standardInputName : path
    case .object(let bucket, let key): "s3://\(bucket)/" + String(decoding: key, as: UTF8.self)
    }
  }
}

/// Reads a list from a file, of whatever kind it is, with the data files that it names.
package struct ListReader {
  private let bucket: [UInt8]?
  private let objects: () async throws -> any ObjectReader
  private let say: (String) -> Void
  private let progress: () -> Void

  /// A reader.
  ///
  /// - Parameters:
  ///   - bucket: the bucket that the person named, for lists that do not say it.
  ///   - objects: makes what reads objects in S3; called only when something there has to be read.
  ///   - say: takes sentences about what was recognised.
  ///   - progress: called after each block.
  package init(
    bucket: String?, objects: @escaping () async throws -> any ObjectReader, say: @escaping (String) -> Void,
    progress: @escaping () -> Void = {}
  ) {
    self.bucket = bucket.map { Array($0.utf8) }
    self.objects = objects
    self.say = say
    self.progress = progress
  }

  /// Reads the list into a lister.
  ///
  /// - Parameter given: the bytes of the list, where they are not to be read from `source`.
  /// - Throws: ``ListError``, and what S3 and the lister throw.
  package func read(
    _ source: ListSource, from given: (any ListBlocks)? = nil, into lister: ManifestLister
  ) async throws {
    let name = source.name
    let unpacker = Unpacker(name: name)
    var head: [UInt8] = []
    var parser: (any ListParser)?
    var isAnnounced = false
    func take(_ text: UnsafeBufferPointer<UInt8>) throws {
      if let parser { return try parser.take(text, into: lister) }
      head += text
      if ListKind.isEnough(head) { try begin() }
    }
    func begin() throws {
      let made = try makeParser(ListKind(head: head, of: name), of: name)
      parser = made
      try head.withUnsafeBufferPointer { try made.take($0, into: lister) }
      head = []
    }
    let blocks: any ListBlocks
    if let given { blocks = given } else { blocks = try await open(source) }
    while let block = try await blocks.next() {
      try unpacker.take(block, take)
      if let parser, !isAnnounced, lister.tally.listed > 0 {
        say("\(VisibleText.escape(name)): \(parser.kind)")
        isAnnounced = true
      }
      progress()
    }
    try unpacker.finish(take)
    if parser == nil { try begin() }
    try parser?.finish(into: lister)
    if let parser, !isAnnounced { say("\(VisibleText.escape(name)): \(parser.kind)") }
    if let doubt = parser?.doubt { say("warning: \(VisibleText.escape(name)) \(doubt)") }
    if let inventory = (parser as? JSONList)?.inventory {
      try await read(inventory, of: source, into: lister)
    }
  }

  private func makeParser(_ kind: ListKind, of name: String) throws(ListError) -> any ListParser {
    switch kind {
    case .json: JSONList(name: name, bucket: bucket)
    case .csv: InventoryRows(name: name, columns: .withoutManifest, bucket: nil, expected: bucket)
    case .lines: try RecursiveListing(name: name, bucket: bucket)
    case .addresses: AddressList(name: name, bucket: bucket)
    }
  }

  private func open(_ source: ListSource) async throws -> any ListBlocks {
    switch source {
    case .file(let path): try FileBlocks(path: path)
    case .object(let bucket, let key): StreamBlocks(try await objects().bytes(bucket: bucket, key: key))
    }
  }

  // MARK: Inventories

  private func read(
    _ inventory: InventoryManifest, of manifest: ListSource, into lister: ManifestLister
  ) async throws {
    for file in inventory.files {
      let source = try place(of: file, inventory, manifest)
      let parser = InventoryRows(
        name: source.name, columns: inventory.columns, bucket: inventory.sourceBucket, expected: bucket)
      let unpacker = Unpacker(name: source.name)
      var digest = Insecure.MD5()
      let blocks = try await open(source)
      while let block = try await blocks.next() {
        digest.update(data: block)
        try unpacker.take(block) { try parser.take($0, into: lister) }
        progress()
      }
      try unpacker.finish { try parser.take($0, into: lister) }
      try parser.finish(into: lister)
      try check(digest.finalize(), file, source)
    }
  }

  private func check(
    _ digest: Insecure.MD5Digest, _ file: InventoryManifest.DataFile, _ source: ListSource
  ) throws(ListError) {
    guard let expected = file.MD5checksum, !expected.isEmpty else { return }
    let found = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    guard found.utf8.elementsEqual(expected.lowercased().utf8) else {
      throw ListError(
        .inventoryFile, source.name,
        "its MD5 is \(found), expected \(VisibleText.escape(expected, cutAt: 40)) as the manifest says",
        remedy: "download that file and the manifest again, both of one inventory")
    }
  }

  /// Where a data file is: in the manifest's destination when the manifest came from S3 or through a pipe, else beside it,
  /// by the last two parts of its key, then by its name.
  private func place(
    of file: InventoryManifest.DataFile, _ inventory: InventoryManifest, _ manifest: ListSource
  ) throws(ListError) -> ListSource {
    let parts = file.key.split(separator: "/")
    guard let last = parts.last, !parts.suffix(2).contains(where: { $0 == ".." || $0 == "." }) else {
      throw ListError(
        .inventoryFile, manifest.name,
        "it names the data file \(ListError.quoted(file.key.utf8)), expected the key of a file",
        remedy: "download the manifest.json again")
    }
    switch manifest {
    case .file(let path) where path != "-":
      let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
      let names = [parts.suffix(2).joined(separator: "/"), String(last)]
      // A copy of the whole inventory has the data beside the folder of the manifest.
      for candidate in names.map({ folder + $0 }) + [folder + "../" + names[0]]
      where FileBlocks.exists(candidate) {
        return .file(candidate)
      }
      throw ListError(
        .inventoryFile, manifest.name,
        "its data file \(ListError.quoted(file.key.utf8)) is not beside it, expected \(names[0]) or \(names[1]) in the same folder",
        remedy:
          "download the data files, or name the manifest where it is: `--from s3://BUCKET/.../manifest.json`"
      )
    case .file:
      guard let bucket = inventory.destinationBucket else {
        throw ListError(
          .inventoryFile, manifest.name,
          "it does not say in which bucket its data files are, expected destinationBucket",
          remedy: "name the file, with its data files beside it")
      }
      return .object(bucket: bucket, key: Array(file.key.utf8))
    case .object(let bucket, _):
      return .object(bucket: inventory.destinationBucket ?? bucket, key: Array(file.key.utf8))
    }
  }
}
