import BatchDomain

/// Lengths of time as options and job files have them: `500ms`, `30s`, `45m`, `1h30m`, `1d`.
package enum DurationText {
  /// What is expected, for messages.
  static let expectation = "a duration such as 500ms, 30s, 45m, 1h30m or 1d"

  /// The longest that is taken; the clocks underneath count nanoseconds in 64 bits.
  package static let longest = Duration.seconds(36_500 * 86_400)

  private static let units: [(name: String, milliseconds: Int64)] = [
    ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
  ]

  /// Reads whole numbers, each with its unit, the greater units first, no unit twice.
  ///
  /// - Parameters:
  ///   - thing: what the value is of, for messages, for example `--timeout`.
  ///   - allowingZero: whether nothing at all is a value, too.
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  package static func parse(
    _ text: String, for thing: String, allowingZero: Bool = false
  ) throws(ConfigurationError) -> Duration {
    guard let milliseconds = milliseconds(Substring(text)) else {
      throw .badValue(thing, text, expected: expectation)
    }
    guard milliseconds > 0 || allowingZero else {
      throw .badValue(thing, text, expected: "a duration longer than zero, such as 30s")
    }
    guard Duration.milliseconds(milliseconds) <= longest else {
      throw .badValue(thing, text, expected: "a duration of at most 36500d")
    }
    return .milliseconds(milliseconds)
  }

  /// Writes a duration so that ``parse(_:for:allowingZero:)`` gives it back, to the millisecond.
  package static func format(_ duration: Duration) -> String {
    var rest = max(0, duration.millisecondsRoundedUp)
    guard rest > 0 else { return "0s" }
    var text = ""
    for unit in units where rest >= unit.milliseconds {
      text += "\(rest / unit.milliseconds)\(unit.name)"
      rest %= unit.milliseconds
    }
    return text
  }

  private static func milliseconds(_ text: Substring) -> Int64? {
    guard !text.isEmpty else { return nil }
    var rest = text
    var unitsLeft = units[...]
    var sum: Int64 = 0
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      let afterDigits = rest[digits.endIndex...]
      let name = afterDigits.prefix { $0.isASCII && $0.isLetter }
      guard let position = unitsLeft.firstIndex(where: { $0.name == name }) else { return nil }
      guard !digits.isEmpty else { return nil }
      // A number that is too great is held, so that the message says "at most", not "a duration".
      let count = Int64(digits) ?? .max / 2
      let (part, isTooLong) = count.multipliedReportingOverflow(by: unitsLeft[position].milliseconds)
      sum = sum.addingWithSaturation(isTooLong ? .max / 2 : part)
      unitsLeft = unitsLeft[(position + 1)...]
      rest = rest[name.endIndex...]
    }
    return sum
  }
}
