import BatchDomain
import Testing

/// One manifest and all findings it must give.
struct FindingCase: Sendable, CustomTestStringConvertible {
  struct Expected: Sendable, Equatable {
    var code: Finding.Code
    var line: Int
    var column: Int
    var item: Int?

    init(_ code: Finding.Code, _ line: Int, _ column: Int, item: Int? = nil) {
      self.code = code
      self.line = line
      self.column = column
      self.item = item
    }
  }

  var title: String
  var bytes: [UInt8]
  var expected: [Expected]
  var itemCount: Int

  init(_ title: String, _ text: String, _ expected: [Expected], items: Int = 0) {
    self.init(title, bytes: Array(text.utf8), expected, items: items)
  }

  init(_ title: String, bytes: [UInt8], _ expected: [Expected], items: Int = 0) {
    self.title = title
    self.bytes = bytes
    self.expected = expected
    itemCount = items
  }

  var testDescription: String { title }

  /// An array of one item with one field replaced or added, and where its value starts.
  static func field(
    _ title: String, _ members: String, _ expected: [Expected], items: Int = 0
  ) -> FindingCase {
    FindingCase(title, "[{" + members + "}]", expected, items: items)
  }
}

private let id = #""index_id":"629d807aa9e2a3a33a92c00b""#
private let en = #""language":"en""#
private let ob = #""object":"s3://bucket/1.mp4""#
private let good = "{\(id),\(en),\(ob)}"

extension FindingCase {
  static let all: [FindingCase] = texts + syntax + fields + items + lists + names

  /// Sound JSON that is no list of items: one finding, however long it is.
  static let lists: [FindingCase] = [
    FindingCase(
      "list in an object", "{\n \"Contents\": [{\"Key\":\"a\"},\n{\"Key\":\"b\"}]}", [.init(.otherList, 1, 1)]
    ),
    FindingCase("list of a bucket", "[\n {\"Key\":\"a\"},{\"Key\":\"b\"}]", [.init(.otherList, 2, 2)]),
    FindingCase("lines of a bucket", "{\"Key\":\"a\"}\n{\"Key\":\"b\"}\n", [.init(.otherList, 1, 1)]),
    FindingCase("list of addresses", "[\"s3://bucket/a\",\"s3://bucket/b\"]", [.init(.otherList, 1, 2)]),
    FindingCase("list of lists", "[[\(good)],[\(good)]]", [.init(.otherList, 1, 2)]),
    FindingCase(
      "an unknown list in an item", "{\"tags\":[{}],\(id),\(en),\(ob)}",
      [.init(.unknownField, 1, 2, item: 0)], items: 1),
  ]

  /// Addresses that are well formed and doubtful.
  static let names: [FindingCase] =
    [
      ("folder", "s3://bucket/a/", Finding.Code.folderObject),
      ("Finder", "s3://bucket/.DS_Store", .systemFile),
      ("Explorer", "s3://bucket/a/Thumbs.db", .systemFile), ("ini", "s3://bucket/a/Desktop.ini", .systemFile),
      ("fork", "s3://bucket/a/._1.mp4", .systemFile), ("Hadoop", "s3://bucket/a_$folder$", .systemFile),
      ("space", "s3://bucket/1.mp4 ", .surroundingSpace),
      ("space first", "s3://bucket/a/ 1.mp4", .surroundingSpace),
      ("key with a space first", "s3://bucket/ a/1.mp4", .surroundingSpace),
      ("line feed", "s3://bucket/1.mp4\\n", .surroundingSpace),
      ("no-break space", "s3://bucket/1.mp4\u{A0}", .surroundingSpace),
      ("escape", "s3://bucket/\\u001b[31m.mp4", .hiddenCharacter),
      ("zero width", "s3://bucket/1\u{200B}.mp4", .hiddenCharacter),
      ("delete", "s3://bucket/1\u{7F}.mp4", .hiddenCharacter),
      ("direction", "s3://bucket/\u{202E}4pm.mp4", .hiddenCharacter),
    ].map { title, object, code in
      .field(title, "\(id),\(en),\n\"object\":\"\(object)\"", [.init(code, 2, 10, item: 0)], items: 1)
    }
    + [
      "s3://bucket/a b/c d.mp4", "s3://bucket/é/👩\u{200D}👩.mp4", "s3://bucket/.well-known/1.mp4",
      "s3://bucket/web.db.mp4",
      "s3://bucket/DS_Store.mp4", "s3://bucket/a./.b.mp4",
    ].map { .field("usual: \($0)", "\(id),\(en),\n\"object\":\"\($0)\"", [], items: 1) }
    + [
      "a..b", "192.168.0.1", "-media", "media-", ".media", "media.", "a.-b", "a-.b", "xn--media",
      "sthree-media",
      "amzn-s3-demo-1", "media-s3alias", "media--ol-s3", "media.mrap", "media--x-s3", "media--table-s3",
      "Media",
      "me_dia", "me",
    ].map {
      .field(
        "bucket \($0)", "\(id),\(en),\n\"object\":\"s3://\($0)/1.mp4\"",
        [.init(.unusualBucket, 2, 10, item: 0)], items: 1)
    }
    + ["192.168.0", "1.2.3.4.5", "a.b-c.d", "my--bucket", "xn-media", "0ab"].map {
      .field("bucket \($0)", "\(id),\(en),\n\"object\":\"s3://\($0)/1.mp4\"", [], items: 1)
    }

