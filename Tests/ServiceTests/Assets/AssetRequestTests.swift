import AssetsService
import BatchDomain
import NIOCore
import ServiceHTTP
import Testing

/// The requests as they stand on the wire, and what is read out of their answers.
@Suite(.timeLimit(.minutes(10)))
struct AssetRequestTests {
  private let asset = "6298d673f1090f1100476d4c"

  /// What stands before and after the empty line of a request.
  private func parts(_ raw: String) throws -> (head: Substring, body: Substring) {
    let split = try #require(raw.firstRange(of: "\r\n\r\n"))
    return (raw[..<split.lowerBound], raw[split.upperBound...])
  }

  /// What a server got, and what became of it.
  private func exchange<Value>(
    _ answer: String, _ body: (AssetsHTTP) async throws -> Value
  ) async throws -> (request: String, value: Value) {
    let server = try await ScriptedServer([.readRequest, .send(answer)])
    let value = try await withAssets(server.url, body)
    let request = String(decoding: try #require(server.requests.entries.first), as: UTF8.self)
    try await server.stop()
    return (request, value)
  }

  @Test func `an asset is made of plain parts in the order of the service's own client`() async throws {
    let new = newAsset()
    let (request, result) = try await exchange(HTTPAnswer.text(201, #"{"_id":"\#(asset)"}"#)) {
      await $0.create(new, timeout: .seconds(60))
    }
    let tag = new.tag
    let expected =
      [
        ("method", "url"), ("url", sampleURL), ("filename", "01 (final).mp4"), ("enable_hls", "false"),
        ("enable_thumbnail", "false"),
        ("user_metadata", #"{"orchestrate_item":"\#(tag.item)","orchestrate_run":"\#(tag.run)"}"#),
      ].map { name, value in
        "------chunk-000017\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n"
      }.joined() + "------chunk-000017--\r\n"
    let (head, body) = try parts(request)
    #expect(body == expected)
    let lines = head.split(separator: "\r\n").map(String.init)
    #expect(lines.first == "POST /v1.3/assets HTTP/1.1")
    #expect(
      lines.contains { $0.lowercased() == "content-type: multipart/form-data; boundary=----chunk-000017" })
    #expect(lines.contains { $0.lowercased() == "content-length: \(expected.utf8.count)" })
    #expect(!request.lowercased().contains("idempotency"))
    #expect(result.made?.id == asset)
  }

  @Test func `a boundary that stands in the content is not used`() {
    let url = "https://b.s3.eu-west-1.amazonaws.com/----chunk-000017/x?----chunk-000017-1"
    let form = AssetForm(newAsset(url: url, fileName: nil))
    #expect(form.boundary == "----chunk-000017-2")
    #expect(!String(buffer: form.buffer).contains("filename"))
  }

  @Test func `an asset is added to an index`() async throws {
    let (request, result) = try await exchange(
      HTTPAnswer.text(202, #"{"_id":"x1","asset_id":"\#(asset)"}"#)
    ) { [asset] in
      await $0.add(
        NewIndexedAsset(asset: asset, index: "a b/é", tag: sampleTag()), timeout: .seconds(60))
    }
    let tag = sampleTag()
    let (head, body) = try parts(request)
    #expect(head.hasPrefix("POST /v1.3/indexes/a%20b%2F%C3%A9/indexed-assets HTTP/1.1\r\n"))
    #expect(head.lowercased().contains("content-type: application/json\r\n"))
    #expect(
      body
        == #"{"asset_id":"\#(asset)","enable_video_stream":false,"user_metadata":"#
        + #"{"orchestrate_item":"\#(tag.item)","orchestrate_run":"\#(tag.run)"}}"#)
    #expect(result.made?.id == "x1")
  }

  @Test func `an id in a body is written as JSON has it`() {
    let new = NewIndexedAsset(asset: "a\"\\\u{1}\u{1F}é", index: "i", tag: sampleTag())
    #expect(new.body.hasPrefix(#"{"asset_id":"a\"\\\u0001\u001fé","#))
  }

  /// Worked value: `sha256` of each part behind its length as 8 bytes, little-endian, computed with Python's hashlib.
  @Test func `the tag of an item is the same for each attempt and of no other item`() {
    let run = RunID(rawValue: "20261126-220000-000-abcd")
    let tag = sampleTag()
    #expect(tag.item == "dc0423897fe57b4b21ab3342f8634535")
    #expect(tag.run == run?.rawValue)
    #expect(sampleTag() == tag)
    let others = [
      sampleTag(number: 8), sampleTag(index: "i2"), sampleTag(object: "s3://media-west/a/02.mp4"),
      sampleTag(run: "20261126-220000-000-abce"),
      // The same bytes in a row, cut elsewhere.
      sampleTag(number: 71, index: "i"), sampleTag(index: "is", object: "3://media-west/a/01.mp4"),
      // One name to Unicode, two to S3.
      sampleTag(object: "s3://media-west/e\u{301}.mp4"), sampleTag(object: "s3://media-west/\u{e9}.mp4"),
    ]
    #expect(Set(others.map(\.item)).union([tag.item]).count == others.count + 1)
    #expect(tag.item.utf8.count == 32)
  }

  @Test func `a file name keeps its extension and has at most 255 bytes`() {
    func text(_ letter: String, _ count: Int) -> String { String(repeating: letter, count: count) }
    let cases: [(name: String, expected: String?)] = [
      ("a/01.mp4", "01.mp4"), ("01", "01"), ("a/", nil),
      (text("x", 300) + ".mp4", text("x", 251) + ".mp4"), (text("x", 300), text("x", 255)),
      (text("片", 100) + ".mp4", text("片", 83) + ".mp4"),
      (text("x", 250) + "." + text("y", 40), text("x", 250) + ".yyyy"),
    ]
    for (name, expected) in cases {
      #expect(AssetFileName.name(of: ObjectName("s3://b/" + name))?.rawValue == expected, "\(name)")
    }
  }

  @Test func `an answer says what was made and how far it is`() async throws {
    let body = #"{"_id":"\#(asset)","status":"ready","duration":61.25,"filename":"01.mp4"}"#
    let made = try await exchange(HTTPAnswer.text(200, body)) {
      await $0.create(newAsset(), timeout: .seconds(60))
    }.value.made
    #expect(made?.id == asset)
    #expect(made?.status == "ready")
    #expect(made?.duration == .milliseconds(61_250))
    #expect(made?.answer.message == nil)
  }

  @Test(arguments: [
    #"{"status":"processing"}"#, #"{"_id":""}"#, #"{"_id":7}"#, "{}", "", #"{"_id":"6298d6"#,
    "{\"_id\":\"\(testKey)\"}", #"{"_id":"a\"b"}"#,
  ])
  func `a success without an id is known as one`(body: String) async throws {
    let result = try await exchange(HTTPAnswer.text(201, body)) {
      await $0.create(newAsset(), timeout: .seconds(60))
    }.value
    #expect(result.made?.id == nil)
    #expect(AssetOutcomes.outcome(of: result, .upload) == .unknown)
    #expect(!"\(result)".contains(testKey))
  }

  @Test func `a success that breaks off is unknown although its id is there`() async throws {
    let head = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
    let server = try await ScriptedServer([
      .readRequest, .send(head + #"{"_id":"\#(asset)","status":"ready"}"#), .close,
    ])
    let result = try await withAssets(server.url) { await $0.create(newAsset(), timeout: .seconds(60)) }
    #expect(result.made?.id == nil)
    #expect(AssetOutcomes.outcome(of: result, .upload) == .unknown)
    try await server.stop()
  }

  @Test func `an error is understood in both of its shapes`() async throws {
    for body in [
      #"{"code":"video_file_broken","message":"no"}"#,
      #"{"error":{"code":"video_file_broken","message":"no"}}"#,
    ] {
      let answer = try await exchange(HTTPAnswer.text(400, body)) {
        await $0.create(newAsset(), timeout: .seconds(60))
      }.value.made?.answer
      #expect(answer?.code == "video_file_broken")
      #expect(answer?.message == "no")
    }
  }

  @Test func `nothing of an address comes back, however the service repeats it`() async throws {
    let signature = "5ec7e7ff00aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d1577"
    let texts = [
      sampleURL, sampleURL.replacing("&", with: "\\u0026"), PercentEncoding.query(sampleURL.utf8),
      // Without the name that gives it away, and in capitals.
      "signature \(signature)", "signature \(signature.uppercased())",
      "the query of the url is \(sampleURL.suffix(300))",
    ]
    for text in texts {
      let result = try await exchange(
        HTTPAnswer.text(400, #"{"code":"parameter_invalid","message":"bad url \#(text) \#(testKey)"}"#)
      ) { await $0.create(newAsset(), timeout: .seconds(60)) }.value
      let shown = "\(result)" + "\(AssetOutcomes.result(of: result, .upload, wrongEndpoint: ""))"
      #expect(shown.contains("bad url"), "\(shown)")
      for secret in [signature, signature.uppercased(), "t0ken", testKey] {
        #expect(!shown.contains(secret), "\(shown)")
      }
    }
  }

  @Test func `nothing that holds an address shows it`() {
    let new = newAsset()
    var dumped = ""
    dump(new, to: &dumped)
    dump(AssetForm(new), to: &dumped)
    dump(ObjectURL(sampleURL, expiresAt: nil), to: &dumped)
    let shown =
      dumped + "\(new)" + String(reflecting: new) + "\(ObjectURL(sampleURL, expiresAt: nil))"
      + String(reflecting: ObjectURL(sampleURL, expiresAt: nil)) + String(reflecting: AssetForm(new))
    #expect(!shown.contains("5ec7e7ff00"))
    #expect(!shown.contains("https://"))
  }

  @Test func `minutes of media hold back the step that uses them up`() async throws {
    let headers = [
      "Date: Mon, 23 Nov 2026 15:00:00 GMT", "X-RateLimit-Request-Remaining: 7",
      "X-RateLimit-Request-Reset: 30", "X-RateLimit-Duration-Remaining: 0",
      "X-RateLimit-Duration-Reset: 3600",
    ]
    let answer = HTTPAnswer.text(201, #"{"_id":"a1"}"#, headers: headers)
    let upload = try await exchange(answer) { await $0.create(newAsset(), timeout: .seconds(60)) }.value
    #expect(upload.made?.answer.quotaUsedUp == false)
    let index = try await exchange(answer) {
      await $0.add(NewIndexedAsset(asset: "a", index: "i", tag: sampleTag()), timeout: .seconds(60))
    }.value
    #expect(index.made?.answer.quotaUsedUp == true)
    #expect(index.made?.answer.wait == .seconds(3_600))
  }
}

extension Result<CreationAnswer, TransportFailure> {
  /// The answer, if one came.
  var made: CreationAnswer? {
    guard case .success(let made) = self else { return nil }
    return made
  }
}
