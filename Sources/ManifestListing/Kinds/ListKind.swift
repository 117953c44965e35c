import BatchDomain

/// What a list is, told from how it begins.
enum ListKind: Equatable {
  /// JSON: the answer of `aws s3api list-objects-v2`, or the manifest of an inventory; its members tell.
  case json
  /// Rows of an inventory without its manifest.
  case csv
  /// What `aws s3 ls --recursive` prints.
  case lines
  /// One `s3://` address on each line.
  case addresses

  /// How many bytes are looked at, at most.
  static let headLength = 64 * 1024

  /// What is read, for people.
  static let expected = """
    the manifest.json or a CSV file of an S3 inventory, the answer of `aws s3api list-objects-v2`, the lines of \
    `aws s3 ls --recursive`, or one s3:// address on each line
    """

  /// Whether a beginning is enough to tell: it has a line that is not blank, or is JSON.
  static func isEnough(_ head: [UInt8]) -> Bool {
    guard head.count < headLength else { return true }
    let text = head.starts(with: mark) ? head.dropFirst(3) : head[...]
    guard let first = text.firstIndex(where: { !JSONSyntax.isSpace($0) }) else { return false }
    return isJSON(text[first]) || text[first...].contains(0x0A)
  }

  /// Recognises the file that begins with `head`.
  ///
  /// - Throws: ``ListError`` that says what was found instead.
  init(head: [UInt8], of name: String) throws(ListError) {
    if let other = ListKind.otherFormat(head) {
      throw ListError(
        .notRecognized, name, "it is \(other.name), expected \(Self.expected)", remedy: other.remedy)
    }
    let text = head.starts(with: Self.mark) ? head.dropFirst(3) : head[...]
    guard let first = text.firstIndex(where: { !JSONSyntax.isSpace($0) }) else {
      throw ListError(
        .notRecognized, name, "it is empty, expected \(Self.expected)",
        remedy: "make the list again; `aws s3 ls` prints nothing where nothing is")
    }
    if Self.isJSON(text[first]) || text[first...].prefix(5).filter({ !JSONSyntax.isSpace($0) }) == Self.null {
      self = .json
      return
    }
    // Lines may be indented: `aws s3 ls` does that to folders, and to sizes.
    let start = text[..<first].lastIndex(of: 0x0A).map { $0 + 1 } ?? text.startIndex
    var line = text[start...].prefix { $0 != 0x0A }
    if line.last == 0x0D { line.removeLast() }
    if line.starts(with: "s3://".utf8) {
      self = .addresses
    } else if ListingLine(line) != nil {
      self = .lines
    } else if Self.isHeading(line) {
      throw ListError(
        .notRecognized, name,
        "its first line is \(ListError.quoted(line)), which names columns, expected \(Self.expected)",
        remedy:
          "run `orchestrate validate FILE`, which says how to make a manifest of a table; of rows of an inventory (bucket, encoded key, size) remove that line: `tail -n +2 FILE`"
      )
    } else if Self.isInventoryRow(line) {
      self = .csv
    } else {
      throw ListError(
        .notRecognized, name, "its first line is \(ListError.quoted(line)), expected \(Self.expected)",
        remedy: "make the list in one of these ways, or write its addresses one on each line")
    }
  }

  private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
  /// What `--query` prints where a prefix has no keys.
  private static let null = Array("null".utf8)

  private static func isJSON(_ byte: UInt8) -> Bool {
    // The last one stands before each document of a sequence (RFC 7464).
    byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") || byte == 0x1E
  }

  /// Whether a line begins with the names of two columns. The files of an inventory have no heading; what another program
  /// wrote below one is perhaps not encoded as they are.
  private static func isHeading(_ line: ArraySlice<UInt8>) -> Bool {
    let cells = line.split(separator: UInt8(ascii: ","), maxSplits: 2, omittingEmptySubsequences: false)
    return cells.count > 1
      && cells.prefix(2).allSatisfy { cell in
        let letters = unquoted(cell).filter { !" _-".utf8.contains($0) }.map(ObjectSelection.small)
        return columnNames.contains(String(decoding: letters, as: UTF8.self))
      }
  }

