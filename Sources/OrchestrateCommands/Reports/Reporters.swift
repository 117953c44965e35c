import BatchDomain
import Reporting

/// Writes the report of one run, or rows of it.
struct RunReporter {
  let context: ProcessContext
  let store: any RunCatalog
  /// The path given with `--db`.
  let database: String?
  let format: ReportFormat
  let rows: RowOptions

  /// Writes the report.
  func write(_ run: RunID, to output: inout ClosureOutput) async throws {
    if rows.items { return try await items(of: run, to: &output) }
    if rows.attempts { return try await attempts(of: run, to: &output) }
    let pages = ChunkPages(of: run, matching: try rows.rows(in: context), most: rows.limit, in: store)
    switch format {
    case .text where rows.wantsRows:
      let heading = try await heading(run)
      try output.write(heading + (try await DetailText(zone: context.zone).chunks(pages, limit: rows.limit)))
    case .text:
      let text = RunText(now: context.clock.now(), zone: context.zone, database: database)
      try output.write(text.report(try await RunReport(of: run, in: store, at: context.clock.now())))
    case .json:
      try await ReportJSON.write(
        try await RunReport(of: run, in: store, at: context.clock.now()),
        commands: RunCommands(run: run, database: database),
        chunks: pages, to: &output)
    case .csv: try await RunCSV.report(pages, to: &output)
    case .html:
      let report = HTMLReport(context: context, store: store, database: database)
      try output.write(try await report.run(run))
    }
  }

  private func items(of run: RunID, to output: inout ClosureOutput) async throws {
    let pages = ItemPages(of: run, matching: try rows.rows(in: context), most: rows.limit, in: store)
    switch format {
    case .text, .html:
      let heading = try await heading(run)
      try output.write(heading + (try await DetailText(zone: context.zone).items(pages, limit: rows.limit)))
    case .json: try await DetailJSON.items(try await store.summary(of: run), pages, to: &output)
    case .csv: try await RunCSV.items(pages, to: &output)
    }
  }

  private func attempts(of run: RunID, to output: inout ClosureOutput) async throws {
    let pages = AttemptPages(of: run, matching: try rows.rows(in: context), most: rows.limit, in: store)
    switch format {
    case .text, .html:
      let heading = try await heading(run)
      try output.write(
        heading + (try await DetailText(zone: context.zone).attempts(pages, limit: rows.limit)))
    case .json: try await DetailJSON.attempts(try await store.summary(of: run), pages, to: &output)
    case .csv: try await RunCSV.attempts(pages, to: &output)
    }
  }

  private func heading(_ run: RunID) async throws -> String {
    let text = RunText(now: context.clock.now(), zone: context.zone, database: database)
    return text.heading(try await store.summary(of: run)) + "\n"
  }
}

/// Writes the history: all runs, newest first.
struct HistoryReporter {
  let context: ProcessContext
  /// Where runs are read; `nil` while there is no database.
  let store: (any RunCatalog)?
  /// The path given with `--db`.
  let database: String?
  let format: ReportFormat
  let rows: RowOptions

  /// Runs the table shows, unless a limit is given; the machine formats have all of them.
  private static let shown = 1_000

  /// Writes the history.
  func write(to output: inout ClosureOutput) async throws {
    let filter = try rows.runs(in: context)
    let pages = store.map { RunPages(matching: filter, most: rows.limit, in: $0) } ?? .none
    switch format {
    case .text:
      let (runs, hasMore) = try await pages.first(rows.limit ?? Self.shown)
      let text = RunText(now: context.clock.now(), zone: context.zone, database: database)
      try output.write(text.history(runs, isChosen: filter != RunFilter()))
      if hasMore, rows.limit == nil {
        try output.write("older runs are not shown; --format csv or json lists all of them\n")
      }
    case .json: try await RunJSON.history(pages, .pretty, to: &output)
    case .csv: try await RunCSV.history(pages, to: &output)
    case .html:
      let runs = try await pages.first(RunsPage.shown + 1).rows
      try output.write(
        RunsPage(now: context.clock.now(), zone: context.zone, hasLinks: false).document(
          runs, isChosen: filter != RunFilter()))
    }
  }
}

/// Writes how two runs differ.
struct DifferenceReporter {
  let store: any RunCatalog
  let format: ReportFormat

  /// Writes the comparison.
  func write(_ first: RunID, _ second: RunID, to output: inout ClosureOutput) async throws {
    let runs = [try await store.summary(of: first), try await store.summary(of: second)]
    let report = DifferenceReport(
      runs, settings: [try await store.settings(of: first), try await store.settings(of: second)],
      try await DifferenceReport.compare(runs[0], runs[1], in: store))
    switch format {
    case .text, .html: try output.write(report.text())
    case .json: try output.write(report.json())
    case .csv: try output.write(report.csv())
    }
  }
}

/// Gathers what the HTML report shows of a run.
struct HTMLReport {
  let context: ProcessContext
  let store: any RunCatalog
  /// The path given with `--db`.
  let database: String?

  /// The page of one run.
  func run(_ run: RunID) async throws -> String {
    let page = RunPage(now: context.clock.now(), zone: context.zone, database: database)
    return try page.document(
      RunPage.Content(
        run: try await store.summary(of: run), settings: try await store.settings(of: run),
        causes: try await store.causes(of: run),
        settlements: try await store.settlements(of: run, limit: RunPage.settlementsShown),
        insight: try await store.insight(into: run), skips: try await store.skips(of: run),
        surplus: try await store.surplus(of: run),
        leftOvers: try await store.leftOvers(of: run, limit: RunPage.leftOversShown),
        tracking: try await store.tracking(of: run)))
  }
}
