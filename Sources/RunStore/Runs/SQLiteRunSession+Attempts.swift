import BatchDomain
import KillPoints

extension SQLiteRunSession {
  func claim(at now: Timestamp) async throws -> Claim {
    try await change { [self] connection, sums in
      var share = CommitSums.Share()
      let taken = try claim(at: now, knowing: sums, adding: &share, in: connection)
      sums.add(share)
      return taken
    }.get()
  }

  func record(_ result: AttemptRecord, claimingAt next: Timestamp?) async throws -> RecordedAndClaimed {
    try await change { [self] connection, sums in
      var share = CommitSums.Share()
      let moved = try record(result, knowing: sums, adding: &share, in: connection)
      let taken = try next.map { try claim(at: $0, knowing: sums, adding: &share, in: connection) }
      sums.add(share)
      return RecordedAndClaimed(recorded: Recorded(moved: moved, request: sums.facts.request), claim: taken)
    }
  }

  /// Takes the next chunk in the transaction that is under way.
  ///
  /// - Returns: damage of the chunk as a value: nothing was changed for it, and what else the transaction records stands.
  private func claim(
    at now: Timestamp, knowing sums: CommitSums, adding share: inout CommitSums.Share,
    in connection: Connection
  ) throws -> Result<Claim, StoreError> {
    guard let next = try nextPending(in: connection) else { return .success(.none) }
    // Since it was asked for, the change may have waited for the disk.
    let now = clock?.now() ?? now
    let begun = clock?.elapsed()
    if let wait = try self.sums(in: connection).facts.wait, now < wait.until {
      let end = try end(of: wait, at: now, in: connection)
      if now < end { return .success(.notBefore(end, .wait(wait.reason))) }
    }
    for rate in settings.rates {
      if let free = try windows.whenFree(rate, at: now, in: connection), now < free {
        // A clock that was set back leaves attempts in the future; no window is longer than itself.
        let moment = min(free, now + rate.window.duration + .milliseconds(1))
        return .success(.notBefore(moment, .rate(rate)))
      }
    }
    // No back-off is longer than its cap: a moment beyond is one of a clock that was put back since.
    guard next.readyAt <= now || next.readyAt.since(now) > BackOff.chunk.cap else {
      return .success(.notBefore(next.readyAt, .ready))
    }
    let content: [UInt8]
    do {
      content = try contents.content(of: next.plan, in: connection)
    } catch let damage as StoreError where damage.code == .damaged {
      return .failure(damage)
    } catch let failure as SQLiteFailure {
      // A page that cannot be read is damage, too; the transaction stands as long as SQLite did not end it.
      let damage = StoreError(failure, path: database.path)
      guard damage.code == .damaged, connection.isInTransaction else { throw failure }
      return .failure(damage)
    }
    let attempt = next.attempts + 1
    try move(next.number, from: .pending, on: .claimed, in: connection) { state in
      try connection.run(
        """
        UPDATE chunk SET state = ?, owner = ?, attempts = ?
        WHERE run = ? AND number = ? AND state = 'pending'
        """, .text(state.rawValue), .integer(owner), .integer(attempt), .integer(row),
        .integer(next.number.rawValue))
    }
    try connection.run(
      """
      INSERT INTO attempt (run, chunk, number, origin, destination, step, owner, started_at, bytes, timeout_ms, intent)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """, .integer(row), .integer(next.number.rawValue), .integer(attempt), .integer(origin),
      .integer(destination), .text(next.step.rawValue), .integer(owner), .integer(now.milliseconds),
      .integer(content.count),
      .integer(settings.timeout.millisecondsRoundedUp), .integer(sums.intents + 1))
    try connection.run("UPDATE origin SET intents = intents + 1 WHERE id = ?", .integer(origin))
    if let clock, let begun {
      connection.afterCommit { $0.lateness.note(clock.elapsed() - begun, at: clock.elapsed()) }
    }
    share.moves.append((.pending, .submitting, next.plan.items.count))
    share.intent = now
    return .success(
      .chunk(
        ClaimedChunk(
          number: next.number, attempt: attempt, step: next.step, countedAttempts: next.countedAttempts,
          firstItem: next.plan.items.lowerBound, itemCount: next.plan.items.count, index: next.index,
          filePart: content, startedAt: now)))
  }

  /// Ends an attempt in the transaction that is under way.
  ///
  /// - Returns: what that moved.
  private func record(
    _ result: AttemptRecord, knowing sums: CommitSums, adding share: inout CommitSums.Share,
    in connection: Connection
  ) throws -> StateCounts {
    guard result.division == nil, !result.rejectsRest else {
      return try counting(in: connection) { try end(result, knowing: sums, adding: &share, in: connection) }
    }
    let before = sums.facts.hasPieces ? try readyAt(of: result.chunk, in: connection) : nil
    let state = try end(result, knowing: sums, adding: &share, in: connection)
    var moved = StateCounts(moving: result.itemCount, from: .submitting, to: state)
    if let before, before < 0, state.isFinal || result.readyAt != nil {
      moved.openPieceItems = -result.itemCount
    }
    return moved
  }

