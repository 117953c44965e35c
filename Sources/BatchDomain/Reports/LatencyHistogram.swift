/// How long attempts took: counts by length, exact to a thousandth, bounded in size.
package struct LatencyHistogram: Sendable, Equatable {
  /// Attempts by milliseconds, rounded down to eleven significant bits.
  private var counts: [Int: Int] = [:]
  /// Attempts counted.
  package private(set) var total = 0
  /// The longest; zero without any.
  package private(set) var longest: Duration = .zero

  /// No attempts.
  package init() {}

  /// Counts attempts that took that many milliseconds; negative numbers count as zero.
  package mutating func add(_ count: Int, milliseconds: Int) {
    let held = max(0, milliseconds)
    counts[Self.rounded(held), default: 0] += count
    total += count
    longest = max(longest, .milliseconds(held))
  }

  /// The length that a share of the attempts did not exceed; `nil` without any.
  ///
  /// - Parameter share: 0 to 1; 0.5 is the median.
  package func quantile(_ share: Double) -> Duration? {
    guard total > 0 else { return nil }
    let rank = max(1, Int((share * Double(total)).rounded(.up)))
    var seen = 0
    for (milliseconds, count) in counts.sorted(by: { $0.key < $1.key }) {
      seen += count
      if seen >= rank { return .milliseconds(milliseconds) }
    }
    return longest
  }

  /// A bar of a chart.
  package struct Bar: Sendable, Equatable {
    /// Shortest and longest milliseconds that it stands for.
    package let milliseconds: ClosedRange<Int>
    /// Attempts in it.
    package let attempts: Int
  }

  /// The distribution as bars whose bounds grow by the same factor; fewer than `limit` where attempts are alike.
  /// Empty without any attempts.
  package func bars(_ limit: Int) -> [Bar] {
    guard let least = counts.keys.min(), let most = counts.keys.max() else { return [] }
    // Each bar is at least one millisecond wider than the one before it begins, so that none is empty by rounding.
    let factor = Double.ratio(from: max(1, least), to: max(1, most) + 1, steps: limit)
    var bars: [Bar] = []
    var lower = least
    var edge = Double(max(1, least))
    while lower <= most {
      edge *= factor
      let upper = max(lower, min(most, Int(edge.rounded(.up)) - 1))
      let attempts = counts.reduce(0) { (lower...upper).contains($1.key) ? $0 + $1.value : $0 }
      bars.append(Bar(milliseconds: lower...upper, attempts: attempts))
      lower = upper + 1
    }
    return bars
  }

  /// For example 1,023 and 1,024 stay, 2,049 becomes 2,048, 65,599 becomes 65,536.
  private static func rounded(_ milliseconds: Int) -> Int {
    let bits = Int.bitWidth - milliseconds.leadingZeroBitCount
    let dropped = max(0, bits - 11)
    return (milliseconds >> dropped) << dropped
  }
}

extension Double {
  /// The factor that leads from one number to a greater one in so many equal steps, at least 1.01; found by halving,
  /// since this target has no mathematics library.
  fileprivate static func ratio(from: Int, to: Int, steps: Int) -> Double {
    let wanted = Double(to) / Double(from)
    var (low, high) = (1.0, max(2.0, wanted))
    for _ in 0..<60 {
      let middle = (low + high) / 2
      var power = 1.0
      for _ in 0..<steps where power < wanted { power *= middle }
      if power < wanted { low = middle } else { high = middle }
    }
    return max(1.01, high)
  }
}
