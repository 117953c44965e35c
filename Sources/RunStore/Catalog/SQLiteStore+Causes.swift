package import BatchDomain

extension SQLiteStore {
  /// Chunks looked at in one read.
  private static let causePage = 5_000

  /// Why items are not accepted, over the chunks that are open or went wrong. They are read page by page: while a run
  /// goes on, one that moves meanwhile may be missed or counted twice.
  package func causes(of run: RunID) async throws -> [CauseSummary] {
    let row = try await reader.read { try Self.row(of: run, in: $0) }
    var fold = CauseFold()
    for state in [ChunkState.rejected, .failed, .unknown, .pending] {
      var after: CauseKey? = CauseKey(readyAt: .min, number: -1)
      while let key = after {
        let page = try await reader.read { [fold] connection in
          var page = CausePage(fold: fold)
          try page.read(row, state, after: key, limit: Self.causePage, in: connection)
          return page
        }
        fold = page.fold
        after = page.next
      }
    }
    return try await withObjects(fold.causes, of: row)
  }

  /// The causes with the video of each sample.
  private func withObjects(_ causes: [CauseSummary], of row: Int64) async throws -> [CauseSummary] {
    try await reader.read { connection in
      var causes = causes
      for cause in causes.indices {
        for sample in causes[cause].samples.indices {
          let item = causes[cause].samples[sample].item
          causes[cause].samples[sample].object =
            try ItemRows(run: row).texts(of: [item], in: connection)[item].map { Item($0).object }
        }
      }
      return causes
    }
  }
}

/// A place in the index of open chunks of one state.
private struct CauseKey: Sendable {
  let readyAt: Int64
  let number: Int
}

/// Adds a page of chunks to the causes.
private struct CausePage: Sendable {
  var fold: CauseFold
  /// Where the next page begins; `nil` after the last.
  var next: CauseKey?

  mutating func read(
    _ run: Int64, _ state: ChunkState, after: CauseKey, limit: Int, in connection: Connection
  ) throws {
    next = nil
    var count = 0
    _ = try connection.rows(
      """
      SELECT ready_at, number, first_item, item_count, last_outcome, coalesce(last_code, 'http_' || last_status,
             last_outcome), last_message, last_at
      FROM chunk INDEXED BY chunk_open
      WHERE run = ?1 AND state = ?2 AND \(ChunkRows.indexed)
        AND (ready_at, number) > (?3, ?4)
      ORDER BY ready_at, number LIMIT ?5
      """, .integer(run), .text(state.rawValue), .integer(after.readyAt), .integer(after.number),
      .integer(limit)
    ) { row in
      count += 1
      next = count == limit ? CauseKey(readyAt: Int64(row.int(0)), number: row.int(1)) : nil
      guard let last = row.optionalText(4) else { return }
      guard let outcome = Outcome(rawValue: last) else {
        throw StoreError(.damaged, "chunk \(row.int(1)) has the outcome \"\(last)\"")
      }
      fold.add(
        code: row.text(5), outcome: outcome, message: row.optionalText(6), chunk: ChunkNumber(row.int(1)),
        firstItem: row.int(2), itemCount: row.int(3), state: state,
        endedAt: Timestamp(milliseconds: Int64(row.int(7))))
    }
  }
}
