import ArgumentParser
import BatchDomain
import Foundation
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

  /// Where the database is, which has to be there: none is made.
  ///
  /// - Throws: ``CommandFailure`` with code `no_database` when there is none.
  func existing(in context: ProcessContext) throws -> String {
    let path = try resolved(in: context)
    guard try StoreOpener.exists(at: path) else {
      throw CommandFailure(
        .badInput, code: "no_database", "there is no database at \(VisibleText.escape(path))",
        remedy: "name the database with --db")
    }
    return path
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
  @Option(help: "Format of the result on standard output.")
  var format: ResultFormat = .text

  @OptionGroup var progress: ProgressOptions

  @Option(name: .customLong("log-level"), help: "Least severe log messages shown on standard error.")
  var logLevel: LogLevelChoice = .warning

  @Option(name: .customLong("log-format"), help: "Format of log messages.")
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

/// Where what happens to a run is written as it happens.
struct EventOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Append what happens to a file, one JSON object per line; `-` is standard output, with --format json only.",
      valueName: "file|-"))
  var events: String?

  /// Whether events go to standard output.
  var areOnOutput: Bool { events == "-" }

  /// Refuses events and a report for people in the same stream.
  ///
  /// - Throws: `ValidationError`.
  func check(_ format: ResultFormat) throws {
    guard areOnOutput, format != .json else { return }
    throw ValidationError(
      "--events - writes JSON to standard output, where the result would be text; add --format json, or name a file."
    )
  }

  /// Opens what events go to; `nil` when none are wanted.
  ///
  /// - Parameters:
  ///   - database: path of the database, which is never written to but through its engine.
  ///   - manifest: path of the manifest; `nil` when it is not read.
  /// - Throws: ``CommandFailure`` with status 2.
  func open(beside database: String, manifest: String?, in context: ProcessContext) throws -> EventOutput? {
    guard let given = events else { return nil }
    let say: @Sendable (String) -> Void = { context.note($0) }
    guard !areOnOutput else {
      return EventOutput(
        to: context.output, isStandardOutput: true, patience: context.patience, say: say)
    }
    let events = try context.path(given)
    let isTaken =
      DatabaseFiles.contain(events, of: database) || manifest.map { Self.same($0, events) } == true
    guard !isTaken else {
      throw CommandFailure(
        .badInput, code: "events_not_writable",
        "the file for events \(VisibleText.escape(events)) is the manifest or belongs to the database",
        remedy: "name another file with --events; nothing was sent")
    }
    return EventOutput(
      to: try AppendedFile(path: events), isStandardOutput: false, patience: context.patience, say: say)
  }

  /// Refuses a manifest that is the file for events: it would be written to while it is read.
  ///
  /// - Throws: ``CommandFailure`` with status 2.
  func refuse(_ manifest: String, in context: ProcessContext) throws {
    guard let events, !areOnOutput, Self.same(manifest, try context.path(events)) else { return }
    throw CommandFailure(
      .badInput, code: "events_not_writable",
      "the file for events \(VisibleText.escape(events)) is the manifest or belongs to the database",
      remedy: "name another file with --events")
  }

  private static func same(_ one: String, _ other: String) -> Bool {
    FileIdentity(path: one).map { $0 == FileIdentity(path: other) } ?? false
  }
}