  /// Names of columns in lists of objects, in small letters and without what stands between words: those of an inventory
  /// (Amazon S3 User Guide, "Amazon S3 Inventory list"), and of tables that people make.
  private static let columnNames: Set<String> = [
    "bucket", "key", "versionid", "islatest", "isdeletemarker", "size", "lastmodifieddate", "etag",
    "storageclass", "ismultipartuploaded", "replicationstatus", "encryptionstatus",
    "bucketname", "objectkey", "s3key", "keyname", "objectname", "lastmodified", "object", "index", "indexid",
    "language", "transcription", "id", "name", "path", "file", "filename", "video", "videoname", "title",
    "url",
    "uri", "s3uri", "address", "date", "duration", "type",
  ]

  /// Whether a line has the name of a bucket and something that may be a key, in the columns of an inventory.
  private static func isInventoryRow(_ line: ArraySlice<UInt8>) -> Bool {
    var cells = line.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)[...]
    guard cells.count > 1, let bucket = cells.popFirst().map(unquoted), let key = cells.popFirst() else {
      return false
    }
    return BucketName.isPlausible(bucket) && !unquoted(key).isEmpty
  }

  private static func unquoted(_ cell: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    cell.count > 1 && cell.first == UInt8(ascii: "\"") && cell.last == UInt8(ascii: "\"")
      ? cell.dropFirst().dropLast() : cell
  }

  /// Files of other kinds that people have, by their first bytes.
  private static func otherFormat(_ head: [UInt8]) -> (name: String, remedy: Remedy)? {
    // Before UTF-16: the headers of many formats have NUL in them.
    if let signature = FileSignature(head) { return (signature.name, remedy(for: signature)) }
    if head.starts(with: [0xFF, 0xFE]) || head.starts(with: [0xFE, 0xFF])
      || (head.count > 3 && head.prefix(4).contains(0))
    {
      return (
        "no text in UTF-8", "convert it: `iconv -f UTF-16 -t UTF-8 FILE`, as for what PowerShell writes"
      )
    }
    if head.starts(with: "<".utf8) {
      return ("XML or HTML", "take the answer of `aws s3api list-objects-v2`, which is JSON")
    }
    return nil
  }

  private static func remedy(for signature: FileSignature) -> Remedy {
    if let command = signature.unpacking { return Remedy("unpack it: `\(command) FILE`") }
    return switch signature {
    case .parquet, .orc, .avro:
      "configure the inventory with the output format CSV, or list the bucket itself: `orchestrate list s3://BUCKET/PREFIX`"
    case .excel, .sqlite, .pdf: "export its addresses as text, one on each line"
    case .mp4, .matroska: "name the file that lists the videos"
    case .utf32(let encoding): "convert it: `iconv -f \(encoding) -t UTF-8 FILE`"
    case .zeros: "download or make the list again"
    default: "unpack it, and name the file inside"
    }
  }
}

/// Names of buckets, as far as they tell a bucket from something else.
enum BucketName {
  /// Whether it can be the name of a bucket, old ones included (Amazon S3 User Guide, "General purpose bucket naming rules";
  /// buckets of before 2018 may have capitals, underscores and up to 255 characters).
  static func isPlausible(_ name: some Collection<UInt8>) -> Bool {
    (3...255).contains(name.count)
      && name.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }
}

/// An address `s3://bucket/key` in its parts.
package struct S3ObjectAddress: Equatable, Sendable {
  /// The bucket's name.
  package var bucket: [UInt8]
  /// The key, or the beginning of keys; may be empty.
  package var key: [UInt8]

  /// Reads an address; `nil` unless it has the scheme and a bucket. A percent sign means itself.
  package init?(_ text: some Collection<UInt8>) {
    guard text.starts(with: "s3://".utf8) else { return nil }
    let rest = text.dropFirst(5)
    let slash = rest.firstIndex(of: UInt8(ascii: "/"))
    bucket = Array(slash.map { rest[..<$0] } ?? rest)
    key = slash.map { Array(rest[rest.index(after: $0)...]) } ?? []
    guard BucketName.isPlausible(bucket) else { return nil }
  }
}
