import Foundation

/// The simulator's source of time, so that tests can drive it.
package protocol SimulatorClock: Sendable {
  /// Milliseconds since 1970, UTC.
  var now: Int64 { get }

  /// Suspends for `duration`; throws `CancellationError` when the task is cancelled meanwhile.
  func sleep(for duration: Duration) async throws
}

/// The clock of the machine.
package struct SystemSimulatorClock: SimulatorClock {
  /// Creates the clock.
  package init() {}

  /// Milliseconds since 1970, UTC.
  package var now: Int64 { Int64((Date().timeIntervalSince1970 * 1000).rounded(.down)) }

  /// Suspends for `duration` of real time.
  package func sleep(for duration: Duration) async throws {
    try await Task.sleep(for: duration)
  }
}
