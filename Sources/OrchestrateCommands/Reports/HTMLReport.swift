import BatchDomain
import Reporting

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
        insight: try await store.insight(into: run)))
  }
}
