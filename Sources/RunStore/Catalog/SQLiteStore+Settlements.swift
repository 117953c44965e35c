package import BatchDomain

extension SQLiteStore {
  /// Verdicts on chunks of a run, the latest first.
  package func settlements(of run: RunID, limit: Int) async throws -> [SettlementSummary] {
    try await reader.read { connection in
      let row = try Self.row(of: run, in: connection)
      return try connection.rows(
        """
        SELECT \(Self.settlementColumns)
        FROM settlement AS s JOIN chunk AS c ON c.run = s.run AND c.number = s.chunk
        WHERE s.run = ? ORDER BY s.decided_at DESC, s.chunk DESC LIMIT ?
        """, .integer(row), .integer(limit), read: Self.settlement)
    }
  }

  /// The latest verdict on each of a range of chunks that has one.
  static func settlements(
    of run: Int64, chunks: ClosedRange<Int>, in connection: Connection
  ) throws -> [ChunkNumber: SettlementSummary] {
    let found = try connection.rows(
      """
      SELECT \(settlementColumns)
      FROM settlement AS s JOIN chunk AS c ON c.run = s.run AND c.number = s.chunk
      WHERE s.run = ? AND s.chunk BETWEEN ? AND ? ORDER BY s.chunk, s.attempt, s.decided_at
      """, .integer(run), .integer(chunks.lowerBound), .integer(chunks.upperBound), read: settlement)
    return Dictionary(found.map { ($0.chunk, $0) }) { _, later in later }
  }

  private static let settlementColumns = """
    s.chunk, c.item_count, s.attempt, s.verdict, s.authority, s.evidence, s.decided_at, s.first_look_at,
    s.last_look_at, s.tasks_listed, s.items_seen, s.controls
    """

  private static func settlement(_ row: Statement) throws -> SettlementSummary {
    guard let verdict = Settlement.Verdict(rawValue: row.text(3)),
      let authority = Settlement.Authority(rawValue: row.text(4))
    else {
      throw StoreError(
        .damaged, "a settlement of chunk \(row.int(0)) says \"\(row.text(3))\" by \"\(row.text(4))\"")
    }
    // `controls` is a JSON array of whole numbers.
    let controls = row.text(11).split { !$0.isNumber }.compactMap { Int($0) }.map { ChunkNumber($0) }
    return SettlementSummary(
      chunk: ChunkNumber(row.int(0)), itemCount: row.int(1), attempt: row.int(2), verdict: verdict,
      authority: authority,
      evidence: Evidence(
        row.text(5), firstLookAt: row.optionalInt(7).map { Timestamp(milliseconds: Int64($0)) },
        lastLookAt: row.optionalInt(8).map { Timestamp(milliseconds: Int64($0)) },
        tasksListed: row.optionalInt(9), itemsSeen: row.optionalInt(10), controls: controls),
      decidedAt: Timestamp(milliseconds: Int64(row.int(6))))
  }
}
