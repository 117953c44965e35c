package import BatchDomain

extension SQLiteStore {
  /// Where a video is, by reading the items of every run: an index over them would double what planning writes.
  package func appearances(of object: ObjectName) async throws -> [ObjectAppearance] {
    let runs = try await reader.read { connection in
      try connection.rows(
        "SELECT id, run_id, created_at FROM run ORDER BY run_id DESC", read: SearchedRun.init)
    }
    var found: [ObjectAppearance] = []
    for run in runs {
      var next = 0
      while let page = try await page(of: run, object, from: next) {
        // Nobody may wait for the answer any more.
        try Task.checkCancellation()
        found += page.found
        next = page.next
      }
    }
    return found
  }

  /// Items looked at in one read, up to a row more.
  private static let searchRange = 50_000

  /// Looks at the rows that begin in a range of items.
  ///
  /// - Returns: `nil` when there are none from `start` on.
  private func page(
    of run: SearchedRun, _ object: ObjectName, from start: Int
  ) async throws -> (found: [ObjectAppearance], next: Int)? {
    try await reader.read { connection -> ([ObjectAppearance], Int)? in
      guard let first = try ItemRows(run: run.row).nextBlock(from: start, in: connection) else { return nil }
      let end = first + Self.searchRange
      // A text that has the object in other letters has a backslash: JSON knows no other way.
      var items: [(sequence: Int, text: Item)] = []
      try connection.forEach(
        """
        SELECT \(ItemBlock.columns), instr(sources, ?3) > 0 FROM item_block WHERE position >= ?1 AND position < ?2
          AND (instr(sources, ?3) > 0 OR instr(sources, '\\') > 0) ORDER BY position
        """, .integer(ItemPosition.of(run: run.row, sequence: first)),
        .integer(ItemPosition.of(run: run.row, sequence: end)), .text(object.rawValue)
      ) { row in
        let block = ItemBlock(row)
        let hasObject = row.flag(5)
        block.forEach(in: block.items) { sequence, source in
          guard hasObject || source.contains(UInt8(ascii: "\\")) else { return }
          let text = Item(source)
          if text.object == object { items.append((sequence, text)) }
        }
      }
      let found = try items.map { item in
        ObjectAppearance(
          run: run.id, createdAt: run.createdAt, item: item.sequence, index: item.text.indexID,
          chunk: try Self.chunk(of: run, item: item.sequence, in: connection))
      }
      return (found, end)
    }
  }

  /// The chunk that has an item now. Pieces of a divided chunk begin within it, the smallest last.
  private static func chunk(
    of run: SearchedRun, item: Int, in connection: Connection
  ) throws -> ChunkSummary {
    let chunk = try connection.first(
      """
      SELECT number, first_item, item_count, state, attempts, last_status, last_code, last_message
      FROM chunk WHERE run = ?1 AND first_item <= ?2 AND first_item + item_count > ?2 AND state <> 'split'
      ORDER BY first_item DESC LIMIT 1
      """, .integer(run.row), .integer(item)
    ) { row in
      ChunkSummary(
        number: ChunkNumber(row.int(0)), firstItem: row.int(1), itemCount: row.int(2),
        state: try Self.state(row.text(3)),
        attempts: row.int(4), status: row.optionalInt(5), code: row.optionalText(6),
        message: row.optionalText(7))
    }
    guard let chunk else {
      throw StoreError(
        .damaged, "item \(item) of run \(run.id) is in no chunk",
        remedy: "\(command: .verify(run.id)) shows what else is wrong")
    }
    return chunk
  }
}

/// A run whose items are looked at.
private struct SearchedRun: Sendable {
  let row: Int64
  let id: RunID
  let createdAt: Timestamp

  init(_ row: Statement) throws {
    guard let id = RunID(rawValue: row.text(1)) else {
      throw StoreError(.damaged, "a run has the id \"\(row.text(1))\"")
    }
    self.row = Int64(row.int(0))
    self.id = id
    createdAt = Timestamp(milliseconds: Int64(row.int(2)))
  }
}
