import BatchDomain
import Foundation

/// The machine's clocks.
struct SystemClock: BatchClock {
  private let start = ContinuousClock.now

  func now() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(milliseconds: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
  }

  func elapsed() -> Duration { ContinuousClock.now - start }

  func sleep(for duration: Duration) async throws {
    try await Task.sleep(for: max(duration, Duration.zero), clock: .continuous)
  }
}
