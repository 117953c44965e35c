internal import NIOCore

/// Connections to the service: one for each request under way, kept for the next request as ``ReusePolicy`` has it.
///
/// Belongs to the event loop of all connections. It has no limit of its own: whoever sends bounds the requests under way.
final class ConnectionPool {
  private let opener: ConnectionOpener
  private let policy: ReusePolicy
  private let idleTime: Duration
  private let eventLoop: any EventLoop
  private var open: [ObjectIdentifier: ServiceConnection] = [:]
  private var openings: [ObjectIdentifier: (opening: ConnectionOpening, exchange: OngoingExchange)] = [:]
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
  func send(_ exchange: OngoingExchange) {
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
