import BatchDomain
import Reporting

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
        try output.write("older runs are left out; --format csv or json lists all of them\n")
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
