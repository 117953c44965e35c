/// Whole numbers as options and job files have them.
package enum WholeNumberText {
  /// Reads decimal digits and nothing else: no sign, no separators, no leading zero (YAML 1.1 reads `010` as
  /// eight).
  ///
  /// - Parameters:
  ///   - thing: what the value is of, for messages, for example `--concurrency`.
  ///   - range: the numbers that are taken.
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  package static func parse(
    _ text: String, for thing: String, in range: ClosedRange<Int>
  ) throws(ConfigurationError) -> Int {
    guard let number = number(text[...]), range.contains(number) else {
      let bounds =
        range.upperBound == .max ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
      throw .badValue(thing, text, expected: "a whole number from \(bounds)")
    }
    return number
  }

  /// The number that these digits are; `nil` when they are not one.
  package static func number(_ digits: Substring) -> Int? {
    guard isDigits(digits) else { return nil }
    guard digits == "0" || digits.utf8.first != UInt8(ascii: "0") else { return nil }
    return Int(digits)
  }

  /// Whether these are decimal digits and nothing else.
  package static func isDigits(_ text: Substring) -> Bool {
    text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }
}

/// Amounts of bytes as options and job files have them: `512KiB`, `1MiB`, `2MB`, `800B`, or a bare number.
package enum ByteSizeText {
  /// What is expected, for messages.
  package static let expectation = "a size such as 800000, 512KiB, 1MiB or 2MB"

  private static let units: [(name: String, bytes: Int)] = [
    ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("GB", 1_000_000_000), ("MB", 1_000_000),
    ("kB", 1_000), ("B", 1), ("", 1),
  ]

  /// Reads a whole number with or without a unit.
  ///
  /// - Parameters:
  ///   - thing: what the value is of, for messages, for example `--chunk-bytes`.
  ///   - range: the bytes that are taken.
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  package static func parse(
    _ text: String, for thing: String, in range: ClosedRange<Int> = 0...Int.max
  ) throws(ConfigurationError) -> Int {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let name = text[digits.endIndex...]
    guard !digits.isEmpty, let unit = units.first(where: { $0.name == name }) else {
      throw .badValue(thing, text, expected: expectation)
    }
    let product = Int(digits)?.multipliedReportingOverflow(by: unit.bytes)
    guard let (bytes, isTooLarge) = product, !isTooLarge, range.contains(bytes) else {
      throw .badValue(
        thing, text, expected: "a size from \(format(range.lowerBound)) to \(format(range.upperBound))")
    }
    return bytes
  }

  /// Writes bytes with the greatest unit that divides them, so that ``parse(_:for:in:)`` gives them back.
  package static func format(_ bytes: Int) -> String {
    guard bytes > 0, let unit = units.first(where: { bytes.isMultiple(of: $0.bytes) }) else {
      return "\(bytes)B"
    }
    return "\(bytes / unit.bytes)\(unit.name)"
  }
}

/// Limits on requests as options and job files have them: `5/s`, `50/min`, `1000/hour`, `20000/day`.
package enum RateText {
  /// What is expected, for messages.
  package static let expectation = "a rate such as 5/s, 50/min, 1000/hour or 20000/day"

  /// The most of a window that a person gives; a limit above it limits nothing.
  package static let largest = 1_000_000_000

  /// Reads a whole number from 1, a slash and a window, after the name of a step and a colon where it limits that step
  /// alone.
  ///
  /// - Parameters:
  ///   - thing: what the value is of, for messages, for example `--rate`.
  ///   - largest: the greatest number that is taken.
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  package static func parse(
    _ text: String, for thing: String, upTo largest: Int = RateText.largest
  ) throws(ConfigurationError) -> Rate {
    let named = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let step = named.count == 2 ? ChunkStep(rawValue: String(named[0])) : nil
    if let step, !steps.contains(step) {
      throw .badValue(
        thing, text,
        expected: "\(expectation), alone or after one of the steps "
          + steps.map { "\($0):" }.joined(separator: " and "))
    }
    let parts = (named.last ?? "").split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let window = Rate.Window(rawValue: String(parts[1])) else {
      throw .badValue(thing, text, expected: expectation)
    }
    guard let count = WholeNumberText.number(parts[0]), (1...largest).contains(count) else {
      throw .badValue(thing, text, expected: "\(expectation), with a whole number from 1 to \(largest)")
    }
    return Rate(count: count, window: window, step: step)
  }

  /// Steps of which a rate may name one: those of services that have several.
  private static let steps = ServiceProfile.allCases.map(\.steps).filter { $0.count > 1 }.flatMap(\.self)

  /// Writes rates so that a reader sees them all, for example `5/s, 100/min`; `none` without any.
  package static func format(_ rates: [Rate]) -> String {
    rates.isEmpty ? "none" : rates.map(\.description).joined(separator: ", ")
  }
}

