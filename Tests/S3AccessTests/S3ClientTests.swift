import BatchDomain
import S3Signing
import TestSupport
import Testing

@testable import S3Access

/// The answer to an unsigned question for a bucket's region.
private func isRegionQuestion(_ request: AccessRequest) -> Bool {
  request.method == "HEAD" && request.claims == nil
}

/// An error of S3.
func refusal(_ status: Int, _ code: String, _ message: String = "Because.", more: String = "") -> AccessAnswer
{
  AccessAnswer(
    status: status,
    headers: [("content-type", "application/xml"), ("date", "Thu, 26 Nov 2026 21:30:00 GMT")],
    body: Array(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>\(code)</Code><Message>\(message)</Message>\(more)</Error>"
        .utf8))
}

@Suite("Requests to S3", .timeLimit(.minutes(2)))
struct S3ClientTests {
  private let key = Array("a b/ü+1.mp4".utf8)

  /// A network where the bucket is in that region, and signed requests get that answer.
  private func network(
    region: String = "eu-west-1", _ answer: @escaping @Sendable (AccessRequest, Int) throws -> AccessAnswer
  ) -> FakeTransport {
    FakeTransport { request, before in
      guard isRegionQuestion(request) else { return try answer(request, before) }
      return AccessAnswer(status: 403, headers: [("X-Amz-Bucket-Region", region)])
    }
  }

