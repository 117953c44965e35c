import BatchDomain

extension SQLiteRunSession {
  func processingChunks(after: ChunkNumber?, limit: Int) async throws -> [ProcessingChunk] {
    try await reader.read { [row] connection in
      try connection.rows(
        """
        SELECT c.number, c.attempts, a.step, a.external_id, c.first_item, c.item_count, a.finished_at
        FROM chunk AS c INDEXED BY chunk_open
        CROSS JOIN attempt AS a ON a.run = c.run AND a.chunk = c.number AND a.number = c.attempts
        WHERE c.run = ? AND c.state = 'processing' AND c.state <> 'accepted' AND c.state <> 'split'
          AND c.state <> 'cancelled' AND +c.number > ?
        ORDER BY c.number LIMIT ?
        """, .integer(row), .integer(after?.rawValue ?? -1), .integer(limit)
      ) {
        ProcessingChunk(
          number: ChunkNumber($0.int(0)), attempt: $0.int(1), step: ChunkStep(rawValue: $0.text(2)),
          externalID: $0.optionalText(3), items: $0.int(4)..<$0.int(4) + $0.int(5),
          acceptedAt: Timestamp(milliseconds: Int64($0.int(6))))
      }
    }
  }

  func record(_ result: ProcessingResult) async throws -> Recorded {
    try await changeCounted { [self] connection in
      try move(result.chunk, from: .processing, on: result.event, in: connection) { state in
        try connection.run(
          """
          UPDATE chunk SET state = ?1, step = coalesce(?2, step), ready_at = coalesce(?3, min(ready_at, 0))
          WHERE run = ?4 AND number = ?5 AND state = 'processing' AND attempts = ?6
          """, .text(state.rawValue), .text(result.nextStep?.rawValue),
          .integer(result.readyAt?.milliseconds),
          .integer(row), .integer(result.chunk.rawValue), .integer(result.attempt))
      }
      guard result.event != .stepDone else { return }
      // What went wrong came after the answer to the attempt, which stays as it was.
      let outcome = result.event == .refused ? Outcome.content : .notProcessed
      try connection.run(
        """
        UPDATE chunk SET last_outcome = ?, last_status = NULL, last_code = ?, last_message = ?, last_at = ?
        WHERE run = ? AND number = ?
        """, .text(outcome.rawValue), .text(result.code), .text(result.message),
        .integer(result.at.milliseconds), .integer(row), .integer(result.chunk.rawValue))
    }
  }

  func keep(_ records: [ItemRecord]) async throws {
    try await change { [row] connection, _ in
      for record in records {
        try connection.run(
          """
          INSERT INTO item_record (position, step, said_at, status, external_id, code, message)
          VALUES (?, ?, ?, ?, ?, ?, ?)
          ON CONFLICT (position) DO UPDATE
            SET step = excluded.step, said_at = excluded.said_at, status = excluded.status,
                external_id = excluded.external_id, code = excluded.code, message = excluded.message
          """, .integer(ItemPosition.of(run: row, sequence: record.sequence)), .text(record.step.rawValue),
          .integer(record.at.milliseconds), .text(record.status), .text(record.externalID),
          .text(record.code), .text(record.message))
      }
    }
  }
}
