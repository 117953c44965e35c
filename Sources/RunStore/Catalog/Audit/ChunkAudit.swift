import BatchDomain

/// Whether the state of every chunk agrees with its attempts, verdicts and relatives, and its digest with its items.
///
/// Each page is read as of one moment; a run that is being sent moves chunk and attempt in one transaction.
struct ChunkAudit: AuditPass {
  static let pageSize = 200

  private let row: Int64
  /// Whether chunks have to match the items that are there: not in a run that died while it was planned.
  private let checksContent: Bool
  private var after = -1
  /// Chunks and items by state, as they were counted.
  private(set) var counted: [String: Tally] = [:]
  /// Attempts as they were counted.
  private(set) var attempts = 0

  /// Chunks and items in one state.
  struct Tally: Sendable, Equatable {
    var chunks = 0
    var items = 0
  }

  init(_ run: AuditedRun) {
    row = run.row
    checksContent = run.state != RunState.planning.rawValue
  }

  mutating func page(in connection: Connection, _ findings: inout AuditFindings) throws -> Bool {
    var audit = self
    let chunks = try connection.snapshot { try audit.readPage(in: connection, &findings) }
    self = audit
    // Neither items nor ranges ever change, so this needs no common moment.
    if checksContent {
      for chunk in chunks { try ContentAudit.check(chunk, run: row, in: connection, &findings) }
    }
    return chunks.count == Self.pageSize
  }

  private mutating func readPage(
    in connection: Connection, _ findings: inout AuditFindings
  ) throws -> [ChunkRecords] {
    let run = try AuditedRun.read(row, in: connection)
    var chunks = try connection.rows(
      "SELECT \(ChunkRecords.columns) FROM chunk WHERE run = ? AND number > ? ORDER BY number LIMIT ?",
      .integer(row), .integer(after), .integer(Self.pageSize), read: ChunkRecords.init)
    let end = chunks.count == Self.pageSize ? chunks[chunks.count - 1].number : Int.max
    var places: [Int: Int] = [:]
    for (place, chunk) in chunks.enumerated() { places[chunk.number] = place }
    try readAttempts(of: run, to: end, places, &chunks, in: connection, &findings)
    try readVerdicts(of: run, to: end, places, &chunks, in: connection, &findings)
    var family = FamilyAudit(row: row)
    for chunk in chunks {
      let parentVerdict = try family.check(chunk, in: connection, &findings)
      chunk.check(in: run, parentVerdict: parentVerdict, &findings)
      counted[chunk.state, default: Tally()].chunks += 1
      counted[chunk.state, default: Tally()].items += chunk.itemCount
    }
    findings.checked.chunks += chunks.count
    after = end
    return chunks
  }

  private mutating func readAttempts(
    of run: AuditedRun, to end: Int, _ places: [Int: Int], _ chunks: inout [ChunkRecords],
    in connection: Connection,
    _ findings: inout AuditFindings
  ) throws {
    var found = 0
    _ = try connection.rows(
      """
      SELECT chunk, number, owner, started_at, finished_at, outcome, counted, step FROM attempt
      WHERE run = ? AND chunk > ? AND chunk <= ? ORDER BY chunk, number
      """, .integer(row), .integer(after), .integer(end)
    ) { attempt in
      found += 1
      guard let place = places[attempt.int(0)] else {
        findings.add(
          .references, "attempt \(attempt.int(1)) of chunk \(attempt.int(0))",
          "belongs to a chunk that is not there")
        return
      }
      chunks[place].take(
        ChunkRecords.Attempt(
          number: attempt.int(1), owner: attempt.int(2), startedAt: attempt.int(3),
          finishedAt: attempt.optionalInt(4), outcome: attempt.optionalText(5), isCounted: attempt.flag(6),
          step: ChunkStep(rawValue: attempt.text(7))),
        in: run)
    }
    attempts += found
    findings.checked.attempts += found
  }

  private func readVerdicts(
    of run: AuditedRun, to end: Int, _ places: [Int: Int], _ chunks: inout [ChunkRecords],
    in connection: Connection,
    _ findings: inout AuditFindings
  ) throws {
    _ = try connection.rows(
      """
      SELECT s.chunk, s.attempt, s.verdict, s.counted, a.number IS NOT NULL, a.outcome
      FROM settlement AS s
      LEFT JOIN attempt AS a ON a.run = s.run AND a.chunk = s.chunk AND a.number = s.attempt
      WHERE s.run = ? AND s.chunk > ? AND s.chunk <= ? ORDER BY s.chunk, s.attempt, s.decided_at
      """, .integer(row), .integer(after), .integer(end)
    ) { verdict in
      findings.checked.settlements += 1
      guard let place = places[verdict.int(0)], verdict.flag(4) else {
        findings.add(
          .references, "the verdict on attempt \(verdict.int(1)) of chunk \(verdict.int(0))",
          "belongs to an attempt that is not there")
        return
      }
      chunks[place].take(
        verdict: verdict.text(2), on: verdict.int(1), outcome: verdict.optionalText(5),
        isCounted: verdict.flag(3), in: run)
    }
  }
}
