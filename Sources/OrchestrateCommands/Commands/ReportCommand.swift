import ArgumentParser
import BatchDomain
import Reporting

/// `orchestrate report`: the history, one run, rows of it, or what two runs differ in. Works while a run is going on, and
/// changes nothing.
struct ReportCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Show all runs, or the result of one.",
    discussion: """
      Without a run, lists all runs. With a run, shows on one screen what happened, why, and which command fixes it. \
      --items and --attempts list single rows instead. --state, --since and --limit filter what is listed: runs, \
      chunks, items or attempts.

      EXAMPLES
        orchestrate report
        orchestrate report --state paused --since 7d
        orchestrate report latest
        orchestrate report latest --state rejected,failed
        orchestrate report latest --items --state rejected --format csv -o rejected.csv
        orchestrate report latest --attempts --since 1h
        orchestrate report latest --format html -o report.html
        orchestrate report --diff 20261123 latest
        orchestrate report --object s3://bucket/video.mp4
      """)

  @Argument(
    help: ArgumentHelp(
      "A run id, a unique prefix of one, or `latest`; without it, all runs. Two of them with --diff.",
      valueName: "run"))
  var runs: [String] = []

  @Option(help: "Format of the report.")
  var format: ReportFormat = .text

  @Option(
    name: [.short, .long],
    help: ArgumentHelp("File to write the report to; - and no file are standard output.", valueName: "path"),
    transform: { try ListCommand.notEmpty($0, "the path of a file") })
  var output: String?

  @OptionGroup(title: "Rows") var rows: RowOptions

  @Flag(help: "Compare two runs: settings, and items by state.")
  var diff = false

  @Option(
    help: ArgumentHelp(
      "Show in which runs, chunks and states a video is.",
      valueName: "s3://bucket/key"))
  var object: String?

  @OptionGroup(title: "Store") var storeOptions: StoreOptions

  var wantsJSON: Bool { format == .json }

  func validate() throws {
    if diff, runs.count != 2 { throw ValidationError("--diff compares two runs: name both.") }
    if !diff, runs.count > 1 { throw ValidationError("Give one run; --diff compares two.") }
    if let object, !object.hasPrefix("s3://") {
      throw ValidationError("--object needs the address of a video as in the manifest: s3://bucket/key.")
    }
    if object != nil, !runs.isEmpty {
      throw ValidationError("--object searches all runs and cannot be combined with a run.")
    }
    if rows.items, rows.attempts {
      throw ValidationError("--items and --attempts cannot be combined.")
    }
    if rows.items || rows.attempts, runs.isEmpty {
      throw ValidationError("--items and --attempts need a run.")
    }
    if rows.wantsRows, object != nil || diff {
      throw ValidationError(
        "--items, --attempts, --state, --since and --limit cannot be combined with --object or --diff.")
    }
    try rows.check(isHistory: runs.isEmpty)
    if format == .html, object != nil || diff || rows.wantsRows && !runs.isEmpty {
      throw ValidationError("This list cannot be written as html: choose text, json or csv.")
    }
  }

  var databaseGiven: String? { storeOptions.path }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let file = try (output == "-" ? nil : output).map {
      try AtomicFile(
        at: try context.path($0), beside: try storeOptions.resolved(in: context), random: context.random)
    }
    var output = ClosureOutput { try file?.write($0) ?? context.output.write($0) }
    if let object {
      try await find(object, context, &output)
    } else if let run = runs.first {
      let store = try await StoreOpener.openForReading(
        try storeOptions.existing(for: run, in: context), in: context)
      let ids = try await resolve(in: store)
      if diff {
        try await DifferenceReporter(store: store, format: format).write(ids[0], ids[1], to: &output)
      } else {
        try await context.mentionOlderCopy(try await store.summary(of: ids[0]), in: store)
        let reporter = RunReporter(
          context: context, store: store, database: storeOptions.path, format: format, rows: rows)
        try await reporter.write(ids[0], to: &output)
      }
    } else {
      let path = try storeOptions.resolved(in: context)
      let isThere = try StoreOpener.exists(at: path)
      if !isThere { await context.tell("there is no database at \(VisibleText.escape(path)) yet") }
      let reporter = HistoryReporter(
        context: context, store: isThere ? try await StoreOpener.openForReading(path, in: context) : nil,
        database: storeOptions.path, format: format, rows: rows)
      try await reporter.write(to: &output)
    }
    try file?.finish()
    return .done
  }

  private func resolve(in store: any RunCatalog) async throws -> [RunID] {
    var ids: [RunID] = []
    for run in runs { ids.append(try await store.resolve(run)) }
    return ids
  }

  private func find(_ object: String, _ context: ProcessContext, _ output: inout ClosureOutput) async throws {
    let path = try storeOptions.resolved(in: context)
    let isThere = try StoreOpener.exists(at: path)
    if !isThere { await context.tell("there is no database at \(VisibleText.escape(path)) yet") }
    let store = isThere ? try await StoreOpener.openForReading(path, in: context) : nil
    let report = ObjectReport(object, try await store?.appearances(of: ObjectName(object)) ?? [])
    switch format {
    case .text, .html: try output.write(report.text(zone: context.zone))
    case .json: try output.write(report.json())
    case .csv: try output.write(report.csv())
    }
  }
}
