import BatchDomain
import KillPoints

extension SQLiteRunSession {
  func claim(at now: Timestamp) async throws -> Claim {
    let taken = try await database.write { [self] connection in
      let facts = try facts(in: connection)
      let taken = try claim(at: now, knowing: facts, in: connection)
      if case .chunk = taken.claim { try note(facts, intentAt: now, in: connection) }
      return taken
    }
    return try await checked(taken)
  }

  func record(
    _ result: AttemptResult, claimingAt next: Timestamp?
  ) async throws -> (recorded: Recorded, claim: Claim?) {
    let (counts, taken) = try await database.write { [self] connection -> (Recorded, UncheckedClaim?) in
      var facts = try facts(in: connection)
      try record(result, knowing: facts, in: connection)
      if result.wait != nil { facts = try self.facts(in: connection) }
      let taken = try next.map { try claim(at: $0, knowing: facts, in: connection) }
      let intent: Timestamp? = if case .chunk = taken?.claim { next } else { nil }
      try note(facts, intentAt: intent, outcomeAt: result.finishedAt, in: connection)
      return (try recorded(facts, in: connection), taken)
    }
    guard let taken else { return (counts, nil) }
    return (counts, try await checked(taken))
  }

  /// The claim, once the content of its chunk was held against the digest. Not part of the transaction: SQLite's thread
  /// is the one that everything waits for.
  ///
  /// - Throws: ``StoreError`` with code `damaged` when it is not what was planned; the chunk is pending again then.
  private func checked(_ taken: UncheckedClaim) async throws -> Claim {
    guard case .chunk(let chunk) = taken.claim, let damage = contents.damage(of: chunk, planned: taken.digest)
    else { return taken.claim }
    _ = try await record(
      AttemptResult(
        chunk: chunk.number, attempt: chunk.attempt, finishedAt: chunk.startedAt, took: .zero,
        outcome: .notProcessed, status: nil, code: Self.damagedCode, message: damage.message,
        isCounted: false,
        event: .returned))
    throw damage
  }

  /// Takes the next chunk in the transaction that is under way.
  private func claim(
    at now: Timestamp, knowing facts: RunFacts, in connection: Connection
  ) throws -> UncheckedClaim {
    guard let next = try nextPending(in: connection) else { return UncheckedClaim(.none) }
    if let wait = facts.wait, now < wait.until {
      return UncheckedClaim(.notBefore(wait.until, .wait(wait.reason)))
    }
    for rate in settings.rates {
      if let free = try whenFree(rate, in: connection), now < free {
        // A clock that was set back leaves attempts in the future; no window is longer than itself.
        let moment = min(free, now + rate.window.duration + .milliseconds(1))
        return UncheckedClaim(.notBefore(moment, .rate(rate)))
      }
    }
    guard next.readyAt <= now else { return UncheckedClaim(.notBefore(next.readyAt, .ready)) }
    let content = try contents.content(of: next.plan, in: connection)
    let attempt = next.attempts + 1
    try move(next.number, from: .pending, on: .begun, in: connection) { state in
      try connection.run(
        """
        UPDATE chunk SET state = ?, owner = ?, attempts = ?
        WHERE run = ? AND number = ? AND state = 'pending'
        """, .text(state.rawValue), .integer(owner), .integer(attempt), .integer(row),
        .integer(next.number.rawValue))
    }
    try connection.run(
      """
      INSERT INTO attempt (run, chunk, number, origin, destination, owner, started_at, bytes, timeout_ms, intent)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """, .integer(row), .integer(next.number.rawValue), .integer(attempt), .integer(origin),
      .integer(destination), .integer(owner), .integer(now.milliseconds), .integer(content.count),
      .integer(settings.timeout.millisecondsRoundedUp), .integer(facts.attempts + 1))
    let claimed = ClaimedChunk(
      number: next.number, attempt: attempt, countedAttempts: next.countedAttempts,
      firstItem: next.plan.items.lowerBound, itemCount: next.plan.items.count, index: next.index,
      filePart: content, startedAt: now)
    return UncheckedClaim(.chunk(claimed), digest: next.plan.digest)
  }

