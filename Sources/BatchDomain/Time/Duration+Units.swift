extension Duration {
  /// Whole milliseconds, rounded up, and limited to the range of the type.
  package var millisecondsRoundedUp: Int64 {
    let (seconds, attoseconds) = components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
    guard !overflow else { return seconds < 0 ? .min / 2 : .max / 2 }
    let part = attoseconds / 1_000_000_000_000_000
    let rest = attoseconds % 1_000_000_000_000_000
    return whole.addingWithSaturation(part + (rest > 0 ? 1 : 0))
  }

  /// Seconds as a decimal number, for output and ratios.
  package var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}
