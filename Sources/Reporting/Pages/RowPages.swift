package import BatchDomain

/// Rows of a report, read page by page in their order, so that no read of the store lasts longer than one page and no
/// more than one page is in memory.
package struct RowPages<Row: Sendable, Cursor: Sendable>: Sendable {
  /// Rows in a page at most.
  package static var pageSize: Int { 500 }

  private let most: Int
  private let isChosen: Bool
  private let load: @Sendable (_ from: Cursor?, _ limit: Int) async throws -> DetailPage<Row, Cursor>

  /// Pages that a closure loads.
  ///
  /// - Parameters:
  ///   - most: rows in all, at most; `nil` for all there are.
  ///   - isChosen: whether a page may have fewer rows than were looked at; else no more are looked at than wanted.
  ///   - load: returns at most `limit` rows from a place on; `nil` begins with the first.
  package init(
    most: Int? = nil, isChosen: Bool = true,
    _ load: @escaping @Sendable (_ from: Cursor?, _ limit: Int) async throws -> DetailPage<Row, Cursor>
  ) {
    self.most = most ?? .max
    self.isChosen = isChosen
    self.load = load
  }

  /// Hands the pages over, one after the other; none is empty.
  package func forEachPage(_ take: (_ rows: [Row]) async throws -> Void) async throws {
    var left = most
    var cursor: Cursor?
    while left > 0 {
      let page = try await load(cursor, isChosen ? Self.pageSize : min(left, Self.pageSize))
      let rows = page.rows.prefix(left)
      if !rows.isEmpty { try await take(Array(rows)) }
      left -= rows.count
      guard let next = page.next else { return }
      cursor = next
    }
  }

  /// The first rows, as many as a person reads at once.
  ///
  /// - Parameter limit: that many at most, and no more than these pages have.
  /// - Returns: the rows, and whether there are more.
  package func first(_ limit: Int) async throws -> (rows: [Row], hasMore: Bool) {
    let shown = min(limit, most)
    var rows: [Row] = []
    try await RowPages(most: shown < .max ? shown + 1 : nil, isChosen: isChosen, load).forEachPage {
      rows += $0
    }
    return (Array(rows.prefix(shown)), rows.count > shown)
  }
}

/// Runs, newest first.
package typealias RunPages = RowPages<RunSummary, RunID>

/// Chunks of a run in order of number.
package typealias ChunkPages = RowPages<ChunkSummary, ChunkNumber>

/// Items of a run in order.
package typealias ItemPages = RowPages<ItemSummary, Int>

/// Attempts of a run in order of chunk and number.
package typealias AttemptPages = RowPages<AttemptSummary, AttemptSummary.Key>
