package import BatchDomain

/// The ranges that settings have to keep, whichever way they came about.
package enum SettingsCheck {
  /// Checks settings that are about to be used.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value` for the first that is out of its range.
  package static func check(_ settings: RunSettings) throws(ConfigurationError) {
    try check(settings.chunkSize, .chunkSize, in: SettingLimits.chunkSize)
    try check(settings.chunkBytes, .chunkBytes, in: SettingLimits.chunkBytes)
    try check(settings.concurrency, .concurrency, in: SettingLimits.concurrency)
    try check(settings.maxAttempts, .maxAttempts, in: SettingLimits.maxAttempts)
    if let limit = settings.limit { try check(limit, .limit, in: SettingLimits.limit) }
    try check(settings.timeout, .timeout, least: .milliseconds(1))
    try check(settings.maxWait, .maxWait, least: .zero)
    try check(settings.settleDelay, .settleDelay, least: .zero)
    try check(settings.settleGrace, .settleGrace, least: .zero)
    for rate in settings.rates { try check(rate.count, .rate, in: 1...Int.max) }
    _ = try BaseURLText.parse(settings.baseURL, for: SettingKey.baseURL.rawValue)
  }

  private static func check(
    _ value: Int, _ key: SettingKey, in range: ClosedRange<Int>
  ) throws(ConfigurationError) {
    _ = try WholeNumberText.parse(String(value), for: key.rawValue, in: range)
  }

  private static func check(
    _ value: Duration, _ key: SettingKey, least: Duration
  ) throws(ConfigurationError) {
    guard value >= least, value <= DurationText.longest else {
      throw ConfigurationError(
        .badValue,
        "\(key.rawValue) is \(value), expected a duration from \(DurationText.format(least)) to "
          + DurationText.format(DurationText.longest))
    }
  }
}
