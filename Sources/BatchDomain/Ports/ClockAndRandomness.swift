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

/// The only source of randomness, so that tests can seed it.
package protocol RandomSource: Sendable {
  /// The next number, every value as likely as any other.
  func next() -> UInt64
}

extension RandomSource {
  /// A number in `0..<1`, every value as likely as any other.
  package func nextUnit() -> Double {
    Double(next() >> 11) / Double(UInt64(1) << 53)
  }
}
