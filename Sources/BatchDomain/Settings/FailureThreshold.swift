/// How many items may be rejected or failed before the run is paused.
package enum FailureThreshold: Hashable, Sendable {
  /// That many items.
  case items(Int)
  /// That share of the items decided so far, in percent; checked only once enough are decided.
  case percent(Double)

  /// Whether the run has to be paused.
  ///
  /// A percentage is checked only after 1,000 items or a tenth of the run are decided, whichever comes first, so that
  /// a bad start does not pause the run.
  ///
  /// - Parameters:
  ///   - lost: items rejected or failed.
  ///   - decided: items accepted, rejected or failed, and those of divided chunks that are still to be decided: of a
  ///     chunk with two bad items these are found before the others are accepted.
  ///   - total: items of the run.
  ///   - least: how many have to be decided before a percentage is checked, however short the run is.
  package func isExceeded(lost: Int, decided: Int, total: Int, least: Int = 0) -> Bool {
    switch self {
    case .items(let limit):
      return lost > limit
    case .percent(let limit):
      guard decided >= least, decided >= 1_000 || decided * 10 >= total else { return false }
      return Double(lost) * 100 > limit * Double(decided)
    }
  }

  /// Reads `250` or `5%`.
  ///
  /// - Returns: `nil` when the text is neither a whole number from 0 nor a percentage from 0 to 100.
  package init?(_ text: String) {
    if text.hasSuffix("%") {
      guard let percent = Double(text.dropLast()), (0...100).contains(percent) else { return nil }
      self = .percent(percent)
    } else {
      guard let items = Int(text), items >= 0 else { return nil }
      self = .items(items)
    }
  }

  /// As it is written in options and job files, for example `250` or `50%`.
  package var text: String {
    switch self {
    case .items(let items): "\(items)"
    case .percent(let percent):
      percent == percent.rounded() ? "\(Int(percent))%" : "\(percent)%"
    }
  }
}
