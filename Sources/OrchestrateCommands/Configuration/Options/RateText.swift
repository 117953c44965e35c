package import BatchDomain

/// Limits on requests as options and job files have them: `5/s`, `50/min`, `1000/hour`, `20000/day`.
package enum RateText {
  /// What is expected, for messages.
  static let expectation = "a rate such as 5/s, 50/min, 1000/hour or 20000/day"

  /// Reads a whole number from 1, a slash and a window.
  ///
  /// - Parameter thing: what the value is of, for messages, for example `--rate`.
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  package static func parse(_ text: String, for thing: String) throws(ConfigurationError) -> Rate {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let window = Rate.Window(rawValue: String(parts[1])) else {
      throw .badValue(thing, text, expected: expectation)
    }
    guard let count = WholeNumberText.number(parts[0]), count >= 1 else {
      throw .badValue(thing, text, expected: "\(expectation), with a whole number from 1")
    }
    return Rate(count: count, window: window)
  }

  /// Writes rates so that a reader sees them all, for example `5/s, 100/min`; `none` without any.
  package static func format(_ rates: [Rate]) -> String {
    rates.isEmpty ? "none" : rates.map(\.description).joined(separator: ", ")
  }
}
