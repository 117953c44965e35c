import Foundation
import NIOConcurrencyHelpers
import StoreCore

/// Ends this process when it is stopped, or does not get to run, for longer than a limit while requests are under way (R4).
///
/// What it had under way then ends with its sockets, while the process that takes its run over still waits. A timer of the
/// system whose signal is SIGKILL is set anew each second; it counts the time in which the machine sleeps, too
/// (`CLOCK_BOOTTIME`, clock_gettime(2)), and rings for a process that is stopped.
package final class Watchdog: RequestWatchdog {
  private struct Kept {
    var isWatching = false
    var hasThread = false
  }

  private let timer: TimerHandle
  private let limit: Duration
  private let kept = NIOLockedValueBox(Kept())

  /// A timer of the system.
  ///
  /// `@unchecked Sendable`: the handle is a number that never changes, and timer_settime(2) may be called from any thread.
  private struct TimerHandle: @unchecked Sendable {
    let id: timer_t?
  }

  /// A watchdog that is not watching yet.
  ///
  /// - Returns: `nil` where the system has no such timer; requests are then bounded by their time limit alone.
  package init?(limit: Duration) {
    var event = sigevent()
    event.sigev_notify = Int32(SIGEV_SIGNAL)
    event.sigev_signo = SIGKILL
    var id: timer_t?
    guard timer_create(CLOCK_BOOTTIME, &event, &id) == 0 else { return nil }
    timer = TimerHandle(id: id)
    self.limit = limit
  }

  /// Begins or ends to watch.
  package func watch(_ isNeeded: Bool) {
    let needsThread = kept.withLockedValue { kept in
      // Under the lock: a timer that was set after it was to be set to nothing would end a process that sends nothing.
      if kept.isWatching != isNeeded { set(isNeeded) }
      kept.isWatching = isNeeded
      defer { kept.hasThread = kept.hasThread || isNeeded }
      return isNeeded && !kept.hasThread
    }
    guard needsThread else { return }
    // A thread of its own: nothing that blocks elsewhere holds it back.
    Thread.detachNewThread { [weak self] in
      while let self {
        self.windAgain()
        usleep(1_000_000)
      }
    }
  }

  private func windAgain() {
    // Under the lock: what ends to be watched in between must not be wound again.
    kept.withLockedValue { if $0.isWatching { set(true) } }
  }

  /// Sets the timer to the limit from now on, or to nothing.
  private func set(_ isWatching: Bool) {
    var time = itimerspec()
    if isWatching { time.it_value.tv_sec = Int(limit.components.seconds) }
    timer_settime(timer.id, 0, &time, nil)
  }

  deinit { timer_delete(timer.id) }
}
