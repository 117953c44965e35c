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
      #"["a.mp4","s3://media-west/a.mp4"]"#, "\u{FEFF}[\(object),\(object)]",
    ] {
      let outcome = try await list(text, bucket: "media-west")
      #expect(try outcome.objects == ["s3://media-west/a.mp4", "s3://media-west/a.mp4"], "\(text)")
    }
    for text in ["{}", #"{"RequestCharged": null}"#, "[]", #"{"Contents":[]}"#] {
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

  @Test("keys that the file says are encoded are decoded, and never taken as they are")
  func encodedKeys() async throws {
    let before = #"{"EncodingType":"url","Contents":[{"Key":"a+b%2Bc%20d.mp4"}]}"#
    #expect(try await list(before, bucket: "media-west").objects == ["s3://media-west/a b+c d.mp4"])
    let behind = #"{"Contents":[{"Key":"a+b.mp4"}],"EncodingType":"url"}"#
    #expect(await failure { try await list(behind, bucket: "media-west") }?.code == .damaged)
    #expect(try await list(Self.page, bucket: "media-west").objects[0] == "s3://media-west/a/01.mp4")
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
      (#"[{"Key":"a.mp4","Size":"big"}]"#, "size"), ("[1}", "no Key"), ("[{}}", "no Key"),
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
