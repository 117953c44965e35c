package import BatchDomain

/// What of a run's settings may change when it is resumed.
package enum ResumeSettings {
  /// Settings that were used up when the run was planned.
  package static let fixed: [SettingKey] = [.manifest, .profile, .chunkSize, .chunkBytes, .limit, .strict]

  /// The run's settings with those changed that the overrides name.
  ///
  /// Whether a new address deserves a warning is for the caller to see by comparing.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value` when a setting is fixed, or out of its range.
  package static func apply(
    _ overrides: SettingsOverrides, to stored: RunSettings
  ) throws(ConfigurationError) -> RunSettings {
    for key in fixed where names(overrides, key) {
      throw ConfigurationError(
        .badValue, "\(key.option) cannot change once a run is planned",
        remedy: "resume without it, or submit the manifest as a new run with --again")
    }
    var settings = stored
    settings.baseURL = overrides.baseURL ?? stored.baseURL
    settings.concurrency = overrides.concurrency ?? stored.concurrency
    settings.rates = overrides.rates ?? stored.rates
    settings.timeout = overrides.timeout ?? stored.timeout
    settings.maxAttempts = overrides.maxAttempts ?? stored.maxAttempts
    settings.maxWait = overrides.maxWait ?? stored.maxWait
    settings.onUnknown = overrides.onUnknown ?? stored.onUnknown
    settings.settleDelay = overrides.settleDelay ?? stored.settleDelay
    settings.settleGrace = overrides.settleGrace ?? stored.settleGrace
    settings.maxFailures = overrides.maxFailures ?? stored.maxFailures
    settings.bisect = overrides.bisect ?? stored.bisect
    try SettingsCheck.check(settings)
    return settings
  }

  private static func names(_ overrides: SettingsOverrides, _ key: SettingKey) -> Bool {
    switch key {
    case .manifest: overrides.manifest != nil
    case .profile: overrides.profile != nil
    case .chunkSize: overrides.chunkSize != nil
    case .chunkBytes: overrides.chunkBytes != nil
    case .limit: overrides.limit != nil
    case .strict: overrides.strict != nil
    default: false
    }
  }
}
