import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOConcurrencyHelpers
import NIOCore

/// The views of runs, live, on a loopback port.
package final class DashboardServer: Sendable {
  /// The server could not listen.
  package struct BindError: Error, CustomStringConvertible {
    /// The port asked for.
    package let port: Int
    /// What the system said.
    package let reason: String

    /// A sentence fragment that names the port.
    package var description: String { "failed to listen on 127.0.0.1:\(port): \(reason)" }
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
    var logger = Logger(label: "orchestrate.dashboard")
    logger.logLevel = .critical
    let bound = NIOLockedValueBox(port)
    let (ports, announce) = AsyncThrowingStream.makeStream(of: Int.self)
    let application = Application(
      router: DashboardRouter(site: site, port: bound).router(),
      server: .http1(configuration: .init(idleTimeout: .seconds(120))),
      configuration: ApplicationConfiguration(
        address: .hostname("127.0.0.1", port: port),
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
      for try await port in ports { return DashboardServer(port: port, serving: serving) }
      throw BindError(port: port, reason: "the server ended")
    } catch {
      serving.cancel()
      throw (error as? BindError) ?? BindError(port: port, reason: Self.reason(of: error))
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
