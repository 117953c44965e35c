package import BatchDomain
import Reporting

/// What one layer (command line, environment, job file) says about a submission.
package struct SettingsLayer: Sendable, Equatable {
  /// The values it gives; defaults where it says nothing.
  package private(set) var values = SubmitSettings()
  /// The keys of the settings that it gives.
  package private(set) var given: Set<String> = []

  /// A layer that says nothing.
  package init() {}

  /// What the environment says; an empty variable counts as not set.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value`, which names the variable.
  package init(environment variables: [String: String]) throws(ConfigurationError) {
    for setting in SubmitSettings.table {
      guard let variable = setting.variable, let text = variables[variable], !text.isEmpty else { continue }
      try read(text, as: setting, called: "$\(variable)")
    }
  }

  /// Reads one value as it is written in a job file or on the command line.
  ///
  /// - Parameters:
  ///   - thing: what messages call the value; `nil` calls it by its option.
  ///   - path: brings a path to the form it is opened with.
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  package mutating func read(
    _ text: String, as setting: Setting<SubmitSettings>, called thing: String? = nil,
    path: (String) throws(ConfigurationError) -> String = { (text) throws(ConfigurationError) in text }
  ) throws(ConfigurationError) {
    try setting.read(&values, text, thing ?? setting.option, path, given.contains(setting.key))
    given.insert(setting.key)
  }

  /// Reads a value that is a list of words.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  mutating func read(
    _ words: [String], as setting: Setting<SubmitSettings>, called thing: String
  ) throws(ConfigurationError) {
    guard let readWords = setting.readWords else { return }
    try readWords(&values, words, thing)
    given.insert(setting.key)
  }

  /// Takes the present value of a setting for given.
  mutating func give(_ setting: Setting<SubmitSettings>) { given.insert(setting.key) }

  /// Gives a value without reading it.
  package mutating func give<Value>(
    _ key: String, _ path: WritableKeyPath<SubmitSettings, Value>, _ value: Value
  ) {
    values[keyPath: path] = value
    given.insert(key)
  }

  /// The run's settings with those changed that this layer gives.
  ///
  /// Whether a new address deserves a warning is for the caller to see by comparing.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value` when a setting is fixed, or out of its range.
  package func applied(to stored: RunSettings) throws(ConfigurationError) -> RunSettings {
    var changed = SubmitSettings()
    changed.run = stored
    for setting in SubmitSettings.table where given.contains(setting.key) {
      guard setting.resuming != .fixed else {
        throw ConfigurationError(
          .badValue, "\(setting.option) cannot change once a run is planned",
          remedy: "resume without it, or submit the manifest as a new run with --again")
      }
      setting.take(&changed, values)
    }
    try changed.check()
    return changed.run
  }
}

extension SubmitSettings {
  /// Refuses values out of their ranges, whichever way they came about.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value` for the first.
  package func check() throws(ConfigurationError) {
    for setting in Self.table { try setting.check(self) }
    try run.checkProfile()
    _ = try run.calendar()
  }
}

/// A setting as it holds for a submission, and where its value comes from.
package struct EffectiveSetting: Sendable, Equatable {
  /// Where a value comes from, the strongest first.
  package enum Source: String, Sendable, CaseIterable {
    /// An option or argument.
    case commandLine = "command line"
    /// An environment variable.
    case environment
    /// The job file.
    case jobFile = "job file"
    /// Nobody said anything.
    case builtIn = "default"
  }

  /// The setting's key.
  package let key: String
  /// Its value as it would be written in a job file; `none` where there is none.
  package let value: String
  /// Where it comes from.
  package let source: Source
}

/// The layers that say how a submission goes: the command line wins, then the environment, then the job file,
/// then the default.
package struct SettingsLayers: Sendable {
  /// What the options and arguments say.
  package var commandLine: SettingsLayer
  /// What environment variables say.
  package var environment: SettingsLayer
  /// What the job file says; says nothing without one.
  package var jobFile: SettingsLayer

  /// Layers to be merged.
  package init(
    commandLine: SettingsLayer = SettingsLayer(), environment: SettingsLayer = SettingsLayer(),
    jobFile: SettingsLayer = SettingsLayer()
  ) {
    self.commandLine = commandLine
    self.environment = environment
    self.jobFile = jobFile
  }

  /// Merges the layers over the defaults.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value` for a value out of its range, whichever way it
  ///   came into its layer.
  package func resolve() throws(ConfigurationError) -> ResolvedSettings {
    let layers: [(EffectiveSetting.Source, SettingsLayer)] = [
      (.commandLine, commandLine), (.environment, environment), (.jobFile, jobFile),
    ]
    var values = SubmitSettings()
    var effective: [EffectiveSetting] = []
    // A default depends on the profile where requests of that profile carry so many items and no more.
    if let layer = layers.first(where: { $0.1.given.contains("profile") })?.1,
      let items = layer.values.run.profile.itemsPerRequest
    {
      values.run.chunkSize = items
    }
    for setting in SubmitSettings.table {
      let strongest = layers.first { $0.1.given.contains(setting.key) }
      if let strongest { setting.take(&values, strongest.1.values) }
      effective.append(
        EffectiveSetting(
          key: setting.key, value: setting.text(values) ?? "none", source: strongest?.0 ?? .builtIn))
    }
    try values.check()
    return ResolvedSettings(values: values, effective: effective)
  }
}

/// All that a submission was told, with every default filled in.
package struct ResolvedSettings: Sendable, Equatable {
  /// The values.
  package let values: SubmitSettings
  /// Every setting with its value and where that comes from, in the order of the table.
  package let effective: [EffectiveSetting]

  /// What is stored with the run.
  package var settings: RunSettings { values.run }

  /// The settings as aligned lines, for `--dry-run`.
  package var text: String {
    let nameWidth = effective.map(\.key.count).max() ?? 0
    let values = effective.map { VisibleText.escape($0.value, cutAt: 120) }
    let valueWidth = values.map(\.count).max() ?? 0
    var text = ""
    for (setting, value) in zip(effective, values) {
      text += "  " + setting.key + String(repeating: " ", count: nameWidth - setting.key.count + 2)
      text +=
        value + String(repeating: " ", count: valueWidth - value.count + 2) + setting.source.rawValue + "\n"
    }
    return text
  }
}
