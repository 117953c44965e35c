import BatchDomain

extension SettingsOverrides {
  /// Reads one value as it is written in a job file or on the command line.
  ///
  /// A rate is added to those read before; every other value takes the place of the one before.
  ///
  /// - Parameters:
  ///   - thing: what messages call the value; `nil` calls it by its option.
  ///   - path: brings a path to the form it is opened with.
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  package mutating func read(
    _ text: String, as key: SettingKey, called thing: String? = nil,
    path: (String) throws(ConfigurationError) -> String = { (text) throws(ConfigurationError) in text }
  ) throws(ConfigurationError) {
    let thing = thing ?? key.option
    switch key {
    case .name: name = try LabelText.parse(text, for: thing)
    case .description: description = text
    case .manifest: manifest = try Self.path(text, for: thing, path)
    case .db: db = try Self.path(text, for: thing, path)
    case .apiKeyFile: apiKeyFile = try Self.path(text, for: thing, path)
    case .baseURL: baseURL = try BaseURLText.parse(text, for: thing)
    case .profile: profile = try ChoiceText.parse(text, for: thing)
    case .onUnknown: onUnknown = try ChoiceText.parse(text, for: thing)
    case .chunkSize: chunkSize = try WholeNumberText.parse(text, for: thing, in: SettingLimits.chunkSize)
    case .chunkBytes: chunkBytes = try ByteSizeText.parse(text, for: thing, in: SettingLimits.chunkBytes)
    case .concurrency:
      concurrency = try WholeNumberText.parse(text, for: thing, in: SettingLimits.concurrency)
    case .maxAttempts:
      maxAttempts = try WholeNumberText.parse(text, for: thing, in: SettingLimits.maxAttempts)
    case .limit: limit = try WholeNumberText.parse(text, for: thing, in: SettingLimits.limit)
    case .rate: rates = (rates ?? []) + [try RateText.parse(text, for: thing)]
    case .timeout: timeout = try DurationText.parse(text, for: thing)
    case .maxWait: maxWait = try DurationText.parse(text, for: thing, allowingZero: true)
    case .settleDelay: settleDelay = try DurationText.parse(text, for: thing, allowingZero: true)
    case .settleGrace: settleGrace = try DurationText.parse(text, for: thing, allowingZero: true)
    case .maxFailures: maxFailures = try ThresholdText.parse(text, for: thing)
    case .bisect: bisect = try Self.flag(text, for: thing)
    case .strict: strict = try Self.flag(text, for: thing)
    case .notifyURL: notifyURL = try NoticeText.address(text, for: thing)
    case .heartbeatURL: heartbeatURL = try NoticeText.address(text, for: thing)
    case .notifyCommand: notifyCommand = try NoticeText.command(text, for: thing)
    }
  }

  private static func path(
    _ text: String, for thing: String, _ resolve: (String) throws(ConfigurationError) -> String
  ) throws(ConfigurationError) -> String {
    guard !text.isEmpty, !text.utf8.contains(0) else { throw .badValue(thing, text, expected: "a path") }
    return try resolve(text)
  }

  private static func flag(_ text: String, for thing: String) throws(ConfigurationError) -> Bool {
    switch text {
    case "true": return true
    case "false": return false
    default: throw .badValue(thing, text, expected: "true or false")
    }
  }
}
