import Notifications

/// Who is told about a run, as options, variables and job files have it.
///
/// Messages never repeat the value: an address, or an argument of a command, may be a secret.
enum NoticeText {
  /// Reads an address.
  ///
  /// - Parameter thing: what the value is of, for messages, for example `--notify-url`.
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  static func address(_ text: String, for thing: String) throws(ConfigurationError) -> NoticeAddress {
    do {
      return try NoticeAddress(text)
    } catch {
      throw ConfigurationError(
        .badValue, "\(thing) \(error.reason)",
        remedy: "give an address such as https://hooks.example.org/token, or http://127.0.0.1:PORT/path")
    }
  }

  /// Reads a command from one text.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  static func command(_ text: String, for thing: String) throws(ConfigurationError) -> NoticeCommand {
    do {
      return try NoticeCommand(text)
    } catch {
      throw ConfigurationError(.badValue, "\(thing) \(error.reason)")
    }
  }

  /// Takes a command in its words.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  static func command(_ words: [String], for thing: String) throws(ConfigurationError) -> NoticeCommand {
    do {
      return try NoticeCommand(words: words)
    } catch {
      throw ConfigurationError(.badValue, "\(thing) \(error.reason)")
    }
  }
}
