import BatchDomain

/// A file of another kind than JSON, recognised by how it begins.
struct ForeignFormat: Equatable {
  /// How many bytes are examined.
  static let headLength = 4096

  /// What the file is, with its article: `a zip archive`.
  var name: String
  /// How to make a manifest of it.
  var remedy: Finding.Remedy

  init(_ name: String, _ remedy: Finding.Remedy) {
    self.name = name
    self.remedy = remedy
  }

  /// Recognises the file that begins with `head`, without white space and byte order marks; `isWhole` says that
  /// nothing follows `head`. nil for an unknown kind.
  init?(_ head: UnsafeBufferPointer<UInt8>, isWhole: Bool, source: ManifestInput) {
    let bytes = Array(head.prefix(ForeignFormat.headLength))
    guard let found = ForeignFormat.binary(bytes) ?? ForeignFormat.text(bytes, isWhole: isWhole) else {
      return nil
    }
    self = found
    remedy = Conversion.behind(source, remedy)
  }

  private static func text(_ bytes: [UInt8], isWhole: Bool) -> ForeignFormat? {
    // A character that the end of the head cuts is no fault of the text.
    let isText = !bytes.contains { $0 < 0x20 && ![0x09, 0x0A, 0x0C, 0x0D].contains($0) }
    guard isText else { return nil }
    let text = ForeignText(String(decoding: bytes, as: UTF8.self), isWhole: isWhole)
    return text.markup ?? text.bucketListing ?? text.addresses ?? text.yaml ?? text.table ?? text.names
  }

  /// Magic numbers, each from the page of its format.
  private static func binary(_ bytes: [UInt8]) -> ForeignFormat? {
    func has(_ magic: [UInt8], at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: magic) }
    func has(_ magic: String, at offset: Int = 0) -> Bool { has(Array(magic.utf8), at: offset) }
    if has([0x1F, 0x8B]) { return packed("gzip data inside gzip data", "gzip -dc") }
    if has([0x28, 0xB5, 0x2F, 0xFD]) { return packed("compressed with zstd", "zstd -dc") }
    if has([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]) { return packed("compressed with xz", "xz -dc") }
    if has("BZh") && has([0x31, 0x41, 0x59, 0x26, 0x53, 0x59], at: 4) {
      return packed("compressed with bzip2", "bzip2 -dc")
    }
    if has([0x04, 0x22, 0x4D, 0x18]) { return packed("compressed with lz4", "lz4 -dc") }
    if has([0x1F, 0x9D]) { return packed("compressed with compress", "gzip -dc") }
    if has("PK\u{3}\u{4}") || has("PK\u{5}\u{6}") { return zip(bytes) }
    if has("ustar", at: 257) { return packed("a tar archive", "tar -xOf -") }
    if has([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]) {
      return ForeignFormat("a 7z archive", Finding.Remedy("Unpack it, and submit the file inside"))
    }
    if has("PAR1") { return parquet }
    if has("ftyp", at: 4) { return video("a video (MP4 or MOV)") }
    if has([0x1A, 0x45, 0xDF, 0xA3]) { return video("a video (Matroska or WebM)") }
    if has([0, 0, 0xFE, 0xFF]) || has([0xFF, 0xFE, 0, 0]) { return utf32("UTF-32") }
    if bytes.count >= 8, bytes[1..<4].allSatisfy({ $0 == 0 }), bytes[0] != 0, bytes[4] != 0 {
      return utf32("UTF-32LE")
    }
    if bytes.count >= 8, bytes[..<3].allSatisfy({ $0 == 0 }), bytes[3] != 0, bytes[7] != 0 {
      return utf32("UTF-32BE")
    }
    if bytes.count >= 4, bytes.allSatisfy({ $0 == 0 }) {
      return ForeignFormat(
        "a block of NUL bytes, as an interrupted copy leaves",
        Finding.Remedy("Copy or export the manifest again"))
    }
    let others: [(name: String, magic: String)] = [
      ("a SQLite database", "SQLite format 3\0"), ("an Avro file", "Obj\u{1}"), ("an ORC file", "ORC"),
      ("a PDF document", "%PDF-"),
    ]
    return others.first { has($0.magic) }.map {
      ForeignFormat($0.name, Finding.Remedy("Export what it lists as JSON, one item on each line"))
    }
  }

  private static func packed(_ name: String, _ command: String) -> ForeignFormat {
    ForeignFormat(name, Finding.Remedy("Unpack it", commands: [command]))
  }

  private static func video(_ name: String) -> ForeignFormat {
    ForeignFormat(name, Finding.Remedy("Name the file that lists the videos"))
  }

  private static func utf32(_ encoding: String) -> ForeignFormat {
    ForeignFormat(
      "text in UTF-32", Finding.Remedy("Convert it to UTF-8", commands: ["iconv -f \(encoding) -t UTF-8"]))
  }

  /// The parts of an Excel workbook have names that stand as they are in the archive.
  private static func zip(_ bytes: [UInt8]) -> ForeignFormat {
    let text = String(decoding: bytes.prefix(2_000), as: UTF8.self)
    if text.contains("[Content_Types].xml") || text.contains("xl/") {
      return ForeignFormat(
        "an Excel workbook",
        Finding.Remedy("Save it as CSV (UTF-8), and validate that file to get the command that converts it"))
    }
    return ForeignFormat(
      "a zip archive", Finding.Remedy("Unpack it", commands: ["unzip -p"], takesName: true))
  }

  private static var parquet: ForeignFormat {
    let rows = """
      (({"index_id": "INDEX_ID", "language": "en", "object": "s3://" + r["bucket"] + "/" + r["key"]} \
      if "key" in r else r) for r in q.read_table(io.BytesIO(sys.stdin.buffer.read())).to_pylist())
      """
    return ForeignFormat(
      "a Parquet file",
      Conversion.python(
        "Make items with Python and its package pyarrow, and " + Conversion.indexHint,
        "io, json, sys, pyarrow.parquet as q", rows))
  }
}
