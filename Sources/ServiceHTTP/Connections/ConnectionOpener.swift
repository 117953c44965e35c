internal import BatchDomain
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
  private let clock: any BatchClock
  private let eventLoop: any EventLoop
  /// What all encrypted connections have in common; it reads the system's certificates, so that it is made once, and
  /// not on the event loop.
  private var tls: EventLoopFuture<NIOSSLContext>?

  /// An opener for that service; nothing is opened yet.
  ///
  /// - Parameters:
  ///   - timeout: the most that may pass until a connection is ready, tunnel and encryption included.
  ///   - clock: what the dates of certificates are held against.
  init(
    origin: ServiceOrigin, route: ServiceRoute, timeout: Duration, clock: any BatchClock,
    eventLoop: any EventLoop
  ) {
    self.origin = origin
    self.route = route
    self.timeout = .nanoseconds(timeout.wholeNanoseconds)
    self.clock = clock
    self.eventLoop = eventLoop
  }

  /// Opens a connection.
  ///
  /// - Parameter connection: what is to be at the end of its pipeline.
  func open(ending connection: ServiceConnection) -> ConnectionOpening {
    let opening = ConnectionOpening(connection, on: eventLoop)
    guard !isUnverifiable else {
      opening.abandon(ConnectionError.unverifiable)
      return opening
    }
    let limit = eventLoop.assumeIsolated().scheduleTask(in: timeout) {
      _ = opening.abandon(ConnectionError.connectTimeout)
    }
    connect(opening).assumeIsolated().whenComplete { result in
      limit.cancel()
      switch result {
      case .success: opening.succeed()
      case .failure(let error): opening.abandon(error)
      }
    }
    return opening
  }

  /// Whether nobody could tell whose certificate is shown: SwiftNIO SSL holds an address against that of the other end
  /// of the connection, which is the proxy's.
  private var isUnverifiable: Bool {
    origin.isEncrypted && route.proxy != nil && WebAddress.isNumeric(origin.host)
  }

  private func connect(_ opening: ConnectionOpening) -> EventLoopFuture<Void> {
    // The limit on all of it ends what takes longer; this one must not come before.
    let bootstrap = ClientBootstrap(group: eventLoop).connectTimeout(timeout + .seconds(1))
      .channelInitializer { SocketCloser.install(in: $0) }
    let host = route.proxy?.host ?? origin.host
    let port = route.proxy?.port ?? origin.port
    return bootstrap.connect(host: host, port: port).assumeIsolated()
      .map { opening.accept($0) }
      .flatMap { self.openTunnel(opening) }
      .flatMap { self.encrypt(opening) }
      .flatMapThrowing { try self.speakHTTP(opening) }
      .nonisolated()
  }

  /// Has the proxy connect to the service.
  private func openTunnel(_ opening: ConnectionOpening) -> EventLoopFuture<Void> {
    guard let proxy = route.proxy else { return eventLoop.makeSucceededVoidFuture() }
    var headers = HTTPHeaders([("Host", "\(origin.host):\(origin.port)")])
    if let credentials = proxy.credentials {
      let pair = Data("\(credentials.user):\(credentials.password)".utf8)
      headers.add(name: "Proxy-Authorization", value: "Basic \(pair.base64EncodedString())")
    }
    let opened = eventLoop.makePromise(of: Void.self)
    let encoder = HTTPRequestEncoder()
    let decoder = ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes))
    // Its own time limit is the second line, and there so that it does not stay behind.
    let handler = NIOHTTP1ProxyConnectHandler(
      targetHost: origin.host, targetPort: origin.port, headers: headers,
      deadline: .now() + timeout + .seconds(1), promise: opened)
    let answered = eventLoop.makePromise(of: Void.self)
    let witness = ProxyAnswerWitness()
    let waiter = OpeningWaiter(answered) {
      $0 is HTTPParserError || $0 is NIOHTTPDecoderError
        ? NIOHTTP1ProxyConnectHandler.Error.invalidProxyResponse() : witness.refusal ?? $0
    }
    opened.futureResult.assumeIsolated().flatMapErrorThrowing { throw witness.refusal ?? $0 }.nonisolated()
      .cascade(to: answered)
    do {
      let pipeline = try opening.usableChannel().pipeline.syncOperations
      try pipeline.addHandlers([encoder, decoder, witness, handler, waiter])
      return answered.futureResult.assumeIsolated()
        .flatMap { pipeline.removeHandler(encoder) }
        .flatMap { pipeline.removeHandler(decoder) }
        .flatMap { pipeline.removeHandler(witness) }
        .flatMap { pipeline.removeHandler(waiter) }
        .nonisolated()
    } catch {
      opened.fail(error)
      return answered.futureResult
    }
  }

  private func encrypt(_ opening: ConnectionOpening) -> EventLoopFuture<Void> {
    guard origin.isEncrypted else { return eventLoop.makeSucceededVoidFuture() }
    return context().assumeIsolated().flatMap { context in
      let done = self.eventLoop.makePromise(of: Void.self)
      do {
        let name = WebAddress.isNumeric(self.origin.host) ? nil : self.origin.host
        let handler = try NIOSSLClientHandler(context: context, serverHostname: name)
        let waiter = OpeningWaiter(done) {
          CertificateFault($0, shown: handler.peerCertificate, now: self.clock.now()) ?? $0
        }
        try opening.usableChannel().pipeline.syncOperations.addHandlers([handler, waiter])
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
    // What kept the certificates from being read may pass.
    made.assumeIsolated().whenFailure { _ in self.tls = nil }
    return made
  }

  private func speakHTTP(_ opening: ConnectionOpening) throws {
    try opening.usableChannel().pipeline.syncOperations.addHandlers([
      HTTPRequestEncoder(), ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes)),
      opening.connection,
    ])
  }
}

