import ArgumentParser
import BatchDomain
import Logging
import Reporting
import RunStore

/// Where the store is.
struct StoreOptions: ParsableArguments {
  @Option(
    name: .customLong("db"),
    help: ArgumentHelp(
      "Path of the database; else $ORCHESTRATE_DB, else $XDG_STATE_HOME/orchestrate/orchestrate.db.",
      valueName: "path"))
  var path: String?

  /// Where the database is, as the command line or the environment has it.
  func resolved(in context: ProcessContext) throws -> String {
    try DatabasePath.resolve(given: path, environment: context.environment)
  }

  /// Where the database is in which a run is looked for.
  ///
  /// - Throws: ``StoreError`` with code `no_such_run` when there is no database: looking for a run makes none.
  func existing(for run: String, in context: ProcessContext) throws -> String {
    let path = try resolved(in: context)
    guard try SQLiteStore.exists(at: path) else {
      throw StoreError(
        .noSuchRun, "there is no run \(TerminalText.escape(run)): there is no database at \(path) yet",
        remedy: "`orchestrate submit <manifest>` starts a run; --db names another database")
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

/// What may differ each time a run is worked on: pace, retry, limits, address and key.
struct PaceOptions: ParsableArguments {
  @Option(
    name: .customLong("base-url"),
    help: ArgumentHelp(
      "Address of the service: https, or http to this machine.",
      discussion: "Default: \(ServiceProfile.defaultBaseURL)",
      valueName: "url"),
    transform: { try BaseURLText.parse($0, for: "--base-url") })
  var baseURL: String?

  @Option(
    help: ArgumentHelp("Requests in flight at most. Default: 4.", valueName: "n"),
    transform: { try WholeNumberText.parse($0, for: "--concurrency", in: SettingLimits.concurrency) })
  var concurrency: Int?

  @Option(
    name: .customLong("rate"), parsing: .singleValue,
    help: ArgumentHelp(
      "Limit on requests, N/s, N/min, N/hour or N/day; may be repeated, all hold.", valueName: "n/window"),
    transform: { try RateText.parse($0, for: "--rate") })
  var rates: [Rate] = []

  @Option(
    help: ArgumentHelp("Longest a whole request may take. Default: 60s.", valueName: "duration"),
    transform: { try DurationText.parse($0, for: "--timeout") })
  var timeout: Duration?

  @Option(
    name: .customLong("max-attempts"),
    help: ArgumentHelp("Counted attempts per chunk at most. Default: 8.", valueName: "n"),
    transform: { try WholeNumberText.parse($0, for: "--max-attempts", in: SettingLimits.maxAttempts) })
  var maxAttempts: Int?

  @Option(
    name: .customLong("max-wait"),
    help: ArgumentHelp(
      "Pause the run when it makes no progress, or the service asks to wait, for longer than this. Default: 24h.",
      valueName: "duration"),
    transform: { try DurationText.parse($0, for: "--max-wait", allowingZero: true) })
  var maxWait: Duration?

  @Option(
    name: .customLong("on-unknown"),
    help: "What to do about a lost answer: ask the service, resend without asking, or hold. Default: check.")
  var onUnknown: UnknownPolicy?

  @Option(
    name: .customLong("settle-delay"),
    help: ArgumentHelp(
      "Time before the service is asked about a lost answer, and between two such questions. Default: 30s.",
      valueName: "duration"),
    transform: { try DurationText.parse($0, for: "--settle-delay", allowingZero: true) })
  var settleDelay: Duration?

  @Option(
    name: .customLong("settle-grace"),
    help: ArgumentHelp(
      "Time after a time-out, or a 408, 502, 503 or 504, before a request counts as not received. Default: 60s. "
        + "A gateway may hold such a request; with a shorter time it may arrive after it was sent again.",
      valueName: "duration"),
    transform: { try DurationText.parse($0, for: "--settle-grace", allowingZero: true) })
  var settleGrace: Duration?

  @Option(
    name: .customLong("max-failures"),
    help: ArgumentHelp(
      "Pause the run when more items than this are rejected or failed: a number, or a percentage of those decided. Default: 50%.",
      valueName: "n|n%"),
    transform: { try ThresholdText.parse($0, for: "--max-failures") })
  var maxFailures: FailureThreshold?

  @Flag(
    inversion: .prefixedNo,
    help: "Divide a refused chunk until its bad items stand alone. Default: --bisect.")
  var bisect: Bool?

  @Option(
    name: .customLong("api-key-file"),
    help: ArgumentHelp("File that holds the API key; else $TWELVELABS_API_KEY.", valueName: "path"))
  var apiKeyFile: String?

  /// Puts what was given into a layer of settings.
  func apply(to overrides: inout SettingsOverrides) {
    overrides.baseURL = baseURL
    overrides.concurrency = concurrency
    overrides.rates = rates.isEmpty ? nil : rates
    overrides.timeout = timeout
    overrides.maxAttempts = maxAttempts
    overrides.maxWait = maxWait
    overrides.onUnknown = onUnknown
    overrides.settleDelay = settleDelay
    overrides.settleGrace = settleGrace
    overrides.maxFailures = maxFailures
    overrides.bisect = bisect
    overrides.apiKeyFile = apiKeyFile
  }
}

/// How a manifest is read and cut into chunks: fixed once a run is planned.
struct PlanOptions: ParsableArguments {
  @Option(help: "Version of the service. Default: v1.")
  var profile: ServiceProfile?

  @Option(
    name: .customLong("chunk-size"),
    help: ArgumentHelp("Items per request at most. Default: 50.", valueName: "n"),
    transform: { try WholeNumberText.parse($0, for: "--chunk-size", in: SettingLimits.chunkSize) })
  var chunkSize: Int?

  @Option(
    name: .customLong("chunk-bytes"),
    help: ArgumentHelp("Size of a request's file part at most. Default: 1MiB.", valueName: "size"),
    transform: { try ByteSizeText.parse($0, for: "--chunk-bytes", in: SettingLimits.chunkBytes) })
  var chunkBytes: Int?

  @Option(
    help: ArgumentHelp("Stop after N distinct items.", valueName: "n"),
    transform: { try WholeNumberText.parse($0, for: "--limit", in: SettingLimits.limit) })
  var limit: Int?

  @Flag(inversion: .prefixedNo, help: "Refuse a manifest that has warnings.")
  var strict: Bool?

  /// Puts what was given into a layer of settings.
  func apply(to overrides: inout SettingsOverrides) {
    overrides.profile = profile
    overrides.chunkSize = chunkSize
    overrides.chunkBytes = chunkBytes
    overrides.limit = limit
    overrides.strict = strict
  }
}
