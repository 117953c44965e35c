import HummingbirdCore
import Logging
import NIOCore
import NIOPosix

/// The stand-in service on a loopback port.
///
/// It uses the server and the HTTP/1 channel of HummingbirdCore with one handler for all requests, and not hummingbird's
/// router: faults happen below HTTP (a reset, a close without an answer, a body byte by byte), and a response writer would
/// stand between the handler and the socket. Requests are decoded with code of its own, which shares no type with the
/// client. It never ships with the product, which a test checks.
package final class SimulatorServer: Sendable {
  /// The server could not listen.
  package struct BindError: Error, CustomStringConvertible {
    /// The port asked for.
    package let port: Int
    /// What the system said.
    package let reason: String

    /// A sentence fragment that names the port.
    package var description: String { "failed to listen on 127.0.0.1:\(port): \(reason)" }
  }

  /// The base address, `http://127.0.0.1:PORT`, without a slash at the end.
  package let address: String
  /// The port that is listened on.
  package let port: Int
  /// The record of requests.
  package let ledger: Ledger
  /// The service behind the server.
  package let model: TransferModel

  private let plan: FaultPlan
  private let registry: ConnectionRegistry
  private let serving: Task<Void, Never>

  private init(
    port: Int, _ handler: RequestHandler, _ registry: ConnectionRegistry, serving: Task<Void, Never>
  ) {
    self.address = "http://127.0.0.1:\(port)"
    self.port = port
    self.ledger = handler.ledger
    self.model = handler.model
    self.plan = handler.plan
    self.registry = registry
    self.serving = serving
  }

  /// Starts a server; returns when its port takes connections. Throws ``BindError`` when it cannot.
  package static func start(_ configuration: SimulatorConfiguration = SimulatorConfiguration()) async throws
    -> SimulatorServer
  {
    let ledger = Ledger(
      clock: configuration.clock, file: try configuration.ledgerFile.map { try LedgerFile(path: $0) })
    let registry = ConnectionRegistry(ledger: ledger)
    let handler = RequestHandler(
      configuration: configuration, model: TransferModel(configuration), ledger: ledger,
      plan: FaultPlan(rules: configuration.faults, seed: configuration.seed),
      meter: configuration.budget.map { BudgetMeter($0) }, registry: registry,
      closings: ClosingCounter(configuration))
    var logger = Logger(label: "transfer-simulator")
    logger.logLevel = .critical
    let (ports, announce) = AsyncThrowingStream.makeStream(of: Int.self)
    let server = Server(
      childChannelSetup: HTTP1Channel(
        responder: { try await handler.respond($0, $1, $2) },
        configuration: .init(
          additionalChannelHandlers: [ConnectionWatcher(registry: registry)],
          idleTimeout: configuration.idleTimeout.map { TimeAmount($0) })),
      configuration: ServerConfiguration(
        address: .hostname("127.0.0.1", port: configuration.port), backlog: 1024),
      onServerRunning: { channel in announce.yield(channel.localAddress?.port ?? configuration.port) },
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
    let serving = Task {
      do {
        try await server.run()
        announce.finish()
      } catch {
        announce.finish(throwing: error)
      }
    }
    do {
      for try await port in ports {
        return SimulatorServer(port: port, handler, registry, serving: serving)
      }
      throw BindError(port: configuration.port, reason: "the server ended")
    } catch {
      serving.cancel()
      throw (error as? BindError) ?? BindError(port: configuration.port, reason: "\(error)")
    }
  }

  /// Replaces the faults. Request numbers go on counting from the start of the server.
  package func setFaults(_ rules: [FaultRule]) {
    plan.replace(rules)
  }

  /// Stops: closes all connections, frees the port, and returns when nothing is under way any more.
  package func stop() async {
    serving.cancel()
    await registry.closeAll()
    await serving.value
  }

  /// Waits until the server has been stopped.
  package func waitUntilStopped() async {
    await serving.value
  }
}
