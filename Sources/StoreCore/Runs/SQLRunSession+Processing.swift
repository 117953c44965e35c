import BatchDomain

extension SQLRunSession {
  func processingChunks(after: ChunkNumber?, limit: Int) async throws -> [ProcessingChunk] {
    try await reader.read { [self] connection in
      try connection.rows(
        """
        SELECT c.number, c.attempts, c.step, c.index_id, c.first_item, c.item_count, c.last_at, c.counted_attempts,
               c.last_outcome, c.last_status, c.last_code, c.last_message,
               \(Self.making("external_id")), \(Self.making("url_ends_at")),
               (SELECT count(*) FROM attempt AS r
                WHERE r.run = c.run AND r.chunk = c.number AND r.step <> c.step AND r.outcome = 'content' AND r.counted = 1)
        FROM chunk AS c INDEXED BY chunk_open
        WHERE c.run = ? AND c.state = 'processing' AND c.state <> 'accepted' AND c.state <> 'split'
          AND c.state <> 'cancelled' AND +c.number > ?
        ORDER BY c.number LIMIT ?
        """, .integer(row), .integer(after?.rawValue ?? -1), .integer(limit)
      ) {
        let isRefused = $0.optionalText(8) == Outcome.content.rawValue
        return ProcessingChunk(
          number: ChunkNumber($0.int(0)), attempt: $0.int(1), step: ChunkStep(rawValue: $0.text(2)),
          externalID: $0.optionalText(12), index: $0.optionalText(3).map(IndexID.init),
          items: Range(firstItem: $0.int(4), count: $0.int(5)),
          acceptedAt: Timestamp(milliseconds: Int64($0.int(6))),
          urlEndsAt: $0.optionalInt(13).map { Timestamp(milliseconds: Int64($0)) },
          countedAttempts: $0.int(7),
          refusal: isRefused
            ? ProcessingChunk.Refusal(
              status: $0.optionalInt(9), code: $0.optionalText(10), message: $0.optionalText(11),
              repeats: $0.int(14)) : nil)
      }
    }
  }

  /// A column of the attempt whose request made what the service works on.
  private static func making(_ column: String) -> String {
    """
    (SELECT a.\(column) FROM attempt AS a
     WHERE a.run = c.run AND a.chunk = c.number AND a.step = c.step AND a.external_id IS NOT NULL
     ORDER BY a.number DESC LIMIT 1)
    """
  }

  func record(_ result: ProcessingResult) async throws -> Recorded {
    try await changeCounted { [self] connection in
      try move(result.chunk, from: .processing, on: result.event) { state, check in
        try connection.runLater(
          """
          UPDATE chunk SET state = ?1, step = coalesce(?2, step), ready_at = coalesce(?3, CASE WHEN ready_at < 0 THEN ready_at ELSE 0 END),
                           media_ms = coalesce(?7, media_ms), counted_attempts = counted_attempts + ?8
          WHERE run = ?4 AND number = ?5 AND \(ChunkRows.isIn(.processing)) AND attempts = ?6
          """, .text(state.rawValue), .text(result.nextStep?.rawValue),
          .integer(result.readyAt?.milliseconds),
          .integer(row), .integer(result.chunk.rawValue), .integer(result.attempt),
          .integer(result.mediaLength?.millisecondsRoundedUp), .flag(result.isCounted), check: check)
      }
      if result.isCounted {
        try connection.run(
          "UPDATE attempt SET counted = 1 WHERE run = ? AND chunk = ? AND number = ?", .integer(row),
          .integer(result.chunk.rawValue), .integer(result.attempt))
      }
      // What went wrong came after the answer to the attempt, whose outcome stays as it was.
      let outcome: Outcome =
        switch result.event {
        case .refused: .content
        case .stepDone, .stepAccepted: .accepted
        default: .notProcessed
        }
      try connection.run(
        """
        UPDATE chunk SET last_outcome = ?, last_status = ?, last_code = ?, last_message = ?, last_at = ?
        WHERE run = ? AND number = ?
        """, .text(outcome.rawValue), .integer(result.status), .text(result.code), .text(result.message),
        .integer(result.at.milliseconds), .integer(row), .integer(result.chunk.rawValue))
    }
  }
}
