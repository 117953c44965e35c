import NIOConcurrencyHelpers

/// Wakes tasks that wait for something to change. Resumes at once on cancellation, without a task of its own.
final class ChangeSignal: Sendable {
  private struct State {
    var version = 0
    var nextWaiter = 0
    var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
  }

  private let state = NIOLockedValueBox(State())

  /// Counts the changes so far.
  var version: Int { state.withLockedValue { $0.version } }

  /// Says that something changed.
  func raise() {
    let woken = state.withLockedValue { state in
      state.version += 1
      defer { state.waiters = [:] }
      return state.waiters
    }
    // In the order they came, so that a run on one seeded executor can be repeated.
    for id in woken.keys.sorted() { woken[id]?.resume() }
  }

  /// Suspends until something changed after `seen`, or until the task is cancelled.
  func wait(after seen: Int) async {
    let id = state.withLockedValue { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLockedValue { state in
          if state.version != seen || Task.isCancelled { return true }
          state.waiters[id] = continuation
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      state.withLockedValue { $0.waiters.removeValue(forKey: id) }?.resume()
    }
  }
}
