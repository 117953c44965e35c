import BatchDomain
import NIOConcurrencyHelpers

/// A clock that stands still. Every sleep lasts until the test calls ``ring()``, and none begins after that.
final class TimeOutClock: BatchClock {
  private struct State {
    var hasRung = false
    var sleepers: [Int: CheckedContinuation<Void, any Error>] = [:]
    var lengths: [Duration] = []
    var cancelled: Set<Int> = []
  }

  private let state = NIOLockedValueBox(State())
  private let time: Timestamp

  /// A clock that shows that time.
  init(_ time: Timestamp = Timestamp(milliseconds: 1_795_447_345_000)) { self.time = time }

  func now() -> Timestamp { time }
  func elapsed() -> Duration { .milliseconds(time.milliseconds) }

  /// The lengths of all sleeps that were asked for.
  var lengths: [Duration] { state.withLockedValue { $0.lengths } }

  /// Ends all sleeps, present and future.
  func ring() {
    let sleepers = state.withLockedValue { state in
      state.hasRung = true
      defer { state.sleepers = [:] }
      return state.sleepers.values.map { $0 }
    }
    for sleeper in sleepers { sleeper.resume() }
  }

  func sleep(for duration: Duration) async throws {
    let number = state.withLockedValue { state in
      state.lengths.append(duration)
      return state.lengths.count
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        let result: Result<Void, any Error>? = state.withLockedValue { state in
          if state.cancelled.contains(number) { return .failure(CancellationError()) }
          if state.hasRung { return .success(()) }
          state.sleepers[number] = continuation
          return nil
        }
        if let result { continuation.resume(with: result) }
      }
    } onCancel: {
      let sleeper = state.withLockedValue { state in
        state.cancelled.insert(number)
        return state.sleepers.removeValue(forKey: number)
      }
      sleeper?.resume(throwing: CancellationError())
    }
  }
}
