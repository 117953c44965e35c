import BatchDomain
import KillPoints

extension SQLRunSession {
  func claim(_ step: ChunkStep, at now: Timestamp) async throws -> Claim {
    let watch = engine.sendingRules.map(ClaimWatch.init)
    let taken = try await change { [self] connection, sums in
      var share = CommitSums.Share()
      let taken = try claim(step, at: now, knowing: sums, adding: &share, in: connection)
      sums.add(share)
      watch?.note(taken, in: connection)
      return taken
    }.get()
    guard case .chunk = taken else { return taken }
    if let refusal = begin(watch) { throw refusal }
    return taken
  }

  /// Counts a chunk that was claimed as a request under way, unless its claim was not confirmed in time: then it is not to be
  /// sent.
  ///
  /// - Returns: why it is not to be sent.
  private func begin(_ watch: ClaimWatch?) -> StoreError? {
    // The watchdog is set before the clock is read: a process that is stopped in between, for however long, is ended by
    // the one or finds the claim too old by the other.
    engine.requestsUnderWay(changeBy: 1)
    guard let (claimed, why) = watch?.refusal() else { return nil }
    engine.requestsUnderWay(changeBy: -1)
    abandoned.add(claimed)
    return why
  }

  func record(
    _ result: AttemptRecord, claiming next: (step: ChunkStep, at: Timestamp)?
  ) async throws -> RecordedAndClaimed {
    let watch = engine.sendingRules.map(ClaimWatch.init)
    var both: RecordedAndClaimed
    do {
      both = try await change { [self] connection, sums in
        var share = CommitSums.Share()
        let moved = try record(result, knowing: sums, adding: &share, in: connection)
        let taken = try next.map {
          try claim($0.step, at: $0.at, knowing: sums, adding: &share, in: connection)
        }
        sums.add(share)
        watch?.note(taken, in: connection)
        return RecordedAndClaimed(
          recorded: Recorded(moved: moved, request: sums.facts.request), claim: taken)
      }
    } catch let error as StoreError where error.code == .owned {
      try await leaveWord(result)
      engine.requestsUnderWay(changeBy: -1)
      throw error
    }
    engine.requestsUnderWay(changeBy: -1)
    if case .success(.chunk) = both.claim, let refusal = begin(watch) { both.claim = .failure(refusal) }
    return both
  }

  /// Takes the next chunk in the transaction that is under way.
  ///
  /// - Returns: damage of the chunk as a value: nothing was changed for it, and what else the transaction records stands.
  private func claim(
    _ step: ChunkStep, at now: Timestamp, knowing sums: CommitSums, adding share: inout CommitSums.Share,
    in connection: Connection
  ) throws -> Result<Claim, StoreError> {
    do {
      try engine.confirmSchema()
    } catch let error as StoreError {
      return .failure(error)
    }
    try engine.confirmLife()
    guard let next = try nextPending(step, in: connection) else { return .success(.none) }
    if !settings.limits(on: step).isEmpty { try engine.lockBudget(of: origin, step, in: connection) }
    // Since it was asked for, the change may have waited for the disk.
    let now = clock?.now() ?? now
    let begun = clock?.elapsed()
    if let wait = try self.sums(in: connection).facts.waits[step], now < wait.until {
      let end = try end(of: wait, step: step, at: now, in: connection)
      if now < end { return .success(.notBefore(end, .wait(wait.reason))) }
    }
    // No back-off is longer than its cap: a moment beyond is one of a clock that was put back since.
    guard next.readyAt <= now || next.readyAt.since(now) > BackOff.chunk.cap else {
      return .success(.notBefore(next.readyAt, .ready))
    }
    let load = RequestLoad(
      items: next.plan.items.count, media: next.media.map { Int($0.millisecondsRoundedUp) })
    if let delay = try delay(of: load, step, at: now, in: connection) {
      return .success(.notBefore(delay.moment, delay.why))
    }
    let content: [UInt8]
    do {
      content = try contents.content(of: next.plan, in: connection)
    } catch let damage as StoreError where damage.code == .damaged && connection.isInTransaction {
      // A page that cannot be read is damage, too; the transaction stands as long as the engine did not end it.
      return .failure(damage)
    }
    let attempt = next.attempts + 1
    try move(next.number, from: .pending, on: .claimed) { state, check in
      try connection.runLater(
        """
        UPDATE chunk SET state = ?, owner = ?, attempts = ?
        WHERE run = ? AND number = ? AND \(ChunkRows.isIn(.pending))
        """, .text(state.rawValue), .integer(owner), .integer(attempt), .integer(row),
        .integer(next.number.rawValue), check: check)
    }
    try connection.runLater(
      """
      INSERT INTO attempt (run, chunk, number, origin, destination, step, owner, started_at, bytes, timeout_ms, intent,
                           media_ms)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """, .integer(row), .integer(next.number.rawValue), .integer(attempt), .integer(origin),
      .integer(destination), .text(next.step.rawValue), .integer(owner), .integer(now.milliseconds),
      .integer(content.count),
      .integer(settings.timeout.millisecondsRoundedUp), .integer(sums.intents + 1),
      .integer(step == settings.profile.firstStep ? nil : next.media?.millisecondsRoundedUp))
    try connection.runLater(
      """
      INSERT INTO budget (origin, step, intents) VALUES (?, ?, 1)
      ON CONFLICT (origin, step) DO UPDATE SET intents = budget.intents + 1
      """, .integer(origin), .text(step.rawValue))
    if let clock, let begun {
      connection.afterCommit { $0.lateness.note(clock.elapsed() - begun, at: clock.elapsed()) }
    }
    share.moves.append((.pending, .submitting, next.plan.items.count))
    share.intent = now
    let earlier =
      step == settings.profile.firstStep
      ? (ids: [:], mayBeDone: false) : try earlierSteps(of: next.number, before: next.step, in: connection)
    return .success(
      .chunk(
        ClaimedChunk(
          number: next.number, attempt: attempt, step: next.step, countedAttempts: next.countedAttempts,
          firstItem: next.plan.items.lowerBound, itemCount: next.plan.items.count, index: next.index,
          filePart: content, startedAt: now, externalIDs: earlier.ids, mayBeDone: earlier.mayBeDone)))
  }

