import BatchDomain
import Foundation
import ManifestListing
import Testing

@Suite("Kinds of lists")
struct KindsTests {
  static let addresses = "s3://media-west/a/01.mp4\r\n\n  \ns3://media-west/ü+%20 b.MOV\n"
  static let lines = """
    2026-11-01 10:00:00    1048576 a/01.mp4
    2026-11-01 10:00:00   73400320  two spaces before.mp4
    2026-11-01 10:00:00          0 a/

    Total Objects: 3
       Total Size: 74448896

    """
  static let page = """
    {"IsTruncated": false, "Contents": [{"Key": "a/01.mp4", "Size": 1, "StorageClass": "STANDARD", "Owner": {"ID": "]}"}},
     {"Key": "a\\/\\"\\u00fc\\ud83d\\ude00.mp4", "LastModified": "2026-11-01T10:00:00+00:00", "Size": 2}], "RequestCharged": null}
    """
  static let csv = #""media-west","night+1/a%2Bb.mp4","73400320""# + "\r\n" + "media-west,c.mp4,\n"

  @Test("each kind is recognised and read, in blocks of any size", arguments: [1, 2, 3, 7, 64, Int.max])
  func blocks(size: Int) async throws {
    let addresses = try await list(Self.addresses, blockSize: size)
    #expect(try addresses.objects == ["s3://media-west/a/01.mp4", "s3://media-west/ü+%20 b.MOV"])
    #expect(addresses.said == ["list: one s3:// address on each line"])

    let lines = try await list(Self.lines, bucket: "media-west", blockSize: size)
    #expect(
      try lines.objects == ["s3://media-west/a/01.mp4", "s3://media-west/ two spaces before.mp4"])
    #expect(lines.tally.leftOut == [.folder: 1])
    #expect(lines.said == ["list: the lines of `aws s3 ls --recursive`"])

    let page = try await list(Self.page, bucket: "media-west", blockSize: size)
    #expect(try page.objects == ["s3://media-west/a/01.mp4", "s3://media-west/a/\"ü😀.mp4"])
    #expect(page.said == ["list: the answer of `aws s3api list-objects-v2`"])

