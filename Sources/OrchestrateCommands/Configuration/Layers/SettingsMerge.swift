/// Picks each setting from the strongest layer that has it, and keeps where it came from.
struct SettingsMerge {
  private let layers: [(EffectiveSetting.Source, SettingsOverrides)]
  /// What was picked so far, in the order it was picked.
  private(set) var effective: [EffectiveSetting] = []

  /// Nothing picked yet.
  init(_ layers: SettingsLayers) {
    self.layers = [
      (.commandLine, layers.commandLine), (.environment, layers.environment), (.jobFile, layers.jobFile),
    ]
  }

  /// Picks a setting that has a default.
  mutating func pick<Value>(
    _ path: KeyPath<SettingsOverrides, Value?>, _ key: SettingKey, _ builtIn: Value,
    _ text: (Value) -> String
  ) -> Value {
    for (source, layer) in layers {
      guard let value = layer[keyPath: path] else { continue }
      effective.append(EffectiveSetting(key: key, value: text(value), source: source))
      return value
    }
    effective.append(EffectiveSetting(key: key, value: text(builtIn), source: .builtIn))
    return builtIn
  }

  /// Picks a setting that may be absent.
  mutating func pick<Value>(
    _ path: KeyPath<SettingsOverrides, Value?>, _ key: SettingKey, _ text: (Value) -> String
  ) -> Value? {
    for (source, layer) in layers {
      guard let value = layer[keyPath: path] else { continue }
      effective.append(EffectiveSetting(key: key, value: text(value), source: source))
      return value
    }
    effective.append(EffectiveSetting(key: key, value: "none", source: .builtIn))
    return nil
  }
}
