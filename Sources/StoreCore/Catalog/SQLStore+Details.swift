package import BatchDomain

extension SQLStore {
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
          WHERE s.run = ? AND s.verdict <> 'undecided' AND a.outcome = 'unknown') AS settled
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
      SELECT intent, started_at, finished_at, outcome, owner, code, step FROM attempt INDEXED BY attempt_intent
      WHERE run = ? AND intent > ? ORDER BY intent LIMIT ?
      """, .integer(run), .integer(intent), .integer(timelinePage)
    ) { attempt in
      timeline.add(
        ChunkStep(rawValue: attempt.text(6)),
        startedAt: Timestamp(milliseconds: Int64(attempt.int(1))),
        finishedAt: attempt.optionalInt(2).map { Timestamp(milliseconds: Int64($0)) },
        outcome: try attempt.optionalText(3).map { try outcome($0) }, owner: attempt.int(4),
        ownerDied: SQLRunSession.endedWithOwner(attempt.optionalText(5)))
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

  /// The attempts that began last.
  package func latestAttempts(of run: RunID, limit: Int) async throws -> [AttemptSummary] {
    try await reader.read { connection in
      try connection.rows(
        "SELECT \(Self.attemptColumns) FROM attempt WHERE run = ? ORDER BY intent DESC LIMIT ?",
        .integer(try Self.row(of: run, in: connection)), .integer(limit)
      ) { try Self.attempt($0) }
    }
  }

  /// When the store was copied, where the run has not gone on in it.
  package func copyMoment(of run: RunID) async throws -> Timestamp? {
    try await reader.read { [engine] connection in
      guard let moment = try engine.copiedAt(connection) else { return nil }
      let mayBeElsewhere = try connection.first(
        """
        SELECT created_at <= ?2 AND NOT EXISTS (SELECT 1 FROM attempt WHERE run = ?1 AND started_at > ?2)
        FROM run WHERE id = ?1
        """, .integer(try Self.row(of: run, in: connection)), .integer(moment.milliseconds)
      ) { $0.flag(0) }
      return mayBeElsewhere == true ? moment : nil
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

extension SQLStore {
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
      // A step that was taken keeps no item from being accepted: the next one is on its way.
      guard outcome != .accepted else { return }
      fold.add(
        code: row.text(5), outcome: outcome, message: row.optionalText(6), chunk: ChunkNumber(row.int(1)),
        firstItem: row.int(2), itemCount: row.int(3), state: state,
        endedAt: Timestamp(milliseconds: Int64(row.int(7))))
    }
  }
}

extension SQLStore {
  /// Verdicts on chunks of a run, the latest first.
  package func settlements(of run: RunID, limit: Int) async throws -> [SettlementSummary] {
    try await reader.read { connection in
      let row = try Self.row(of: run, in: connection)
      return try connection.rows(
        """
        SELECT \(Self.settlementColumns)
        FROM settlement AS s JOIN chunk AS c ON c.run = s.run AND c.number = s.chunk
        WHERE s.run = ? ORDER BY s.decided_at DESC, s.chunk DESC, s.attempt DESC LIMIT ?
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
    let witnesses = row.text(11).split { !$0.isNumber }.compactMap { Int($0) }.map { ChunkNumber($0) }
    return SettlementSummary(
      chunk: ChunkNumber(row.int(0)), itemCount: row.int(1), attempt: row.int(2), verdict: verdict,
      authority: authority,
      evidence: Evidence(
        row.text(5), firstLookAt: row.optionalInt(7).map { Timestamp(milliseconds: Int64($0)) },
        lastLookAt: row.optionalInt(8).map { Timestamp(milliseconds: Int64($0)) },
        tasksListed: row.optionalInt(9), itemsSeen: row.optionalInt(10), witnesses: witnesses),
      decidedAt: Timestamp(milliseconds: Int64(row.int(6))))
  }
}
