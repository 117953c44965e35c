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
  static func number(_ digits: Substring) -> Int? {
    guard isDigits(digits) else { return nil }
    guard digits == "0" || digits.utf8.first != UInt8(ascii: "0") else { return nil }
    return Int(digits)
  }

  /// Whether these are decimal digits and nothing else.
  static func isDigits(_ text: Substring) -> Bool {
    text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }
}
