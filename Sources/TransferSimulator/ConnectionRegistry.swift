import NIOCore
import Synchronization

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
