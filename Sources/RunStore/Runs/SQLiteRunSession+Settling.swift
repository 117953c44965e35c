import BatchDomain

extension SQLiteRunSession {
  func unknownChunks(after: ChunkNumber?, limit: Int) async throws -> [UnknownChunk] {
    try await database.read { [self] connection in
      let found = try connection.rows(
        """
        SELECT c.number, c.first_item, c.item_count, c.names_clash, c.counted_attempts,
               a.number,
               (SELECT min(lost.started_at) FROM attempt AS lost
                WHERE lost.run = c.run AND lost.chunk = c.number AND lost.outcome = 'unknown'),
               a.finished_at, a.status, d.url <> ?
        FROM chunk AS c INDEXED BY chunk_open
        CROSS JOIN attempt AS a ON a.run = c.run AND a.chunk = c.number AND a.number = c.attempts
        CROSS JOIN destination AS d ON d.id = a.destination
        WHERE c.run = ? AND c.state = 'unknown' AND c.state NOT IN ('accepted', 'split', 'cancelled')
          AND +c.number > ?
        ORDER BY c.number LIMIT ?
        """, .text(settings.destination), .integer(row), .integer(after?.rawValue ?? -1), .integer(limit)
      ) { row in
        let items = row.int(1)..<row.int(1) + row.int(2)
        let chunk = UnknownChunk(
          number: ChunkNumber(row.int(0)), attempt: row.int(5),
          startedAt: Timestamp(milliseconds: Int64(row.int(6))),
          endedAt: Timestamp(milliseconds: Int64(row.int(7))), wasAnswered: row.optionalInt(8) != nil,
          countedAttempts: row.int(4), names: [:], namesClash: row.flag(3),
          wasSentElsewhere: row.flag(9))
        return (chunk: chunk, items: items)
      }
      return try found.map { found in
        var chunk = found.chunk
        chunk.names = try names(of: found.items, run: row, in: connection)
        if !chunk.namesClash { chunk.namesClash = try othersSent(chunk, in: connection) }
        return chunk
      }
    }
  }

  func controls(
    index: IndexID, startedIn moments: Range<Timestamp>, newestFirst: Bool, limit: Int
  ) async throws -> [Control] {
    try await database.read { [self] connection in
      // The index on (origin, started_at) is walked from one end; acceptances are most of what it has.
      let found = try connection.rows(
        """
        SELECT c.number, c.first_item, c.item_count, a.started_at, a.finished_at
        FROM attempt AS a INDEXED BY attempt_started
        JOIN chunk AS c ON c.run = a.run AND c.number = a.chunk
        WHERE a.origin = ? AND a.started_at >= ? AND a.started_at < ? AND a.run = ?
          AND a.outcome = 'accepted' AND a.number = 1
          AND a.destination = (SELECT id FROM destination WHERE url = ?)
          AND (c.index_id IS NULL OR c.index_id = ?) AND c.names_clash = 0
        ORDER BY a.started_at \(newestFirst ? "DESC" : "ASC") LIMIT ?
        """, .integer(origin), .integer(moments.lowerBound.milliseconds),
        .integer(moments.upperBound.milliseconds), .integer(row), .text(settings.destination),
        .text(index.rawValue), .integer(limit)
      ) { row in
        (
          control: Control(
            chunk: ChunkNumber(row.int(0)), startedAt: Timestamp(milliseconds: Int64(row.int(3))),
            acceptedAt: Timestamp(milliseconds: Int64(row.int(4))), names: []),
          items: row.int(1)..<row.int(1) + row.int(2)
        )
      }
      return try found.compactMap { found in
        var control = found.control
        control.names = try names(of: found.items, run: row, in: connection)[index] ?? []
        return control.names.isEmpty ? nil : control
      }
    }
  }

  func settle(_ settlement: Settlement) async throws -> Recorded {
    try await database.write { [self] connection in
      try connection.run(
        """
        INSERT INTO settlement (run, chunk, attempt, decided_at, verdict, authority, evidence, counted)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (run, chunk, attempt, decided_at) DO UPDATE
          SET verdict = excluded.verdict, authority = excluded.authority, evidence = excluded.evidence,
              counted = excluded.counted
        """, .integer(row), .integer(settlement.chunk.rawValue), .integer(settlement.attempt),
        .integer(settlement.decidedAt.milliseconds), .text(settlement.verdict.rawValue),
        .text(settlement.authority.rawValue), .text(settlement.evidence), .flag(settlement.countsAttempt))
      if let event = settlement.event {
        try move(settlement.chunk, from: .unknown, on: event, in: connection) { state in
          try connection.run(
            """
            UPDATE chunk SET state = ?, ready_at = 0, counted_attempts = counted_attempts + ?
            WHERE run = ? AND number = ? AND state = 'unknown' AND attempts = ?
            """, .text(state.rawValue), .flag(settlement.countsAttempt), .integer(row),
            .integer(settlement.chunk.rawValue), .integer(settlement.attempt))
        }
      }
      return try recorded(in: connection)
    }
  }

  /// File names by index of a range of a run's items.
  private func names(
    of items: Range<Int>, run: Int64, in connection: Connection
  ) throws -> [IndexID: [String]] {
    var names: [IndexID: [String]] = [:]
    _ = try connection.rows(
      "SELECT source FROM item WHERE position >= ? AND position < ? ORDER BY position",
      .integer(ItemPosition.of(run: run, sequence: items.lowerBound)),
      .integer(ItemPosition.of(run: run, sequence: items.upperBound))
    ) { item in
      let text = ItemText(item.bytes(0))
      names[IndexID(text.indexID), default: []].append(text.name)
    }
    return names
  }

  /// Whether another run sent one of these names to the same index while the service could list it among this
  /// chunk's tasks. Clashes within the run are known since it was planned.
  private func othersSent(_ chunk: UnknownChunk, in connection: Connection) throws -> Bool {
    let since = chunk.startedAt - SettlingRule.clockMargin
    // A request that started up to an hour earlier may still have been under way.
    let others = try connection.rows(
      """
      SELECT DISTINCT a.run, c.first_item, c.item_count
      FROM attempt AS a INDEXED BY attempt_started
      JOIN chunk AS c ON c.run = a.run AND c.number = a.chunk
      WHERE a.origin = ? AND a.started_at >= ? AND a.run <> ?
        AND (a.finished_at IS NULL OR a.finished_at >= ?)
        AND (a.outcome IS NULL OR a.outcome IN ('accepted', 'unknown'))
      """, .integer(origin), .integer((since - .seconds(3_600)).milliseconds), .integer(row),
      .integer(since.milliseconds)
    ) { (run: Int64($0.int(0)), items: $0.int(1)..<$0.int(1) + $0.int(2)) }
    for other in others {
      let theirs = try names(of: other.items, run: other.run, in: connection)
      for (index, names) in theirs {
        guard let ours = chunk.names[index] else { continue }
        if !Set(ours).isDisjoint(with: names) { return true }
      }
    }
    return false
  }
}
