package import BatchDomain

extension SQLiteStore {
  /// Attempts looked at in one read of the timeline.
  private static let timelinePage = 5_000

  /// How a run went in time.
  package func timeline(of run: RunID) async throws -> RunTimeline {
    let row = try await reader.read { try Self.row(of: run, in: $0) }
    var timeline = RunTimeline()
    var after: Int? = Int.min
    while let intent = after {
      (timeline, after) = try await reader.read { [timeline] connection in
        var timeline = timeline
        let last = try Self.read(row, after: intent, into: &timeline, in: connection)
        return (timeline, last)
      }
    }
    timeline.settled = try await reader.read { connection in
      try connection.first(
        """
        SELECT count(*) FROM (
          SELECT DISTINCT s.chunk, s.attempt
          FROM settlement AS s JOIN attempt AS a ON a.run = s.run AND a.chunk = s.chunk AND a.number = s.attempt
          WHERE s.run = ? AND s.verdict <> 'undecided' AND a.outcome = 'unknown')
        """, .integer(row)
      ) { $0.int(0) } ?? 0
    }
    return timeline
  }

  /// Adds a page of attempts.
  ///
  /// - Returns: the last of their intents when there may be more.
  private static func read(
    _ run: Int64, after intent: Int, into timeline: inout RunTimeline, in connection: Connection
  ) throws -> Int? {
    let intents = try connection.rows(
      """
      SELECT intent, started_at, finished_at, outcome, owner, code FROM attempt INDEXED BY attempt_intent
      WHERE run = ? AND intent > ? ORDER BY intent LIMIT ?
      """, .integer(run), .integer(intent), .integer(timelinePage)
    ) { attempt in
      timeline.add(
        startedAt: Timestamp(milliseconds: Int64(attempt.int(1))),
        finishedAt: attempt.optionalInt(2).map { Timestamp(milliseconds: Int64($0)) },
        outcome: try attempt.optionalText(3).map { try outcome($0) }, owner: attempt.int(4),
        ownerDied: attempt.optionalText(5) == SQLiteRunSession.ownerDiedCode)
      return attempt.int(0)
    }
    return intents.count == timelinePage ? intents.last : nil
  }

  /// Chunks in order of number.
  package func chunks(
    of run: RunID, matching filter: RowFilter, after: ChunkNumber?, limit: Int
  ) async throws -> DetailPage<ChunkSummary, ChunkNumber> {
    let chunks = try await chunks(of: run, after: after, limit: limit)
    return DetailPage(
      rows: chunks.filter { filter.matches($0.state, endedAt: $0.lastAt) },
      next: chunks.count == limit ? chunks.last?.number : nil)
  }

  /// Attempts in order of chunk and number.
  package func attempts(
    of run: RunID, matching filter: RowFilter, after: AttemptSummary.Key?, limit: Int
  ) async throws -> DetailPage<AttemptSummary, AttemptSummary.Key> {
    try await reader.read { connection in
      let row = try Self.row(of: run, in: connection)
      let found = try connection.rows(
        """
        SELECT \(Self.attemptColumns), chunk.state
        FROM attempt JOIN chunk ON chunk.run = attempt.run AND chunk.number = attempt.chunk
        WHERE attempt.run = ?1 AND (attempt.chunk, attempt.number) > (?2, ?3)
        ORDER BY attempt.chunk, attempt.number LIMIT ?4
        """, .integer(row), .integer(after?.chunk.rawValue ?? -1), .integer(after?.number ?? 0),
        .integer(limit)
      ) { (attempt: try Self.attempt($0), state: try Self.state($0.text(11))) }
      return DetailPage(
        rows: found.compactMap { attempt, state in
          let endedAt = attempt.finishedAt ?? Timestamp(milliseconds: .max)
          return filter.matches(state, endedAt: endedAt) ? attempt : nil
        },
        next: found.count == limit ? found.last?.attempt.key : nil)
    }
  }

  private static let attemptColumns = """
    attempt.chunk, attempt.number, attempt.started_at, attempt.finished_at, attempt.took_ms, attempt.outcome,
    attempt.status, attempt.code, attempt.message, attempt.step, attempt.external_id
    """

  private static func attempt(_ row: Statement) throws -> AttemptSummary {
    AttemptSummary(
      key: AttemptSummary.Key(chunk: ChunkNumber(row.int(0)), number: row.int(1)),
      startedAt: Timestamp(milliseconds: Int64(row.int(2))),
      finishedAt: row.optionalInt(3).map { Timestamp(milliseconds: Int64($0)) },
      took: row.optionalInt(4).map { .milliseconds($0) },
      outcome: try row.optionalText(5).map { try outcome($0) },
      status: row.optionalInt(6), code: row.optionalText(7), message: row.optionalText(8),
      step: ChunkStep(rawValue: row.text(9)), externalID: row.optionalText(10))
  }

  private static func outcome(_ text: String) throws -> Outcome {
    guard let outcome = Outcome(rawValue: text) else {
      throw StoreError(.damaged, "an attempt has the outcome \"\(text)\"")
    }
    return outcome
  }

  /// A chunk's state as the store has it.
  static func state(_ text: String) throws -> ChunkState {
    guard let state = ChunkState(rawValue: text) else {
      throw StoreError(.damaged, "a chunk has the state \"\(text)\"")
    }
    return state
  }
}
