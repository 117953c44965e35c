import BatchDomain

/// A file of another kind than JSON, recognised by how it begins.
struct ForeignFormat: Equatable {
  /// How many bytes are examined.
  static let headLength = FileSignature.headLength

  /// What the file is, with its article: `a zip archive`.
  var name: String
  /// How to make a manifest of it.
  var remedy: Finding.Remedy
  /// Whether `orchestrate list` reads it.
  var isListed = false

  init(_ name: String, _ remedy: Finding.Remedy, isListed: Bool = false) {
    self.name = name
    self.remedy = remedy
    self.isListed = isListed
  }

  /// Recognises the file that begins with `head`, without white space and byte order marks; `isWhole` says that
  /// nothing follows `head`. nil for an unknown kind.
  init?(_ head: UnsafeBufferPointer<UInt8>, isWhole: Bool, source: ManifestInput) {
    let bytes = Array(head.prefix(ForeignFormat.headLength))
    guard let found = ForeignFormat.binary(bytes) ?? ForeignFormat.text(bytes, isWhole: isWhole) else {
      return nil
    }
    self = found
    remedy = Conversion.behind(source, remedy, isListed: isListed)
  }

  private static func text(_ bytes: [UInt8], isWhole: Bool) -> ForeignFormat? {
    // A character that the end of the head cuts is no fault of the text.
    let isText = !bytes.contains { $0 < 0x20 && ![0x09, 0x0A, 0x0C, 0x0D].contains($0) }
    guard isText else { return nil }
    let text = ForeignText(String(decoding: bytes, as: UTF8.self), isWhole: isWhole)
    return text.markup ?? text.armor ?? text.bucketListing ?? text.otherListing ?? text.addresses ?? text.yaml
      ?? text.answer ?? text.tabbedNames ?? text.table ?? text.names
  }

  private static func binary(_ bytes: [UInt8]) -> ForeignFormat? {
    guard let signature = FileSignature(bytes) else { return nil }
    return ForeignFormat(signature.name, remedy(for: signature))
  }

  private static func remedy(for signature: FileSignature) -> Finding.Remedy {
    if let command = signature.unpacking { return Finding.Remedy("Unpack it", commands: [command]) }
    return switch signature {
    case .tar: Finding.Remedy("Unpack it", commands: ["tar -xOf -"])
    case .zip: Finding.Remedy("Unpack it", commands: ["unzip -p"], takesName: true)
    case .excel:
      Finding.Remedy("Save it as CSV (UTF-8), and validate that file to get the command that converts it")
    case .parquet: parquet
    case .mp4, .matroska: Finding.Remedy("Name the file that lists the videos")
    case .utf32(let encoding):
      Finding.Remedy("Convert it to UTF-8", commands: ["iconv -f \(encoding) -t UTF-8"])
    case .zeros: Finding.Remedy("Copy or export the manifest again")
    case .sqlite, .avro, .orc, .pdf: Finding.Remedy("Export what it lists as JSON, one item on each line")
    default: Finding.Remedy("Unpack it, and submit the file inside")
    }
  }

  private static var parquet: Finding.Remedy {
    let rows = """
      (({"index_id": "INDEX_ID", "language": "en", "object": "s3://" + r["bucket"] + "/" + r["key"]} \
      if "key" in r else r) for r in q.read_table(io.BytesIO(sys.stdin.buffer.read())).to_pylist())
      """
    return Conversion.python(
      "Make items with Python and its package pyarrow, and " + Conversion.indexHint,
      "io, json, sys, pyarrow.parquet as q", rows)
  }
}

/// The first lines of a text that is no JSON, and what kind of list they are.
struct ForeignText {
  private let text: String
  /// Lines that are not blank, without the one that the end of the head cuts.
  private let lines: [Substring]
  /// Whether nothing follows the text.
  private let isWhole: Bool

  init(_ text: String, isWhole: Bool) {
    (self.text, self.isWhole) = (text, isWhole)
    var lines = text.split(whereSeparator: \.isNewline)
    if !isWhole, lines.count > 1 { lines.removeLast() }
    self.lines = lines.prefix(40).filter { !$0.allSatisfy(\.isWhitespace) }
  }

  // MARK: Markup

