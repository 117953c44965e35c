package import BatchDomain
package import Notifications
import Reporting

/// All that a submission was told, with every default filled in.
package struct ResolvedSettings: Sendable, Equatable {
  /// What is stored with the run.
  package let settings: RunSettings
  /// Path of the manifest, `-` for standard input; `nil` when nobody named one.
  package let manifest: String?
  /// A name for the run.
  package let name: String?
  /// Free text about the job.
  package let description: String?
  /// Path of the database as the command line, the environment or the job file has it.
  package let db: String?
  /// Path of the file that holds the API key.
  package let apiKeyFile: String?
  /// Who is told about the run.
  package let notices: NoticeTargets
  /// Every setting with its value and where that comes from, in the order of the job file's keys.
  package let effective: [EffectiveSetting]

  /// The settings as aligned lines, for `--dry-run`.
  package var text: String {
    let nameWidth = effective.map(\.key.rawValue.count).max() ?? 0
    let values = effective.map { TerminalText.escape($0.value, cutAt: 120) }
    let valueWidth = values.map(\.count).max() ?? 0
    var text = ""
    for (setting, value) in zip(effective, values) {
      let name = setting.key.rawValue
      text += "  " + name + String(repeating: " ", count: nameWidth - name.count + 2)
      text +=
        value + String(repeating: " ", count: valueWidth - value.count + 2) + setting.source.rawValue + "\n"
    }
    return text
  }
}
