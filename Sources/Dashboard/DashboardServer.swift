import BatchDomain
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOConcurrencyHelpers
import NIOCore

/// The views of runs, live, on a loopback port.
package final class DashboardServer: Sendable {
  /// The server could not listen.
  package struct BindError: Error, CustomStringConvertible {
    /// The address asked for.
    let address: String
    /// The port asked for.
    package let port: Int
    /// What the system said.
    package let reason: String

    /// A sentence fragment that names the port.
    package var description: String { "failed to listen on \(address):\(port): \(reason)" }
  }

  /// The port that is listened on.
  package let port: Int

  /// The address to open in a browser.
  package var address: String { "http://127.0.0.1:\(port)/" }

  private let serving: Task<Void, Never>

  private init(port: Int, serving: Task<Void, Never>) {
    self.port = port
    self.serving = serving
  }

  /// Starts to serve; returns when the port takes connections.
  ///
  /// - Parameters:
  ///   - port: the loopback port; 0 lets the system choose.
  ///   - site: what is served.
  ///   - connections: open at a time at most, where the process can hold fewer than ``connectionLimit``.
  /// - Throws: ``BindError``.
  package static func start(
    port: Int, site: DashboardSite, connections: Int = connectionLimit
  ) async throws -> DashboardServer {
    let bound = NIOLockedValueBox(port)
    let (found, serving) = try await listen(
      "127.0.0.1", port, DashboardRouter(site: site, port: bound).router(), connections: connections,
      bound: bound)
    return DashboardServer(port: found, serving: serving)
  }

  /// Listens, and serves until the task is cancelled.
  ///
  /// - Parameters:
  ///   - address: of the machine, as digits.
  ///   - bound: gets the port as soon as it is known.
  /// - Throws: ``BindError``.
  static func listen(
    _ address: String, _ port: Int, _ router: Router<BasicRequestContext>, connections: Int,
    bound: NIOLockedValueBox<Int>
  ) async throws -> (port: Int, serving: Task<Void, Never>) {
    var logger = Logger(label: "orchestrate.dashboard")
    logger.logLevel = .critical
    let (ports, announce) = AsyncThrowingStream.makeStream(of: Int.self)
    let application = Application(
      router: router,
      server: .http1(configuration: .init(idleTimeout: .seconds(120))),
      configuration: ApplicationConfiguration(
        address: .hostname(address, port: port),
        availableConnectionsDelegate: MaximumAvailableConnections(connections)),
      onServerRunning: { channel in
        let port = channel.localAddress?.port ?? port
        bound.withLockedValue { $0 = port }
        announce.yield(port)
      }, logger: logger)
    let serving = Task {
      do {
        try await application.run()
        announce.finish()
      } catch {
        announce.finish(throwing: error)
      }
    }
    do {
      for try await port in ports { return (port, serving) }
      throw BindError(address: address, port: port, reason: "the server ended")
    } catch {
      serving.cancel()
      throw (error as? BindError) ?? BindError(address: address, port: port, reason: Self.reason(of: error))
    }
  }

  private static func reason(of error: any Error) -> String {
    guard let error = error as? IOError else { return "\(error)" }
    return String(cString: strerror(error.errnoCode))
  }

  /// Closes all connections, frees the port, and returns when nothing is under way any more.
  package func stop() async {
    serving.cancel()
    await serving.value
  }

  /// Connections at a time: far more than a person with a browser and a scraper need.
  package static let connectionLimit = 128
}

/// Says over HTTP whether a worker reaches its database, for what watches over it: `GET /healthz`.
package final class HealthServer: Sendable {
  /// The port that is listened on.
  package let port: Int
  private let serving: [Task<Void, Never>]

  private init(port: Int, serving: [Task<Void, Never>]) {
    self.port = port
    self.serving = serving
  }

  /// Starts to answer on every address of the machine: who asks may be on another one, and learns nothing else.
  ///
  /// - Parameters:
  ///   - port: 0 lets the system choose.
  ///   - silence: for how long the database could not be reached.
  /// - Throws: ``DashboardServer/BindError``.
  package static func start(
    port: Int, silence: @escaping @Sendable () -> Duration
  ) async throws -> HealthServer {
    let router = Router()
    router.get("/healthz") { _, _ in
      let silence = silence()
      guard silence > .zero else { return Answer.text("ok\n") }
      return Answer.text(
        "the database was not reached for \(silence.components.seconds) s\n", status: .serviceUnavailable)
    }
    func listen(_ address: String, _ port: Int) async throws -> HealthServer {
      let (port, serving) = try await DashboardServer.listen(
        address, port, router, connections: 16, bound: NIOLockedValueBox(port))
      return HealthServer(port: port, serving: [serving])
    }
    let first: HealthServer
    do {
      first = try await listen("::", port)
    } catch is DashboardServer.BindError {
      // Without IPv6; a port that is taken is taken here, too, and is told by this.
      return try await listen("0.0.0.0", port)
    }
    do {
      let second = try await listen("0.0.0.0", first.port)
      return HealthServer(port: first.port, serving: first.serving + second.serving)
    } catch is DashboardServer.BindError {
      // The first one answers over IPv4 as well, unless the system keeps the two apart (net.ipv6.bindv6only).
      return first
    }
  }

  /// Stops to answer.
  package func stop() async {
    for server in serving { server.cancel() }
    for server in serving { await server.value }
  }
}

