import BatchDomain
import NIOConcurrencyHelpers
import S3Signing
import TestSupport
import Testing

@testable import S3Access

@Suite("Sessions whose end nobody said", .timeLimit(.minutes(2)))
struct SessionCheckTests {
  private let object: ObjectName = "s3://media-west/a/01.mp4"
  private let clock = HurryingClock()
  /// The ids that S3 takes.
  private let known = NIOLockedValueBox<Set<String>>(["A", "B"])

  /// S3, which refuses other ids with a code, and answers for an object as a test says.
  private func network(
    refusing code: String = "ExpiredToken", _ status: Int = 400,
    _ answer: @escaping @Sendable (AccessRequest) throws -> AccessAnswer = { _ in AccessAnswer(status: 200) }
  ) -> FakeTransport {
    FakeTransport { [known] request, _ in
      guard let claims = request.claims else {
        return AccessAnswer(status: 403, headers: [("x-amz-bucket-region", "us-west-2")])
      }
      guard !known.withLockedValue({ $0.contains(claims.accessKeyID) }) else { return try answer(request) }
      return request.method == "HEAD" ? AccessAnswer(status: status) : refusal(status, code)
    }
  }

  private func urls(
    _ network: FakeTransport, _ source: ScriptedSource = ScriptedSource(ScriptedSource.session("A"))
  ) -> ObjectURLs {
    ObjectURLs(
      S3Client(
        ObjectAccess(), endpoint: nil, firstRegion: "us-east-1",
        credentials: CredentialProvider([source], clock: clock), transport: network, clock: clock,
        random: FixedRandom()))
  }

  /// What was asked with a signature.
  private func signed(_ network: FakeTransport) -> [String] {
    network.seen.filter { $0.claims != nil }.map { "\($0.method) \($0.url)" }
  }

  private func pauses(_ problem: S3Error?) -> Bool {
    guard case .paused(.credentials, _) = problem?.forService else { return false }
    return true
  }

  @Test("S3 is asked for the object that is sent, once in five minutes for all that ask at a time")
  func period() async throws {
    let network = network()
    let urls = urls(network)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<50 {
        group.addTask { [object] in
          #expect(await error { try await urls.signedURL(for: object) } == nil)
        }
      }
    }
    let question = "HEAD https://media-west.s3.us-west-2.amazonaws.com/a/01.mp4"
    #expect(signed(network) == [question])
    clock.pass(.seconds(300))
    _ = try await urls.signedURL(for: object)
    #expect(signed(network).count == 1)
    clock.pass(.seconds(1))
    for _ in 0..<3 { _ = try await urls.signedURL(for: object) }
    #expect(signed(network) == [question, question])
  }

  @Test("a key of one's own, and a session with an end, are not asked about")
  func notAsked() async throws {
    for end in [nil, evening + .seconds(3_600)] {
      let network = network()
      let made = try await urls(network, ScriptedSource(ScriptedSource.found("A", until: end)))
        .url(for: object)
      #expect(signed(network).isEmpty && made.hasEndedEarly == nil)
    }
  }

  private static let refusals = [
    (400, "ExpiredToken"), (400, "TokenRefreshRequired"), (400, "InvalidToken"), (403, "InvalidAccessKeyId"),
  ]

  @Test("a session that is over is looked for again, and its successor signs", arguments: refusals)
  func renewed(status: Int, code: String) async throws {
    let source = ScriptedSource(ScriptedSource.session("A"), ScriptedSource.session("B"))
    let network = network(refusing: code, status)
    let urls = urls(network, source)
    #expect(try await urls.signedURL(for: object).text.contains("X-Amz-Credential=A%2F"))
    known.withLockedValue { $0 = ["B"] }
    #expect(try await urls.signedURL(for: object).text.contains("X-Amz-Credential=A%2F"))
    clock.pass(.seconds(301))
    #expect(try await urls.signedURL(for: object).text.contains("X-Amz-Credential=B%2F"))
    #expect(source.asked == 2)
  }

  @Test("a session that is over and has no successor pauses the run, and signs nothing", arguments: refusals)
  func over(status: Int, code: String) async throws {
    known.withLockedValue { $0 = [] }
    let source = ScriptedSource(ScriptedSource.session("A"))
    let urls = urls(network(refusing: code, status), source)
    for _ in 0..<2 {
      let problem = await error { try await urls.signedURL(for: object) }
      #expect(pauses(problem) && problem?.code == .credentialsRefused, "\(String(describing: problem))")
      #expect(problem?.message.contains("the credentials from the test") == true)
      #expect(problem?.message.contains("t-A") == false && problem?.remedy != nil)
    }
    // The source is looked at once for each refusal.
    #expect(source.asked == 3)
  }

  @Test("a source that fails when it is looked at again pauses the run")
  func sourceFails() async throws {
    known.withLockedValue { $0 = [] }
    let source = ScriptedSource(
      ScriptedSource.session("A"), .failure(S3Error(.credentialsInvalid, "no luck")))
    let problem = await error { try await urls(network(), source).signedURL(for: object) }
    #expect(pauses(problem) && problem?.message == "no luck")
  }

  @Test(
    "what S3 says of the object, and that it says nothing, changes nothing; it is asked once, without a wait",
    arguments: [
      (404, "NoSuchKey"), (403, "AccessDenied"), (403, "InvalidObjectState"), (503, "SlowDown"), (0, ""),
    ])
  func notAboutTheSession(status: Int, code: String) async throws {
    let network = network { request in
      guard status > 0 else { throw AccessFault.timedOut }
      return request.method == "HEAD" ? AccessAnswer(status: status) : refusal(status, code)
    }
    let urls = urls(network)
    for _ in 0..<2 {
      #expect(try await urls.signedURL(for: object).text.contains("X-Amz-Credential=A%2F"))
    }
    #expect(signed(network).filter { $0.hasPrefix("HEAD") }.count == 1 && signed(network).count <= 2)
    #expect(clock.slept.isEmpty)
    #expect(network.seen.filter { $0.claims != nil }.allSatisfy { $0.timeout == .seconds(10) })
  }

  @Test("whether a URL ended early is asked after it failed; where it did, no other is signed")
  func endedEarly() async throws {
    let network = network()
    let urls = urls(network)
    let hasEndedEarly = try #require(try await urls.url(for: object).hasEndedEarly)
    clock.pass(.seconds(1))
    #expect(await !hasEndedEarly(clock.elapsed()))
    #expect(signed(network).count == 2, "what was said when it was signed does not count")
    #expect(await !hasEndedEarly(clock.elapsed()))
    #expect(signed(network).count == 2)
    clock.pass(.seconds(1))
    known.withLockedValue { $0 = [] }
    #expect(await hasEndedEarly(clock.elapsed()))
    #expect(pauses(await error { try await urls.signedURL(for: object) }))
  }

  @Test("a URL of a session that has a successor has ended, and one of the successor has not")
  func replaced() async throws {
    let source = ScriptedSource(ScriptedSource.session("A"), ScriptedSource.session("B"))
    let urls = urls(network(), source)
    let first = try #require(try await urls.url(for: object).hasEndedEarly)
    known.withLockedValue { $0 = ["B"] }
    clock.pass(.seconds(301))
    let second = try #require(try await urls.url(for: object).hasEndedEarly)
    #expect(await first(clock.elapsed()))
    #expect(await !second(clock.elapsed()))
  }
}
