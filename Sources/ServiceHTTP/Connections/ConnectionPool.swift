internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOTLS

/// Connections to the service: one for each request under way, kept for the next request as ``ReusePolicy`` has it.
///
/// Belongs to the event loop of all connections. It has no limit of its own: the caller bounds the requests under way.
final class ConnectionPool {
  private let opener: ConnectionOpener
  private let policy: ReusePolicy
  private let idleTime: Duration
  private let eventLoop: any EventLoop
  private var open: [ObjectIdentifier: ServiceConnection] = [:]
  private var openings: [ObjectIdentifier: (opening: ConnectionOpening, exchange: InFlightRequest)] = [:]
  /// The one used last is at the end, and is used next.
  private var idle: [ServiceConnection] = []
  private var isShutDown = false
  private var sweep: Scheduled<Void>?

  /// A pool without connections.
  ///
  /// - Parameters:
  ///   - opener: opens connections.
  ///   - policy: whether one is used more than once.
  ///   - idleTime: how long one is kept that is not used.
  init(opener: ConnectionOpener, policy: ReusePolicy, idleTime: Duration, eventLoop: any EventLoop) {
    self.opener = opener
    self.policy = policy
    self.idleTime = idleTime
    self.eventLoop = eventLoop
  }

  /// Sends a request over a connection that is there, else over a new one.
  func send(_ exchange: InFlightRequest) {
    guard !isShutDown else { return exchange.fail(ConnectionError.cancelled) }
    if !policy.allowsReuse {
      for connection in idle where connection.wasUsed { connection.retire() }
    }
    while let connection = idle.popLast() {
      if connection.isUsable { return connection.send(exchange) }
    }
    let connection = ServiceConnection(pool: self, policy: policy, idleTime: idleTime)
    let opening = opener.open(ending: connection)
    openings[ObjectIdentifier(opening)] = (opening, exchange)
    opening.ready.assumeIsolated().whenComplete { result in
      self.openings[ObjectIdentifier(opening)] = nil
      switch result {
      case .failure(let error):
        exchange.fail(error)
      case .success:
        self.open[ObjectIdentifier(connection)] = connection
        if exchange.isOver { self.putBack(connection) } else { connection.send(exchange) }
      }
    }
  }

  /// Takes a connection that waits for its next request.
  func putBack(_ connection: ServiceConnection) {
    connection.idleSince = .now()
    idle.append(connection)
    if sweep == nil { scheduleSweep(of: connection) }
  }

  /// Forgets a connection that carries no more requests.
  func remove(_ connection: ServiceConnection) {
    open[ObjectIdentifier(connection)] = nil
    idle.removeAll { $0 === connection }
  }

  /// Closes all connections, also those that are being opened; requests under way fail, and so does whatever is sent
  /// afterwards.
  ///
  /// - Returns: when all are closed.
  func shutDown() -> EventLoopFuture<Void> {
    isShutDown = true
    sweep?.cancel()
    sweep = nil
    var closings: [EventLoopFuture<Void>] = []
    for (opening, exchange) in Array(openings.values) {
      exchange.fail(ConnectionError.cancelled)
      if let closing = opening.abandon(ConnectionError.cancelled) { closings.append(closing) }
    }
    for connection in Array(open.values) {
      if let closing = connection.shutDown() { closings.append(closing) }
    }
    return .andAllComplete(closings, on: eventLoop)
  }

  private func scheduleSweep(of oldest: ServiceConnection) {
    let end = oldest.idleSince + .nanoseconds(idleTime.wholeNanoseconds)
    sweep = eventLoop.assumeIsolated().scheduleTask(deadline: end) { self.closeIdle() }
  }

  /// Closes what was idle for long enough, and comes back for the next.
  private func closeIdle() {
    sweep = nil
    let before = NIODeadline.now() - .nanoseconds(idleTime.wholeNanoseconds)
    for connection in idle where connection.idleSince <= before { connection.retire() }
    if let oldest = idle.min(by: { $0.idleSince < $1.idleSince }) { scheduleSweep(of: oldest) }
  }
}

/// Tells when a step of opening a connection is done, or why it is not; leaves the pipeline afterwards.
final class OpeningWaiter: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = NIOAny

  private var done: EventLoopPromise<Void>?
  private let meaning: (any Error) -> any Error

  /// A waiter that keeps a promise: when the connection is encrypted, unless somebody else keeps it before.
  ///
  /// - Parameter meaning: what an error of the pipeline means for this step.
  init(_ done: EventLoopPromise<Void>, meaning: @escaping (any Error) -> any Error = { $0 }) {
    self.done = done
    self.meaning = meaning
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .handshakeCompleted? = event as? TLSUserEvent {
      let promise = done
      done = nil
      context.pipeline.syncOperations.removeHandler(context: context, promise: promise)
    }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    fail(meaning(error))
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    fail(ConnectionError.closed)
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) { fail(ConnectionError.closed) }

  private func fail(_ error: any Error) {
    done?.fail(error)
    done = nil
  }
}

/// Whether connections are used more than once. They are, until the service was seen to drop one that it had
/// already answered on: a lost answer costs far more than a new connection for each request.
final class ReusePolicy: Sendable {
  private let isTrusting = NIOLockedValueBox(true)

  /// Whether the next request may leave its connection open.
  var allowsReuse: Bool { isTrusting.withLockedValue { $0 } }

  /// Notes that a request was lost with a connection that had been used before.
  func lostReusedConnection() { isTrusting.withLockedValue { $0 = false } }

  /// Whether a connection may be kept after an answer whose `Keep-Alive` says how long the server keeps it.
  ///
  /// - Parameters:
  ///   - values: values of the header's lines, for example `timeout=5, max=100`; RFC 2068 section 19.7.1.1.
  ///   - idleTime: how long we keep it.
  /// - Returns: `false` unless the server keeps it for a second longer than we do, so that its closing and our
  ///   next request cannot cross on the way.
  static func mayKeep(_ values: [String], idleTime: Duration) -> Bool {
    for parameter in values.flatMap({ $0.split(separator: ",") }) {
      let halves = parameter.filter { $0 != " " && $0 != "\t" }.split(separator: "=", maxSplits: 1)
      guard halves.count == 2, halves[0].lowercased() == "timeout", let seconds = Int32(halves[1]) else {
        continue
      }
      if .seconds(Int64(seconds)) < idleTime + .seconds(1) { return false }
    }
    return true
  }
}
