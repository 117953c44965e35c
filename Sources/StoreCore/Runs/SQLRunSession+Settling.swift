import BatchDomain

extension SQLRunSession {
  func unknownChunks(after: ChunkNumber?, limit: Int) async throws -> [UnknownChunk] {
    let destination = Origin.canonical(settings.destination)
    return try await database.read { [self] connection in
      let found = try connection.rows(
        """
        SELECT c.number, c.first_item, c.item_count, c.names_clash, c.counted_attempts,
               a.number,
               (SELECT min(lost.started_at) FROM attempt AS lost
                WHERE lost.run = c.run AND lost.chunk = c.number AND lost.step = a.step
                  AND lost.outcome IN ('unknown', 'content', 'index')),
               a.finished_at, a.outcome, a.code, a.status, a.in_outage, d.url,
               (SELECT min(lost.intent) FROM attempt AS lost
                WHERE lost.run = c.run AND lost.chunk = c.number AND lost.step = a.step
                  AND lost.outcome IN ('unknown', 'content', 'index')),
               a.ended_after, a.step
        FROM chunk AS c INDEXED BY chunk_open
        CROSS JOIN attempt AS a ON a.run = c.run AND a.chunk = c.number AND a.number = c.attempts
        CROSS JOIN destination AS d ON d.id = a.destination
        WHERE c.run = ? AND c.state = 'unknown' AND c.state <> 'accepted' AND c.state <> 'split' AND c.state <> 'cancelled'
          AND +c.number > ?
        ORDER BY c.number LIMIT ?
        """, .integer(row), .integer(after?.rawValue ?? -1), .integer(limit)
      ) { row in
        let loss: UnknownChunk.Loss =
          switch (Outcome(rawValue: row.text(8)), row.optionalText(9), row.optionalInt(10)) {
          case (.content, _, _): .refused
          case (.index, _, _): .indexRefused
          case (_, let code, nil) where Self.endedWithOwner(code): .ownerDied
          case (_, _, nil): .broken
          case (_, _, _?): .answered
          }
        let chunk = UnknownChunk(
          number: ChunkNumber(row.int(0)), firstItem: row.int(1), items: [], attempt: row.int(5),
          step: ChunkStep(rawValue: row.text(15)), startedAt: Timestamp(milliseconds: Int64(row.int(6))),
          endedAt: Timestamp(milliseconds: Int64(row.int(7))), intent: row.int(13), endedAfter: row.int(14),
          loss: loss,
          status: row.optionalInt(10), code: row.optionalText(9), wasInOutage: row.flag(11),
          countedAttempts: row.int(4), namesClash: row.flag(3),
          wasSentElsewhere: Origin.canonical(row.text(12)) != destination)
        return (chunk: chunk, items: Range(firstItem: row.int(1), count: row.int(2)))
      }
      return try found.map { found in
        var chunk = found.chunk
        chunk.items = try ItemRows(run: row).texts(of: found.items, in: connection).map {
          UnknownChunk.Item(index: $0.indexID, object: $0.object, name: $0.name)
        }
        if chunk.step != settings.profile.firstStep {
          chunk.externalIDs = try externalIDs(of: chunk.number, in: connection)
        }
        return chunk
      }
    }
  }

  func witnesses(
    index: IndexID, intents: Range<Int>, begunAfter moment: Timestamp?, newestFirst: Bool, limit: Int
  ) async throws -> [Witness] {
    var found: [Witness] = []
    var left = intents
    while found.count < limit, !left.isEmpty {
      let page = try await witnesses(
        index: index, page: left, begunAfter: moment, newestFirst: newestFirst)
      found += page.witnesses.prefix(limit - found.count)
      guard let last = page.last else { break }
      left = newestFirst ? left.lowerBound..<last : last + 1..<left.upperBound
    }
    return found
  }

  /// Accepted chunks that are looked at in one read. In a mixed manifest each of them may have to be looked through.
  private static let witnessesPerRead = 128