  /// HTML and XML.
  var markup: ForeignFormat? {
    guard text.hasPrefix("<") else { return nil }
    let start = text.prefix(2_000).lowercased()
    if start.contains("<!doctype html") || start.contains("<html") {
      return ForeignFormat(
        "an HTML page, perhaps a sign-in or error page",
        Finding.Remedy("Open it in a browser to see what it says, and download the manifest again"))
    }
    if start.contains("<listbucketresult") || start.contains("<listversionsresult") {
      let rows = """
        (\(Conversion.pythonItem(#""s3://BUCKET/" + k.text"#)) for k in e.parse(sys.stdin.buffer).iter() \
        if k.tag.split("}")[-1] == "Key" and not k.text.endswith("/"))
        """
      return ForeignFormat(
        "a listing of a bucket in XML",
        Conversion.python(
          "Make items with Python, and " + Conversion.bucketHint, "json, sys, xml.etree.ElementTree as e",
          rows))
    }
    if start.contains("<error>") {
      return ForeignFormat(
        "an error message in XML, such as S3 sends",
        Finding.Remedy("Read it, and download the manifest again"))
    }
    return ForeignFormat("XML", Finding.Remedy("Export it as JSON, one item on each line"))
  }

  /// Data between lines of dashes (RFC 7468; RFC 9580, section 6.2).
  var armor: ForeignFormat? {
    guard text.hasPrefix("-----BEGIN ") else { return nil }
    guard ["MESSAGE-----", "SIGNED MESSAGE-----"].contains(where: { text.hasPrefix("-----BEGIN PGP " + $0) })
    else {
      return ForeignFormat(
        "a key, a certificate or other data in ASCII armor",
        Finding.Remedy("Name the file that lists the videos"))
    }
    return ForeignFormat(
      "a message of PGP, encrypted or signed", Finding.Remedy("Decrypt it", commands: ["gpg --decrypt"]))
  }

  // MARK: Lists