  static let texts: [FindingCase] = [
    FindingCase("empty", "", [.init(.emptyManifest, 1, 1)]),
    FindingCase("whitespace", " \n\t\r\n ", [.init(.emptyManifest, 1, 1)]),
    FindingCase("only a mark", "\u{FEFF}", [.init(.emptyManifest, 1, 1)]),
    FindingCase("empty array", "\n []", [.init(.emptyArray, 2, 3)]),
    FindingCase("empty array, garbage", "[] x", [.init(.emptyArray, 1, 2), .init(.trailingContent, 1, 4)]),
    FindingCase("neither", "\n  index_id,object", [.init(.notJSON, 2, 3)]),
    FindingCase("UTF-16, cut off", bytes: [0xFF, 0xFE, 0x5B, 0x00], [.init(.truncated, 1, 2)]),
    FindingCase("mark twice", "\u{FEFF}\u{FEFF}[]", [.init(.emptyArray, 1, 3)]),
    FindingCase("two arrays", "[\(good)]\n[\(good)]", [.init(.trailingContent, 2, 1)], items: 1),
    FindingCase("open array", "[", [.init(.truncated, 1, 2)]),
    FindingCase("open after item", "[\(good)\n", [.init(.truncated, 2, 1)], items: 1),
    FindingCase("open after comma", "[\(good),", [.init(.truncated, 1, good.count + 3)], items: 1),
    FindingCase("open in item", "[\n{\"index_id\":\"6", [.init(.truncated, 2, 15, item: 0)]),
    FindingCase("open in number", "[12", [.init(.notAnObject, 1, 2, item: 0), .init(.truncated, 1, 4)]),
    FindingCase("open in character", bytes: Array("[\"".utf8) + [0xC3], [.init(.truncated, 1, 4, item: 0)]),
    FindingCase("after the array", "[\(good)]\n]", [.init(.trailingContent, 2, 1)], items: 1),
    FindingCase("trailing comma", "[\(good),\n]", [.init(.syntaxError, 2, 1)], items: 1),
    FindingCase("missing comma", "[\(good)\n\(good)]", [.init(.syntaxError, 2, 1)], items: 1),
    FindingCase(
      "line goes on", "\(good)\n{\"index_id\":\n\(good.replacing("1.mp4", with: "2.mp4"))",
      [.init(.truncated, 2, 13, item: 1)], items: 2),
    FindingCase(
      "two on a line", "\(good) \(good)\(good.replacing("1.mp4", with: "2.mp4"))",
      [.init(.repeatedItem, 1, good.count + 2, item: 1)], items: 2),
    FindingCase(
      "commas behind lines", "\(good),\n\(good.replacing("1.mp4", with: "2.mp4")),\n",
      [.init(.syntaxError, 1, good.count + 1)], items: 2),
    FindingCase(
      "word behind item", "\(good) x\n17",
      [
        .init(.syntaxError, 1, good.count + 2, item: 0), .init(.notAnObject, 2, 1, item: 1),
      ], items: 1),
    FindingCase(
      "item over lines", "\(good.replacing(",", with: ",\n  "))\n{\n\(good.dropFirst())",
      [.init(.repeatedItem, 4, 1, item: 1)],
      items: 1),
    FindingCase(
      "fault in an item over lines", "{\n \(id),\n  01,\n \(ob)\n}\n\(good)",
      [.init(.syntaxError, 3, 3, item: 0)], items: 1),
    FindingCase(
      "fault in the first line of several", "{ 'a': 1,\n  'b': 2\n}\n\(good)",
      [.init(.syntaxError, 1, 3, item: 0)], items: 1),
    FindingCase(
      "several items over lines, cut off", "{\n\(good.dropFirst())\n{\n \(id),\n",
      [.init(.truncated, 5, 1, item: 1)], items: 1),
    FindingCase("no object on line", "\(good)\r\n\r\n 17 \n", [.init(.notAnObject, 3, 2, item: 1)], items: 1),
    FindingCase("last line cut", "\(good)\n{\"a\":tr", [.init(.truncated, 2, 8, item: 1)], items: 1),
  ]