/// Sees the status with which a proxy answers: the error of the handler behind it keeps it to itself.
private final class ProxyAnswerWitness: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias InboundOut = HTTPClientResponsePart

  /// The proxy's no; `nil` as long as there is none. A 407 has an error of its own.
  private(set) var refusal: ProxyRefusal?

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if case .head(let head) = unwrapInboundIn(data), !(200..<300).contains(head.status.code),
      head.status != .proxyAuthenticationRequired
    {
      refusal = ProxyRefusal(status: Int(head.status.code))
    }
    context.fireChannelRead(data)
  }
}

/// A proxy answered that it opens no tunnel.
struct ProxyRefusal: Error {
  /// The status of its answer.
  let status: Int
}

/// A connection on its way to be ready.
///
/// Belongs to the event loop of all connections.
final class ConnectionOpening {
  /// What is to be at the end of its pipeline.
  let connection: ServiceConnection

  private let promise: EventLoopPromise<Void>
  private var channel: (any Channel)?
  private var isOver = false

  /// An opening that has not begun.
  init(_ connection: ServiceConnection, on eventLoop: any EventLoop) {
    self.connection = connection
    promise = eventLoop.makePromise()
  }

  /// When it is ready for its first request.
  var ready: EventLoopFuture<Void> { promise.futureResult }

  /// Notes that the other side accepted.
  func accept(_ channel: any Channel) {
    self.channel = channel
    if isOver { channel.reset() }
  }

  /// The channel, as long as it is of use.
  ///
  /// - Throws: ``ConnectionError/closed`` once it is not.
  func usableChannel() throws -> any Channel {
    guard let channel, !isOver, channel.isActive else { throw ConnectionError.closed }
    return channel
  }

  /// It is ready.
  func succeed() {
    guard !isOver else { return }
    isOver = true
    promise.succeed()
  }

  /// Gives it up.
  ///
  /// - Returns: when its channel is closed; `nil` where there is none.
  @discardableResult
  func abandon(_ error: any Error) -> EventLoopFuture<Void>? {
    guard !isOver else { return nil }
    isOver = true
    channel?.reset()
    promise.fail(error)
    return channel?.closeFuture
  }
}

/// What ends an exchange or the opening of a connection, besides the errors of the network and its protocols.
enum ConnectionError: Error {
  /// No connection was ready in time, tunnel and encryption included.
  case connectTimeout
  /// The time for the whole exchange is up.
  case timeUp
  /// The caller gave it up, or the client was shut down.
  case cancelled
  /// The certificate could not be held against the address of the service.
  case unverifiable
  /// The other side closed the connection.
  case closed
}