  /// What `aws s3 ls` prints: a date, a time, a size and a key; or `PRE` and a folder.
  var bucketListing: ForeignFormat? {
    let isListing = lines.allSatisfy {
      // With --human-readable a unit follows the size.
      $0.contains(#/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\d+ (?!Bytes? |[KMGT]iB )./#)
        || $0.contains(#/^ *PRE ./#)
        || $0.contains(#/^ *(Total Objects|Total Size): /#)
    }
    guard isListing, !lines.isEmpty else { return nil }
    return ForeignFormat(
      "a listing of a bucket as `aws s3 ls` prints it",
      Conversion.awk(
        #"/^[0-9]+-[0-9]+-[0-9]+ .*[^\/]$/"#, #"sub(/^[^ ]+ +[^ ]+ +[0-9]+ /, ""); "#, bucket: true),
      isListed: true)
  }

  /// What other programs print of a bucket: each address behind a time, or each name behind a size.
  var otherListing: ForeignFormat? {
    guard !lines.isEmpty else { return nil }
    if lines.allSatisfy({ $0.contains(#/^ *(\d{4}-\d\d-\d\d \d\d:\d\d .*|DIR +)s3:\/\/[^\/]+\//#) }) {
      return ForeignFormat(
        "a listing of a bucket as `s3cmd ls` prints it",
        Conversion.awk(#"match($0, /s3:\/\/.*[^\/]$/)"#, "$0 = substr($0, RSTART); ", bucket: false))
    }
    // The size has nine places at least, which tells it from a number that a name begins with; those of the first line were
    // taken off with the white space that the text begins with.
    let places = lines.map { $0.prefixMatch(of: #/ *\d+(?= .)/#)?.output.count ?? 0 }
    guard places.count > 1, places[0] > 0, places.dropFirst().allSatisfy({ $0 >= 9 }),
      lines.allSatisfy({ !$0.contains("://") })
    else { return nil }
    let time = #"[0-9]+-[0-9]+-[0-9]+ [0-9]+:[0-9]+:[0-9]+\.[0-9]+ "#
    return ForeignFormat(
      "a listing with a size before each name, as `rclone ls` prints it",
      Conversion.awk("/^ *[0-9]+ /", #"sub(/^ *[0-9]+ (\#(time))?/, ""); "#, bucket: true))
  }

  /// What `aws s3api` prints in a form that is not meant for programs.
  var answer: ForeignFormat? {
    let isAnswer =
      lines.contains { $0.hasPrefix("CONTENTS\t") || $0.hasPrefix("VERSIONS\t") }
      || lines.prefix(3).contains { $0.hasPrefix("|") && $0.contains(" ListObject") }
    guard isAnswer else { return nil }
    return ForeignFormat(
      "the answer of `aws s3api` as text or as a table",
      Finding.Remedy("Make it with --output json, and give it to orchestrate list with --from"))
  }

  /// Names with tabs between them, all of a page on one line: `--query "Contents[].Key"` with `--output text`.
  var tabbedNames: ForeignFormat? {
    var rows = lines.map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
    if !isWhole, rows.count == 1 { rows[0].removeLast() }
    guard rows.contains(where: { $0.count > 1 }), rows.count == 1 || Set(rows.map(\.count)).count > 1,
      rows.joined().allSatisfy(ForeignText.isName)
    else { return nil }
    var remedy = Conversion.awk("NF", "", bucket: true)
    remedy.commands.insert(#"tr "\t" "\n""#, at: 0)
    return ForeignFormat("a list of names with tabs between them", remedy)
  }

  /// One address on each line, perhaps in quotes, perhaps under a heading.
  var addresses: ForeignFormat? {
    let listed = lines.dropFirst(lines.count > 1 && !ForeignText.isAddress(lines[0]) ? 1 : 0)
    guard !listed.isEmpty, listed.allSatisfy(ForeignText.isAddress) else { return nil }
    let unquoted = #"gsub(/^"|"?,?$/, ""); "#
    if listed.allSatisfy({ $0.contains("s3://") }) {
      return ForeignFormat(
        "a list of s3:// addresses", Conversion.awk(#"/^"?s3:/"#, unquoted, bucket: false),
        isListed: lines.allSatisfy { $0.hasPrefix("s3://") })
    }
    if listed.allSatisfy({ $0.contains(#/^"?https?:\/\/[^\/]+\.s3[^\/]*\.amazonaws\.com\//#) }) {
      let address = #"sub(/^https?:\/\//, ""); sub(/\.s3[^\/]*\.amazonaws\.com\//, "/"); sub(/^/, "s3://"); "#
      return ForeignFormat(
        "a list of https:// addresses in S3",
        Conversion.awk(#"/^"?https?:/"#, unquoted + address, bucket: false))
    }
    return ForeignFormat(
      "a list of web addresses",
      Finding.Remedy("Copy the videos into an S3 bucket: the service reads them from there"))
  }

  private static func isAddress(_ line: Substring) -> Bool {
    // With a separator it is a table that has addresses in it.
    line.contains(#/^"?(s3|https?):\/\/[^,;\t"]+"?,?\r?$/#)
  }

  /// One key or file name on each line.
  var names: ForeignFormat? {
    guard !lines.isEmpty, lines.allSatisfy({ !$0.contains("://") }) else { return nil }
    if lines.contains(where: ForeignText.hasColumns) {
      let isListing = lines.allSatisfy { ForeignText.hasColumns($0) || $0.contains(#/^ *(DIR|total) /#) }
      return isListing
        ? ForeignFormat(
          "a listing with more than a name on each line",
          Finding.Remedy(
            "List the bucket with orchestrate list, or give it one s3:// address on each line with --from"))
        : nil
    }
    // A number on the only line may be a size.
    guard lines.allSatisfy(ForeignText.isName), lines.count > 1 || !lines[0].contains(#/^\d+ /#) else {
      return nil
    }
    return ForeignFormat("a list of names", Conversion.awk("NF", "", bucket: true))
  }

  private static func isName(_ text: Substring) -> Bool {
    text.contains(#/^[^,;\t"]+\.[A-Za-z0-9]{2,4}\r?$/#)
  }

  /// Whether a line begins with a time, as of `s5cmd ls`, or with permissions, as of `ls -l`.
  private static func hasColumns(_ line: Substring) -> Bool {
    line.contains(#/^ *\d{4}[-\/]\d\d[-\/]\d\d[T ]+\d\d:\d\d/#)
      || line.contains(#/^[-dl]([-r][-w][-xsStT]){3}/#)
  }

  // MARK: YAML

  /// YAML, a job file included.
  var yaml: ForeignFormat? {
    guard let first = lines.first(where: { !$0.hasPrefix("#") }) else { return nil }
    let member = #/^\s*(- +)?["']?[A-Za-z_][\w-]*["']?:(\s|$)/#
    // One line alone with a colon is as well a message such as "Error: ...".
    let isYAML =
      first.contains(#/^---(\s|$)/#)
      || lines.count > 1 && first.contains(member)
        && lines.dropFirst().allSatisfy { $0.contains(member) || $0.contains(#/^\s*(#|- )/#) }
    guard isYAML else { return nil }
    if lines.contains(where: { $0.hasPrefix("manifest:") }) {
      return ForeignFormat(
        "a job file",
        Finding.Remedy("Submit it with `orchestrate submit --job`, or give the manifest that it names"))
    }
    return ForeignFormat(
      "YAML",
      Conversion.python(
        "Write it as JSON with Python and its package PyYAML", "json, sys, yaml",
        "(lambda v: v if isinstance(v, list) else [v])(yaml.safe_load(sys.stdin))"))
  }

  // MARK: Tables

  /// A table with a separator: CSV, also of S3 Inventory, or TSV.
  var table: ForeignFormat? {
    guard let first = lines.first else { return nil }
    for separator in ["\t", ";", ",", "|"] as [Character] {
      let counts = lines.map { ForeignText.cells($0, separator).count }
      let cells = ForeignText.cells(first, separator)
      let names = cells.map { $0.lowercased() }
      let hasKnownName = names.contains { ["index_id", "object", "bucket", "key"].contains($0) }
      let isQuoted = first.hasPrefix("\"") && first.contains("\"\(separator)\"")
      guard counts[0] > 1, counts.allSatisfy({ $0 == counts[0] }) || isQuoted || hasKnownName,
        lines.count > 1 || isQuoted || hasKnownName
      else { continue }
      return ForeignText.table(cells, names, separator, isInventory: isInventory(separator))
    }
    return nil
  }

  private static func table(
    _ cells: [String], _ names: [String], _ separator: Character, isInventory: Bool
  ) -> ForeignFormat {
    let delimiter =
      switch separator {
      case "\t": #", delimiter="\t""#
      case ",": ""
      default: #", delimiter="\#(separator)""#
      }
    let name =
      switch separator {
      case "\t": "a table with tabs (TSV)"
      case ";": "a table with semicolons (CSV)"
      case "|": "a table with bars"
      default: "a table with commas (CSV)"
      }
    let records = "csv.DictReader(sys.stdin\(delimiter))"
    let rows = "csv.reader(sys.stdin\(delimiter))"
    if names.contains("index_id") && names.contains("object") {
      return ForeignFormat(name, Conversion.python("Make items with Python", "csv, json, sys", records))
    }
    if let key = names.firstIndex(of: "key") {
      let bucket = names.firstIndex(of: "bucket").map { #"r["\#(cells[$0])"]"# } ?? #""BUCKET""#
      let item = Conversion.pythonItem(#""s3://" + \#(bucket) + "/" + r["\#(cells[key])"]"#)
      return ForeignFormat(
        name,
        Conversion.python(
          "Make items with Python, and "
            + (names.contains("bucket") ? Conversion.indexHint : Conversion.bucketHint),
          "csv, json, sys", "(\(item) for r in \(records))"))
    }
    if let column = cells.firstIndex(where: { $0.hasPrefix("s3://") }) {
      let item = Conversion.pythonItem("r[\(column)]")
      return ForeignFormat(
        name,
        Conversion.python(
          "Make items with Python, and " + Conversion.indexHint, "csv, json, sys",
          "(\(item) for r in \(rows) if r)"))
    }
    if isInventory {
      let item = Conversion.pythonItem(#""s3://" + r[0] + "/" + u.unquote_plus(r[1])"#)
      return ForeignFormat(
        "an inventory of a bucket in CSV",
        Conversion.python(
          "Make items with Python, and " + Conversion.indexHint, "csv, json, sys, urllib.parse as u",
          "(\(item) for r in \(rows) if r and not r[1].endswith(\"/\"))"), isListed: true)
    }
    return ForeignFormat(
      name,
      Conversion.python(
        "Name the columns index_id, language and object in its first line, and make items with Python",
        "csv, json, sys", records))
  }

  /// Whether each line begins with the same bucket and what may be a key in it (Amazon S3 User Guide, "Amazon S3
  /// Inventory list": the files have no heading).
  private func isInventory(_ separator: Character) -> Bool {
    let rows = lines.map { ForeignText.cells($0, separator) }
    guard separator == ",", let bucket = rows.first?.first, BucketRules.expectation(Array(bucket.utf8)) == nil
    else {
      return false
    }
    return rows.allSatisfy { $0.count > 1 && $0[0].utf8.elementsEqual(bucket.utf8) && !$0[1].isEmpty }
      && (rows.count > 1 || lines[0].hasPrefix("\""))
  }

  /// The cells of a line, quotes taken off; a quote doubled inside a cell is not looked at.
  private static func cells(_ line: Substring, _ separator: Character) -> [String] {
    var cells: [String] = []
    var cell = ""
    var isQuoted = false
    for character in line where character != "\r" {
      if character == "\"" {
        isQuoted.toggle()
      } else if character == separator, !isQuoted {
        cells.append(cell)
        cell = ""
      } else {
        cell.append(character)
      }
    }
    return cells + [cell]
  }
}
