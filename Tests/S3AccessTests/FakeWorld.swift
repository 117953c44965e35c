import BatchDomain
import ChildProcesses
import NIOConcurrencyHelpers
import S3Access
import S3Signing
import TestSupport

/// A network that answers as a test says, and keeps what was asked.
final class FakeTransport: AccessTransport {
  private let answer: @Sendable (AccessRequest, Int) throws -> AccessAnswer
  private let requests = NIOLockedValueBox<[AccessRequest]>([])

  /// - Parameter answer: is given a request and how many came before it.
  init(_ answer: @escaping @Sendable (AccessRequest, Int) throws -> AccessAnswer) { self.answer = answer }

  /// A network on which nobody answers.
  static var silent: FakeTransport { FakeTransport { _, _ in throw AccessFault.timedOut } }

  var seen: [AccessRequest] { requests.withLockedValue { $0 } }

  func send(_ request: AccessRequest, limit: Int) async throws -> AccessAnswer {
    let before = requests.withLockedValue { requests in
      requests.append(request)
      return requests.count - 1
    }
    var found = try answer(request, before)
    found.isCut = found.isCut || found.body.count > limit
    found.body = Array(found.body.prefix(limit))
    return found
  }
}

extension AccessRequest {
  /// The first header of a name in lower case.
  func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }

  /// Path and query.
  var target: String {
    let rest = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? url[...]
    return rest.firstIndex(of: "/").map { String(rest[$0...]) } ?? "/"
  }

  /// What the request says of its signature; `nil` when it is not signed.
  var claims: SignatureClaims? {
    do { return try SignatureClaims(method: method, target: target, headers: headers) } catch { return nil }
  }

  /// Whether it is signed with that secret for that region.
  func isSigned(_ secret: String = secret, region: String) -> Bool {
    guard let claims else { return false }
    return claims.expectedSignature(secret: secret) == claims.signature && claims.scope.region == region
  }
}

/// Time that passes when somebody waits for it.
final class HurryingClock: BatchClock {
  private let state: NIOLockedValueBox<(now: Timestamp, elapsed: Duration, slept: [Duration])>

  init(now: Timestamp = evening) { state = NIOLockedValueBox((now, .zero, [])) }

  var slept: [Duration] { state.withLockedValue { $0.slept } }

  func now() -> Timestamp { state.withLockedValue { $0.now } }
  func elapsed() -> Duration { state.withLockedValue { $0.elapsed } }

  func pass(_ duration: Duration) {
    state.withLockedValue { $0 = ($0.now + duration, $0.elapsed + duration, $0.slept) }
  }

  func sleep(for duration: Duration) async throws {
    try Task.checkCancellation()
    pass(duration)
    state.withLockedValue { $0.slept.append(duration) }
  }
}

/// 20261126T220000Z.
let evening = CivilTime(year: 2026, month: 11, day: 26, hour: 22).timestamp

let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
let keyID = "AKIAIOSFODNN7EXAMPLE"
let keyVariables = ["AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secret]

/// A source whose answers a test gives, one after the other; the last is repeated.
final class ScriptedSource: CredentialSource {
  private let state: NIOLockedValueBox<(answers: [Result<SourceFinding, any Error>], asked: Int)>

  init(_ answers: Result<SourceFinding, any Error>...) { state = NIOLockedValueBox((answers, 0)) }

  var asked: Int { state.withLockedValue { $0.asked } }

  static func found(
    _ id: String, until: Timestamp?, areReplaced: Bool = false
  ) -> Result<SourceFinding, any Error> {
    .success(
      .found(
        HeldCredentials(
          AWSCredentials(
            accessKeyID: id, secretAccessKey: secret, sessionToken: until == nil ? nil : "t-\(id)",
            expiresAt: until),
          origin: "the test", areReplaced: areReplaced)))
  }

  /// A session of which nobody says the end.
  static func session(_ id: String) -> Result<SourceFinding, any Error> {
    .success(
      .found(
        HeldCredentials(
          AWSCredentials(accessKeyID: id, secretAccessKey: secret, sessionToken: "t-\(id)"),
          origin: "the test")))
  }

  func find() async throws -> SourceFinding {
    try state.withLockedValue { state in
      defer { state.asked += 1 }
      return state.answers[min(state.asked, state.answers.count - 1)]
    }.get()
  }
}

/// Access in a world with these variables and files, over that network.
func access(
  _ settings: ObjectAccess = ObjectAccess(), _ variables: [String: String] = keyVariables,
  files: [String: String] = [:], over transport: FakeTransport, clock: any BatchClock = HurryingClock(),
  random: any RandomSource = SeededRandom(seed: 1)
) async throws -> S3Access {
  try await S3Access.make(
    settings, world(variables, files: files, over: transport, clock: clock), random: random)
}

/// A world with these variables, files and programs.
func world(
  _ variables: [String: String] = [:], files: [String: String] = [:], over transport: FakeTransport = .silent,
  clock: any BatchClock = HurryingClock(),
  run: @escaping @Sendable ([String], [String: String]) async throws -> ChildOutput = { _, _ in
    ChildOutput(status: 127, output: [], errors: [])
  }
) -> AccessWorld {
  AccessWorld(
    environment: variables, clock: clock, transport: transport,
    readFile: { files[$0].map { Array($0.utf8) } }, run: run)
}

/// The error of some work.
func error(_ work: () async throws -> some Sendable) async -> S3Error? {
  do {
    _ = try await work()
    return nil
  } catch {
    return error as? S3Error
  }
}

/// Texts that were told, in order.
final class Told: Sendable {
  private let texts = NIOLockedValueBox<[String]>([])

  var all: [String] { texts.withLockedValue { $0 } }

  func add(_ more: [String]) { texts.withLockedValue { $0 += more } }
}
