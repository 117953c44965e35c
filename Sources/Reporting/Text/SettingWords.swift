package import BatchDomain

/// The settings that are stored with a run, each as its option of `submit` has it.
package struct SettingWords: Sendable, Equatable {
  /// The option's name without hyphens; of a switch that is on by default, without `no-`.
  package let name: String
  /// The value as a person reads it.
  package let value: String
  /// What is written on a command line, ready for a shell.
  package let words: String

  /// All of them, in the order of the table.
  package static func list(_ settings: RunSettings) -> [SettingWords] {
    RunSettings.table.map { row in
      SettingWords(
        name: row.key, value: row.text(settings) ?? "none",
        words: row.options(settings).map(ShellText.quote).joined(separator: " "))
    }
  }
}
