package import BatchDomain

/// How many items may be lost, as options and job files have it: `250` or `5%`.
package enum ThresholdText {
  /// What is expected, for messages.
  static let expectation = "a number of items such as 250, or a percentage from 0% to 100% such as 5%"

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
