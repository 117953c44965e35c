import Testing

/// A file that someone brings instead of a manifest, and what is to be said about it.
struct ForeignFile: Sendable, CustomTestStringConvertible {
  var title: String
  var bytes: [UInt8]
  /// What the one error has to name.
  var names: String
  /// The objects in the manifest that the advised command writes; nil when no command is advised.
  var objects: [String]?
  /// The programs that the command needs, beside those of every POSIX system.
  var programs: [String]

  init(
    _ title: String, _ bytes: [UInt8], names: String, objects: [String]? = nil, programs: [String] = []
  ) {
    self.title = title
    self.bytes = bytes
    self.names = names
    self.objects = objects
    self.programs = programs
  }

  init(_ title: String, _ text: String, names: String, objects: [String]? = nil, programs: [String] = []) {
    self.init(title, Array(text.utf8), names: names, objects: objects, programs: programs)
  }

  var testDescription: String { title }

  /// The same file as text in another encoding, compressed or not.
  func gzipped() -> ForeignFile {
    ForeignFile(title + ", gzip", Gzip.member(bytes), names: names, objects: objects, programs: programs)
  }

  /// The same text as Windows writes it.
  func inUTF16() -> ForeignFile {
    let text = UTF16Text.littleEndian("\u{FEFF}" + String(decoding: bytes, as: UTF8.self))
    return ForeignFile(
      title + ", UTF-16", text, names: names, objects: objects, programs: programs + ["iconv"])
  }
}

/// Text in UTF-16.
enum UTF16Text {
  static func littleEndian(_ text: String) -> [UInt8] {
    text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
  }
  static func bigEndian(_ text: String) -> [UInt8] {
    text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
  }
}

