import ArgumentParser
import Notifications

/// Who gets notifications about a run.
///
/// The values are read in ``validate()`` and not where they are declared: the parser repeats a value that it cannot
/// take, and these may be secrets.
struct NoticeOptions: ParsableArguments {
  @Option(
    name: .customLong("notify-url"),
    help: ArgumentHelp(
      "Post a JSON document here when the run ends, pauses or waits for more than ten minutes; "
        + "else $ORCHESTRATE_NOTIFY_URL.", valueName: "url"))
  var notifyURL: String?

  @Option(
    name: .customLong("notify-command"),
    help: ArgumentHelp(
      "Start this command at the same moments, without a shell; words, or a JSON array of them.",
      valueName: "command"))
  var notifyCommand: String?

  @Option(
    name: .customLong("heartbeat-url"),
    help: ArgumentHelp(
      "Get this address each minute while the run goes on; else $ORCHESTRATE_HEARTBEAT_URL.",
      valueName: "url"))
  var heartbeatURL: String?

  func validate() throws {
    var overrides = SettingsOverrides()
    do {
      try apply(to: &overrides)
    } catch {
      throw ValidationError(error.description)
    }
  }

  /// Puts what was given into a layer of settings.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  func apply(to overrides: inout SettingsOverrides) throws(ConfigurationError) {
    if let notifyURL { try overrides.read(notifyURL, as: .notifyURL) }
    if let notifyCommand { try overrides.read(notifyCommand, as: .notifyCommand) }
    if let heartbeatURL { try overrides.read(heartbeatURL, as: .heartbeatURL) }
  }

  /// Who is told when there is no job file: what was given, else what the environment says.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  func targets(in context: ProcessContext) throws(ConfigurationError) -> NoticeTargets {
    var overrides = SettingsOverrides()
    try overrides.readNotices(from: context.environment)
    try apply(to: &overrides)
    return NoticeTargets(
      address: overrides.notifyURL, command: overrides.notifyCommand, heartbeat: overrides.heartbeatURL)
  }
}
