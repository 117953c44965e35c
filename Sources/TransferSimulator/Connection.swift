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
