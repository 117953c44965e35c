package import BatchDomain

/// The chunks of a run, read page by page in order of number, so that no read of the store lasts longer than
/// one page and no more than one page is in memory.
package struct ChunkPages: Sendable {
  /// Chunks in a page.
  package static let pageSize = 500

  private let load: @Sendable (_ after: ChunkNumber?, _ limit: Int) async throws -> [ChunkSummary]

  /// Pages that a closure loads.
  ///
  /// - Parameter load: returns at most `limit` chunks in order of number, leaving out those up to `after`.
  package init(
    _ load: @escaping @Sendable (_ after: ChunkNumber?, _ limit: Int) async throws -> [ChunkSummary]
  ) {
    self.load = load
  }

  /// Pages of a run in the store.
  package init(of run: RunID, in catalog: any RunCatalog) {
    self.init { try await catalog.chunks(of: run, after: $0, limit: $1) }
  }

  /// The page after a chunk; empty after the last.
  func page(after number: ChunkNumber?) async throws -> [ChunkSummary] {
    try await load(number, Self.pageSize)
  }
}
