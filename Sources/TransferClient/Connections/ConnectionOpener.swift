internal import NIOCore
internal import NIOExtras
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import NIOTLS

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// Opens connections to the service: by way of the proxy where there is one, encrypted where the address says so.
///
/// Belongs to the event loop of all connections.
final class ConnectionOpener {
  private let origin: ServiceOrigin
  private let route: ServiceRoute
  private let timeout: TimeAmount
  private let eventLoop: any EventLoop
  /// What all encrypted connections have in common; it reads the system's certificates, so that it is made once, and
  /// not on the event loop.
  private var tls: EventLoopFuture<NIOSSLContext>?

  /// An opener for that service; nothing is opened yet.
  ///
  /// - Parameter timeout: the most that may pass until a connection is ready, tunnel and encryption included.
  init(origin: ServiceOrigin, route: ServiceRoute, timeout: Duration, eventLoop: any EventLoop) {
    self.origin = origin
    self.route = route
    self.timeout = .nanoseconds(timeout.wholeNanoseconds)
    self.eventLoop = eventLoop
  }

  /// Opens a connection.
  ///
  /// - Parameter connection: what is to be at the end of its pipeline.
  /// - Returns: when it is ready for its first request.
  func open(ending connection: ServiceConnection) -> EventLoopFuture<Void> {
    let ready = eventLoop.makePromise(of: Void.self)
    let attempt = Attempt(connection: connection)
    let limit = eventLoop.assumeIsolated().scheduleTask(in: timeout) {
      ready.fail(ConnectionError.connectTimeout)
      attempt.channel?.close(promise: nil)
      attempt.isOver = true
    }
    ready.futureResult.assumeIsolated().whenComplete { _ in limit.cancel() }
    connect(attempt).cascade(to: ready)
    return ready.futureResult
  }

  /// One connection on its way.
  private final class Attempt {
    let connection: ServiceConnection
    var channel: (any Channel)?
    /// Whether nobody waits for it any more.
    var isOver = false

    init(connection: ServiceConnection) { self.connection = connection }
  }

  private func connect(_ attempt: Attempt) -> EventLoopFuture<Void> {
    // The limit on all of it ends what takes longer; this one must not come before.
    let bootstrap = ClientBootstrap(group: eventLoop).connectTimeout(timeout + .seconds(1))
    let host = route.proxy?.host ?? origin.host
    let port = route.proxy?.port ?? origin.port
    return bootstrap.connect(host: host, port: port).assumeIsolated()
      .flatMap { channel in
        attempt.channel = channel
        if attempt.isOver { channel.close(promise: nil) }
        return self.openTunnel(channel)
      }
      .flatMap { self.encrypt(attempt) }
      .flatMapThrowing { try self.speakHTTP(attempt) }
      .nonisolated()
  }

  /// Has the proxy connect to the service.
  private func openTunnel(_ channel: any Channel) -> EventLoopFuture<Void> {
    guard let proxy = route.proxy else { return eventLoop.makeSucceededVoidFuture() }
    let isAddress = origin.host.contains(":")
    let host = isAddress ? "[\(origin.host)]" : origin.host
    var headers = HTTPHeaders([("Host", "\(host):\(origin.port)")])
    if let credentials = proxy.credentials {
      let pair = Data("\(credentials.user):\(credentials.password)".utf8)
      headers.add(name: "Proxy-Authorization", value: "Basic \(pair.base64EncodedString())")
    }
    let opened = eventLoop.makePromise(of: Void.self)
    let encoder = HTTPRequestEncoder()
    let decoder = ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes))
    let handler = NIOHTTP1ProxyConnectHandler(
      targetHost: host, targetPort: origin.port, headers: headers, deadline: .distantFuture, promise: opened)
    let pipeline = channel.pipeline.syncOperations
    do {
      try pipeline.addHandlers([encoder, decoder, handler])
    } catch {
      return eventLoop.makeFailedFuture(error)
    }
    return opened.futureResult.assumeIsolated()
      .flatMap { pipeline.removeHandler(encoder) }
      .flatMap { pipeline.removeHandler(decoder) }
      .nonisolated()
  }

  private func encrypt(_ attempt: Attempt) -> EventLoopFuture<Void> {
    guard origin.isEncrypted else { return eventLoop.makeSucceededVoidFuture() }
    return context().assumeIsolated().flatMap { context in
      guard let channel = attempt.channel else {
        return self.eventLoop.makeFailedFuture(ConnectionError.closed)
      }
      let done = self.eventLoop.makePromise(of: Void.self)
      do {
        let isName = !ServiceAddress.isAddress(self.origin.host)
        let handler = try NIOSSLClientHandler(
          context: context, serverHostname: isName ? self.origin.host : nil)
        try channel.pipeline.syncOperations.addHandlers([handler, HandshakeWaiter(done)])
      } catch {
        done.fail(error)
      }
      return done.futureResult
    }.nonisolated()
  }

  private func context() -> EventLoopFuture<NIOSSLContext> {
    if let tls { return tls }
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = ["http/1.1"]
    if let added = route.certificates {
      configuration.additionalTrustRoots = [.certificates(added.certificates)]
    }
    let made = NIOSingletons.posixBlockingThreadPool.runIfActive(eventLoop: eventLoop) { [configuration] in
      try NIOSSLContext(configuration: configuration)
    }
    tls = made
    return made
  }

  private func speakHTTP(_ attempt: Attempt) throws {
    guard let channel = attempt.channel, channel.isActive else { throw ConnectionError.closed }
    try channel.pipeline.syncOperations.addHandlers([
      HTTPRequestEncoder(), ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes)),
      attempt.connection,
    ])
  }
}