/// Limits on minutes of media, as options and job files have them: `600min/hour`.
package enum MediaRateText {
  /// What is expected, for messages.
  package static let expectation = "minutes of media in a window, such as 600min/hour or 3000min/day"

  /// Reads a whole number from 1, `min`, a slash and a window.
  ///
  /// - Parameters:
  ///   - thing: what the value is of, for messages, for example `--media-rate`.
  ///   - largest: the greatest number of minutes that is taken.
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  package static func parse(
    _ text: String, for thing: String, upTo largest: Int = RateText.largest
  ) throws(ConfigurationError) -> MediaRate {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].hasSuffix("min"), let window = Rate.Window(rawValue: String(parts[1]))
    else {
      throw .badValue(thing, text, expected: expectation)
    }
    guard let minutes = WholeNumberText.number(parts[0].dropLast(3)), (1...largest).contains(minutes) else {
      throw .badValue(thing, text, expected: "\(expectation), with a whole number from 1 to \(largest)")
    }
    return MediaRate(minutes: minutes, window: window)
  }

  /// Writes limits so that a reader sees them all; `none` without any.
  package static func format(_ rates: [MediaRate]) -> String {
    rates.isEmpty ? "none" : rates.map(\.description).joined(separator: ", ")
  }
}

/// How many items may be lost, as options and job files have it: `250` or `5%`.
package enum ThresholdText {
  /// What is expected, for messages.
  package static let expectation = "a number of items such as 250, or a percentage from 0% to 100% such as 5%"

  /// Reads a whole number, or a number with up to three decimals and a percent sign.
  ///
  /// - Parameter thing: what the value is of, for messages, for example `--max-failures`.
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  package static func parse(_ text: String, for thing: String) throws(ConfigurationError) -> FailureThreshold
  {
    let number = text.hasSuffix("%") ? text.dropLast() : text[...]
    // The domain's own reader takes all that `Double` takes, such as `0x1p3` and `1e1`.
    let isPlain = number.utf8.allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ".")
    }
    // With three decimals every percentage is written back without an exponent.
    let decimals =
      number.split(separator: ".", omittingEmptySubsequences: false).dropFirst().first?.count ?? 0
    guard isPlain, number.first != ".", number.last != ".", decimals <= 3,
      let threshold = FailureThreshold(text)
    else {
      throw .badValue(thing, text, expected: expectation)
    }
    return threshold
  }
}

/// One of a few words, as options and job files have it.
package enum ChoiceText {
  /// Reads one of the raw values.
  ///
  /// - Parameter thing: what the value is of, for messages, for example `--profile`.
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  package static func parse<Choice: CaseIterable & RawRepresentable<String>>(
    _ text: String, for thing: String, as choice: Choice.Type = Choice.self
  ) throws(ConfigurationError) -> Choice {
    guard let value = Choice(rawValue: text) else {
      let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw .badValue(thing, text, expected: "one of \(words)")
    }
    return value
  }
}

/// Names and descriptions, as options and job files have them.
package enum LabelText {
  /// Reads a text that is shown again in lists: not empty, on one line, not long.
  ///
  /// - Parameter thing: what the value is of, for messages, for example `--name`.
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  package static func parse(_ text: String, for thing: String) throws(ConfigurationError) -> String {
    let hasControls = text.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
    guard !text.allSatisfy(\.isWhitespace), !hasControls, text.count <= 200 else {
      throw .badValue(thing, text, expected: "a text of 1 to 200 characters on one line")
    }
    return text
  }
}

/// Switches as job files have them.
package enum FlagText {
  /// Reads `true` or `false`.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  package static func parse(_ text: String, for thing: String) throws(ConfigurationError) -> Bool {
    switch text {
    case "true": return true
    case "false": return false
    default: throw .badValue(thing, text, expected: "true or false")
    }
  }

  /// Writes `true` or `false`.
  package static func format(_ isOn: Bool) -> String { isOn ? "true" : "false" }
}

/// Paths as options and job files have them.
package enum PathText {
  /// Reads a path: not empty, no zero byte.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  package static func parse(_ text: String, for thing: String) throws(ConfigurationError) -> String {
    guard !text.isEmpty, !text.utf8.contains(0) else { throw .badValue(thing, text, expected: "a path") }
    return text
  }
}
