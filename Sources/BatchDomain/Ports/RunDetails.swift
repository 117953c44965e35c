/// What reports read of a run beyond its sums: chunks, items and attempts one by one, and how it went in time.
///
/// Every call reads a bounded part of the store, so that no read transaction outlives one page.
package protocol RunDetails: Sendable {
  /// How a run went in time, from all of its attempts.
  func timeline(of run: RunID) async throws -> RunTimeline

  /// Chunks in order of number, leaving out those up to `after`.
  func chunks(
    of run: RunID, matching filter: RowFilter, after: ChunkNumber?, limit: Int
  ) async throws -> DetailPage<ChunkSummary, ChunkNumber>

  /// Items in order, from a sequence number on.
  func items(
    of run: RunID, matching filter: RowFilter, from sequence: Int, limit: Int
  ) async throws -> DetailPage<ItemSummary, Int>

  /// Attempts in order of chunk and number, leaving out those up to `after`. The filter's state is that of the chunk
  /// now; an attempt that is under way counts as ended now.
  func attempts(
    of run: RunID, matching filter: RowFilter, after: AttemptSummary.Key?, limit: Int
  ) async throws -> DetailPage<AttemptSummary, AttemptSummary.Key>
}