extension ForeignFile {
  private static let id = "629d807aa9e2a3a33a92c00b"
  private static let plain = ["s3://media-north/a/1.mp4", "s3://media-north/a/2.mp4"]
  /// Addresses that need care in JSON and in a shell.
  private static let odd = [#"s3://media-north/a b/it's "1" \ é.mp4"#, "s3://media-north/2.mp4"]
  private static func keys(_ addresses: [String]) -> [String] {
    addresses.map { String($0.dropFirst("s3://media-north".count)) }
  }
  /// What a command writes for a list that does not say its bucket.
  private static func unnamed(_ addresses: [String]) -> [String] {
    keys(addresses).map { "s3://BUCKET" + $0 }
  }
  private static func literal(_ text: String) -> String {
    "\"" + text.replacing("\\", with: #"\\"#).replacing("\"", with: #"\""#) + "\""
  }
  private static let items = odd.map { #"{"index_id":"\#(id)","language":"en","object":\#(literal($0))}"# }

  /// Texts, each of which is the same in gzip and in UTF-16.
  static let texts: [ForeignFile] = [
    ForeignFile(
      "what `aws s3 ls --recursive` prints",
      "2026-11-01 10:00:00          0 a b/\n"
        + keys(odd).map { "2026-11-01 10:00:00    1048576 \($0.dropFirst())\r\n" }.joined()
        + "\nTotal Objects: 3\n",
      names: "a listing of a bucket as `aws s3 ls` prints it", objects: unnamed(odd)),
    ForeignFile(
      "sizes for people", "2026-11-01 10:00:00   12 Bytes a.mp4\n2026-11-01 10:00:00    1.0 MiB b.mp4\n",
      names: "a listing with more than a name on each line"),
    ForeignFile(
      "what `s3cmd ls` prints",
      "                       DIR   s3://media-north/b/\n"
        + odd.map { "2026-11-01 10:00    1048576   \($0)\r\n" }.joined()
        + "2026-11-01 10:00          0   s3://media-north/a/\n",
      names: "a listing of a bucket as `s3cmd ls` prints it", objects: odd),
    ForeignFile(
      "what `rclone ls` prints",
      keys(odd).map { "  1048576 \($0.dropFirst())\r\n" }.joined() + "1234567890 3 4.mp4\n",
      names: "a listing with a size before each name", objects: unnamed(odd) + ["s3://BUCKET/3 4.mp4"]),
    ForeignFile(
      "what `rclone lsl` prints",
      keys(odd).map { "  1048576 2026-11-01 10:00:00.000000000 \($0.dropFirst())\n" }.joined(),
      names: "a listing with a size before each name", objects: unnamed(odd)),
    ForeignFile(
      "what `s5cmd ls` prints",
      "                                  DIR  a/\n2026/11/01 10:00:00           1048576  1.mp4\n",
      names: "a listing with more than a name on each line"),
    ForeignFile(
      "what `ls -l` prints", "total 8\n-rw-r--r-- 1 root root 5 Nov  1 10:00 1.mp4\n",
      names: "a listing with more than a name on each line"),
    ForeignFile("one size and one name", "  1048576 1.mp4\n", names: "\"1048576 1.mp4\""),
    ForeignFile(
      "names that begin with numbers", "01 one.mp4\n2026-11-01 two.mp4\n", names: "a list of names",
      objects: ["s3://BUCKET/01 one.mp4", "s3://BUCKET/2026-11-01 two.mp4"]),
    ForeignFile("addresses elsewhere", "gs://media/1.mp4\ngs://media/2.mp4\n", names: "\"gs://media/1.mp4\""),
    ForeignFile(
      "names with tabs between them", "a/1.mp4\ta/2.mp4\n", names: "a list of names with tabs between them",
      objects: unnamed(plain)),
    ForeignFile(
      "names of two pages with tabs between them", "a/1.mp4\ta/2.mp4\nb c/3.mp4\n",
      names: "a list of names with tabs between them",
      objects: unnamed(plain) + ["s3://BUCKET/b c/3.mp4"]),
    ForeignFile(
      "the answer of aws s3api as text",
      "None\nCONTENTS\t\"e\"\ta.mp4\t2026-11-01T10:00:00+00:00\t5\tSTANDARD\n",
      names: "the answer of `aws s3api` as text"),
    ForeignFile(
      "the answer of aws s3api as a table",
      "-----------------\n|  ListObjectsV2  |\n+---------------+\n||  Contents   ||\n",
      names: "the answer of `aws s3api` as text or as a table"),
    ForeignFile(
      "PGP", "-----BEGIN PGP MESSAGE-----\n\nyxRiCGNvbnRlbnRz\n-----END PGP MESSAGE-----\n",
      names: "a message of PGP"),
    ForeignFile(
      "a certificate", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
      names: "other data in ASCII armor"),
    ForeignFile(
      "a list of addresses", odd.joined(separator: "\n"), names: "a list of s3:// addresses", objects: odd),
    ForeignFile(
      "a list of addresses in quotes under a heading", "object\n" + plain.map { "\"\($0)\",\n" }.joined(),
      names: "a list of s3:// addresses", objects: plain),
    ForeignFile(
      "a list of addresses of AWS",
      keys(plain).map { "https://media-north.s3.eu-west-1.amazonaws.com\($0)\n" }.joined(),
      names: "a list of https:// addresses in S3", objects: plain),
    ForeignFile(
      "a list of web addresses", "https://example.org/1.mp4\nhttps://example.org/2.mp4\n",
      names: "a list of web addresses"),
    ForeignFile(
      "a list of names", keys(plain).map { $0.dropFirst() + "\n" }.joined(), names: "a list of names",
      objects: unnamed(plain)),
    ForeignFile(
      "CSV", "index_id,language,object\r\n" + plain.map { "\(id),en,\($0)\r\n" }.joined(),
      names: "commas (CSV)",
      objects: plain, programs: ["python3"]),
    ForeignFile(
      "CSV with quotes",
      "\"object\",\"index_id\",\"language\"\n"
        + odd.map { "\"\($0.replacing("\"", with: "\"\""))\",\(id),en\n" }.joined(),
      names: "commas (CSV)", objects: odd, programs: ["python3"]),
    ForeignFile(
      "CSV with semicolons", "index_id;language;object\r\n" + plain.map { "\(id);en;\($0)\r\n" }.joined(),
      names: "semicolons (CSV)", objects: plain, programs: ["python3"]),
    ForeignFile(
      "TSV", "index_id\tlanguage\tobject\r\n" + plain.map { "\(id)\ten\t\($0)\r\n" }.joined(),
      names: "tabs (TSV)",
      objects: plain, programs: ["python3"]),
    ForeignFile(
      "CSV of keys", "Key,Size\n" + keys(plain).map { "\($0.dropFirst()),17\n" }.joined(),
      names: "commas (CSV)",
      objects: unnamed(plain), programs: ["python3"]),
    ForeignFile(
      "CSV with addresses in it", plain.map { "17,\($0)\n" }.joined(), names: "commas (CSV)", objects: plain,
      programs: ["python3"]),
    ForeignFile(
      "S3 Inventory", "\"media-north\",\"a+b/%C3%A9+1.mp4\",\"17\"\n\"media-north\",\"a+b/\",\"0\"\n",
      names: "an inventory of a bucket in CSV", objects: ["s3://media-north/a b/é 1.mp4"],
      programs: ["python3"]),
    ForeignFile(
      "a table of anything", "title,year\nOne,2025\nTwo,2026\n", names: "commas (CSV)"),
    ForeignFile(
      "a listing in XML",
      "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>x</Name>"
        + "<Contents><Key>a/</Key></Contents><Contents><Key>a/&amp;1.mp4</Key></Contents></ListBucketResult>",
      names: "a listing of a bucket in XML", objects: ["s3://BUCKET/a/&1.mp4"], programs: ["python3"]),
    ForeignFile(
      "an error of S3", "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>",
      names: "an error message in XML"),
    ForeignFile("XML", "<videos/>", names: "XML"),
    ForeignFile("HTML", "\n<!DOCTYPE html><html><title>Sign in</title>", names: "an HTML page"),
    ForeignFile(
      "YAML", plain.map { "- index_id: \(id)\n  language: en\n  object: \($0)\n" }.joined(), names: "YAML",
      objects: plain, programs: ["python3", "yaml"]),
    ForeignFile("a job file", "name: nightly\nmanifest: x.json\n", names: "a job file"),
    ForeignFile(
      "an error message", "An error occurred (AccessDenied): no",
      names: "\"An error occurred (AccessDenied): no\""),
    ForeignFile("a comment", "// videos\n[]", names: "JSON has no comments"),
    ForeignFile(
      "the answer of aws s3api",
      "{\n \"Contents\": [\n{\"Key\":\"a/\"},\n"
        + keys(odd).map { "{\"Key\":\(literal(String($0.dropFirst()))),\"Size\":1}" }.joined(separator: ",\n")
        + "\n],\n\"RequestCharged\": null}",
      names: "one JSON object with a list inside (.Contents[])", objects: unnamed(odd), programs: ["jq"]),
    ForeignFile(
      "a list in an object", "{\"page\":1,\"data\":[\(items.joined(separator: ","))]}",
      names: "one JSON object with a list inside (.data[])", objects: odd, programs: ["jq"]),
    ForeignFile(
      "a list in an object in an object",
      "{\"data\":{\"tags\":[{}],\"my \\\"videos\\\"\":[\(items.joined(separator: ","))]}}",
      names: "(.data[\"my \\\"videos\\\"\"][])", objects: odd, programs: ["jq"]),
    ForeignFile(
      "addresses in an object", "{\"videos\":[\(odd.map(literal).joined(separator: ", "))]}",
      names: "(.videos[])",
      objects: odd, programs: ["jq"]),
    ForeignFile(
      "a list of keys",
      "[" + keys(odd).map { "{\"Key\":\(literal(String($0.dropFirst())))}" }.joined(separator: ",") + "]",
      names: "a \"Key\" in each element", objects: unnamed(odd), programs: ["jq"]),
    ForeignFile(
      "lines of keys", keys(odd).map { "{\"Key\":\(literal(String($0.dropFirst())))}\n" }.joined(),
      names: "a \"Key\" in each element", objects: unnamed(odd), programs: ["jq"]),
    ForeignFile(
      "addresses in an array", "[\(odd.map(literal).joined(separator: ",\n"))]",
      names: "the list holds strings",
      objects: odd, programs: ["jq"]),
    ForeignFile(
      "names in an array",
      "[" + keys(plain).map { literal(String($0.dropFirst())) }.joined(separator: ",") + "]",
      names: "the list holds strings", objects: unnamed(plain), programs: ["jq"]),
    ForeignFile(
      "an array in an array", "[[\(items[0])],[\(items[1])]]", names: "the list holds lists", objects: odd,
      programs: ["jq"]),
    ForeignFile(
      "names and sizes",
      "[" + keys(odd).map { "[\(literal(String($0.dropFirst()))), 17]" }.joined(separator: ",\n") + "]",
      names: "(.[][0])", objects: unnamed(odd), programs: ["jq"]),
    ForeignFile(
      "dates and names",
      "["
        + keys(plain).map { "[\"2026-11-01T10:00:00.000Z\",null,\"\($0.dropFirst())\"]" }.joined(
          separator: ",") + "]",
      names: "(.[][2])", objects: unnamed(plain), programs: ["jq"]),
    ForeignFile(
      "lists of names", "[[\"a/1.mp4\" , \"a/2.mp4\"],[]]", names: "the list holds strings",
      objects: unnamed(plain), programs: ["jq"]),
    ForeignFile(
      "versions",
      """
      {"DeleteMarkers":[{"Key":"b.mp4","IsLatest":true}],"Versions":[
      {"Key":"a/1.mp4","VersionId":"2","IsLatest":true},{"Key":"a/1.mp4","VersionId":"1","IsLatest":false},
      {"Key":"b.mp4","VersionId":"1","IsLatest":false},{"Key":"a/2.mp4","VersionId":"1","IsLatest":true}]}
      """, names: "(.Versions[])", objects: unnamed(plain), programs: ["jq"]),
    ForeignFile(
      "the manifest of an inventory",
      """
      {"sourceBucket":"media-north","destinationBucket":"arn:aws:s3:::inv","fileFormat":"CSV",
       "fileSchema":"Bucket, Key","files":[{"key":"inv/a.csv.gz","size":1,"MD5checksum":"x"}]}
      """, names: "the manifest.json of an S3 inventory"),
    ForeignFile(
      "lines of s5cmd",
      "{\"key\":\"s3://media-north/a/\",\"type\":\"directory\"}\n"
        + odd.map { "{\"key\":\(literal($0)),\"type\":\"file\",\"size\":5}\n" }.joined(),
      names: "a \"key\" in each element", objects: odd, programs: ["jq"]),
    ForeignFile(
      "lines of mc",
      keys(odd).map {
        "{\"status\":\"success\",\"type\":\"file\",\"size\":5,\"key\":\(literal(String($0.dropFirst())))}\n"
      }
      .joined() + "{\"status\":\"success\",\"type\":\"folder\",\"size\":0,\"key\":\"b/\"}\n",
      names: "a \"key\" in each element", objects: unnamed(odd), programs: ["jq"]),
    ForeignFile(
      "what `rclone lsjson` prints",
      "[\n{\"Path\":\"a\",\"Name\":\"a\",\"Size\":-1,\"IsDir\":true},\n"
        + keys(odd).map {
          "{\"Path\":\(literal(String($0.dropFirst()))),\"Name\":\"x\",\"Size\":5,\"IsDir\":false}"
        }
        .joined(separator: ",\n") + "\n]\n",
      names: "a \"Path\" in each element", objects: unnamed(odd), programs: ["jq"]),
    ForeignFile(
      "two arrays", "[\(items[0])]\n[\(items[1])]", names: "a second array", objects: odd, programs: ["jq"]),
    ForeignFile(
      "commas behind items", items.joined(separator: ",\n") + ",\n", names: "`,` between items", objects: odd),
    ForeignFile(
      "commas before items", items.joined(separator: "\n , ") + "\n", names: "`,` between items", objects: odd
    ),
    ForeignFile(
      "Python",
      "["
        + plain.map { "{'index_id': '\(id)', 'language': 'en', 'object': '\($0)', 'transcription': None}" }
        .joined(separator: ", ") + "]",
      names: "as Python and JavaScript quote names", objects: plain, programs: ["python3"]),
    ForeignFile(
      "lines of Python",
      plain.map { "{'index_id': '\(id)', 'language': 'en', 'object': '\($0)'}\n" }.joined(),
      names: "as Python and JavaScript quote names", objects: plain, programs: ["python3"]),
    ForeignFile(
      "typographic quotation marks",
      plain.map { "{“index_id”: “\(id)”, „language“: “en”, “object”: “\($0)”}\n" }.joined(),
      names: "U+201C LEFT DOUBLE QUOTATION MARK", objects: plain),
  ]

  /// Files that are no text.
  static let binaries: [ForeignFile] = [
    ForeignFile(
      "gzip twice", Gzip.member(Gzip.member(Array(items.joined(separator: "\n").utf8))),
      names: "gzip data inside gzip data",
      objects: odd),
    ForeignFile(
      "UTF-32", utf32("\u{FEFF}" + items[0]), names: "UTF-32", objects: [odd[0]], programs: ["iconv"]),
    ForeignFile(
      "UTF-32 without a mark", utf32(items[0]), names: "UTF-32", objects: [odd[0]], programs: ["iconv"]),
    ForeignFile("7z", [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C, 0, 4], names: "a 7z archive"),
    ForeignFile(
      "Excel", Array("PK\u{3}\u{4}\u{14}\u{0}\u{6}\u{0}..................[Content_Types].xml".utf8),
      names: "an Excel workbook"),
    ForeignFile("Parquet", Array("PAR1\u{15}\u{4}".utf8), names: "a Parquet file"),
    ForeignFile("SQLite", Array("SQLite format 3\0".utf8), names: "a SQLite database"),
    ForeignFile("a video", [0, 0, 0, 0x18] + Array("ftypmp42\0\0\0\0".utf8), names: "a video (MP4 or MOV)"),
    ForeignFile("zeros", [UInt8](repeating: 0, count: 10_000), names: "a block of NUL bytes"),
    ForeignFile(
      "Windows-1252",
      Array(#"{"index_id":"\#(id)","language":"en","object":"s3://media-north/"#.utf8) + [0xE9]
        + Array(".mp4\"}".utf8),
      names: "0xE9", objects: ["s3://media-north/é.mp4"], programs: ["iconv"]),
  ]

  /// Archives that a program makes: its command, and what it is to be called.
  static let packed: [(program: String, command: String, names: String)] = [
    ("zstd", "zstd -q -c", "compressed with zstd"), ("xz", "xz -c", "compressed with xz"),
    ("bzip2", "bzip2 -c", "compressed with bzip2"), ("lz4", "lz4 -q -c", "compressed with lz4"),
    ("tar", "cat > m.json && tar -cf - m.json", "a tar archive"),
    ("zip", "cat > m.json && zip -q - m.json | cat", "a zip archive"),
  ]

  static let packedText = Array(items.joined(separator: "\n").utf8)
  static let packedObjects = odd

  private static func utf32(_ text: String) -> [UInt8] {
    text.unicodeScalars.flatMap { scalar in
      (0..<4).map { UInt8(truncatingIfNeeded: scalar.value >> ($0 * 8)) }
    }
  }
}