  /// Ends an attempt in the transaction that is under way.
  private func record(
    _ result: AttemptResult, knowing facts: RunFacts, in connection: Connection
  ) throws {
    let ended = try connection.run(
      """
      UPDATE attempt SET finished_at = ?, took_ms = ?, outcome = ?, status = ?, code = ?, message = ?,
                         counted = ?, in_outage = ?, ended_after = ?
      WHERE run = ? AND chunk = ? AND number = ? AND owner = ? AND finished_at IS NULL
      """, .integer(result.finishedAt.milliseconds), .integer(result.took.millisecondsRoundedUp),
      .text(result.outcome.rawValue), .integer(result.status), .text(result.code), .text(result.message),
      .flag(result.isCounted), .flag(result.isInOutage), .integer(facts.attempts), .integer(row),
      .integer(result.chunk.rawValue), .integer(result.attempt), .integer(owner))
    guard ended == 1 else {
      throw StoreError(
        .conflict, "attempt \(result.attempt) of chunk \(result.chunk) of run \(run) was ended by another")
    }
    try move(result.chunk, from: .submitting, on: result.event, in: connection) { state in
      try connection.run(
        """
        UPDATE chunk SET state = ?, owner = NULL, ready_at = coalesce(?, ready_at), counted_attempts = counted_attempts + ?,
                         not_isolated = ? = 'rejected' AND item_count > 1,
                         last_outcome = ?, last_status = ?, last_code = ?, last_message = ?, last_at = ?
        WHERE run = ? AND number = ? AND state = 'submitting' AND owner = ?
        """, .text(state.rawValue), .integer(result.readyAt?.milliseconds), .flag(result.isCounted),
        .text(state.rawValue),
        .text(result.outcome.rawValue), .integer(result.status), .text(result.code),
        .text(result.message), .integer(result.finishedAt.milliseconds), .integer(row),
        .integer(result.chunk.rawValue), .integer(owner))
    }
    if let division = result.division { try divide(result.chunk, into: division, in: connection) }
    if result.rejectsRest { try rejectRest(of: result, in: connection) }
    if let wait = result.wait { try remember(wait, in: connection) }
    KillPoint.beforeRecording.reached()
  }

  /// Makes one guarded move and checks that exactly one row took it.
  func move(
    _ chunk: ChunkNumber, from: ChunkState, on event: ChunkEvent, in connection: Connection,
    update: (ChunkState) throws -> Int
  ) throws {
    let changed = try update(try from.after(event))
    guard changed == 1 else {
      throw StoreError(
        .conflict,
        "chunk \(chunk) of run \(run) was expected to be \(from.rawValue) and owned by this process")
    }
  }

  private struct Pending {
    let plan: ChunkContents.Plan
    let index: IndexID?
    let attempts: Int
    let countedAttempts: Int
    let readyAt: Timestamp

    var number: ChunkNumber { plan.number }
  }

  /// Notes on the run that a request begins, or that one ended, or both.
  private func note(
    _ facts: RunFacts, intentAt intent: Timestamp? = nil, outcomeAt outcome: Timestamp? = nil,
    in connection: Connection
  ) throws {
    try connection.run(
      """
      UPDATE run SET attempts = ?1, first_intent_at = coalesce(first_intent_at, ?2),
                     last_outcome_at = coalesce(max(last_outcome_at, ?3), last_outcome_at, ?3)
      WHERE id = ?4
      """, .integer(facts.attempts + (intent == nil ? 0 : 1)), .integer(intent?.milliseconds),
      .integer(outcome?.milliseconds), .integer(row))
  }

  /// When the next request is within a limit, judged by the intents of every run of the same service.
  ///
  /// The window is a rolling one: the request `count` before the next has to be a whole window old. One
  /// millisecond is added, since stored times are cut to milliseconds.
  private func whenFree(_ rate: Rate, in connection: Connection) throws -> Timestamp? {
    try connection.first(
      "SELECT started_at FROM attempt WHERE origin = ? ORDER BY started_at DESC LIMIT 1 OFFSET ?",
      .integer(origin), .integer(rate.count - 1)
    ) { Timestamp(milliseconds: Int64($0.int(0))) + rate.window.duration + .milliseconds(1) }
  }

  private func nextPending(in connection: Connection) throws -> Pending? {
    try connection.first(
      """
      SELECT \(ChunkContents.Plan.columns), index_id, attempts, counted_attempts, ready_at
      FROM chunk
      WHERE run = ? AND state = 'pending' AND state <> 'accepted' AND state <> 'split' AND state <> 'cancelled'
      ORDER BY ready_at, number LIMIT 1
      """, .integer(row)
    ) {
      Pending(
        plan: ChunkContents.Plan($0), index: $0.optionalText(5).map(IndexID.init), attempts: $0.int(6),
        countedAttempts: $0.int(7), readyAt: Timestamp(milliseconds: Int64($0.int(8))))
    }
  }
}
