/// The only source of time, so that tests can control it.
package protocol BatchClock: Sendable {
  /// The time of day, which may jump when somebody sets the machine's clock. It is what records carry.
  func now() -> Timestamp

  /// Time since some fixed moment, never going back. It is what latencies are measured with.
  func elapsed() -> Duration

  /// Suspends for that long.
  ///
  /// - Throws: `CancellationError` as soon as the task is cancelled.
  func sleep(for duration: Duration) async throws
}