    let rows = try await list(Self.csv, blockSize: size)
    #expect(try rows.objects == ["s3://media-west/night 1/a+b.mp4", "s3://media-west/c.mp4"])
    #expect(rows.said == ["list: CSV of an S3 inventory without its manifest (bucket, encoded key, size)"])
  }

  @Test("gzip of one member or several is read, whatever the blocks are", arguments: [1, 5, 1_000])
  func compressed(size: Int) async throws {
    let packed = gzip(Self.csv) + gzip("media-west,d.mp4,1\n") + [0, 0, 0]
    let outcome = try await list(packed, blockSize: size)
    #expect(outcome.tally.items == 3)
    #expect(await failure { try await list(Array(packed.prefix(40)), blockSize: size) }?.code == .damaged)
    #expect(await failure { try await list(packed + [1], blockSize: size) }?.code == .damaged)
  }

  @Test("several pages put together, a query of the command line, and single objects are the same list")
  func documents() async throws {
    let object = #"{"Key":"a.mp4","Size":1}"#
    for text in [
      #"{"Contents":[\#(object)]}{"Contents":[\#(object)]}"#, "[\(object),\n\(object)]",
      "\(object)\n\(object)\n",
      "\u{1E}\(object)\n\u{1E}\(object)\n",
      #"["a.mp4","s3://media-west/a.mp4"]"#, "\u{FEFF}[\(object),\(object)]",
    ] {
      let outcome = try await list(text, bucket: "media-west")
      #expect(try outcome.objects == ["s3://media-west/a.mp4", "s3://media-west/a.mp4"], "\(text)")
    }
    for text in [
      "{}", #"{"RequestCharged": null}"#, "[]", #"{"Contents":[]}"#, "null", " null\n", "null\nnull",
      #"{"Contents":null}"#, #"{"Contents":null,"RequestCharged":null}"#,
      #"{"KeyCount":0,"IsTruncated":false}"#,
    ] {
      let outcome = try await list(text, bucket: "media-west")
      #expect(outcome.manifest == "[]\n", "\(text)")
    }
  }

  @Test("the bucket comes from the file where it says it, and never two of them")
  func buckets() async throws {
    let named = #"{"Name":"media-west","Contents":[{"Key":"a.mp4"}]}"#
    #expect(try await list(named).objects == ["s3://media-west/a.mp4"])
    let behind = #"{"Contents":[{"Key":"a.mp4"}],"Name":"media-west"}"#
    #expect(await failure { try await list(behind) }?.code == .bucketNeeded)
    #expect(await failure { try await list(behind, bucket: "media-east") }?.code == .otherBucket)
    #expect(await failure { try await list(named, bucket: "media-east") }?.code == .otherBucket)
    #expect(await failure { try await list(Self.csv, bucket: "media-east") }?.code == .otherBucket)
    #expect(await failure { try await list(Self.addresses, bucket: "media-east") }?.code == .otherBucket)
    #expect(await failure { try await list(Self.lines) }?.code == .bucketNeeded)
  }

  private func urlList(_ keys: [String], isBefore: Bool) -> String {
    let contents = #""Contents":["# + keys.map { #"{"Key":"\#($0)","Size":1}"# }.joined(separator: ",") + "]"
    let parts = [#""EncodingType":"url""#, contents]
    return "{\((isBefore ? parts : parts.reversed()).joined(separator: ","))}"
  }

  @Test(
    "keys beside EncodingType are as in the bucket where one of them shows it, or where decoding changes none",
    arguments: [
      ["a.mp4", "b/c~(1)=x.mp4"], ["a b+c.mp4"], ["a+b.mp4", "%41.mp4", "c d.mp4"], ["\u{e9}+.mp4"],
      ["100%+.mp4"],
      ["p%41q.mp4"], ["50%zz+.mp4"], ["a%2", "b+.mp4"], ["a%20#1.mp4"], ["a%20b.mp4", "p%2Ex.mp4"],
    ], [true, false])
  func plainKeys(keys: [String], isBefore: Bool) async throws {
    for size in [1, Int.max] {
      let outcome = try await list(urlList(keys, isBefore: isBefore), bucket: "media-west", blockSize: size)
      #expect(try outcome.objects == keys.filter { $0.hasSuffix(".mp4") }.map { "s3://media-west/\($0)" })
    }
  }

  @Test(
    "keys beside EncodingType that can be read in two ways are refused with both readings",
    arguments: [
      ("a+b.mp4", "a b.mp4"), ("a%20b.mp4", "a b.mp4"), ("a%2Bb.mp4", "a+b.mp4"),
      ("%C3%A9.mp4", "\u{e9}.mp4"),
    ], [true, false])
  func doubtfulKeys(key: (String, String), isBefore: Bool) async throws {
    let error = await failure {
      try await list(urlList(["x.mp4", key.0, "y+z.mp4"], isBefore: isBefore), bucket: "media-west")
    }
    #expect(error?.code == .damaged)
    #expect(error?.message.contains("object 2 of its list has the key \"\(key.0)\"") == true)
    #expect(error?.message.contains("\"\(key.1)\" where") == true, "\(error?.message ?? "none")")
    #expect(error?.remedy?.description.contains("jq 'del(.EncodingType)'") == true)
    // Each page tells for itself.
    let pages = urlList(["c d.mp4"], isBefore: isBefore) + urlList([key.0], isBefore: isBefore)
    #expect(await failure { try await list(pages, bucket: "media-west") }?.code == .damaged)
    let bare = #"{"Contents":[{"Key":"\#(key.0)"}]}"#
    #expect(try await list(bare, bucket: "media-west").objects == ["s3://media-west/\(key.0)"])
  }

  @Test(
    "JSON that is broken anywhere is named by its line, with what can stand there",
    arguments: [
      (
        #"{"Contents":[{"Key":"a.mp4","Size":}]}"#,
        "line 1 has \"}\" after 0 whole objects, where JSON has a value"
      ),
      (
        "{\"Contents\":[{\"Key\":\"a.mp4\"},\n{\"Key\":\"b.mp4\" \"Size\":5}]}",
        "line 2 has \"\"\" after 1 whole"
      ),
      (#"[{"Key":"c\u12.mp4"}]"#, "four hexadecimal digits"), (#"["b\qz.mp4"]"#, "after a backslash"),
      ("[\"a\n.mp4\"]", "control characters escaped"), (#"[{"Key":"a.mp4"},]"#, "has a value"),
      (#"{"Contents":[],"Prefix":}"#, "has a value"), (#"{"Contents":[],"Prefix":nul}"#, "the word null"),
      (#"{"Contents":[],}"#, "name of a member"), (#"{"Contents":[]"Prefix":1}"#, "a comma or }"),
      (#"{"Contents":[{"Key":"a.mp4","Size":01}]}"#, "a comma or }"), (#"{"MaxKeys":1.}"#, "a digit"),
      (#"{"MaxKeys":1e+}"#, "a digit"), (#"{"MaxKeys" 1}"#, "a colon"),
      (#"{"Contents":[{Key:"a.mp4"}]}"#, "name"),
      (#"{"Contents":[{"Key":"a.mp4"}}"#, "a comma or ]"), (#"{"Contents":[]} x"#, "has a value"),
      (String(repeating: "[", count: 600), "at most 512 brackets"),
    ])
  func brokenJSON(text: String, part: String) async throws {
    for size in [1, Int.max] {
      let error = await failure { try await list(text, bucket: "media-west", blockSize: size) }
      #expect(error?.code == .damaged)
      #expect(error?.message.contains(part) == true, "\(text): \(error?.message ?? "none")")
    }
  }

  @Test("every form that JSON has is taken")
  func allJSON() async throws {
    let text =
      #"{"Contents":[{"Key":"a\u00FC\n.mp4","Size":0, "x":[-0, 1.5e3, 1E-2, -10.25, true, false, null, {}, [], ""]},"#
      + "\n\t" + #"{"Size":7,"Key":"b.mp4","y":{"z":[{"\\\"\/\b\f\r\t":[[]]}]}}]}"# + "\r\n"
    for size in [1, 3, Int.max] {
      let outcome = try await list(text, bucket: "media-west", blockSize: size)
      #expect(try outcome.objects == ["s3://media-west/b.mp4"])
      #expect(outcome.tally.leftOut == [.empty: 1])
    }
  }

  @Test(
    "JSON that is no listing is not taken for one without objects",
    arguments: [
      #"{"Versions":[{"Key":"a.mp4"}],"RequestCharged":null}"#, #"{"Contents":"x","RequestCharged":null}"#,
      #"{"Contents":{"Key":"a.mp4"},"Name":"media-west"}"#, #"{"videos":[1],"Name":"media-west"}"#,
    ])
  func otherJSON(text: String) async throws {
    #expect(await failure { try await list(text, bucket: "media-west") } != nil)
  }

  @Test("older versions are left out, of an array and of lines")
  func versions() async throws {
    let objects = [#"{"Key":"a.mp4","IsLatest":true}"#, #"{"Key":"b.mp4","IsLatest":false}"#]
    for text in ["[\(objects.joined(separator: ","))]", objects.joined(separator: "\n")] {
      let outcome = try await list(text, bucket: "media-west")
      #expect(try outcome.objects == ["s3://media-west/a.mp4"])
      #expect(outcome.tally.leftOut == [.olderVersion: 1])
    }
  }

  @Test(
    "JSON of another program is sent to validate, which says how to convert it",
    arguments: [#"[{"Path":"a.mp4","Size":5}]"#, #"{"key":"s3://media-west/a.mp4"}"#])
  func otherProgram(text: String) async throws {
    let error = await failure { try await list(text, bucket: "media-west") }
    #expect(error?.remedy?.description.contains("`orchestrate validate FILE`") == true)
  }

  @Test("a list in S3 whose reader is cancelled is not taken for whole")
  func cancelled() async {
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      let stream = AsyncThrowingStream<[UInt8], any Error> { Array("media-west,a.mp4,1\n".utf8) }
      return try await StreamBlocks(stream).next()
    }
    await #expect(throws: CancellationError.self) { _ = try await task.value }
  }

  @Test("what a list says that it leaves out is a warning")
  func leftOut() async throws {
    for (text, part) in [
      (#"{"IsTruncated":true,"KeyCount":0}"#, "more objects follow"),
      (#"{"Contents":[{"Key":"a.mp4"}],"NextContinuationToken":"x"}"#, "more objects follow"),
      (#"{"Contents":[{"Key":"a.mp4"}],"CommonPrefixes":[{"Prefix":"b/"}]}"#, "below its CommonPrefixes"),
      (#"{"CommonPrefixes": [ {"Prefix":"b/"}]}"#, "below its CommonPrefixes"),
      (#"{"Contents":[{"Key":"a.mp4"}],"KeyCount":2}"#, "2 keys (KeyCount), and has 1"),
    ] {
      let said = try await list(text, bucket: "media-west").said
      #expect(said.last?.hasPrefix("warning: list ") == true && said.last?.contains(part) == true, "\(said)")
    }
    let whole = #"{"Contents":[{"Key":"a.mp4"}],"CommonPrefixes":[ ],"KeyCount":1,"IsTruncated":false}"#
    #expect(try await list(whole, bucket: "media-west").said.count == 1)
    let lines = "2026-11-01 10:00:00          1 a.mp4"
    #expect(try await list(lines, bucket: "media-west").said.last?.contains("perhaps cut off") == true)
    #expect(try await list(lines + "\n", bucket: "media-west").said.count == 1)
    #expect(try await list("media-west,a.mp4,1").said.last?.contains("perhaps cut off") == true)
    let short = await failure { try await list("media-west,a.mp4,1\nmedia-west,b.m") }
    #expect(short?.message.contains("line 2 has 2 fields, expected 3") == true)
  }

  @Test("a listing that goes on elsewhere is said to be incomplete")
  func cutOff() async throws {
    for text in [
      #"{"Contents":[{"Key":"a.mp4"}],"NextToken":"x"}"#,
      #"{"IsTruncated":true,"Contents":[{"Key":"a.mp4"}]}"#,
    ] {
      #expect(try await list(text, bucket: "media-west").said.last?.contains("not complete") == true)
      let whole = text + #"{"Contents":[{"Key":"b.mp4"}],"IsTruncated":false}"#
      #expect(try await list(whole, bucket: "media-west").said.count == 1)
    }
  }

  @Test(
    "what is no list, or breaks off, is one error that says so",
    arguments: [
      ("", "empty"), (" \n\n", "empty"), ("hello\n", "hello"), ("PAR1....", "Parquet"), ("ORC.....", "ORC"),
      ("\u{FEFF}<a/>", "first line"), ("<ListBucketResult>", "XML"), ("{\"videos\":[1]}", "without Contents"),
      (#"[{"index_id":"x","object":"s3://b/k"}]"#, "manifest already"),
      (#"{"index_id":"x","object":"s3://b/k"}"#, "manifest already"),
      (#"{"Contents":[{"Key":"a.mp4"}"#, "ends inside its JSON"), (#"[{"Size":1}]"#, "has no Key"),
      (#"[{"Key":"a.mp4","Size":"big"}]"#, "size"), ("[1}", "line 1 has \"}\" after 0"), ("[{}}", "no Key"),
      ("s3://media-west/a.mp4\nmedia-west/b.mp4\n", "line 2"), ("s3://media-west/a.mp4\ns3://\n", "line 2"),
      ("2026-11-01 10:00:00          1 a.mp4\nfolder/b.mp4\n", "line 2"),
      ("                           PRE a/\n", "--recursive"),
      ("2026-11-01 10:00:00    1.0 MiB a.mp4\n", "shortened"),
      ("2026-11-01 10:00:00  12 Bytes a.mp4\n", "shortened"),
      ("media-west,a.mp4,version-1,true\n", "version-1"), ("media-west,100%.mp4,1\n", "100%.mp4"),
      ("media-west,\"a.mp4\n", "inside quotation marks"), ("media-west,\"a\"b,1\n", "closing quotation mark"),
      ("media-west,a.mp4,1\nmedia-west\n", "line 2"),
    ])
  func refused(text: String, part: String) async throws {
    let error = await failure { try await list(text, bucket: "media-west") }
    let found = try #require(error, "\(text)")
    #expect(found.message.contains(part), "\(found.message)")
    #expect(found.remedy != nil)
    #expect(!found.message.contains("\n"))
  }

  /// Beginnings of files that are no text, and what each is called.
  private static let signatures: [(bytes: [UInt8], name: String, advice: String)] = [
    (gzip(gzip("media-west,a.mp4,1\n")), "gzip data inside gzip data", "gzip -dc FILE"),
    (Array("BZh91AY&SY....".utf8), "compressed with bzip2", "bzip2 -dc FILE"),
    ([0x04, 0x22, 0x4D, 0x18, 0x64], "compressed with lz4", "lz4 -dc FILE"),
    ([0x1F, 0x9D, 0x90], "compressed with compress", "gzip -dc FILE"),
    ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "a 7z archive", "the file inside"),
    (
      Array("list.csv".utf8) + [UInt8](repeating: 0, count: 249) + Array("ustar\u{0}00".utf8),
      "a tar archive",
      "the file inside"
    ),
    (Array("a".utf8) + [UInt8](repeating: 0, count: 256) + Array("ustar  ".utf8), "a tar archive", "inside"),
    ([UInt8](repeating: 0, count: 512), "a block of NUL bytes", "again"),
    ([0xFF, 0xFE, 0, 0, 0x73, 0, 0, 0], "text in UTF-32", "iconv -f UTF-32 -t"),
    ([0x73, 0, 0, 0, 0x33, 0, 0, 0], "text in UTF-32", "iconv -f UTF-32LE -t"),
    ([0, 0, 0, 0x18] + Array("ftypmp42".utf8), "a video", "lists the videos"),
    ([0xFF, 0xFE, 0x73, 0, 0x33, 0], "no text in UTF-8", "iconv -f UTF-16"),
    ([0x73, 0, 0x33, 0, 0x3A, 0], "no text in UTF-8", "iconv -f UTF-16"),
  ]

  @Test(
    "a file that is no text is called by its first bytes, not taken for UTF-16", arguments: signatures.indices
  )
  func signature(index: Int) async throws {
    let (bytes, name, advice) = Self.signatures[index]
    for file in [bytes, gzip(bytes)] {
      let found = try #require(await failure { try await list(file, bucket: "media-west") })
      #expect(found.code == .notRecognized)
      #expect(found.message.contains("it is \(name)"), "\(found.message)")
      #expect(found.remedy?.description.contains(advice) == true, "\(String(describing: found.remedy))")
    }
  }

  @Test(
    "a table is not taken for an inventory, whatever --bucket is",
    arguments: [
      ("\"bucket\",\"key\",\"size\"\nmedia-west,a.mp4,1\n", "names columns"),
      ("key,size\na.mp4,1\n", "names columns"),
      ("Object Key,Last_Modified,x\na.mp4,1,2\n", "names columns"),
      ("title,url\r\na,b.mp4\r\n", "names columns"),
      ("heading,Jahr\none,1.mp4\n", "line 2 is of the bucket \"one\""),
      ("a.mp4,b.mp4\n", "\"a.mp4\" in the place of a bucket"),
      ("media-west,a.mp4,1\nmedia-east,b.mp4,1\n", "line 2 is of the bucket \"media-east\""),
    ])
  func tables(text: String, part: String) async throws {
    let found = try #require(await failure { try await list(text) }, "\(text)")
    #expect(found.message.contains(part), "\(found.message)")
    #expect(found.remedy != nil)
    #expect(await failure { try await list(text, bucket: "media-west") } != nil)
  }

  @Test(
    "a bucket whose name ends like a video's is taken where --bucket names it, and one like a column with a key"
  )
  func oddBuckets() async throws {
    #expect(try await list("shop.rm,a.mp4,1\n", bucket: "shop.rm").objects == ["s3://shop.rm/a.mp4"])
    #expect(try await list("video,a.mp4,1\n").objects == ["s3://video/a.mp4"])
  }

  @Test("names that are no UTF-8 or have NUL are counted and left out, and all others are escaped exactly")
  func bytes() async throws {
    let lone =
      #"["a\ud800.mp4","a\udc00\ud800.mp4","\u0000.mp4","b\ufffd.mp4","\u0001\t\"\\\u2028/\u007f.mp4"]"#
    let outcome = try await list(lone, bucket: "media-west")
    #expect(outcome.tally.leftOut == [.notUTF8: 2, .nul: 1])
    #expect(
      try outcome.objects == [
        "s3://media-west/b\u{FFFD}.mp4", "s3://media-west/\u{1}\t\"\\\u{2028}/\u{7F}.mp4",
      ])
    #expect(outcome.manifest.contains("\\u0001\\t\\\"\\\\\u{2028}/\u{7F}.mp4"))
    let raw = Array("media-west,%FF.mp4,1\nmedia-west,caf%C3%A9.mp4,1\nmedia-west,cafe%CC%81.mp4,1\n".utf8)
    let rows = try await list(raw)
    #expect(rows.tally.leftOut == [.notUTF8: 1])
    // Two names that look alike are two names.
    #expect(Set(try rows.objects.map { Array($0.utf8) }).count == 2)
  }
}
