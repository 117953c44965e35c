import BatchDomain
import NIOConcurrencyHelpers

/// Sleeps until the one moment at which a run wants to be woken, which may change meanwhile.
final class Alarm: Sendable {
  private struct State {
    var moment: Duration?
    /// The moment that ``ring(_:_:)`` sleeps until; `nil` while it waits for one, or does not sleep.
    var sleepsUntil: Duration?
    var sleeper: CheckedContinuation<Void, Never>?
  }

  private let state = NIOLockedValueBox(State())

  /// Rings at that moment of ``BatchClock/elapsed()``, and at none that was set before; `nil` for no moment.
  ///
  /// - Returns: who has to be resumed for that, if anybody.
  func set(_ moment: Duration?) -> CheckedContinuation<Void, Never>? {
    state.withLockedValue { state in
      state.moment = moment
      // Who sleeps until an earlier moment finds the later one then.
      guard let moment, state.sleepsUntil.map({ moment < $0 }) ?? true else { return nil }
      defer { state.sleeper = nil }
      return state.sleeper
    }
  }

  /// Rings at each moment that is set, until the task is cancelled.
  ///
  /// - Parameter bell: what is done at such a moment.
  func ring(_ clock: any BatchClock, _ bell: () -> Void) async {
    while !Task.isCancelled {
      let (moment, isDue) = state.withLockedValue { state -> (Duration?, Bool) in
        let isDue = state.moment.map { $0 <= clock.elapsed() } == true
        if isDue { state.moment = nil }
        state.sleepsUntil = state.moment
        return (state.moment, isDue)
      }
      if isDue {
        bell()
      } else if let moment {
        await withTaskGroup(of: Void.self) { group in
          group.addTask { await self.waitForEarlier(than: moment) }
          group.addTask {
            // A cancelled sleep ends like one that is over.
            do { try await clock.sleep(for: moment - clock.elapsed()) } catch {}
          }
          await group.next()
          group.cancelAll()
        }
      } else {
        await waitForEarlier(than: nil)
      }
    }
  }

  /// Suspends until a moment is set that is earlier, or until the task is cancelled.
  private func waitForEarlier(than moment: Duration?) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLockedValue { state in
          if Task.isCancelled { return true }
          if let set = state.moment, moment.map({ set < $0 }) ?? true { return true }
          state.sleeper = continuation
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      let sleeper = state.withLockedValue { state in
        defer { state.sleeper = nil }
        return state.sleeper
      }
      sleeper?.resume()
    }
  }
}
