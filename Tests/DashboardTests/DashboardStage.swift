import AsyncHTTPClient
import BatchDomain
import Dashboard
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import Reporting
import RunStore
import StoreCore
import TestSupport

/// A dashboard over a paused run of ten items in chunks of four, the first of them accepted.
struct DashboardStage: Sendable {
  /// What came back.
  struct Reply: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let body: String
  }

  /// Keeps what it was asked to start.
  final class Launcher: RunLauncher {
    private let words = NIOLockedValueBox<[String]>([])

    var started: [String] { words.withLockedValue { $0 } }

    func resume(_ run: RunID) { words.withLockedValue { $0.append("resume \(run)") } }
    func cancel(_ run: RunID) { words.withLockedValue { $0.append("cancel \(run)") } }
  }

  let server: DashboardServer
  let store: SQLStore
  let run: RunID
  let clock: ManualClock
  let launcher: Launcher
  private let client: HTTPClient

  /// Starts a dashboard, runs `body`, and stops it whatever happens.
  static func run(
    allowsActions: Bool = false, seed: UInt64 = 1, webhookSecret: String? = nil,
    _ body: (DashboardStage) async throws -> Void
  ) async throws {
    let folder = try TemporaryFolder()
    let clock = ManualClock()
    let store = try await SQLiteStore.open(path: folder.file("store.db"), now: clock.now())
    let session = try await PlannedItems.plan(
      (0..<10).map { PlannedItems.source($0) }, chunkSize: 4, in: store, at: clock.now())
    if case .chunk(let chunk) = try await session.claim(at: clock.now()) {
      _ = try await session.record(
        AttemptRecord(
          of: chunk, finishedAt: clock.now(), took: .seconds(1), outcome: .accepted,
          status: 200, code: nil, message: nil, isCounted: false, event: .accepted))
    }
    try await session.release(as: .paused(.signal, detail: nil), at: clock.now())
    let launcher = Launcher()
    let random = SeededRandom(seed: seed)
    let site = DashboardSite(
      store: store, clock: clock, zone: .utc,
      actions: allowsActions ? DashboardSite.Actions(launcher: launcher, random: random) : nil,
      webhooks: webhookSecret.map { WebhookReceiver(secret: $0, tracking: store, clock: clock) },
      random: random)
    let server = try await DashboardServer.start(port: 0, site: site)
    let client = HTTPClient(
      eventLoopGroupProvider: .singleton,
      configuration: HTTPClient.Configuration(redirectConfiguration: .disallow))
    let stage = DashboardStage(
      server: server, store: store, run: session.run, clock: clock, launcher: launcher, client: client)
    let result: Result<Void, any Error>
    do {
      result = .success(try await body(stage))
    } catch {
      result = .failure(error)
    }
    try await client.shutdown()
    await server.stop()
    try result.get()
  }

  /// Asks for something and reads the whole answer.
  func ask(
    _ method: HTTPMethod, _ path: String, _ headers: [String: String] = [:], body: String? = nil
  ) async throws -> Reply {
    var request = HTTPClientRequest(url: "http://127.0.0.1:\(server.port)\(path)")
    request.method = method
    for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
    if let body {
      request.headers.replaceOrAdd(name: "Content-Type", value: "application/x-www-form-urlencoded")
      request.body = .bytes(ByteBuffer(string: body))
    }
    let response = try await client.execute(request, timeout: .minutes(5))
    let content = try await response.body.collect(upTo: 4 << 20)
    return Reply(
      status: Int(response.status.code), headers: response.headers, body: String(buffer: content))
  }

  /// The token that pages of this dashboard have in their forms.
  func token() async throws -> String {
    let page = try await ask(.GET, "/runs/\(run)").body
    guard let place = page.firstRange(of: "name=\"token\" value=\"") else { return "" }
    return String(page[place.upperBound...].prefix { $0 != "\"" })
  }

  /// Gives the run up, as another process would.
  func cancel() async throws {
    let session = try await store.take(run, isCancelling: true, at: clock.now())
    _ = try await session.cancelPending()
    try await session.release(as: .cancelled, at: clock.now())
  }
}
