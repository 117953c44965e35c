/// Exponential back-off with full jitter: the n-th wait is drawn evenly from zero up to
/// `min(cap, base x 2^n)`.
///
/// With base 1 s and cap 5 min the upper ends are 1 s, 2 s, 4 s, ... 256 s, 300 s, 300 s.
package struct BackOff: Sendable, Equatable {
  /// Upper end of the first wait.
  package var base: Duration
  /// Upper end of every wait.
  package var cap: Duration

  /// A back-off between those ends.
  package init(base: Duration, cap: Duration) {
    self.base = base
    self.cap = cap
  }

  /// Back-off of one chunk whose request did not get through.
  package static let chunk = BackOff(base: .seconds(1), cap: .seconds(300))

  /// Back-off of the whole run when the service says to slow down without saying for how long, or when
  /// nothing gets through.
  package static let gate = BackOff(base: .seconds(1), cap: .seconds(300))

  /// The longest the wait may be.
  ///
  /// - Parameter failures: failures in a row before this wait, 0 or more.
  package func ceiling(afterFailures failures: Int) -> Duration {
    guard failures < 32 else { return cap }
    return min(cap, base * (1 << Swift.max(0, failures)))
  }

  /// The wait, drawn with full jitter.
  ///
  /// - Parameters:
  ///   - failures: failures in a row before this wait, 0 or more.
  ///   - unit: a number in `0..<1`.
  package func wait(afterFailures failures: Int, unit: Double) -> Duration {
    let ceiling = ceiling(afterFailures: failures)
    return .milliseconds(Int64((ceiling.inSeconds * 1_000 * unit).rounded(.down)))
  }
}