  /// The witnesses among the accepted chunks at one end of a range of intents.
  ///
  /// - Returns: them, and the intent up to which it was looked; `nil` when there are no more.
  private func witnesses(
    index: IndexID, page intents: Range<Int>, begunAfter moment: Timestamp?, newestFirst: Bool
  ) async throws -> (witnesses: [Witness], last: Int?) {
    let destination = Origin.canonical(settings.destination)
    return try await reader.read { [self] connection in
      // The index on (run, intent) is walked from one end; acceptances are most of what it has. An earlier attempt that
      // may have reached the service would leave open which of the two the listing shows.
      let accepted = try connection.rows(
        """
        SELECT c.number, c.first_item, c.item_count, a.started_at, a.finished_at, c.names_clash,
               a.intent, c.index_id IS NULL, d.url
        FROM attempt AS a INDEXED BY attempt_intent
        CROSS JOIN chunk AS c ON c.run = a.run AND c.number = a.chunk
        CROSS JOIN destination AS d ON d.id = a.destination
        WHERE a.run = ? AND a.intent >= ? AND a.intent < ? AND a.outcome = 'accepted' AND a.started_at > ?
          AND (c.index_id IS NULL OR c.index_id = ?)
          AND NOT EXISTS (SELECT 1 FROM attempt AS before
                          WHERE before.run = a.run AND before.chunk = a.chunk AND before.number < a.number
                            AND (before.outcome = 'unknown' OR before.outcome = 'content' OR before.outcome = 'index'))
        ORDER BY a.intent \(newestFirst ? "DESC" : "ASC") LIMIT ?
        """, .integer(row), .integer(intents.lowerBound), .integer(intents.upperBound),
        .integer(moment?.milliseconds ?? .min), .text(index.rawValue), .integer(Self.witnessesPerRead)
      ) { row in
        (
          witness: Witness(
            chunk: ChunkNumber(row.int(0)), intent: row.int(6),
            startedAt: Timestamp(milliseconds: Int64(row.int(3))),
            acceptedAt: Timestamp(milliseconds: Int64(row.int(4))), names: [],
            namesClash: row.flag(5)),
          items: Range(firstItem: row.int(1), count: row.int(2)), isMixed: row.flag(7), url: row.text(8)
        )
      }
      var witnesses: [Witness] = []
      for chunk in accepted where Origin.canonical(chunk.url) == destination {
        guard try !chunk.isMixed || ItemRows(run: row).mayHave(index.rawValue, in: chunk.items, connection)
        else { continue }
        var witness = chunk.witness
        witness.names = try ItemRows(run: row).texts(of: chunk.items, in: connection)
          .filter { $0.indexID == index }.map(\.name)
        if !witness.names.isEmpty { witnesses.append(witness) }
      }
      return (witnesses, accepted.count < Self.witnessesPerRead ? nil : accepted.last?.witness.intent)
    }
  }

  func sends(of names: [IndexID: Set<FileName>], since moment: Timestamp) async throws -> [NamedSend] {
    let chunks = try await sentChunks(of: Set(names.keys), since: moment)
    var sends: [NamedSend] = []
    var left = chunks[...]
    // Items never change, so that they can be read bit by bit: others that read get a turn in between.
    while !left.isEmpty {
      let page = left.prefix(Self.sendsPerRead)
      left = left.dropFirst(page.count)
      sends += try await reader.read { connection in
        try page.flatMap { chunk in
          try ItemRows(run: chunk.run).texts(of: chunk.items, in: connection).compactMap { text in
            guard names[text.indexID]?.contains(text.name) == true else { return nil }
            return NamedSend(
              run: chunk.run, index: text.indexID, name: text.name, object: text.object,
              startedAt: chunk.startedAt, endedAt: chunk.endedAt, isAccepted: chunk.isAccepted)
          }
        }
      }
    }
    return sends
  }

  /// Chunks whose items are read at a time.
  private static let sendsPerRead = 128

  private struct SentChunk: Sendable {
    let run: Int64
    let items: Range<Int>
    let startedAt: Timestamp
    let endedAt: Timestamp?
    let isAccepted: Bool
  }

