import NIOConcurrencyHelpers

/// Things that happened, in order, and a way to wait until enough of them did.
final class Journal<Entry: Sendable>: Sendable {
  private struct State {
    var entries: [Entry] = []
    var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let state = NIOLockedValueBox(State())

  /// Everything so far.
  var entries: [Entry] { state.withLockedValue { $0.entries } }

  /// Adds an entry and wakes those who waited for it.
  func append(_ entry: Entry) {
    let woken = state.withLockedValue { state in
      state.entries.append(entry)
      let count = state.entries.count
      let woken = state.waiters.filter { $0.count <= count }
      state.waiters.removeAll { $0.count <= count }
      return woken
    }
    for waiter in woken { waiter.continuation.resume() }
  }

  /// Suspends until there are that many entries.
  func wait(for count: Int) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLockedValue { state in
        if state.entries.count >= count { return true }
        state.waiters.append((count, continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }
}
