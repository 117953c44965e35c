package import BatchDomain
package import Notifications

/// All that a submission is told: what is stored with the run, and what holds for this process alone.
package struct SubmitSettings: Sendable, Equatable {
  /// What is stored with the run.
  package var run = RunSettings()
  /// A name for the run.
  package var name: String?
  /// Free text about the job.
  package var description: String?
  /// The manifests; `-` is standard input.
  package var manifests = ManifestNames()
  /// Path of the database as the command line, the environment or the job file has it.
  package var db: String?
  /// How long a database that cannot be used for a reason that may pass is tried again; `nil` for what the store says.
  package var storePatience: Duration?
  /// Path of the file that holds the API key.
  package var apiKeyFile: String?
  /// Whether the accepted items are followed once nothing is left to send.
  package var tracks = false
  /// Who gets notifications about the run.
  package var notices = NoticeTargets()

  /// The defaults.
  package init() {}

  /// The table of all settings, in the order in which they are shown.
  package static let table: [Setting<SubmitSettings>] =
    [
      Setting(
        "name", \.name, SettingKind.label.optional, .general, resuming: .ignored,
        help: "A name for the run, shown in reports."),
      Setting(
        "description", \.description, SettingKind.text.optional, .none, resuming: .ignored,
        help: "Free text about the job."),
      Setting(
        "manifest", \.manifests, .manifests, .none, resuming: .fixed, isStored: false,
        help:
          "The list of items: a JSON array or JSON lines, plain or gzipped; - is standard input. Several, or a pattern such "
          + "as lists/*.json, make a run each."),
    ] + RunSettings.table.map { $0.within(\.run) } + [
      Setting(
        "db", \.db, SettingKind.database.optional, .store, resuming: .asGiven,
        variable: DatabasePath.variable,
        help:
          "Path of the database, or postgresql://HOST/DATABASE; else $ORCHESTRATE_DB, else "
          + "$XDG_STATE_HOME/orchestrate/orchestrate.db."),
      Setting(
        "store-patience", \.storePatience, SettingKind.duration(from: .zero).optional, .store,
        resuming: .asGiven,
        help:
          "How long a database that is full, locked or not reached is tried again before the run stops. Default: 45s, or 10m "
          + "on PostgreSQL."),
      Setting(
        "api-key-file", \.apiKeyFile, SettingKind.path.optional, .sending, resuming: .asGiven,
        help: "File that holds the API key; else $TWELVELABS_API_KEY."),
      Setting(
        "track", \.tracks, .flag, .sending, resuming: .asGiven,
        help: "Once everything is sent, follow the accepted items until each is indexed or failed."),
      Setting(
        "notify-url", \.notices.address, SettingKind.address.optional, .notifications, resuming: .asGiven,
        variable: "ORCHESTRATE_NOTIFY_URL", isSecret: true,
        help: "Post a JSON document here when the run ends, pauses or waits for more than ten minutes; "
          + "else $ORCHESTRATE_NOTIFY_URL."),
      Setting(
        "notify-command", \.notices.command, SettingKind.command.optional, .notifications,
        resuming: .asGiven, isSecret: true,
        words: { (words, thing) throws(ConfigurationError) in try NoticeText.command(words, for: thing) },
        help: "Start this command at the same moments, without a shell; words, or a JSON array of them."),
      Setting(
        "heartbeat-url", \.notices.heartbeat, SettingKind.address.optional, .notifications,
        resuming: .asGiven, variable: "ORCHESTRATE_HEARTBEAT_URL", isSecret: true,
        help: "Get this address each minute while the run goes on; else $ORCHESTRATE_HEARTBEAT_URL."),
    ]

  /// The row of a key; `nil` when there is no such setting.
  package static func setting(_ key: String) -> Setting<SubmitSettings>? { table.first { $0.key == key } }

  /// Environment variables whose values may be secrets.
  static var secretVariables: [String] { table.filter(\.isSecret).compactMap(\.variable) }
}

extension SettingKind where Value == String {
  /// Where a database is: the path of a file, or the address of a server. An address is checked where all settings are, and
  /// not where it is parsed: the parser repeats what it cannot take, and a password may be in it.
  static var database: SettingKind {
    var kind = path
    kind.check = { (place, _) throws(ConfigurationError) in _ = try StoreOpener.address(place) }
    return kind
  }
}

extension SettingKind where Value == NoticeAddress {
  /// Where notifications go; only the host is ever shown.
  static var address: SettingKind {
    SettingKind(
      shape: .text, valueName: "url",
      parse: { (text, thing) throws(ConfigurationError) in try NoticeText.address(text, for: thing) },
      format: \.shown
    ).unchecked
  }
}

extension SettingKind where Value == NoticeCommand {
  /// A command that is told; its arguments are never shown.
  static var command: SettingKind {
    SettingKind(
      shape: .wordList, valueName: "command",
      parse: { (text, thing) throws(ConfigurationError) in try NoticeText.command(text, for: thing) },
      format: \.shown
    ).unchecked
  }
}

extension SettingKind {
  /// The same for values that were checked when they were made, and that are not written as they are read.
  fileprivate var unchecked: SettingKind {
    var kind = self
    kind.check = { (_, _) throws(ConfigurationError) in }
    return kind
  }
}

/// Who is told about a run, as options, variables and job files have it.
///
/// Messages never repeat the value: an address, or an argument of a command, may be a secret.
enum NoticeText {
  /// Reads an address.
  ///
  /// - Parameter thing: what the value is of, for messages, for example `--notify-url`.
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  static func address(_ text: String, for thing: String) throws(ConfigurationError) -> NoticeAddress {
    do {
      return try NoticeAddress(text)
    } catch {
      throw ConfigurationError(
        .badValue, "\(thing) \(error.reason)",
        remedy: "give an address such as https://hooks.example.org/token, or http://127.0.0.1:PORT/path")
    }
  }

  /// Reads a command from one text.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  static func command(_ text: String, for thing: String) throws(ConfigurationError) -> NoticeCommand {
    do {
      return try NoticeCommand(text)
    } catch {
      throw ConfigurationError(.badValue, "\(thing) \(error.reason)")
    }
  }

  /// Takes a command in its words.
  ///
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  static func command(_ words: [String], for thing: String) throws(ConfigurationError) -> NoticeCommand {
    do {
      return try NoticeCommand(words: words)
    } catch {
      throw ConfigurationError(.badValue, "\(thing) \(error.reason)")
    }
  }
}
