package import BatchDomain

extension SQLiteStore {
  /// Chunks looked at in one read.
  private static let leafPage = 500

  /// Items in order, with what became of their chunks.
  package func items(
    of run: RunID, matching filter: RowFilter, from sequence: Int, limit: Int
  ) async throws -> DetailPage<ItemSummary, Int> {
    try await reader.read { connection in
      let row = try Self.row(of: run, in: connection)
      let hasSteps = try Self.hasSteps(row, in: connection)
      let leaves = try Leaf.read(row, from: sequence, limit: Self.leafPage, in: connection)
      var items: [ItemSummary] = []
      for leaf in leaves where filter.matches(leaf.state, endedAt: leaf.lastAt) {
        let first = max(sequence, leaf.items.lowerBound)
        let wanted = first..<max(first, leaf.items.upperBound)
        let ids = hasSteps ? try leaf.externalIDs(run: row, in: connection) : [:]
        try ItemRows(run: row).forEach(wanted, limit: limit - items.count, in: connection) {
          var item = leaf.summary(of: $0, Item($1))
          if hasSteps { item.step = leaf.step }
          item.externalIDs = ids
          items.append(item)
        }
        if items.count >= limit { return DetailPage(rows: items, next: items.last.map { $0.sequence + 1 }) }
      }
      return DetailPage(
        rows: items, next: leaves.count == Self.leafPage ? leaves.last?.items.upperBound : nil)
    }
  }

  /// Whether the service of a run takes its chunks in several steps.
  private static func hasSteps(_ run: Int64, in connection: Connection) throws -> Bool {
    let text = try connection.first("SELECT settings FROM run WHERE id = ?", .integer(run)) { $0.text(0) }
    return try StoredSettings.read(text ?? "").profile.steps.count > 1
  }

  /// What the service says of single items; one page of it.
  package func itemRecords(of run: RunID, from sequence: Int, limit: Int) async throws -> [ItemRecord] {
    try await reader.read { connection in
      let row = try Self.row(of: run, in: connection)
      return try connection.rows(
        """
        SELECT position, step, said_at, status, external_id, code, message FROM item_record
        WHERE position >= ? AND position < ? ORDER BY position LIMIT ?
        """, .integer(ItemPosition.of(run: row, sequence: sequence)),
        .integer(ItemPosition.of(run: row + 1, sequence: 0)), .integer(limit)
      ) {
        ItemRecord(
          sequence: ItemPosition.sequence(at: Int64($0.int(0))), step: ChunkStep(rawValue: $0.text(1)),
          at: Timestamp(milliseconds: Int64($0.int(2))), status: $0.text(3), externalID: $0.optionalText(4),
          code: $0.optionalText(5), message: $0.optionalText(6))
      }
    }
  }
}

/// A chunk that was not split: each item of a run is in exactly one.
private struct Leaf {
  let number: ChunkNumber
  let items: Range<Int>
  let state: ChunkState
  let attempts: Int
  let code: String?
  let message: String?
  let lastAt: Timestamp?
  let step: ChunkStep

  /// The leaves in order of their items, beginning with the one that has the item `sequence`.
  static func read(_ run: Int64, from sequence: Int, limit: Int, in connection: Connection) throws -> [Leaf] {
    try connection.rows(
      """
      SELECT number, first_item, item_count, state, attempts, last_code, last_message, last_at, step
      FROM chunk INDEXED BY chunk_items
      WHERE run = ?1 AND state <> 'split'
        AND first_item >= coalesce((SELECT max(first_item) FROM chunk WHERE run = ?1 AND first_item <= ?2), 0)
        AND first_item + item_count > ?2
      ORDER BY first_item LIMIT ?3
      """, .integer(run), .integer(sequence), .integer(limit)
    ) {
      Leaf(
        number: ChunkNumber($0.int(0)), items: $0.int(1)..<$0.int(1) + $0.int(2),
        state: try SQLiteStore.state($0.text(3)), attempts: $0.int(4), code: $0.optionalText(5),
        message: $0.optionalText(6), lastAt: $0.optionalInt(7).map { Timestamp(milliseconds: Int64($0)) },
        step: ChunkStep(rawValue: $0.text(8)))
    }
  }

  /// The ids that the service gave, by step; of several of one step the latest.
  func externalIDs(run: Int64, in connection: Connection) throws -> [ChunkStep: String] {
    let found = try connection.rows(
      """
      SELECT step, external_id FROM attempt
      WHERE run = ? AND chunk = ? AND external_id IS NOT NULL ORDER BY number
      """, .integer(run), .integer(number.rawValue)
    ) { (ChunkStep(rawValue: $0.text(0)), $0.text(1)) }
    return Dictionary(found) { _, later in later }
  }

  func summary(of sequence: Int, _ text: Item) -> ItemSummary {
    ItemSummary(
      sequence: sequence, indexID: text.indexID, object: text.object, state: state, chunk: number,
      attempts: attempts, code: code, message: message)
  }
}