  /// The chunks that may have been sent to the service since a moment with names of those indexes that clash.
  private func sentChunks(of indexes: Set<IndexID>, since moment: Timestamp) async throws -> [SentChunk] {
    try await reader.read { [self] connection in
      // Names within the run clash only where planning found it; another run's chunks have to be looked at.
      let chunks = try connection.rows(
        """
        SELECT a.run, c.first_item, c.item_count, a.started_at, a.finished_at, a.outcome, c.state, c.index_id
        FROM attempt AS a INDEXED BY attempt_started
        JOIN chunk AS c ON c.run = a.run AND c.number = a.chunk
        WHERE a.origin = ?1 AND a.step = ?4 AND a.started_at >= ?2
          AND NOT EXISTS (SELECT 1 FROM removed_run WHERE removed_run.run = a.run)
          AND (a.outcome IS NULL OR a.outcome IN ('accepted', 'unknown', 'content', 'index'))
          AND (a.run <> ?3 OR c.names_clash = 1 OR c.state = 'unknown')
        UNION ALL
        -- Pieces that a sighting found: they were sent with the chunk they are pieces of.
        SELECT a.run, p.first_item, p.item_count, a.started_at, a.finished_at, 'accepted', p.state, p.index_id
        FROM attempt AS a INDEXED BY attempt_started
        JOIN chunk AS c ON c.run = a.run AND c.number = a.chunk AND c.state = 'split'
        JOIN chunk AS p INDEXED BY chunk_items ON p.run = a.run AND p.first_item >= c.first_item
          AND p.first_item < c.first_item + c.item_count AND p.parent = c.number
        WHERE a.origin = ?1 AND a.step = ?4 AND a.started_at >= ?2 AND p.state = 'accepted' AND p.attempts = 0
          AND NOT EXISTS (SELECT 1 FROM removed_run WHERE removed_run.run = a.run)
        """, .integer(origin), .integer(moment.milliseconds), .integer(row),
        .text(settings.profile.firstStep.rawValue)
      ) { row in
        (
          chunk: SentChunk(
            run: Int64(row.int(0)), items: Range(firstItem: row.int(1), count: row.int(2)),
            startedAt: Timestamp(milliseconds: Int64(row.int(3))),
            endedAt: row.optionalInt(4).map { Timestamp(milliseconds: Int64($0)) },
            isAccepted: row.text(6) == ChunkState.accepted.rawValue),
          // What settled as not received, or was refused whole, is no send that a task could stand for.
          isSend: row.optionalText(5) == Outcome.accepted.rawValue
            || [ChunkState.unknown, .submitting, .accepted].map(\.rawValue).contains(row.text(6)),
          index: row.optionalText(7).map(IndexID.init)
        )
      }
      return chunks.filter { found in found.isSend && (found.index.map(indexes.contains) ?? true) }.map(
        \.chunk)
    }
  }

  func listingLag(of index: IndexID) async throws -> ListingLag? {
    try await database.read { [row] connection in
      try connection.first(
        "SELECT accepted_at, lag_ms FROM listing_lag WHERE run = ? AND index_id = ?", .integer(row),
        .text(index.rawValue)
      ) {
        ListingLag(
          acceptedAt: Timestamp(milliseconds: Int64($0.int(0))), lag: .milliseconds(Int64($0.int(1))))
      }
    }
  }

  func remember(_ lag: ListingLag, of index: IndexID) async throws {
    try await database.write { [row] connection in
      try connection.run(
        """
        INSERT INTO listing_lag (run, index_id, accepted_at, lag_ms) VALUES (?, ?, ?, ?)
        ON CONFLICT (run, index_id) DO UPDATE
          SET accepted_at = excluded.accepted_at, lag_ms = excluded.lag_ms
        """, .integer(row), .text(index.rawValue), .integer(lag.acceptedAt.milliseconds),
        .integer(lag.lag.millisecondsRoundedUp))
    }
  }

  func acceptance(of step: ChunkStep, after intents: Int) async throws -> StepAcceptance? {
    try await reader.read { [self] connection in
      let found = try connection.first(
        """
        SELECT a.chunk, a.external_id, a.started_at, a.finished_at, c.index_id
        FROM attempt AS a INDEXED BY attempt_intent
        CROSS JOIN chunk AS c ON c.run = a.run AND c.number = a.chunk
        WHERE a.run = ? AND a.intent > ? AND a.step = ? AND a.outcome = 'accepted' AND a.external_id IS NOT NULL
        ORDER BY a.intent DESC LIMIT 1
        """, .integer(row), .integer(intents), .text(step.rawValue)
      ) {
        StepAcceptance(
          chunk: ChunkNumber($0.int(0)), externalID: $0.text(1),
          startedAt: Timestamp(milliseconds: Int64($0.int(2))),
          acceptedAt: Timestamp(milliseconds: Int64($0.int(3))), index: $0.optionalText(4).map { IndexID($0) }
        )
      }
      guard var found, step != settings.profile.firstStep else { return found }
      found.externalIDs = try externalIDs(of: found.chunk, in: connection)
      found.externalIDs[step] = nil
      return found
    }
  }