/// What stands before every route: whom the request is for, what the browser is told, and how trouble is said.
///
/// A page elsewhere can make a browser ask this machine, under a name of its own that it lets point here (DNS
/// rebinding). The browser then sends that name, which is why a name other than this dashboard's is refused.
struct SiteGuard<Context: RequestContext>: RouterMiddleware {
  let port: NIOLockedValueBox<Int>
  let takesWebhooks: Bool

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    var response = try await answer(request, context, next)
    response.headers[.xContentTypeOptions] = "nosniff"
    response.headers[.cacheControl] = "no-store"
    response.headers[.crossOriginResourcePolicy] = "same-origin"
    // Not "no-referrer": with that, browsers hide where a form was sent from, which is looked at here.
    for (name, value) in [
      ("X-Frame-Options", "DENY"), ("Referrer-Policy", "same-origin"),
      ("Cross-Origin-Opener-Policy", "same-origin"),
    ] {
      if let name = HTTPField.Name(name) { response.headers[name] = value }
    }
    if response.headers[.contentSecurityPolicy] == nil {
      response.headers[.contentSecurityPolicy] = "default-src 'none'; frame-ancestors 'none'"
    }
    return response
  }

  private func isForThisMachine(_ request: Request) -> Bool {
    request.head.authority.map { LoopbackNames.hosts(port).contains($0.lowercased()) } ?? false
  }

  private func answer(
    _ request: Request, _ context: Context, _ next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    // Webhooks come through a tunnel, which has a name of its own: their signature says where they come from.
    let isWebhook = takesWebhooks && request.method == .post && request.uri.path == WebhookReceiver.path
    if !isWebhook, !isForThisMachine(request) {
      return Answer.text(
        "this dashboard answers to 127.0.0.1 and localhost only, with port \(port.withLockedValue { $0 }): forward the "
          + "same port with ssh -L\n", status: .misdirectedRequest)
    }
    do {
      return try await next(request, context)
    } catch let error as StoreError {
      // Where the database is and what its engine says are nobody's business who can merely connect.
      return error.code == .noSuchRun
        ? Answer.text("there is no such run\n", status: .notFound)
        : Answer.text("the store cannot be read: \(error.code.rawValue)\n", status: .serviceUnavailable)
    } catch let error as HTTPError {
      return Answer.text(
        error.status == .notFound ? "there is no such page\n" : "\(error.status.reasonPhrase)\n",
        status: error.status)
    } catch let error as any HTTPResponseError {
      return try error.response(from: request, context: context)
    } catch let error as CancellationError {
      throw error
    } catch {
      return Answer.text("internal error\n", status: .internalServerError)
    }
  }
}

/// The names under which the dashboard is asked.
enum LoopbackNames {
  /// Values of `Host`.
  static func hosts(_ port: NIOLockedValueBox<Int>) -> [String] {
    let port = port.withLockedValue { $0 }
    let names = ["127.0.0.1", "localhost"]
    return names.map { "\($0):\(port)" } + (port == 80 ? names : [])
  }

  /// Values of `Origin`.
  static func origins(_ port: NIOLockedValueBox<Int>) -> [String] { hosts(port).map { "http://\($0)" } }
}

/// How many pages may be kept up to date at a time.
final class StreamLimit: Sendable {
  /// A place; given back when the last reference to it is gone, however the stream ended.
  final class Slot: Sendable {
    private let limit: StreamLimit

    fileprivate init(_ limit: StreamLimit) { self.limit = limit }

    deinit { limit.free.withLockedValue { $0 += 1 } }
  }

  private let free: NIOLockedValueBox<Int>

  init(_ count: Int) { free = NIOLockedValueBox(count) }

  /// A place; `nil` when all are taken.
  func take() -> Slot? {
    let isThere = free.withLockedValue { free in
      guard free > 0 else { return false }
      free -= 1
      return true
    }
    return isThere ? Slot(self) : nil
  }
}
