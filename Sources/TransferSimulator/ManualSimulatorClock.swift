import Synchronization

/// A clock that moves only when told.
package final class ManualSimulatorClock: SimulatorClock {
  private struct Sleeper {
    let wakesAt: Duration
    let continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var elapsed = Duration.zero
    var nextID = 0
    var sleepers: [Int: Sleeper] = [:]
    var watchers: [Int: (count: Int, continuation: CheckedContinuation<Void, any Error>)] = [:]
  }

  private let start: Int64
  private let state = Mutex(State())

  /// Creates a clock that stands at `now`, in milliseconds since 1970.
  package init(now: Int64 = 1_700_000_000_000) {
    self.start = now
  }

  /// Milliseconds since 1970, UTC.
  package var now: Int64 { start + state.withLock { $0.elapsed.wholeMilliseconds } }

  /// Suspends until the clock was moved by `duration`.
  package func sleep(for duration: Duration) async throws {
    try await suspend { state, id, continuation in
      let wakesAt = state.elapsed + duration
      guard wakesAt > state.elapsed else { return [continuation] }
      state.sleepers[id] = Sleeper(wakesAt: wakesAt, continuation: continuation)
      let met = state.watchers.filter { $0.value.count <= state.sleepers.count }
      for key in met.keys { state.watchers[key] = nil }
      return met.values.map(\.continuation)
    }
  }

  /// Suspends until at least `count` sleepers wait at the same time.
  package func waitForSleepers(_ count: Int) async throws {
    try await suspend { state, id, continuation in
      guard state.sleepers.count < count else { return [continuation] }
      state.watchers[id] = (count, continuation)
      return []
    }
  }

  /// Moves the clock and wakes who is due, earliest first.
  package func advance(by duration: Duration) {
    let due = state.withLock { state in
      state.elapsed += duration
      let due = state.sleepers.filter { $0.value.wakesAt <= state.elapsed }
      for key in due.keys { state.sleepers[key] = nil }
      return due.values.sorted { $0.wakesAt < $1.wakesAt }.map(\.continuation)
    }
    for continuation in due { continuation.resume() }
  }

  /// Registers a continuation by `register`, which returns those to be resumed at once.
  private func suspend(
    _ register:
      (inout State, Int, CheckedContinuation<Void, any Error>) -> [CheckedContinuation<
        Void, any Error
      >]
  ) async throws {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let resumed = state.withLock { state in
          // Cancellation that came first found nothing to remove; it is seen here, under the same lock.
          Task.isCancelled ? nil : register(&state, id, continuation)
        }
        guard let resumed else { return continuation.resume(throwing: CancellationError()) }
        for one in resumed { one.resume() }
      }
    } onCancel: {
      let removed = state.withLock { state in
        state.sleepers.removeValue(forKey: id)?.continuation
          ?? state.watchers.removeValue(forKey: id)?.continuation
      }
      removed?.resume(throwing: CancellationError())
    }
  }
}
