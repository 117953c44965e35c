package import BatchDomain

extension SQLStore {
  /// Chunks looked at in one read.
  private static let leafPage = 500

  /// Items in order, with what became of their chunks.
  package func items(
    of run: RunID, matching filter: RowFilter, from sequence: Int, limit: Int
  ) async throws -> DetailPage<ItemSummary, Int> {
    try await reader.read { connection in
      let row = try Self.row(of: run, in: connection)
      let hasSteps = try Self.steps(of: row, in: connection) != nil
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

  /// How many steps the service of a run takes for a chunk; `nil` when it is one.
  private static func steps(of run: Int64, in connection: Connection) throws -> Int? {
    let text = try connection.first("SELECT settings FROM run WHERE id = ?", .integer(run)) { $0.text(0) }
    let steps = try StoredSettings.read(text ?? "").profile.steps.count
    return steps > 1 ? steps : nil
  }

  /// What requests of a run made at the service beside what is used.
  package func surplus(of run: RunID) async throws -> [SurplusRow] {
    try await reader.read { connection in
      try connection.rows(
        """
        SELECT c.first_item, s.step, s.external_id, s.seen_at
        FROM surplus AS s JOIN chunk AS c ON c.run = s.run AND c.number = s.chunk
        WHERE s.run = ? ORDER BY s.chunk, s.step, s.external_id
        """, .integer(try Self.row(of: run, in: connection))
      ) {
        SurplusRow(
          item: $0.int(0), step: ChunkStep(rawValue: $0.text(1)), externalID: $0.text(2),
          seenAt: Timestamp(milliseconds: Int64($0.int(3))))
      }
    }
  }

  /// Items that a run left out because they were known.
  package func skips(of run: RunID) async throws -> [KnownGroup] {
    try await reader.read { connection in
      try connection.rows(
        """
        SELECT kind, earlier, code, items, EXISTS (SELECT 1 FROM removed_run WHERE run_id = earlier)
        FROM run_skipped WHERE run = ? ORDER BY kind, earlier DESC, code
        """, .integer(try Self.row(of: run, in: connection))
      ) {
        guard let kind = KnownClass(word: $0.text(0)), let earlier = RunID(rawValue: $0.text(1)) else {
          throw StoreError(.damaged, "run \(run) left out items of the kind \"\($0.text(0))\"")
        }
        return KnownGroup(
          kind: kind, run: earlier, isRemoved: $0.flag(4), code: $0.text(2).isEmpty ? nil : $0.text(2),
          items: $0.int(3))
      }
    }
  }

  /// Attempts whose id nothing uses. A chunk that was accepted at the first try of each step has none; the others are few.
  private static let leftOver = """
    FROM chunk AS c JOIN attempt AS a ON a.run = c.run AND a.chunk = c.number
    WHERE c.run = ?1 AND (c.state <> 'accepted' OR c.attempts > ?2) AND a.external_id IS NOT NULL
      AND (c.state IN ('rejected', 'failed', 'cancelled')
        OR (c.state IN ('pending', 'submitting', 'unknown') AND c.step = a.step)
        OR EXISTS (
          SELECT 1 FROM attempt AS b WHERE b.run = a.run AND b.chunk = a.chunk AND b.number > a.number
            AND b.step = a.step AND b.external_id IS NOT NULL))
    """

  /// What steps of a run left over at the service.
  package func leftOvers(of run: RunID, limit: Int) async throws -> LeftOvers {
    try await reader.read { connection in
      let row = try Self.row(of: run, in: connection)
      guard let steps = try Self.steps(of: row, in: connection) else { return .none }
      let total = try connection.first(
        "SELECT count(*) \(Self.leftOver)", .integer(row), .integer(steps)
      ) { $0.int(0) }
      guard let total, total > 0, limit > 0 else { return LeftOvers(rows: [], total: total ?? 0) }
      let rows = try connection.rows(
        """
        SELECT c.first_item, a.step, a.external_id, c.state \(Self.leftOver)
        ORDER BY c.number, a.number LIMIT ?3
        """, .integer(row), .integer(steps), .integer(limit)
      ) {
        LeftOverRow(
          item: $0.int(0), step: ChunkStep(rawValue: $0.text(1)), externalID: $0.text(2),
          state: try Self.state($0.text(3)))
      }
      let used = try Self.usedElsewhere(rows.map(\.externalID), run: row, in: connection)
      let own = rows.filter { !used.contains("\($0.step) \($0.externalID)") }
      return LeftOvers(rows: own, total: total - (rows.count - own.count))
    }
  }

  /// Which of these ids another chunk of the run uses, each behind its step: what a person may delete is never one of them.
  private static func usedElsewhere(
    _ ids: [String], run: Int64, in connection: Connection
  ) throws -> Set<String> {
    Set(
      try connection.rows(
        """
        SELECT a.step, a.external_id FROM attempt AS a JOIN chunk AS c ON c.run = a.run AND c.number = a.chunk
        WHERE a.run = ? AND a.external_id IN (\(connection.dialect.jsonTexts("?")))
          AND (c.state = 'accepted' OR c.state = 'processing' OR c.step <> a.step)
          AND c.state <> 'rejected' AND c.state <> 'failed' AND c.state <> 'cancelled'
          AND NOT EXISTS (SELECT 1 FROM attempt AS later
                          WHERE later.run = a.run AND later.chunk = a.chunk AND later.step = a.step
                            AND later.number > a.number AND later.external_id IS NOT NULL)
        """, .integer(run), .text("[" + ids.map { "\"\($0)\"" }.joined(separator: ",") + "]")
      ) { "\($0.text(0)) \($0.text(1))" })
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
        number: ChunkNumber($0.int(0)), items: Range(firstItem: $0.int(1), count: $0.int(2)),
        state: try SQLStore.state($0.text(3)), attempts: $0.int(4), code: $0.optionalText(5),
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

extension SQLStore {
  /// Where a video is, by reading the items of every run: an index over them would double what planning writes.
  package func appearances(of object: ObjectName) async throws -> [ObjectAppearance] {
    let runs = try await reader.read { connection in
      try connection.rows(
        "SELECT id, run_id, created_at FROM run WHERE \(RemovedRuns.areOthers) ORDER BY run_id DESC",
        read: SearchedRun.init)
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
      let contains = connection.dialect.contains
      try connection.forEach(
        """
        SELECT \(ItemBlock.columns), \(contains("sources", "?3")) FROM item_block
        WHERE position >= ?1 AND position < ?2 AND (\(contains("sources", "?3")) OR \(contains("sources", "?4")))
        ORDER BY position
        """, .integer(ItemPosition.of(run: run.row, sequence: first)),
        .integer(ItemPosition.of(run: run.row, sequence: end)), .blob(Array(object.rawValue.utf8)),
        .blob([UInt8(ascii: "\\")])
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
