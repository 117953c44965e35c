package import BatchDomain
import NIOConcurrencyHelpers

/// A clock that stands still until a test moves it.
///
/// A test waits until as many tasks sleep as it expects, then advances; it never sleeps itself.
package final class ManualClock: BatchClock {
  private struct Sleeper {
    let id: Int
    let wakes: Duration
    let continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var now: Timestamp
    var elapsed: Duration = .zero
    var nextID = 0
    var sleepers: [Sleeper] = []
    var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let state: NIOLockedValueBox<State>

  /// A clock that shows that moment.
  package init(now: Timestamp = Timestamp(milliseconds: 1_750_000_000_000)) {
    state = NIOLockedValueBox(State(now: now))
  }

  /// The moment it shows.
  package func now() -> Timestamp { state.withLockedValue { $0.now } }

  /// Time it was moved on since it was made.
  package func elapsed() -> Duration { state.withLockedValue { $0.elapsed } }

  /// Suspends until it was moved on that far.
  package func sleep(for duration: Duration) async throws {
    let id = state.withLockedValue { state in
      state.nextID += 1
      return state.nextID
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let (result, watchers) = state.withLockedValue {
          state -> (Result<Void, any Error>?, [CheckedContinuation<Void, Never>]) in
          if Task.isCancelled { return (.failure(CancellationError()), []) }
          if duration <= .zero { return (.success(()), []) }
          state.sleepers.append(
            Sleeper(id: id, wakes: state.elapsed + duration, continuation: continuation))
          let met = state.watchers.filter { $0.count <= state.sleepers.count }
          state.watchers.removeAll { $0.count <= state.sleepers.count }
          return (nil, met.map(\.continuation))
        }
        for watcher in watchers { watcher.resume() }
        if let result { continuation.resume(with: result) }
      }
    } onCancel: {
      let sleeper = state.withLockedValue { state -> Sleeper? in
        guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else { return nil }
        return state.sleepers.remove(at: index)
      }
      sleeper?.continuation.resume(throwing: CancellationError())
    }
  }

  /// Suspends until at least that many tasks sleep.
  package func waitForSleepers(_ count: Int) async {
    await withCheckedContinuation { continuation in
      let isMet = state.withLockedValue { state in
        if state.sleepers.count >= count { return true }
        state.watchers.append((count, continuation))
        return false
      }
      if isMet { continuation.resume() }
    }
  }

  /// Resumes the tasks that wait for sleepers, at the end of a test.
  package func release() {
    let watchers = state.withLockedValue { state in
      defer { state.watchers = [] }
      return state.watchers
    }
    for watcher in watchers { watcher.continuation.resume() }
  }

  /// When the next sleeper wakes, counted from now; `nil` when no task sleeps.
  package var nextWake: Duration? {
    state.withLockedValue { state in state.sleepers.map(\.wakes).min().map { $0 - state.elapsed } }
  }

  /// Advances the time and wakes the tasks that are due, in the order of their times.
  package func advance(by duration: Duration) {
    let woken = state.withLockedValue { state in
      state.elapsed += duration
      state.now = state.now + duration
      let due = state.sleepers.filter { $0.wakes <= state.elapsed }
      state.sleepers.removeAll { $0.wakes <= state.elapsed }
      return due.sorted { ($0.wakes, $0.id) < ($1.wakes, $1.id) }
    }
    for sleeper in woken { sleeper.continuation.resume() }
  }

  /// Sets the time of day without time passing, like a person who sets the machine's clock.
  package func setNow(_ moment: Timestamp) { state.withLockedValue { $0.now = moment } }
}
