/// Amounts of bytes as options and job files have them: `512KiB`, `1MiB`, `2MB`, `800B`, or a bare number.
package enum ByteSizeText {
  /// What is expected, for messages.
  static let expectation = "a size such as 800000, 512KiB, 1MiB or 2MB"

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
