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
