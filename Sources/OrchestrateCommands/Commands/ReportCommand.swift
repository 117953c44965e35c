import ArgumentParser
import BatchDomain
import Reporting
import RunStore

/// `orchestrate report`: the history, or one run. Works while a run is going on, and changes nothing.
struct ReportCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Show all runs, or what became of one.",
    discussion: """
      EXAMPLES
        orchestrate report
        orchestrate report latest
        orchestrate report latest --format json
        orchestrate report latest --format html --output report.html
        orchestrate report --object s3://bucket/video.mp4
      """)

  @Argument(help: "A run id, the beginning of one, or `latest`; without it, the history.")
  var run: String?

  @Option(help: "How the report is written.")
  var format: ReportFormat = .text

  @Option(
    name: [.short, .long],
    help: ArgumentHelp("File to write the report to; else standard output.", valueName: "path"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Say in which runs, chunks and states a video is, instead of showing runs.",
      valueName: "s3://bucket/key"))
  var object: String?

  @OptionGroup(title: "Store") var storeOptions: StoreOptions

  var wantsJSON: Bool { format == .json }

  func validate() throws {
    guard object != nil else { return }
    guard run == nil else {
      throw ValidationError("--object looks through every run: give a run or --object, not both.")
    }
    guard format != .html else {
      throw ValidationError("--object is written as text, json or csv, not as html.")
    }
  }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let file = try output.map {
      try ReplacedFile(at: $0, beside: try storeOptions.resolved(in: context))
    }
    var output = ClosureOutput { try file?.write($0) ?? context.output.write($0) }
    if let object {
      try await find(object, context, &output)
    } else if let run {
      let store = try await SQLiteStore.openForReading(path: try storeOptions.existing(for: run, in: context))
      try await one(try await store.resolve(run), in: store, context, &output)
    } else {
      let path = try storeOptions.resolved(in: context)
      let exists = try SQLiteStore.exists(at: path)
      try await history(in: exists ? SQLiteStore.openForReading(path: path) : nil, context, &output)
    }
    try file?.finish()
    return .done
  }

  private func find(_ object: String, _ context: ProcessContext, _ output: inout ClosureOutput) async throws {
    let path = try storeOptions.resolved(in: context)
    let isThere = try SQLiteStore.exists(at: path)
    let store = isThere ? try await SQLiteStore.openForReading(path: path) : nil
    let report = ObjectReport(object, try await store?.appearances(of: object) ?? [])
    switch format {
    case .text, .html: try output.write(report.text(zone: context.zone))
    case .json: try output.write(report.json())
    case .csv: try output.write(report.csv())
    }
  }

  private func history(
    in store: SQLiteStore?, _ context: ProcessContext, _ output: inout ClosureOutput
  ) async throws {
    let pages = store.map { RunPages(in: $0) } ?? RunPages([])
    switch format {
    case .text:
      let shown = try await store?.summaries(before: nil, limit: Self.historyLimit + 1) ?? []
      let text = RunText(now: context.clock.now(), zone: context.zone, database: storeOptions.path)
      try output.write(text.history(Array(shown.prefix(Self.historyLimit))))
      if shown.count > Self.historyLimit {
        try output.write("older runs are left out; --format csv or json lists all of them\n")
      }
    case .json: try await RunJSON.history(pages, .pretty, to: &output)
    case .csv: try await RunCSV.history(pages, to: &output)
    case .html:
      let runs = try await store?.summaries(before: nil, limit: RunsPage.shown + 1) ?? []
      try output.write(
        RunsPage(now: context.clock.now(), zone: context.zone, hasLinks: false).document(runs))
    }
  }

  /// Runs the table shows; the machine formats have all of them.
  private static let historyLimit = 1_000

  private func one(
    _ run: RunID, in store: SQLiteStore, _ context: ProcessContext, _ output: inout ClosureOutput
  ) async throws {
    let chunks = ChunkPages(of: run, in: store)
    switch format {
    case .text:
      let text = RunText(now: context.clock.now(), zone: context.zone, database: storeOptions.path)
      try output.write(
        text.report(
          try await store.summary(of: run), causes: try await store.causes(of: run),
          settlements: try await store.settlements(of: run, limit: RunText.settlementsShown)))
    case .json:
      try await RunJSON.report(
        try await store.summary(of: run), causes: try await store.causes(of: run), chunks: chunks, .pretty,
        to: &output)
    case .csv:
      try await RunCSV.report(chunks, to: &output)
    case .html:
      let report = HTMLReport(context: context, store: store, database: storeOptions.path)
      try output.write(try await report.run(run))
    }
  }
}
