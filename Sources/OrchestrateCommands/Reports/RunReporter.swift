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
      try output.write(text.report(try await RunReport(of: run, in: store)))
    case .json:
      try await ReportJSON.write(
        try await RunReport(of: run, in: store), commands: RunCommands(run: run, database: database),
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
