package import BatchDomain

/// The settings that are stored with a run, each as its option of `submit` has it.
package struct SettingWords: Sendable, Equatable {
  /// The option's name without hyphens; of a switch that is on by default, without `no-`.
  package let name: String
  /// The value as a person reads it.
  package let value: String
  /// What is written on a command line, ready for a shell.
  package let words: String

  /// All of them, in the order of the job file's keys.
  package static func list(_ settings: RunSettings) -> [SettingWords] {
    let rates = settings.rates.map(\.description)
    return [
      SettingWords("base-url", settings.baseURL), SettingWords("profile", settings.profile.rawValue),
      SettingWords("chunk-size", String(settings.chunkSize)),
      SettingWords("chunk-bytes", "\(settings.chunkBytes)B"),
      SettingWords("concurrency", String(settings.concurrency)),
      SettingWords(
        name: "rate", value: rates.isEmpty ? "none" : rates.joined(separator: ", "),
        words: rates.map { "--rate \($0)" }.joined(separator: " ")),
      SettingWords("timeout", text(settings.timeout)),
      SettingWords("max-attempts", String(settings.maxAttempts)),
      SettingWords("max-wait", text(settings.maxWait)),
      SettingWords("on-unknown", settings.onUnknown.rawValue),
      SettingWords("settle-delay", text(settings.settleDelay)),
      SettingWords("settle-grace", text(settings.settleGrace)),
      SettingWords("max-failures", settings.maxFailures.text), SettingWords("bisect", settings.bisect),
      SettingWords(
        name: "limit", value: settings.limit.map(String.init) ?? "none",
        words: settings.limit.map { "--limit \($0)" } ?? ""),
      SettingWords("strict", settings.strict),
    ]
  }

  private init(name: String, value: String, words: String) {
    self.name = name
    self.value = value
    self.words = words
  }

  private init(_ name: String, _ value: String) {
    self.init(name: name, value: value, words: "--\(name) \(ShellText.quote(value))")
  }

  private init(_ name: String, _ isOn: Bool) {
    self.init(name: name, value: isOn ? "true" : "false", words: isOn ? "--\(name)" : "--no-\(name)")
  }

  /// In the greatest unit that leaves a whole number, as options take it.
  private static func text(_ duration: Duration) -> String {
    let milliseconds = duration.millisecondsRoundedUp
    for (unit, length) in [("h", Int64(3_600_000)), ("m", 60_000), ("s", 1_000)]
    where milliseconds % length == 0 {
      return "\(milliseconds / length)\(milliseconds == 0 ? "s" : unit)"
    }
    return "\(milliseconds)ms"
  }
}
