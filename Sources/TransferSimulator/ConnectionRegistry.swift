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

  /// The record of `channel`, made on first sight.
  func connection(of channel: any Channel) -> Connection {
    let (connection, isClosed) = state.withLock { state in
      let key = ObjectIdentifier(channel)
      if let known = state.connections[key] { return (known, state.isClosed) }
      state.count += 1
      let new = Connection(id: state.count, channel: channel, ledger: ledger)
      state.connections[key] = new
      return (new, state.isClosed)
    }
    if isClosed { channel.close(promise: nil) }
    return connection
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
