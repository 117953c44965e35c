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
    if let connection = idle.popLast() { return connection.send(exchange) }
    let connection = ServiceConnection(pool: self, policy: policy, idleTime: idleTime)
    opener.open(ending: connection).assumeIsolated().whenComplete { result in
      if case .failure(let error) = result { return exchange.fail(error) }
      self.open[ObjectIdentifier(connection)] = connection
      if self.isShutDown {
        exchange.fail(ConnectionError.cancelled)
        connection.drop()
      } else if exchange.isOver {
        self.putBack(connection)
      } else {
        connection.send(exchange)
      }
    }
  }

  /// Takes a connection that waits for its next request.
  func putBack(_ connection: ServiceConnection) {
    idle.append(connection)
    if sweep == nil { scheduleSweep(of: connection) }
  }

  /// Forgets a connection that is closed.
  func remove(_ connection: ServiceConnection) {
    open[ObjectIdentifier(connection)] = nil
    idle.removeAll { $0 === connection }
  }

  /// Closes all connections; requests under way fail, and so does whatever is sent afterwards.
  ///
  /// - Returns: when all are closed.
  func shutDown() -> EventLoopFuture<Void> {
    isShutDown = true
    sweep?.cancel()
    sweep = nil
    let closings = open.values.compactMap { $0.shutDown() }
    return .andAllComplete(closings, on: eventLoop)
  }

  private func scheduleSweep(of oldest: ServiceConnection) {
    let end = oldest.idleSince + .nanoseconds(idleTime.wholeNanoseconds)
    sweep = eventLoop.assumeIsolated().scheduleTask(deadline: end) { self.closeIdle() }
  }

  /// Closes what was idle for long enough, and comes back for the next.
  private func closeIdle() {
    sweep = nil
    guard !isShutDown else { return }
    let before = NIODeadline.now() - .nanoseconds(idleTime.wholeNanoseconds)
    for connection in idle where connection.idleSince <= before { connection.drop() }
    idle.removeAll { $0.idleSince <= before }
    if let oldest = idle.min(by: { $0.idleSince < $1.idleSince }) { scheduleSweep(of: oldest) }
  }
}
