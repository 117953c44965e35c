/// What kind of value a key of a job file takes.
enum SettingShape: Sendable {
  /// Words.
  case text
  /// A list of words, or all of them in one text.
  case wordList
  /// A bare whole number.
  case number
  /// A number with a unit, or several kinds of number.
  case quantity
  /// `true` or `false`.
  case flag

  /// The shape of a key's value.
  static func of(_ key: SettingKey) -> SettingShape {
    switch key {
    case .name, .description, .manifest, .baseURL, .profile, .onUnknown, .db, .apiKeyFile, .notifyURL,
      .heartbeatURL:
      .text
    case .notifyCommand: .wordList
    case .chunkSize, .concurrency, .maxAttempts, .limit: .number
    case .chunkBytes, .rate, .timeout, .maxWait, .settleDelay, .settleGrace, .maxFailures: .quantity
    case .bisect, .strict: .flag
    }
  }

  /// What is expected, for messages.
  var words: String {
    switch self {
    case .text: "a text"
    case .wordList: "a list of words"
    case .number: "a whole number without quotes"
    case .quantity: "a value with its unit, such as 30s, 1MiB, 50/min or 5%"
    case .flag: "true or false"
    }
  }
}
