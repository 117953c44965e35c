/// A kind of file that is no text, or text of four bytes a character, told by its first bytes.
package enum FileSignature: Sendable, Equatable {
  case gzip, zstd, xz, bzip2, lz4, compress
  case zip, excel, tar, sevenZip
  case parquet, orc, avro, sqlite, pdf
  case mp4, matroska
  /// UTF-32, by the name that `iconv` has for it.
  case utf32(encoding: String)
  /// Nothing but NUL.
  case zeros

  /// How many bytes are enough to tell all kinds.
  package static let headLength = 4096

  /// Recognises a file that begins with `head`, without byte order marks of UTF-8. Magic numbers, each from the page of
  /// its format.
  package init?(_ head: some Collection<UInt8>) {
    let bytes = Array(head.prefix(FileSignature.headLength))
    func has(_ magic: [UInt8], at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: magic) }
    func has(_ magic: String, at offset: Int = 0) -> Bool { has(Array(magic.utf8), at: offset) }
    if has([0x1F, 0x8B]) {
      self = .gzip
    } else if has([0x28, 0xB5, 0x2F, 0xFD]) {
      self = .zstd
    } else if has([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]) {
      self = .xz
    } else if has("BZh"), has([0x31, 0x41, 0x59, 0x26, 0x53, 0x59], at: 4) {
      self = .bzip2
    } else if has([0x04, 0x22, 0x4D, 0x18]) {
      self = .lz4
    } else if has([0x1F, 0x9D]) {
      self = .compress
    } else if has("PK\u{3}\u{4}") || has("PK\u{5}\u{6}") {
      self = FileSignature.isExcel(bytes) ? .excel : .zip
    } else if has("ustar", at: 257) {
      self = .tar
    } else if has([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]) {
      self = .sevenZip
    } else if has("PAR1") {
      self = .parquet
    } else if has("ftyp", at: 4) {
      self = .mp4
    } else if has([0x1A, 0x45, 0xDF, 0xA3]) {
      self = .matroska
    } else if let encoding = FileSignature.utf32Encoding(bytes) {
      self = .utf32(encoding: encoding)
    } else if bytes.count >= 4, bytes.allSatisfy({ $0 == 0 }) {
      self = .zeros
    } else if has("SQLite format 3\0") {
      self = .sqlite
    } else if has("Obj\u{1}") {
      self = .avro
    } else if has("ORC") {
      self = .orc
    } else if has("%PDF-") {
      self = .pdf
    } else {
      return nil
    }
  }

  /// What the file is, with its article where it has one: `a zip archive`. Gzip is undone once before anything is recognised,
  /// so that what is still gzip was inside gzip.
  package var name: String {
    switch self {
    case .gzip: "gzip data inside gzip data"
    case .zstd: "compressed with zstd"
    case .xz: "compressed with xz"
    case .bzip2: "compressed with bzip2"
    case .lz4: "compressed with lz4"
    case .compress: "compressed with compress"
    case .zip: "a zip archive"
    case .excel: "an Excel workbook"
    case .tar: "a tar archive"
    case .sevenZip: "a 7z archive"
    case .parquet: "a Parquet file"
    case .orc: "an ORC file"
    case .avro: "an Avro file"
    case .sqlite: "a SQLite database"
    case .pdf: "a PDF document"
    case .mp4: "a video (MP4 or MOV)"
    case .matroska: "a video (Matroska or WebM)"
    case .utf32: "text in UTF-32"
    case .zeros: "a block of NUL bytes, as an interrupted copy leaves"
    }
  }

  /// The command that unpacks one compressed file, from standard input or a file that is named, to standard output; `nil`
  /// for an archive of several, and where nothing is compressed.
  package var unpacking: String? {
    switch self {
    case .gzip, .compress: "gzip -dc"
    case .zstd: "zstd -dc"
    case .xz: "xz -dc"
    case .bzip2: "bzip2 -dc"
    case .lz4: "lz4 -dc"
    default: nil
    }
  }

  /// The parts of an Excel workbook have names that stand as they are in the archive.
  private static func isExcel(_ bytes: [UInt8]) -> Bool {
    let text = String(decoding: bytes.prefix(2_000), as: UTF8.self)
    return text.contains("[Content_Types].xml") || text.contains("xl/")
  }

  private static func utf32Encoding(_ bytes: [UInt8]) -> String? {
    if bytes.starts(with: [0, 0, 0xFE, 0xFF]) || bytes.starts(with: [0xFF, 0xFE, 0, 0]) { return "UTF-32" }
    guard bytes.count >= 8 else { return nil }
    if bytes[1..<4].allSatisfy({ $0 == 0 }), bytes[0] != 0, bytes[4] != 0 { return "UTF-32LE" }
    if bytes[..<3].allSatisfy({ $0 == 0 }), bytes[3] != 0, bytes[7] != 0 { return "UTF-32BE" }
    return nil
  }
}