  /// What earlier steps of a chunk made, and whether this one may have been done without the database knowing of it: the step
  /// before was, or its end is of before the database lost changes, and this one was not tried or asked about since.
  private func earlierSteps(
    of chunk: ChunkNumber, before step: ChunkStep, in connection: Connection
  ) throws -> (ids: [ChunkStep: String], mayBeDone: Bool) {
    let attempts = try connection.rows(
      "SELECT step, external_id, code FROM attempt WHERE run = ? AND chunk = ? ORDER BY number",
      .integer(row), .integer(chunk.rawValue)
    ) { (step: ChunkStep(rawValue: $0.text(0)), id: $0.optionalText(1), code: $0.optionalText(2)) }
    let made = attempts.filter { $0.id != nil }
    // The attempt that was just made for this claim is one of the step.
    let isFirst = attempts.count { $0.step == step } == 1
    return (
      Dictionary(made.compactMap { attempt in attempt.id.map { (attempt.step, $0) } }) { _, last in last },
      isFirst && made.last?.code == Self.failedOverCode
    )
  }

  /// The ids that the service gave to what a chunk's attempts made, the latest of each step.
  func externalIDs(of chunk: ChunkNumber, in connection: Connection) throws -> [ChunkStep: String] {
    let ids = try connection.rows(
      """
      SELECT step, external_id FROM attempt WHERE run = ? AND chunk = ? AND external_id IS NOT NULL ORDER BY number
      """, .integer(row), .integer(chunk.rawValue)
    ) { (ChunkStep(rawValue: $0.text(0)), $0.text(1)) }
    return Dictionary(ids) { _, last in last }
  }

