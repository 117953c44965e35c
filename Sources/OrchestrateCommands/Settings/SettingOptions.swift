import ArgumentParser
import BatchDomain

/// Which settings a group of options has.
protocol SettingGroup: Sendable {
  /// Whether the group has a setting.
  static func has(_ setting: Setting<SubmitSettings>) -> Bool
}

/// How a manifest is read and cut into chunks: fixed once a run is planned.
enum PlanSettings: SettingGroup {
  static func has(_ setting: Setting<SubmitSettings>) -> Bool { setting.section == .plan }
}

/// What may differ each time a run is worked on: rates, retries, limits, address and key.
enum SendingSettings: SettingGroup {
  static func has(_ setting: Setting<SubmitSettings>) -> Bool { setting.section == .sending }
}

/// How objects of S3 are reached.
enum ObjectSettings: SettingGroup {
  static func has(_ setting: Setting<SubmitSettings>) -> Bool { setting.section == .objects }
}

/// Who gets notifications.
enum NotificationSettings: SettingGroup {
  static func has(_ setting: Setting<SubmitSettings>) -> Bool { setting.section == .notifications }
}

/// What `submit` has beside all that.
enum GeneralSettings: SettingGroup {
  static func has(_ setting: Setting<SubmitSettings>) -> Bool { setting.section == .general }
}

/// Where the store is.
enum StoreSettings: SettingGroup {
  static func has(_ setting: Setting<SubmitSettings>) -> Bool { setting.key == "db" }
}

/// How long the store is tried again.
enum PatienceSettings: SettingGroup {
  static func has(_ setting: Setting<SubmitSettings>) -> Bool { setting.key == "store-patience" }
}

/// What it takes to ask the service something.
enum ServiceSettings: SettingGroup {
  static func has(_ setting: Setting<SubmitSettings>) -> Bool {
    ["base-url", "profile", "api-key-file"].contains(setting.key)
  }
}

/// Where the key is.
enum KeySettings: SettingGroup {
  static func has(_ setting: Setting<SubmitSettings>) -> Bool { setting.key == "api-key-file" }
}

/// Options made from rows of the table of settings: name, help, default and what a value may be.
///
/// The parser finds options by reflection on a fresh value (`ParsableArguments`), so that what is reflected can be made
/// instead of declared; the values are decoded by the same names.
struct SettingOptions<Group: SettingGroup>: ParsableArguments, CustomReflectable {
  /// The texts that were given, by key.
  private var texts: [String: [String]] = [:]

  /// The values, where each could be read; ``validate()`` refuses those that cannot.
  private(set) var values = SubmitSettings()

  private static var settings: [Setting<SubmitSettings>] { SubmitSettings.table.filter(Group.has) }

  /// No values yet.
  init() {}

  /// The options as the parser looks for them.
  var customMirror: Mirror {
    Mirror(self, children: Self.settings.map { (label: "_\($0.key)", value: Self.declaration(of: $0)) })
  }

  /// A key of a decoder, whatever it is.
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { return nil }
  }

  /// Takes what was parsed.
  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    for setting in Self.settings {
      let key = Key(stringValue: setting.key)
      if setting.shape == .flag {
        if let isOn = try container.decodeIfPresent(Bool.self, forKey: key) {
          texts[setting.key] = [FlagText.format(isOn)]
        }
      } else if setting.isList {
        let given = try container.decode([String].self, forKey: key)
        if !given.isEmpty { texts[setting.key] = given }
      } else if let text = try container.decodeIfPresent(String.self, forKey: key) {
        texts[setting.key] = [text]
      }
    }
  }

  /// The layer of these options alone.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  var layer: SettingsLayer {
    get throws(ConfigurationError) {
      var layer = SettingsLayer()
      try apply(to: &layer)
      return layer
    }
  }

  /// Puts what was given into a layer of settings.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  func apply(to layer: inout SettingsLayer) throws(ConfigurationError) {
    for setting in Self.settings {
      for text in texts[setting.key] ?? [] { try layer.read(text, as: setting) }
    }
  }

  /// Values that may be secrets are read here and not where they are parsed: the parser repeats what it cannot take.
  mutating func validate() throws {
    do {
      values = try layer.values
    } catch {
      throw ValidationError(error.description)
    }
  }

  private static func declaration(of setting: Setting<SubmitSettings>) -> Any {
    let name = NameSpecification.customLong(setting.key)
    let text =
      setting.text(SubmitSettings()).map { " Default: \(setting.shape == .flag ? flag(setting) : $0)." } ?? ""
    let help = ArgumentHelp("\(setting.help)\(text)").named(setting.valueName)
    let completion: CompletionKind? =
      setting.choices.isEmpty ? (setting.valueName == "path" ? .file() : nil) : .list(setting.choices)
    let check: @Sendable (String) throws -> String = { text in
      // An address may have a password in it.
      guard !setting.isSecret, setting.valueName != "url" else { return text }
      var layer = SettingsLayer()
      try layer.read(text, as: setting)
      return text
    }
    if setting.shape == .flag {
      return Flag<Bool?>(name: name, inversion: .prefixedNo, help: ArgumentHelp("\(setting.help)\(text)"))
    }
    if setting.isList {
      return Option<[String]>(
        wrappedValue: [], name: name, parsing: .singleValue, help: help, completion: completion,
        transform: check)
    }
    return Option<String?>(name: name, help: help, completion: completion, transform: check)
  }

  private static func flag(_ setting: Setting<SubmitSettings>) -> String {
    setting.options(SubmitSettings()).joined(separator: " ")
  }
}

extension ArgumentHelp {
  /// The same with a name for the value.
  fileprivate func named(_ value: String) -> ArgumentHelp {
    var help = self
    help.valueName = value
    return help
  }
}