  private func readyAt(of chunk: ChunkNumber, in connection: Connection) throws -> Int? {
    try connection.first(
      "SELECT ready_at FROM chunk WHERE run = ? AND number = ?", .integer(row), .integer(chunk.rawValue)
    ) { $0.int(0) }
  }

  /// Ends an attempt, moves its chunk and whatever goes with it.
  ///
  /// - Returns: the state the chunk is in now.
  @discardableResult
  private func end(
    _ result: AttemptRecord, knowing sums: CommitSums, adding share: inout CommitSums.Share,
    in connection: Connection
  ) throws -> ChunkState {
    let ended = try connection.run(
      """
      UPDATE attempt SET finished_at = ?, took_ms = ?, outcome = ?, status = ?, code = ?, message = ?,
                         external_id = ?, counted = ?, in_outage = ?, ended_after = ?
      WHERE run = ? AND chunk = ? AND number = ? AND owner = ? AND finished_at IS NULL
      """, .integer(result.finishedAt.milliseconds), .integer(result.took.millisecondsRoundedUp),
      .text(result.outcome.rawValue), .integer(result.status), .text(result.code), .text(result.message),
      .text(result.externalID), .flag(result.isCounted), .flag(result.isInOutage), .integer(sums.intents),
      .integer(row),
      .integer(result.chunk.rawValue), .integer(result.attempt), .integer(owner))
    guard ended == 1 else {
      throw StoreError(
        .conflict,
        "attempt \(result.attempt) of chunk \(result.chunk) of run \(run) was ended by another process",
        remedy: "leave the run to that process; \(command: .report(run)) shows how it stands")
    }
    let state = try move(result.chunk, from: .submitting, on: result.event, in: connection) { state in
      try connection.run(
        """
        UPDATE chunk SET state = ?, step = coalesce(?, step), owner = NULL, ready_at = coalesce(?, ready_at), counted_attempts = counted_attempts + ?,
                         not_isolated = ? = 'rejected' AND item_count > 1,
                         last_outcome = ?, last_status = ?, last_code = ?, last_message = ?, last_at = ?
        WHERE run = ? AND number = ? AND state = 'submitting' AND owner = ? AND item_count = ?
        """, .text(state.rawValue), .text(result.nextStep?.rawValue), .integer(result.readyAt?.milliseconds),
        .flag(result.isCounted), .text(state.rawValue),
        .text(result.outcome.rawValue), .integer(result.status), .text(result.code),
        .text(result.message), .integer(result.finishedAt.milliseconds), .integer(row),
        .integer(result.chunk.rawValue), .integer(owner), .integer(result.itemCount))
    }
    if state == .accepted { share.moves.append((.submitting, .accepted, result.itemCount)) }
    if let division = result.division {
      try divide(result.chunk, into: division, in: connection)
      sums.addPieces()
    }
    if result.rejectsRest { try rejectRest(of: result, in: connection) }
    share.outcome = result.finishedAt
    if let wait = result.wait { try remember(wait, in: connection) }
    KillPoint.beforeRecording.reached()
    return state
  }

  /// Makes one guarded move and checks that exactly one row took it.
  ///
  /// - Returns: the state the chunk is in now.
  @discardableResult
  func move(
    _ chunk: ChunkNumber, from: ChunkState, on event: ChunkEvent, in connection: Connection,
    update: (ChunkState) throws -> Int
  ) throws -> ChunkState {
    let state = try from.after(event)
    let changed = try update(state)
    guard changed == 1 else {
      throw StoreError(
        .conflict,
        "chunk \(chunk) of run \(run) was expected to be \(from.rawValue) and owned by this process",
        remedy: "leave the run to the process that has it; \(command: .report(run)) shows how it stands")
    }
    return state
  }

  private struct Pending {
    let plan: ChunkContents.Plan
    let index: IndexID?
    let attempts: Int
    let countedAttempts: Int
    let readyAt: Timestamp
    let step: ChunkStep

    var number: ChunkNumber { plan.number }
  }

  private func nextPending(in connection: Connection) throws -> Pending? {
    try connection.first(Self.pending, .integer(row)) {
      Pending(
        plan: ChunkContents.Plan($0), index: $0.optionalText(5).map(IndexID.init), attempts: $0.int(6),
        countedAttempts: $0.int(7), readyAt: Timestamp(milliseconds: Int64($0.int(8))),
        step: ChunkStep(rawValue: $0.text(9)))
    }
  }

  private static let pending =
    """
    SELECT \(ChunkContents.Plan.columns), index_id, attempts, counted_attempts, ready_at, step
    FROM chunk
    WHERE run = ? AND state = 'pending' AND \(ChunkRows.indexed)
    ORDER BY ready_at, number LIMIT 1
    """
}