  /// Ends an attempt in the transaction that is under way.
  ///
  /// - Parameter owner: whose attempt it is; `nil` for this process.
  /// - Returns: what that moved.
  func record(
    _ result: AttemptRecord, of owner: Int64? = nil, knowing sums: CommitSums,
    adding share: inout CommitSums.Share, in connection: Connection
  ) throws -> StateCounts {
    let owner = owner ?? self.owner
    guard result.division == nil, !result.rejectsRest else {
      return try counting(in: connection) {
        try end(result, of: owner, knowing: sums, adding: &share, in: connection)
      }
    }
    let before = sums.facts.hasPieces ? try readyAt(of: result.chunk, in: connection) : nil
    let state = try end(result, of: owner, knowing: sums, adding: &share, in: connection)
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
    _ result: AttemptRecord, of owner: Int64, knowing sums: CommitSums, adding share: inout CommitSums.Share,
    in connection: Connection
  ) throws -> ChunkState {
    try connection.runLater(
      """
      UPDATE attempt SET finished_at = ?, took_ms = ?, outcome = ?, status = ?, code = ?, message = ?,
                         external_id = ?, url_ends_at = ?, counted = ?, in_outage = ?, ended_after = ?
      WHERE run = ? AND chunk = ? AND number = ? AND owner = ? AND finished_at IS NULL
      """, .integer(result.finishedAt.milliseconds), .integer(result.took.millisecondsRoundedUp),
      .text(result.outcome.rawValue), .integer(result.status), .text(result.code), .text(result.message),
      .text(result.externalID), .integer(result.urlEndsAt?.milliseconds), .flag(result.isCounted),
      .flag(result.isInOutage), .integer(sums.intents), .integer(row),
      .integer(result.chunk.rawValue), .integer(result.attempt), .integer(owner)
    ) { [run] ended throws(StoreError) in
      guard ended != 1 else { return }
      throw StoreError(
        .conflict,
        "attempt \(result.attempt) of chunk \(result.chunk) of run \(run) was ended by another process",
        remedy: "leave the run to that process; \(command: .report(run)) shows how it stands")
    }
    let state = try move(result.chunk, from: .submitting, on: result.event) { state, check in
      try connection.runLater(
        """
        UPDATE chunk SET state = ?, step = coalesce(?, step), media_ms = coalesce(?, media_ms), owner = NULL,
                         ready_at = coalesce(?, ready_at), counted_attempts = counted_attempts + ?,
                         not_isolated = CASE WHEN ? = 'rejected' AND item_count > 1 THEN 1 ELSE 0 END,
                         last_outcome = ?, last_status = ?, last_code = ?, last_message = ?, last_at = ?
        WHERE run = ? AND number = ? AND \(ChunkRows.isIn(.submitting)) AND owner = ? AND item_count = ?
        """, .text(state.rawValue), .text(result.nextStep?.rawValue),
        .integer(result.mediaLength?.millisecondsRoundedUp), .integer(result.readyAt?.milliseconds),
        .flag(result.isCounted), .text(state.rawValue),
        .text(result.outcome.rawValue), .integer(result.status), .text(result.code),
        .text(result.message), .integer(result.finishedAt.milliseconds), .integer(row),
        .integer(result.chunk.rawValue), .integer(owner), .integer(result.itemCount), check: check)
    }
    if state == .accepted { share.moves.append((.submitting, .accepted, result.itemCount)) }
    if let division = result.division {
      try divide(result.chunk, into: division, in: connection)
      sums.addPieces()
    }
    if result.rejectsRest { try rejectRest(of: result, in: connection) }
    share.outcome = result.finishedAt
    if let wait = result.wait { try remember(wait, of: result.step, in: connection) }
    KillPoint.beforeRecording.reached()
    return state
  }

  /// Makes one guarded move; exactly one row has to take it.
  ///
  /// - Parameter update: runs the statement that moves it to a state, with what has to be looked at then.
  /// - Returns: the state the chunk is in then.
  @discardableResult
  func move(
    _ chunk: ChunkNumber, from: ChunkState, on event: ChunkEvent,
    update: (ChunkState, @escaping RowCheck) throws -> Void
  ) throws -> ChunkState {
    let state = try from.after(event)
    try update(state) { [run] changed throws(StoreError) in
      guard changed != 1 else { return }
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
    let media: Duration?

    var number: ChunkNumber { plan.number }
  }

  private func nextPending(_ step: ChunkStep, in connection: Connection) throws -> Pending? {
    try connection.first(Self.pending, .integer(row), .text(step.rawValue)) {
      Pending(
        plan: ChunkContents.Plan($0), index: $0.optionalText(5).map(IndexID.init), attempts: $0.int(6),
        countedAttempts: $0.int(7), readyAt: Timestamp(milliseconds: Int64($0.int(8))),
        step: ChunkStep(rawValue: $0.text(9)),
        media: $0.optionalInt(10).map { .milliseconds(Int64($0)) })
    }
  }

  private static let pending =
    """
    SELECT \(ChunkContents.Plan.columns), index_id, attempts, counted_attempts, ready_at, step, media_ms
    FROM chunk
    WHERE run = ? AND state = 'pending' AND step = ? AND \(ChunkRows.indexed)
    ORDER BY ready_at, number LIMIT 1
    """
}
