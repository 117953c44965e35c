import ArgumentParser
import BatchDomain
import Logging
import Reporting

/// Where the store is.
struct StoreOptions: ParsableArguments {
  @OptionGroup private var options: SettingOptions<StoreSettings>

  /// The path as it was given with `--db`.
  var path: String? { options.values.db }

  /// Where the database is, as the command line or the environment has it.
  func resolved(in context: ProcessContext) throws -> String {
    try DatabasePath.resolve(given: path, environment: context.environment)
  }

  /// Where the database is in which a run is looked for.
  ///
  /// - Throws: ``StoreError`` with code `no_such_run` when there is no database: looking for a run makes none.
  func existing(for run: String, in context: ProcessContext) throws -> String {
    let path = try resolved(in: context)
    guard try StoreOpener.exists(at: path) else {
      throw StoreError(
        .noSuchRun, "there is no run \(VisibleText.escape(run)): there is no database at \(path) yet",
        remedy: "\(command: .submitManifest) starts a run; --db names another database")
    }
    return path
  }
}

/// How a run shows itself.
struct ShowOptions: ParsableArguments {
  @Option(help: "How the result is written to standard output.")
  var format: ResultFormat = .text

  @OptionGroup var progress: ProgressOptions

  @Option(name: .customLong("log-level"), help: "Least severe log messages shown on standard error.")
  var logLevel: LogLevelChoice = .warning

  @Option(name: .customLong("log-format"), help: "How log messages are written.")
  var logFormat: LogFormat = .text
}

/// How progress is shown.
struct ProgressOptions: ParsableArguments {
  @Option(
    help:
      "Progress on standard error: live on a terminal and plain lines elsewhere, plain lines everywhere, or none."
  )
  var progress: ProgressChoice = .auto

  @Option(help: "Whether live progress is coloured; auto follows $NO_COLOR.")
  var color: ColorChoice = .auto
}

/// Whether something is coloured.
enum ColorChoice: String, ExpressibleByArgument, CaseIterable {
  /// Where it can be and `$NO_COLOR` does not say no.
  case auto
  case always
  case never
}

/// How log messages are written.
enum LogFormat: String, ExpressibleByArgument, CaseIterable {
  case text
  /// One JSON object per line.
  case json
}

/// The least severe log messages that are shown.
enum LogLevelChoice: String, ExpressibleByArgument, CaseIterable {
  case trace, debug, info, notice, warning, error, critical

  /// The level as the logger has it.
  var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .warning }
}