  static let syntax: [FindingCase] =
    [
      ("no value", #"{"a":}"#, 6, Finding.Code.syntaxError),
      ("no name", #"{a:1}"#, 2, .syntaxError),
      ("single quotes", #"{'a':1}"#, 2, .syntaxError),
      ("comma in object", #"{"a":1,}"#, 8, .syntaxError),
      ("comma in array", #"{"a":[1,]}"#, 9, .syntaxError),
      ("lone comma", #"{"a":[,1]}"#, 7, .syntaxError),
      ("no colon", #"{"a" 1}"#, 6, .syntaxError),
      ("no comma", #"{"a":1 "b":2}"#, 8, .syntaxError),
      ("no comma in array", #"{"a":[1 2]}"#, 9, .syntaxError),
      ("wrong bracket", #"{"a":[1}}"#, 8, .syntaxError),
      ("wrong brace", #"{"a":{"b":1]}"#, 12, .syntaxError),
      ("leading zero", #"{"a":01}"#, 6, .syntaxError),
      ("plus", #"{"a":+1}"#, 6, .syntaxError),
      ("bare minus", #"{"a":-}"#, 6, .syntaxError),
      ("bare point", #"{"a":1.}"#, 6, .syntaxError),
      ("point first", #"{"a":.5}"#, 6, .syntaxError),
      ("bare exponent", #"{"a":1e+}"#, 6, .syntaxError),
      ("NaN", #"{"a":NaN}"#, 6, .syntaxError),
      ("True", #"{"a":True}"#, 6, .syntaxError),
      ("nul", #"{"a":nul}"#, 6, .syntaxError),
      ("comment", #"{/**/"a":1}"#, 2, .syntaxError),
      ("escape", #"{"a":"é\x"}"#, 8, .syntaxError),
      ("short escape", #"{"a":"\u12g4"}"#, 7, .syntaxError),
      ("tab in string", "{\"a\":\"x\ty\"}", 8, .syntaxError),
      ("control in long string", "{\"a\":\"0123456789\u{1F}\"}", 17, .syntaxError),
      ("NUL outside", "{\"a\":1\u{0}}", 7, .syntaxError),
    ].map { title, text, column, code in
      FindingCase(title, text + "\n" + good, [.init(code, 1, column, item: 0)], items: 1)
    }
    + [
      ("overlong", [0xC0, 0xAF]), ("overlong 3", [0xE0, 0x80, 0x80]),
      ("overlong 4", [0xF0, 0x80, 0x80, 0x80]),
      ("surrogate", [0xED, 0xA0, 0x80]), ("above U+10FFFF", [0xF4, 0x90, 0x80, 0x80]),
      ("F5", [0xF5, 0x80, 0x80, 0x80]), ("lone continuation", [0x80]), ("cut character", [0xE2, 0x82]),
    ].map { title, bytes in
      FindingCase(
        title, bytes: Array("[{\"ä\":\"ö".utf8) + bytes + Array("\"}]".utf8),
        [.init(.invalidUTF8, 1, 9, item: 0)])
    }
    + [
      FindingCase(
        "syntax ends an array", "[\(good),{\"a\":01},17]", [.init(.syntaxError, 1, good.count + 8, item: 1)],
        items: 1)
    ]

  static let fields: [FindingCase] = [
    .field("not a string", "\"index_id\":7,\(en),\(ob)", [.init(.notAString, 1, 14, item: 0)]),
    .field("language null", "\(id),\"language\":null,\(ob)", [.init(.notAString, 1, 52, item: 0)]),
    .field("object list", "\(id),\(en),\"object\":[1]", [.init(.notAString, 1, 66, item: 0)]),
    .field(
      "nothing there", "",
      [
        .init(.missingField, 1, 2, item: 0), .init(.missingField, 1, 2, item: 0),
        .init(.missingField, 1, 2, item: 0),
      ]),
    .field("no language", "\(id),\(ob)", [.init(.missingField, 1, 2, item: 0)]),
    .field(
      "object https", "\(id),\(en),\n\"object\":\"https://b/k\"", [.init(.invalidObject, 2, 10, item: 0)]),
    .field(
      "object no key", "\(id),\(en),\n\"object\":\"s3://bucket/\"", [.init(.invalidObject, 2, 10, item: 0)]),
    .field(
      "object no slash", "\(id),\(en),\n\"object\":\"s3://bucket\"", [.init(.invalidObject, 2, 10, item: 0)]),
    .field(
      "object no bucket", "\(id),\(en),\n\"object\":\"s3:///key\"", [.init(.invalidObject, 2, 10, item: 0)]),
    .field("object empty", "\(id),\(en),\n\"object\":\"\"", [.init(.invalidObject, 2, 10, item: 0)]),
    .field(
      "object capitals", "\(id),\(en),\n\"object\":\"S3://bucket/k\"", [.init(.invalidObject, 2, 10, item: 0)]
    ),
    .field(
      "object escaped", "\(id),\(en),\n\"object\":\"s3:\\/\\/bucket\\u002fk\"", [], items: 1),
    .field(
      "transcription http", "\(id),\(en),\(ob),\n\"transcription\":\"http://x/y.srt\"",
      [.init(.invalidTranscription, 2, 17, item: 0)]),
    .field(
      "transcription number", "\(id),\(en),\(ob),\n\"transcription\":0",
      [.init(.invalidTranscription, 2, 17, item: 0)]),
    .field("transcription null", "\(id),\(en),\(ob),\"transcription\":null", [], items: 1),
    .field("transcription empty", "\(id),\(en),\(ob),\"transcription\":\"\"", [], items: 1),
    .field("transcription VTT", "\(id),\(en),\(ob),\"transcription\":\"s3://bucket/k.VtT\"", [], items: 1),
    .field(
      "transcription txt", "\(id),\(en),\(ob),\n\"transcription\":\"s3://bucket/k.txt\"",
      [.init(.unusualTranscription, 2, 17, item: 0)], items: 1),
    .field(
      "name twice", "\(id),\(en),\(ob),\n\(en)", [.init(.duplicateMember, 2, 1, item: 0)]),
    .field(
      "name twice, escaped", "\(id),\(en),\(ob),\n\"l\\u0061nguage\":\"en\"",
      [.init(.duplicateMember, 2, 1, item: 0)]),
    .field(
      "unknown twice", "\(id),\(en),\(ob),\"x\":1,\n\"\\u0078\":2",
      [.init(.unknownField, 1, 86, item: 0), .init(.duplicateMember, 2, 1, item: 0)]),
    .field(
      "unknown", "\(id),\(en),\(ob),\n\"title\":{\"a\":[1,2,{}],\"a\":2}",
      [.init(.unknownField, 2, 1, item: 0)], items: 1),
    .field(
      "larger than 4 GB", "\(id),\(en),\(ob),\n\"orchestrate\":{\"size\":4000000001}",
      [.init(.largeObject, 2, 15, item: 0)], items: 1),
    .field(
      "archived", "\(id),\(en),\(ob),\n\"orchestrate\":{\"storage_class\":\"DEEP_ARCHIVE\",\"x\":1}",
      [.init(.archivedObject, 2, 15, item: 0)], items: 1),
    .field(
      "a note of nothing wrong",
      "\(id),\(en),\(ob),\"orchestr\\u0061te\":{\"size\":4000000000,\"storage_class\":\"GLACIER_IR\"}",
      [], items: 1),
    .field(
      "no note", "\(id),\(en),\(ob),\n\"orchestrate\":[1]", [.init(.unusualNote, 2, 15, item: 0)], items: 1),
    .field(
      "a note with another size", "\(id),\(en),\(ob),\n\"orchestrate\":{\"size\":1.5}",
      [.init(.unusualNote, 2, 15, item: 0)], items: 1),
    .field(
      "two notes", "\(id),\(en),\(ob),\"orchestrate\":{},\n\"orchestrate\":{}",
      [.init(.duplicateMember, 2, 1, item: 0)]),
    .field(
      "high surrogate", "\(id),\(en),\(ob),\n\"title\":\"é\\ud83d!\"",
      [.init(.unknownField, 2, 1, item: 0), .init(.loneSurrogate, 2, 11, item: 0)]),
    .field(
      "low surrogate in name", "\(id),\(en),\(ob),\n\"\\udc00\":1",
      [.init(.unknownField, 2, 1, item: 0), .init(.loneSurrogate, 2, 2, item: 0)]),
    .field(
      "surrogate pair", "\(id),\(en),\"object\":\"s3://bucket/\\ud83d\\ude00.mp4\"", [], items: 1),
    .field(
      "NUL elsewhere", "\(id),\(en),\(ob),\n\"x\":\"\\u0000\"", [.init(.unknownField, 2, 1, item: 0)],
      items: 1),
    .field(
      "index empty", "\"index_id\":\"\",\(en),\(ob)", [.init(.emptyIndexID, 1, 14, item: 0)]),
    .field(
      "index of spaces", "\"index_id\":\" \\u00a0\\t\",\(en),\(ob)", [.init(.emptyIndexID, 1, 14, item: 0)]),
    .field(
      "index with a space", "\"index_id\":\"629d807aa9e2a3a33a92c00b \",\(en),\(ob)",
      [.init(.unusualIndexID, 1, 14, item: 0)], items: 1),
    .field(
      "NUL", "\(id),\(en),\n\"object\":\"s3://bucket/k\\u0000\"", [.init(.nulCharacter, 2, 24, item: 0)]),
    .field(
      "index of 25", "\"index_id\":\"629d807aa9e2a3a33a92c00b1\",\(en),\(ob)",
      [.init(.unusualIndexID, 1, 14, item: 0)], items: 1),
    .field(
      "index not hex", "\"index_id\":\"629d807aa9e2a3a33a92c00g\",\(en),\(ob)",
      [.init(.unusualIndexID, 1, 14, item: 0)], items: 1),
    .field(
      "language ko", "\(id),\"language\":\"ko\",\(ob)", [.init(.unusualLanguage, 1, 52, item: 0)], items: 1),
    .field("language escaped", "\(id),\"language\":\"\\u0065n\",\(ob)", [], items: 1),
    .field(
      "bucket capitals", "\(id),\(en),\n\"object\":\"s3://Bucket/k\"",
      [.init(.unusualBucket, 2, 10, item: 0)],
      items: 1),
    .field(
      "bucket of 2", "\(id),\(en),\n\"object\":\"s3://bu/k\"", [.init(.unusualBucket, 2, 10, item: 0)],
      items: 1),
    .field(
      "bucket of 63", "\(id),\(en),\n\"object\":\"s3://\(String(repeating: "b", count: 63))/k\"", [], items: 1
    ),
    .field(
      "bucket of 64", "\(id),\(en),\n\"object\":\"s3://\(String(repeating: "b", count: 64))/k\"",
      [.init(.unusualBucket, 2, 10, item: 0)], items: 1),
    .field(
      "key of 1024", "\(id),\(en),\n\"object\":\"s3://bucket/\(String(repeating: "é", count: 512))\"", [],
      items: 1),
    .field(
      "key of 1025", "\(id),\(en),\n\"object\":\"s3://bucket/\(String(repeating: "é", count: 512))k\"",
      [.init(.longKey, 2, 10, item: 0)], items: 1),
    .field(
      "bucket of transcription", "\(id),\(en),\(ob),\n\"transcription\":\"s3://B/k.srt\"",
      [.init(.unusualBucket, 2, 17, item: 0)], items: 1),
    .field(
      "too deep", "\n\"x\":\(String(repeating: "[", count: 128))\(String(repeating: "]", count: 128))",
      [.init(.nestingTooDeep, 2, 132, item: 0)]),
    .field(
      "just deep enough",
      "\(id),\(en),\(ob),\n\"x\":\(String(repeating: "[", count: 127))\(String(repeating: "]", count: 127))",
      [.init(.unknownField, 2, 1, item: 0)], items: 1),
  ]

  static let items: [FindingCase] = [
    FindingCase(
      "not objects", "[null,\n \"x\", [], 1.5e3,\(good)]",
      [
        .init(.notAnObject, 1, 2, item: 0), .init(.notAnObject, 2, 2, item: 1),
        .init(.notAnObject, 2, 7, item: 2), .init(.notAnObject, 2, 11, item: 3),
      ], items: 1),
    FindingCase("repeated", "[\(good),\n\(good)]", [.init(.repeatedItem, 2, 1, item: 1)], items: 1),
    FindingCase(
      "conflict", "[\(good),\n \(good.replacing("en", with: "ko"))]",
      [.init(.conflictingItem, 2, 2, item: 1), .init(.unusualLanguage, 2, 52, item: 1)], items: 1),
    FindingCase(
      "clash", "[\(good),\n\(good.replacing("1.mp4", with: "a/1.mp4"))]", [.init(.nameClash, 2, 1, item: 1)],
      items: 2),
    FindingCase(
      "columns on one line", "[\"é\u{1F600}\",17,{}]".replacing("{}", with: good),
      [.init(.notAnObject, 1, 2, item: 0), .init(.notAnObject, 1, 7, item: 1)], items: 1),
    FindingCase("mark, then items", "\u{FEFF}[\(good)]", [], items: 1),
    FindingCase(
      "lines with CR LF", "\(good)\r\n\r\n\(good.replacing("1.mp4", with: "2.mp4"))\r\n", [], items: 2),
  ]
}
