import Foundation
import NIOCore
import Synchronization

/// One accepted connection and the request that is under way on it.
final class Connection: Sendable {
  private struct State {
    var ordinal: Int?
    var isGone = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  let id: Int
  private let channel: any Channel
  private let ledger: Ledger
  private let state = Mutex(State())

  init(id: Int, channel: any Channel, ledger: Ledger) {
    self.id = id
    self.channel = channel
    self.ledger = ledger
  }

  /// Whether the other side has closed, at least its sending half.
  var isGone: Bool { state.withLock { $0.isGone } }

  /// Notes the request that is being served.
  func begin(_ ordinal: Int) {
    let isGone = state.withLock { state in
      state.ordinal = ordinal
      return state.isGone
    }
    if isGone { ledger.abandon(ordinal) }
  }

  /// Notes that the request has been served.
  func end() {
    state.withLock { $0.ordinal = nil }
  }

  /// Notes that the other side is gone.
  func leave() {
    let (ordinal, waiting) = state.withLock { state in
      state.isGone = true
      defer { state.waiting = [] }
      return (state.ordinal, state.waiting)
    }
    if let ordinal { ledger.abandon(ordinal) }
    for continuation in waiting { continuation.resume() }
  }

  /// Suspends until the other side is gone.
  func untilGone() async {
    await withCheckedContinuation { continuation in
      let isGone = state.withLock { state in
        if !state.isGone { state.waiting.append(continuation) }
        return state.isGone
      }
      if isGone { continuation.resume() }
    }
  }

  /// Closes the connection in order (FIN), once everything written was handed to the system.
  func close() async {
    // Fails only when the connection is closed already, which is what was wanted.
    try? await channel.close().get()
  }

  /// Closes with a reset: lingering for zero seconds makes the system drop the connection (RST).
  func reset() async {
    if let options = channel as? any SocketOptionProvider {
      // Fails only when the connection is closed already, which is what was wanted.
      try? await options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
    }
    await close()
  }
}

/// All open connections of one server.
final class ConnectionRegistry: Sendable {
  private struct State {
    var connections: [ObjectIdentifier: Connection] = [:]
    var count = 0
    var isClosed = false
  }

  private let ledger: Ledger
  private let state = Mutex(State())

  init(ledger: Ledger) {
    self.ledger = ledger
  }

  /// Begins the record of a channel that was accepted.
  func add(_ channel: any Channel) {
    let isClosed = state.withLock { state in
      state.count += 1
      state.connections[ObjectIdentifier(channel)] = Connection(
        id: state.count, channel: channel, ledger: ledger)
      return state.isClosed
    }
    if isClosed { channel.close(promise: nil) }
  }

  /// The record of a channel. A request may be served only after its connection was reset: its record is then one of a
  /// connection that is gone.
  func connection(of channel: any Channel) -> Connection {
    let known = state.withLock { state in (state.connections[ObjectIdentifier(channel)], state.count) }
    if let connection = known.0 { return connection }
    let gone = Connection(id: known.1, channel: channel, ledger: ledger)
    gone.leave()
    return gone
  }

  /// Forgets a channel that is closed.
  func remove(_ channel: any Channel) {
    let removed = state.withLock { $0.connections.removeValue(forKey: ObjectIdentifier(channel)) }
    removed?.leave()
  }

  /// Closes all connections, and from now on every new one at once.
  func closeAll() async {
    let open = state.withLock { state in
      state.isClosed = true
      return Array(state.connections.values)
    }
    for connection in open { await connection.close() }
  }
}

/// Tells the registry when connections come and go.
final class ConnectionWatcher: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = Never

  private let registry: ConnectionRegistry

  init(registry: ConnectionRegistry) {
    self.registry = registry
  }

  func handlerAdded(context: ChannelHandlerContext) { registry.add(context.channel) }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .some(.inputClosed) = event as? ChannelEvent { registry.connection(of: context.channel).leave() }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    registry.remove(context.channel)
    context.fireChannelInactive()
  }
}

/// Decides after which answers the connection is closed.
final class ClosingCounter: Sendable {
  /// What happens to a connection after an answer.
  enum Ending {
    case keep, closeAnnounced, closeSilently
  }

  private let announcedEvery: Int?
  private let silentEvery: Int?
  private let answers = Mutex(0)

  init(_ configuration: SimulatorConfiguration) {
    announcedEvery = configuration.announcedCloseEvery
    silentEvery = configuration.silentCloseEvery
  }

  /// Counts one more answer.
  func next() -> Ending {
    let count = answers.withLock { count in
      count += 1
      return count
    }
    if let announcedEvery, count.isMultiple(of: announcedEvery) { return .closeAnnounced }
    if let silentEvery, count.isMultiple(of: silentEvery) { return .closeSilently }
    return .keep
  }
}