  @Test("a bucket's region is learnt once, by an unsigned question, and signatures name it")
  func region() async throws {
    let network = network { request, _ in
      AccessAnswer(
        status: request.isSigned(region: "eu-west-1") ? 200 : 400,
        headers: [
          ("Content-Length", "73400320"), ("x-amz-storage-class", "STANDARD_IA"),
          ("Content-Type", "video/mp4"),
          ("Date", "Thu, 26 Nov 2026 22:00:09 GMT"),
        ])
    }
    let access = try await access(over: network)
    for _ in 0..<2 {
      let head = try await access.client.check(bucket: "media-west", key: key)
      #expect(
        head
          == ObjectHead(
            size: 73_400_320, storageClass: "STANDARD_IA", contentType: "video/mp4",
            date: evening + .seconds(9)))
    }
    #expect(
      network.seen.map { "\($0.method) \($0.url)" } == [
        "HEAD https://s3.us-east-1.amazonaws.com/media-west",
        "HEAD https://media-west.s3.eu-west-1.amazonaws.com/a%20b/%C3%BC%2B1.mp4",
        "HEAD https://media-west.s3.eu-west-1.amazonaws.com/a%20b/%C3%BC%2B1.mp4",
      ])
  }

  @Test("a bucket is asked about with HEAD; why it is refused, a list of one key tells")
  func bucketHead() async throws {
    let network = network { _, _ in
      AccessAnswer(status: 200, headers: [("Date", "Thu, 26 Nov 2026 22:00:09 GMT")])
    }
    let head = try await access(over: network).client.head(bucket: "media-west")
    #expect(head == BucketHead(region: "eu-west-1", date: evening + .seconds(9)))
    #expect(network.seen.last.map { "\($0.method) \($0.target)" } == "HEAD /")

    let denied = self.network { request, _ in
      request.method == "HEAD" ? AccessAnswer(status: 403) : refusal(403, "AccessDenied")
    }
    let refused = try await access(over: denied)
    let problem = await error { try await refused.client.head(bucket: "media-west") }
    #expect(problem?.code == .accessDenied)
    #expect(problem?.remedy?.text(database: nil).contains("s3:ListBucket") == true)
    #expect(denied.seen.last?.target == "/?list-type=2&max-keys=1")
  }

  @Test("the first byte is read with nothing but the signed URL, which is in no error")
  func firstByte() async throws {
    let network = network { request, before in
      before == 1 ? refusal(503, "SlowDown") : AccessAnswer(status: 206, body: [0])
    }
    let open = try await access(over: network)
    let url = try await open.urls.signedURL(for: "s3://media-west/a b/ü+1.mp4")
    try await open.client.firstByte(bucket: "media-west", key: key, through: url)
    let last = try #require(network.seen.last)
    #expect(last.method == "GET" && last.url == url.text)
    #expect(last.headers.map(\.name) == ["range"] && last.header("range") == "bytes=0-0")

    let denied = self.network { _, _ in refusal(403, "AccessDenied", "Access Denied") }
    let refused = try await access(over: denied)
    let problem = await error {
      try await refused.client.firstByte(bucket: "media-west", key: key, through: url)
    }
    #expect(problem?.code == .accessDenied)
    #expect(problem?.description.contains("X-Amz-") == false)
    #expect(problem?.message.contains("reading s3://media-west/a b/ü+1.mp4 through a signed URL") == true)
    #expect(problem?.remedy?.text(database: nil).contains("aws:SourceIp") == true)
  }

  @Test(
    "which region is asked first",
    arguments: [
      (nil, [:], "us-east-1"), ("eu-north-1", ["AWS_REGION": "eu-west-3"], "eu-north-1"),
      (nil, ["AWS_REGION": "eu-west-3", "AWS_DEFAULT_REGION": "x-1"], "eu-west-3"),
      (nil, ["AWS_DEFAULT_REGION": "ca-central-1"], "ca-central-1"),
      (nil, ["HOME": "/home/me"], "eu-south-1"),
    ] as [(String?, [String: String], String)])
  func firstRegion(option: String?, variables: [String: String], expected: String) async throws {
    let network = network { _, _ in AccessAnswer(status: 200) }
    var settings = ObjectAccess()
    settings.region = option
    let access = try await access(
      settings, keyVariables.merging(variables) { $1 },
      files: ["/home/me/.aws/config": "[default]\nregion=eu-south-1\n"],
      over: network)
    _ = try await access.client.head(bucket: "b-1", key: key)
    #expect(network.seen.first?.url == "https://s3.\(expected).amazonaws.com/b-1")
  }

  @Test("another endpoint: path style, its port, and the first region where the bucket's is not said")
  func endpoint() async throws {
    let network = FakeTransport { request, _ in
      AccessAnswer(status: isRegionQuestion(request) ? 404 : 200)
    }
    for variables in [
      ["AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"],
      ["AWS_ENDPOINT_URL": "http://127.0.0.1:9000/"],
    ] {
      let access = try await access(ObjectAccess(), keyVariables.merging(variables) { $1 }, over: network)
      _ = try await access.client.head(bucket: "media", key: key)
      let last = network.seen.last
      #expect(last?.url == "http://127.0.0.1:9000/media/a%20b/%C3%BC%2B1.mp4")
      #expect(last?.header("host") == "127.0.0.1:9000" && last?.isSigned(region: "us-east-1") == true)
    }
    for (name, value) in [("AWS_ENDPOINT_URL", "http://s3.example.org"), ("AWS_REGION", "evil.example/")] {
      await #expect(throws: ConfigurationError.self) {
        try await S3AccessTests.access(
          ObjectAccess(), keyVariables.merging([name: value]) { $1 }, over: network)
      }
    }
  }

  @Test(
    "the endpoint of a profile counts behind option and variables, that for S3 before that for all",
    arguments: [
      ("[default]\nendpoint_url = http://127.0.0.1:1\n", nil, [:], "http://127.0.0.1:1"),
      (
        "[default]\nendpoint_url = http://127.0.0.1:1\nservices = mine\n[services mine]\ns3 =\n  "
          + "addressing_style = path\n  endpoint_url = http://127.0.0.1:2\n", nil, [:], "http://127.0.0.1:2"
      ),
      (
        "[default]\nservices = mine\n[services mine]\ndynamodb =\n  endpoint_url = http://127.0.0.1:2\n", nil,
        [:],
        "https://s3.us-east-1.amazonaws.com"
      ),
      ("[profile mine]\nendpoint_url = http://127.0.0.1:1\n", nil, [:], "https://s3.us-east-1.amazonaws.com"),
      (
        "[profile mine]\nendpoint_url = http://127.0.0.1:1\n", nil, ["AWS_PROFILE": "mine"],
        "http://127.0.0.1:1"
      ),
      (
        "[default]\nendpoint_url = http://127.0.0.1:1\n", nil, ["AWS_ENDPOINT_URL": "http://127.0.0.1:3"],
        "http://127.0.0.1:3"
      ),
      ("[default]\nendpoint_url = http://127.0.0.1:1\n", "http://127.0.0.1:4", [:], "http://127.0.0.1:4"),
    ] as [(String, String?, [String: String], String)])
  func endpointOfProfile(
    config: String, option: String?, variables: [String: String], expected: String
  ) async throws {
    let network = network { _, _ in AccessAnswer(status: 200) }
    var settings = ObjectAccess()
    settings.endpoint = option
    let access = try await access(
      settings, keyVariables.merging(["HOME": "/home/me"].merging(variables) { $1 }) { $1 },
      files: ["/home/me/.aws/config": config], over: network)
    _ = try await access.client.address(of: "b-1")
    #expect(network.seen.first?.url == "\(expected)/b-1")
    await #expect(throws: ConfigurationError.self) {
      try await S3AccessTests.access(
        ObjectAccess(), keyVariables.merging(["HOME": "/home/me"]) { $1 },
        files: ["/home/me/.aws/config": "[default]\nendpoint_url = http://s3.example.org\n"], over: network)
    }
  }

  @Test(
    "a region that no answer named is never learnt: while S3 is busy, no URL is signed and nothing is asked for",
    arguments: [429, 500, 503])
  func regionOfBusy(status: Int) async throws {
    let object: ObjectName = "s3://media-west/a"
    let network = FakeTransport { _, before in
      before < S3Client.tries
        ? AccessAnswer(status: status)
        : AccessAnswer(status: 403, headers: [("x-amz-bucket-region", "eu-west-1")])
    }
    let access = try await access(over: network)
    let problem = await error { try await access.urls.signedURL(for: object) }
    #expect(problem?.code == .busy && network.seen.count == S3Client.tries)
    #expect(
      problem?.description
        == "asking for the region of the bucket media-west was answered with status \(status), 6 times; try again later"
    )
    guard case .unavailable("s3_busy", _) = problem?.forService else {
      Issue.record("the item is rejected, or the run paused: \(String(describing: problem?.forService))")
      return
    }
    let url = try await access.urls.signedURL(for: object)
    #expect(url.text.hasPrefix("https://media-west.s3.eu-west-1.amazonaws.com/a?"))

    // A refusal that names no region is no reason to stop, and is asked for again.
    let unnamed = FakeTransport { _, before in
      AccessAnswer(
        status: 403, headers: before == 0 ? [] : [("x-amz-bucket-region", "eu-west-1")])
    }
    let other = try await S3AccessTests.access(over: unnamed)
    #expect(try await other.client.address(of: "media-west").region == "us-east-1")
    #expect(try await other.client.address(of: "media-west").region == "eu-west-1")
  }

  @Test("another endpoint that never says a region is asked for it once, also when it only fails")
  func regionAtEndpoint() async throws {
    var settings = ObjectAccess()
    settings.endpoint = "http://127.0.0.1:9000"
    for (status, asked) in [(503, S3Client.tries), (404, 1), (200, 1)] {
      let network = FakeTransport { _, _ in AccessAnswer(status: status) }
      let access = try await access(settings, over: network)
      for _ in 0..<2 {
        #expect(try await access.client.address(of: "media").region == "us-east-1")
      }
      #expect(network.seen.count == asked, "\(status)")
    }
  }

  @Test(
    "an answer that names another region is followed once",
    arguments: [
      AccessAnswer(status: 301, headers: [("x-amz-bucket-region", "ap-south-1")]),
      AccessAnswer(status: 307, headers: [("x-amz-bucket-region", "ap-south-1")]),
      AccessAnswer(status: 400, headers: [("x-amz-bucket-region", "ap-south-1")]),
      refusal(400, "AuthorizationHeaderMalformed", more: "<Region>ap-south-1</Region>"),
    ])
  func redirect(answer: AccessAnswer) async throws {
    let network = network { request, _ in
      request.isSigned(region: "ap-south-1") ? AccessAnswer(status: 200) : answer
    }
    let access = try await access(over: network)
    _ = try await access.client.head(bucket: "moved", key: key)
    _ = try await access.client.head(bucket: "moved", key: key)
    // A refusal of HEAD whose body says the region is asked for once more with GET.
    #expect(network.seen.count == (answer.body.isEmpty ? 4 : 5))
    // A server that sends back and forth is not followed for ever.
    let restless = FakeTransport { request, before in
      AccessAnswer(
        status: 301, headers: [("x-amz-bucket-region", before % 2 == 0 ? "eu-west-1" : "eu-west-2")])
    }
    let other = try await S3AccessTests.access(over: restless)
    let problem = await error { try await other.client.head(bucket: "moved", key: key) }
    #expect(problem?.code == .unexpected)
    #expect(restless.seen.count < 6)
  }

  @Test("SlowDown, 5xx and lost connections are asked again after a growing wait, and end with an error")
  func busy() async throws {
    let clock = HurryingClock()
    let network = network { _, before in
      switch before {
      case 1: return refusal(503, "SlowDown")
      case 2: return AccessAnswer(status: 502, body: Array("<html>".utf8))
      case 3: throw AccessFault.notConnected("could not connect")
      default: return AccessAnswer(status: 200)
      }
    }
    let patient = try await access(over: network, clock: clock)
    _ = try await patient.client.head(bucket: "b-1", key: key)
    #expect(network.seen.count == 5 && clock.slept.count == 3)
    #expect(zip(clock.slept, [1, 2, 4]).allSatisfy { $0 <= .seconds($1) })

    let never = self.network { _, _ in refusal(503, "SlowDown", "Reduce your request rate.") }
    let busy = try await access(over: never)
    let problem = await error {
      try await busy.listing.pages(bucket: "b-1", prefix: [], startAfter: nil).first { _ in true }
    }
    #expect(problem?.code == .busy && problem?.kind == .network && never.seen.count == 7)
    #expect(
      problem?.message == "listing s3://b-1/ was answered with SlowDown (Reduce your request rate.), 6 times")

    let gone = try await access(over: .silent)
    let silence = await error { try await gone.client.head(bucket: "b-1", key: key) }
    #expect(silence?.code == .unreachable)
    #expect(silence?.message.contains("s3.us-east-1.amazonaws.com: no answer came in time") == true)
  }

  @Test("what only a person can put right on the way to S3 is not tried again, and pauses a run")
  func faultsOfPersons() async throws {
    for (place, fault, code, words) in [
      (
        0, AccessFault.proxyUnauthorized("127.0.0.1:3128"), S3Error.Code.proxyUnauthorized,
        "the proxy 127.0.0.1:3128 refuses the user name and password in $HTTPS_PROXY, or requires them"
      ),
      (
        1, .proxyUnauthorized("p:80"), .proxyUnauthorized,
        "the proxy p:80 refuses the user name and password in $HTTPS_PROXY, or requires them"
      ),
      (
        0, .certificateOfOtherHost, .certificate,
        "the certificate of s3.us-east-1.amazonaws.com is another host's"
      ),
      (
        1, .certificateUntrusted, .certificate,
        "the certificate of b-1.s3.eu-west-1.amazonaws.com has expired, or is not signed by an authority that this "
          + "machine trusts"
      ),
    ] {
      let network = FakeTransport { request, before in
        guard before < place else { throw fault }
        return AccessAnswer(status: 403, headers: [("x-amz-bucket-region", "eu-west-1")])
      }
      let access = try await access(over: network)
      let problem = await error { try await access.client.head(bucket: "b-1", key: key) }
      #expect(network.seen.count == place + 1)
      #expect(problem?.code == code && problem?.kind == .way)
      #expect(
        problem?.message.hasSuffix(" failed: \(words)") == true, "\(problem?.message ?? "none")")
      guard case .paused(.endpoint, _) = problem?.forService else {
        Issue.record("the run is not paused: \(String(describing: problem?.forService))")
        return
      }
    }
  }

  @Test("a server that is no S3 is named, and no object is missed")
  func foreign() async throws {
    let page = Array("<!DOCTYPE HTML>\n<html><title>Error response</title></html>".utf8)
    let typed = [("Content-Type", "text/html;charset=utf-8")]
    var settings = ObjectAccess()
    settings.endpoint = "http://127.0.0.1:9000"
    for (answer, words) in [
      (AccessAnswer(status: 404, body: page), "status 404 and an HTML page titled “Error response”"),
      (AccessAnswer(status: 404), "status 404"),
      (AccessAnswer(status: 403, headers: typed, body: Array("no".utf8)), "status 403 and an HTML page"),
      (
        AccessAnswer(status: 404, body: Array("<title>x?X-Amz-Signature=1</title>".utf8)),
        "status 404 and a page"
      ),
    ] {
      let network = FakeTransport { request, _ in
        request.method == "HEAD" ? AccessAnswer(status: answer.status) : answer
      }
      let client = try await access(settings, over: network).client
      let problems = [
        "listing s3://b-1/": await error { try await client.head(bucket: "b-1") },
        "reading s3://b-1/a b/ü+1.mp4": await error { try await client.check(bucket: "b-1", key: key) },
      ]
      for (what, problem) in problems {
        #expect(problem?.code == .foreignAnswer && problem?.kind == .way)
        #expect(
          problem?.message
            == "\(what) failed: 127.0.0.1:9000 answered with \(words), not in the words of S3")
      }
    }
    // Some services of S3's kind answer without a body.
    let terse = FakeTransport { _, _ in AccessAnswer(status: 404, headers: [("X-Amz-Request-Id", "1")]) }
    let client = try await access(settings, over: terse).client
    #expect(await error { try await client.head(bucket: "b-1") }?.code == .bucketMissing)
    #expect(await error { try await client.head(bucket: "b-1", key: key) }?.code == .objectMissing)
  }

  @Test("a session that ended is renewed once, and the request signed anew")
  func expired() async throws {
    let source = ScriptedSource(
      ScriptedSource.found("A", until: nil), ScriptedSource.found("B", until: nil))
    let clock = HurryingClock()
    let network = network { request, _ in
      request.claims?.accessKeyID == "B" ? AccessAnswer(status: 200, body: [1]) : refusal(400, "ExpiredToken")
    }
    let client = S3Client(
      ObjectAccess(), endpoint: nil, firstRegion: "us-east-1",
      credentials: CredentialProvider([source], clock: clock), transport: network, clock: clock,
      random: FixedRandom())
    #expect(try await client.part(bucket: "b-1", key: key, from: 0, count: 1, etag: nil)?.body == [1])
    #expect(source.asked == 2)
    let always = self.network { _, _ in refusal(400, "ExpiredToken") }
    let other = S3Client(
      ObjectAccess(), endpoint: nil, firstRegion: "us-east-1",
      credentials: CredentialProvider(
        [ScriptedSource(ScriptedSource.found("A", until: nil))], clock: clock), transport: always,
      clock: clock,
      random: FixedRandom())
    let problem = await error { try await other.page(bucket: "b-1", prefix: [], startAfter: nil, token: nil) }
    #expect(problem?.code == .credentialsRefused && problem?.kind == .credentials)
  }

  @Test(
    "refusals say whose credentials were used, what was answered, and who has to act",
    arguments: [
      (403, "AccessDenied", S3Error.Code.accessDenied, S3Error.Kind.source),
      (403, "AllAccessDisabled", .accessDenied, .source),
      (403, "InvalidAccessKeyId", .credentialsRefused, .credentials),
      (403, "SignatureDoesNotMatch", .credentialsRefused, .credentials),
      (400, "InvalidToken", .credentialsRefused, .credentials),
      (403, "RequestTimeTooSkewed", .clockSkewed, .clock), (404, "NoSuchBucket", .bucketMissing, .source),
      (404, "NoSuchKey", .objectMissing, .source), (403, "InvalidObjectState", .objectArchived, .source),
      (418, "Teapot", .unexpected, .network),
    ])
  func refusals(status: Int, code: String, expected: S3Error.Code, kind: S3Error.Kind) async throws {
    // An answer to HEAD has no body: the code comes with the GET that follows.
    let network = network { request, _ in
      request.method == "HEAD" ? AccessAnswer(status: status) : refusal(status, code, "Why \u{202e}x.")
    }
    let access = try await access(over: network)
    let read = await error { try await access.client.check(bucket: "b-1", key: key) }
    let listed = await error {
      try await access.client.page(bucket: "b-1", prefix: key, startAfter: nil, token: nil)
    }
    let viaBody = [400, 403, 404].contains(status)
    if viaBody {
      #expect(read?.code == expected && read?.kind == kind, "\(read?.message ?? "none")")
    } else {
      #expect(read?.code == .unexpected)
    }
    #expect(listed?.code == expected && listed?.kind == kind)
    let text = listed?.description ?? ""
    if expected == .accessDenied || expected == .credentialsRefused {
      #expect(
        text.contains(
          "listing s3://b-1/a b/ü+1.mp4 with the credentials from the environment was refused: \(code)"))
    }
    #expect(!text.contains(secret) && !text.contains("\u{202e}") && listed?.remedy != nil)
    if viaBody {
      #expect(network.seen.contains { $0.method == "GET" && $0.header("range") == "bytes=0-0" })
    }
  }

  @Test("a clock that is off is told with how far, whether S3 refuses or not")
  func clock() async throws {
    let network = network { request, _ in refusal(403, "RequestTimeTooSkewed") }
    let access = try await access(over: network)
    let problem = await error {
      try await access.client.page(bucket: "b-1", prefix: [], startAfter: nil, token: nil)
    }
    #expect(problem?.message == "this machine's clock is 30m ahead of the clock of S3")
    let lenient = self.network { _, _ in
      AccessAnswer(status: 200, headers: [("Date", "Thu, 26 Nov 2026 22:16:00 GMT")])
    }
    let other = try await S3AccessTests.access(over: lenient)
    let behind = await error { try await other.client.check(bucket: "b-1", key: key) }
    #expect(behind?.message == "this machine's clock is 16m behind the clock of S3")

    // An answer whose date agrees says that the machine's clock is not what is off.
    let held = self.network { _, _ in refusal(403, "RequestTimeTooSkewed") }
    let agreeing = try await S3AccessTests.access(
      over: held, clock: HurryingClock(now: evening - .seconds(30 * 60 - 1)))
    let refused = await error {
      try await agreeing.client.page(bucket: "b-1", prefix: [], startAfter: nil, token: nil)
    }
    #expect(refused?.code == .clockSkewed)
    #expect(refused?.message.contains("agrees with this machine's clock") == true)
    #expect(
      refused?.description.contains("1s ") == false && refused?.description.contains("set the clock") == false
    )
  }

  @Test("an archived object is told, unless it was restored; a HEAD that is not allowed is no refusal of GET")
  func archived() async throws {
    for (restore, isArchived) in [
      (nil, true), ("ongoing-request=\"true\"", true),
      ("ongoing-request=\"false\", expiry-date=\"x\"", false),
    ] {
      let network = network { _, _ in
        AccessAnswer(
          status: 200,
          headers: [("x-amz-storage-class", "DEEP_ARCHIVE")] + (restore.map { [("x-amz-restore", $0)] } ?? [])
        )
      }
      let access = try await access(over: network)
      let problem = await error { try await access.client.check(bucket: "b-1", key: key) }
      #expect((problem?.code == .objectArchived) == isArchived)
    }
    let getOnly = network { request, _ in
      request.method == "HEAD"
        ? AccessAnswer(status: 403)
        : AccessAnswer(
          status: 206, headers: [("Content-Length", "1"), ("Content-Range", "bytes 0-0/5000")], body: [0])
    }
    let access = try await access(over: getOnly)
    #expect(try await access.client.check(bucket: "b-1", key: key).size == 5_000)
  }

  @Test("a bucket that is not there is told before anything is signed")
  func noBucket() async throws {
    let network = FakeTransport { _, _ in AccessAnswer(status: 404) }
    let access = try await access(over: network)
    let problem = await error { try await access.client.head(bucket: "nope", key: key) }
    #expect(problem?.message == "there is no bucket \"nope\"" && network.seen.count == 1)
  }

  @Test("requester pays is a signed header")
  func requesterPays() async throws {
    let network = network { request, _ in
      AccessAnswer(status: request.isSigned(region: "eu-west-1") ? 200 : 400)
    }
    var settings = ObjectAccess()
    settings.requestPayer = .requester
    let access = try await access(settings, over: network)
    _ = try await access.client.head(bucket: "b-1", key: key)
    #expect(network.seen.last?.header("x-amz-request-payer") == "requester")
    #expect(network.seen.last?.header("authorization")?.contains("x-amz-request-payer") == true)
  }
}