  func recorded(among ids: Set<String>) async throws -> RecordedIDs {
    try await reader.read { [row] connection in
      var recorded = RecordedIDs()
      // Of the ids of one step of a chunk the last one is in use; the others came to nothing before it was made.
      _ = try connection.rows(
        """
        SELECT a.chunk, a.step, a.external_id,
               CASE WHEN c.state = 'rejected' OR c.state = 'failed'
                      OR c.step = a.step AND c.state <> 'processing' AND c.state <> 'accepted'
                      OR EXISTS (SELECT 1 FROM attempt AS later
                                 WHERE later.run = a.run AND later.chunk = a.chunk AND later.step = a.step
                                   AND later.number > a.number AND later.external_id IS NOT NULL)
                    THEN 1 ELSE 0 END
        FROM attempt AS a JOIN chunk AS c ON c.run = a.run AND c.number = a.chunk
        WHERE a.run = ? AND a.external_id IN (\(connection.dialect.jsonTexts("?")))
        """, .integer(row),
        .text("[" + ids.map { "\"\($0)\"" }.joined(separator: ",") + "]")
      ) {
        let id = $0.text(2)
        if $0.int(3) == 1 { recorded.spent.insert(id) }
        recorded.chunks[ChunkStep(rawValue: $0.text(1)), default: [:]][id, default: []].insert(
          ChunkNumber($0.int(0)))
      }
      return recorded
    }
  }

  func settle(_ settlement: Settlement) async throws -> Recorded {
    try await change { [self] connection, sums in
      let moved = try counting(in: connection) { try record(settlement, in: connection) }
      if settlement.division != nil { sums.addPieces() }
      return Recorded(moved: moved, request: sums.facts.request)
    }
  }

  func record(_ settlement: Settlement, in connection: Connection) throws {
    let evidence = settlement.evidence
    let witnesses = evidence.witnesses.map { String($0.rawValue) }.joined(separator: ",")
    try connection.run(
      """
      INSERT INTO settlement (run, chunk, attempt, decided_at, verdict, authority, evidence, counted,
                              first_look_at, last_look_at, tasks_listed, items_seen, controls)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (run, chunk, attempt, decided_at) DO UPDATE
        SET verdict = excluded.verdict, authority = excluded.authority, evidence = excluded.evidence,
            counted = excluded.counted, first_look_at = excluded.first_look_at,
            last_look_at = excluded.last_look_at, tasks_listed = excluded.tasks_listed,
            items_seen = excluded.items_seen, controls = excluded.controls
      """, .integer(row), .integer(settlement.chunk.rawValue), .integer(settlement.attempt),
      .integer(settlement.decidedAt.milliseconds), .text(settlement.verdict.rawValue),
      .text(settlement.authority.rawValue), .text(evidence.text), .flag(settlement.countsAttempt),
      .integer(evidence.firstLookAt?.milliseconds), .integer(evidence.lastLookAt?.milliseconds),
      .integer(evidence.tasksListed), .integer(evidence.itemsSeen), .text("[\(witnesses)]"))
    if let event = settlement.event {
      try move(settlement.chunk, from: .unknown, on: event) { state, check in
        try connection.runLater(
          """
          UPDATE chunk SET state = ?, step = coalesce(?, step), ready_at = coalesce(?, CASE WHEN ready_at < 0 THEN ready_at ELSE 0 END),
                           counted_attempts = counted_attempts + ?
          WHERE run = ? AND number = ? AND \(ChunkRows.isIn(.unknown)) AND attempts = ?
          """, .text(state.rawValue), .text(settlement.nextStep?.rawValue),
          .integer(settlement.readyAt?.milliseconds), .flag(settlement.countsAttempt), .integer(row),
          .integer(settlement.chunk.rawValue), .integer(settlement.attempt), check: check)
      }
    }
    if let id = settlement.externalID {
      try connection.run(
        "UPDATE attempt SET external_id = ? WHERE run = ? AND chunk = ? AND number = ?", .text(id),
        .integer(row), .integer(settlement.chunk.rawValue), .integer(settlement.attempt))
    }
    for id in settlement.surplus {
      try connection.run(
        """
        INSERT INTO surplus (run, chunk, step, external_id, seen_at)
        SELECT run, chunk, step, ?, ? FROM attempt WHERE run = ? AND chunk = ? AND number = ?
        ON CONFLICT (run, chunk, step, external_id) DO NOTHING
        """, .text(id), .integer(settlement.decidedAt.milliseconds), .integer(row),
        .integer(settlement.chunk.rawValue), .integer(settlement.attempt))
    }
    if let division = settlement.division {
      try divide(settlement.chunk, into: division, in: connection)
    }
    if let semantics = settlement.semantics {
      // Once a refusal is known to have taken a part, that stands.
      try connection.run(
        "UPDATE run SET refusals = ?1 WHERE id = ?2 AND (refusals = 'unproven' OR ?1 = 'partial')",
        .text(semantics.rawValue), .integer(row))
    }
  }
}
