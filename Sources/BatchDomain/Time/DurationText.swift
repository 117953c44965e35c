/// Lengths of time as options and job files have them: `500ms`, `30s`, `45m`, `1h30m`, `1d`.
package enum DurationText {
  /// What is expected, for messages.
  package static let expectation = "a duration such as 500ms, 30s, 45m, 1h30m or 1d"

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

  /// Writes a duration so that ``parse(_:for:allowingZero:)`` gives it back, to the millisecond. Days are counted from
  /// the second on: a day is `24h`.
  package static func format(_ duration: Duration) -> String {
    var rest = max(0, duration.millisecondsRoundedUp)
    guard rest > 0 else { return "0s" }
    var text = ""
    for unit in units where rest >= unit.milliseconds * (unit.name == "d" ? 2 : 1) {
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

/// Lengths of time as people read them.
package enum HumanDuration {
  /// With its two greatest units, for example `1h 30m`, `2m 5s`, `2.4s` or `350ms`.
  package static func text(_ duration: Duration) -> String {
    let milliseconds = max(0, duration.millisecondsRoundedUp)
    if milliseconds < 1_000 { return "\(milliseconds)ms" }
    if milliseconds < 59_950 {
      let tenths = (milliseconds + 50) / 100
      return tenths % 10 == 0 ? "\(tenths / 10)s" : "\(tenths / 10).\(tenths % 10)s"
    }
    let seconds = (milliseconds + 500) / 1_000
    if seconds < 3_600 { return pair(seconds / 60, "m", seconds % 60, "s") }
    let minutes = (seconds + 30) / 60
    if minutes < 1_440 { return pair(minutes / 60, "h", minutes % 60, "m") }
    let hours = (minutes + 30) / 60
    return pair(hours / 24, "d", hours % 24, "h")
  }

  /// With one unit where that is close enough, for what is only estimated, for example `45s`, `12m`, `5h`,
  /// `1h 30m`, `3d`.
  package static func rough(_ duration: Duration) -> String {
    let seconds = max(1, (max(0, duration.millisecondsRoundedUp) + 999) / 1_000)
    if seconds < 90 { return "\(seconds)s" }
    let minutes = (seconds + 30) / 60
    if minutes < 60 { return "\(minutes)m" }
    if minutes < 600 { return pair(minutes / 60, "h", (minutes % 60) / 10 * 10, "m") }
    let hours = (minutes + 30) / 60
    if hours < 48 { return "\(hours)h" }
    return pair(hours / 24, "d", hours % 24, "h")
  }

  /// The same with the unit set off and the greater one only, for sentences: `45 s`, `12 min`, `5 h`, `3 days`.
  package static func spoken(_ duration: Duration) -> String {
    let seconds = max(1, (max(0, duration.millisecondsRoundedUp) + 999) / 1_000)
    if seconds < 90 { return "\(seconds) s" }
    if seconds < 90 * 60 { return "\((seconds + 30) / 60) min" }
    if seconds < 36 * 3_600 { return "\((seconds + 1_800) / 3_600) h" }
    return "\((seconds + 43_200) / 86_400) days"
  }

  private static func pair(_ great: Int64, _ unit: String, _ small: Int64, _ part: String) -> String {
    small == 0 ? "\(great)\(unit)" : "\(great)\(unit) \(small)\(part)"
  }
}
