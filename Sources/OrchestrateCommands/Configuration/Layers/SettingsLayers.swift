import BatchDomain
import Notifications

/// The layers that say how a submission goes: the command line wins, then the environment, then the job file,
/// then the default.
package struct SettingsLayers: Sendable {
  /// What the options and arguments say.
  package var commandLine: SettingsOverrides
  /// What environment variables say.
  package var environment: SettingsOverrides
  /// What the job file says; says nothing without one.
  package var jobFile: SettingsOverrides

  /// Layers to be merged.
  package init(
    commandLine: SettingsOverrides, environment: SettingsOverrides = SettingsOverrides(),
    jobFile: SettingsOverrides = SettingsOverrides()
  ) {
    self.commandLine = commandLine
    self.environment = environment
    self.jobFile = jobFile
  }

  /// What the environment says: `ORCHESTRATE_DB`, unless it is empty.
  package static func environment(_ variables: [String: String]) -> SettingsOverrides {
    var overrides = SettingsOverrides()
    if let path = variables[DatabasePath.variable], !path.isEmpty { overrides.db = path }
    return overrides
  }

  /// Merges the layers over the defaults.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value` for a value out of its range, whichever way it
  ///   came into its layer.
  package func resolve() throws(ConfigurationError) -> ResolvedSettings {
    var merge = SettingsMerge(self)
    let defaults = RunSettings()
    var settings = RunSettings()
    let name = merge.pick(\.name, .name) { $0 }
    let description = merge.pick(\.description, .description) { $0 }
    let manifest = merge.pick(\.manifest, .manifest) { $0 }
    settings.baseURL = merge.pick(\.baseURL, .baseURL, defaults.baseURL) { $0 }
    settings.profile = merge.pick(\.profile, .profile, defaults.profile, \.rawValue)
    settings.chunkSize = merge.pick(\.chunkSize, .chunkSize, defaults.chunkSize, String.init)
    settings.chunkBytes = merge.pick(\.chunkBytes, .chunkBytes, defaults.chunkBytes, ByteSizeText.format)
    settings.concurrency = merge.pick(\.concurrency, .concurrency, defaults.concurrency, String.init)
    settings.rates = merge.pick(\.rates, .rate, defaults.rates, RateText.format)
    settings.timeout = merge.pick(\.timeout, .timeout, defaults.timeout, DurationText.format)
    settings.maxAttempts = merge.pick(\.maxAttempts, .maxAttempts, defaults.maxAttempts, String.init)
    settings.maxWait = merge.pick(\.maxWait, .maxWait, defaults.maxWait, DurationText.format)
    settings.onUnknown = merge.pick(\.onUnknown, .onUnknown, defaults.onUnknown, \.rawValue)
    settings.settleDelay = merge.pick(\.settleDelay, .settleDelay, defaults.settleDelay, DurationText.format)
    settings.settleGrace = merge.pick(\.settleGrace, .settleGrace, defaults.settleGrace, DurationText.format)
    settings.maxFailures = merge.pick(\.maxFailures, .maxFailures, defaults.maxFailures, \.text)
    settings.bisect = merge.pick(\.bisect, .bisect, defaults.bisect) { $0 ? "true" : "false" }
    settings.limit = merge.pick(\.limit, .limit, String.init)
    settings.strict = merge.pick(\.strict, .strict, defaults.strict) { $0 ? "true" : "false" }
    let db = merge.pick(\.db, .db) { $0 }
    let apiKeyFile = merge.pick(\.apiKeyFile, .apiKeyFile) { $0 }
    let notices = NoticeTargets(
      address: merge.pick(\.notifyURL, .notifyURL, \.shown),
      command: merge.pick(\.notifyCommand, .notifyCommand, \.shown),
      heartbeat: merge.pick(\.heartbeatURL, .heartbeatURL, \.shown))
    try SettingsCheck.check(settings)
    return ResolvedSettings(
      settings: settings, manifest: manifest, name: name, description: description, db: db,
      apiKeyFile: apiKeyFile, notices: notices, effective: merge.effective)
  }
}