/// Always the same number.
struct FixedRandom: RandomSource {
  func next() -> UInt64 { .max / 2 }
}

@Suite("URLs for the service", .timeLimit(.minutes(2)))
struct ObjectURLTests {
  private func make(
    until: Timestamp?, areReplaced: Bool = false, lifetime: Duration = .seconds(12 * 3_600),
    payer: RequestPayer? = nil, clock: HurryingClock = HurryingClock()
  ) -> ObjectURLs {
    var settings = ObjectAccess()
    settings.urlLifetime = lifetime
    settings.requestPayer = payer
    let network = FakeTransport { _, _ in
      AccessAnswer(status: 200, headers: [("x-amz-bucket-region", "us-west-2")])
    }
    let provider = CredentialProvider(
      [ScriptedSource(ScriptedSource.found(keyID, until: until, areReplaced: areReplaced))], clock: clock)
    return ObjectURLs(
      S3Client(
        settings, endpoint: nil, firstRegion: "us-east-1", credentials: provider, transport: network,
        clock: clock,
        random: FixedRandom()))
  }

  @Test("the known answers, made from an item's object")
  func knownAnswer() async throws {
    let url = try await make(until: nil).signedURL(for: "s3://media-west/a/01.mp4")
    #expect(
      url.text == "https://media-west.s3.us-west-2.amazonaws.com/a/01.mp4?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        + "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261126%2Fus-west-2%2Fs3%2Faws4_request"
        + "&X-Amz-Date=20261126T220000Z&X-Amz-Expires=43200&X-Amz-SignedHeaders=host"
        + "&X-Amz-Signature=ca97127ded9587c22a2f08b1ed9f557f1f4622914558e79483047a974cf2248c")
    let pays = try await make(until: nil, payer: .requester).signedURL(for: "s3://media-west/a/01.mp4")
    #expect(pays.text.hasSuffix("724f20c2a283293a5c38cb915c6ebfcc93f622ad656f7e839a23bba65efc9955"))
  }

  @Test("a URL lives as long as the setting, 7 days and the credentials allow")
  func life() async throws {
    let object: ObjectName = "s3://media-west/a"
    #expect(try await make(until: nil).signedURL(for: object).expiresAt == evening + .seconds(43_200))
    let week = Duration.seconds(7 * 86_400)
    #expect(try await make(until: nil, lifetime: week * 3).signedURL(for: object).expiresAt == evening + week)
    let hour = evening + .seconds(3_600)
    #expect(try await make(until: hour).signedURL(for: object).expiresAt == hour)
    #expect(
      try await make(until: hour, lifetime: .seconds(60)).signedURL(for: object).expiresAt == evening
        + .seconds(60)
    )
  }

  @Test("credentials that end in less than 15 minutes, and stay, sign nothing")
  func ending() async throws {
    let clock = HurryingClock()
    let urls = make(until: evening + .seconds(1_000), clock: clock)
    _ = try await urls.signedURL(for: "s3://media-west/a")
    clock.pass(.seconds(101))
    let problem = await error { try await urls.signedURL(for: "s3://media-west/a") }
    #expect(problem?.code == .credentialsEnding && problem?.kind == .credentials)
    #expect(
      problem?.message
        == "the credentials from the test end at 2026-11-26T22:16:40.000Z, in 14m 59s, and were not renewed")
    clock.pass(.seconds(1_000))
    let ended = await error { try await urls.signedURL(for: "s3://media-west/a") }
    #expect(ended?.message == "the credentials from the test ended at 2026-11-26T22:16:40.000Z")
  }

  @Test("a role of a machine, which is replaced minutes before its end, goes on signing")
  func replaced() async throws {
    let clock = HurryingClock()
    let urls = make(until: evening + .seconds(3_600), areReplaced: true, clock: clock)
    clock.pass(.seconds(3_300))
    let url = try await urls.signedURL(for: "s3://media-west/a")
    #expect(url.expiresAt == evening + .seconds(3_600))
    clock.pass(.seconds(241))
    #expect(await error { try await urls.signedURL(for: "s3://media-west/a") }?.code == .credentialsEnding)
  }

  @Test("what is no address of an object is refused")
  func noObject() async {
    let problem = await error { try await make(until: nil).signedURL(for: "https://example.org/a") }
    #expect(problem?.code == .addressInvalid && problem?.kind == .source)
  }

  @Test("the service's module is told whether an item, the run or nobody is at fault")
  func forService() async throws {
    let url = try await make(until: nil).url(for: "s3://media-west/a")
    #expect(url.url.hasPrefix("https://media-west.s3.us-west-2.amazonaws.com/a?"))
    #expect(url.expiresAt == evening + .seconds(43_200))
    await #expect(throws: ObjectURLError.self) {
      do throws(ObjectURLError) {
        _ = try await make(until: nil).url(for: "https://example.org/a")
      } catch {
        guard case .refused("s3_address_invalid", _) = error else { return }
        throw error
      }
    }
    for (code, isPause) in [
      (S3Error.Code.credentialsEnding, true), (.clockSkewed, true), (.accessDenied, true), (.busy, false),
      (.bucketMissing, false),
    ] {
      let error = S3Error(code, "what", remedy: "do")
      if case .paused(let reason, let detail) = error.forService {
        #expect(isPause && detail == "what; do")
        #expect(reason == (code == .accessDenied ? .source : .credentials))
      } else {
        #expect(!isPause, "\(code)")
      }
    }
  }
}
