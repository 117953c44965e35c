package import BatchDomain

/// Runs, newest first, read page by page.
package struct RunPages: Sendable {
  /// Runs in a page.
  package static let pageSize = 500

  private let load: @Sendable (_ before: RunID?, _ limit: Int) async throws -> [RunSummary]

  /// Pages that a closure loads.
  ///
  /// - Parameter load: returns at most `limit` runs, newest first, only those older than `before`.
  package init(_ load: @escaping @Sendable (_ before: RunID?, _ limit: Int) async throws -> [RunSummary]) {
    self.load = load
  }

  /// Pages of the runs in the store.
  package init(in catalog: any RunCatalog) {
    self.init { try await catalog.summaries(before: $0, limit: $1) }
  }

  /// Runs that are in memory already, newest first; for tests and short lists.
  package init(_ runs: [RunSummary]) {
    self.init { before, limit in
      Array(runs.drop { run in before.map { run.run >= $0 } ?? false }.prefix(limit))
    }
  }

  /// The page of runs older than `run`; empty after the oldest.
  func page(before run: RunID?) async throws -> [RunSummary] {
    try await load(run, Self.pageSize)
  }
}
