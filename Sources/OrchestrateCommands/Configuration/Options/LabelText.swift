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
