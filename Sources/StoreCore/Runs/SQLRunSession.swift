package import BatchDomain
import NIOConcurrencyHelpers

/// A run owned by this process. Every change is guarded by the owner's number as well as by the chunk's state.
final class SQLRunSession: RunSession {
  /// Error code of an attempt whose process died before it recorded an answer.
  static let ownerDiedCode = "owner_died"
  /// The same where the process was not heard of for so long that it was taken for lost.
  static let ownerLostCode = UnknownChunk.ownerLostCode
  /// The same where the database lost changes, and the chunk may have been sent.
  static let failedOverCode = UnknownChunk.failedOverCode
  /// All of them, as a list of SQL.
  static let ownerCodes = "('\(ownerDiedCode)', '\(ownerLostCode)', '\(failedOverCode)')"

  /// Whether an attempt with that code came to nothing because of its process, which says nothing about the chunk.
  static func endedWithOwner(_ code: String?) -> Bool {
    [ownerDiedCode, ownerLostCode, failedOverCode].contains(code)
  }

  let run: RunID
  let settings: RunSettings
  let database: Database
  /// What a store needs of its engine beside SQL.
  let engine: any StoreEngine
  /// Reads that may take long, beside the queue that commits.
  let reader: Database
  /// Where times of intents come from; `nil` leaves them to the caller that claims.
  let clock: (any BatchClock)?
  /// Where the windows of the rates begin, for each step of the profile.
  let windows: [ChunkStep: RateWindows]
  /// `run.id`.
  let row: Int64
  /// `run.owner` while this process owns the run.
  let owner: Int64
  /// `origin.id` of the run's service.
  let origin: Int64
  /// `destination.id` of the address that requests go to.
  let destination: Int64
  /// Rebuilds what chunks are made of.
  let contents: ChunkContents
  private let formerHost: String?
  /// The waits of the service that this process was told of last, by step.
  private let waitsSeen = NIOLockedValueBox<[ChunkStep: WaitSeen]>([:])

  private struct WaitSeen {
    /// As it is recorded.
    var until: Timestamp
    /// When it is over, on the clock that never goes back.
    var end: Duration
  }
  /// The sums of the commit that is under way, or was last.
  private let latest = NIOLockedValueBox<CommitSums?>(nil)
  /// Claims that were recorded and must not be sent.
  let abandoned = AbandonedClaims()
  /// What a lost owner left.
  let heritage: Heritage?

  init(
    store: SQLStore.Parts, row: Int64, run: RunID, owner: Int64, origin: Int64, destination: Int64,
    settings: RunSettings, formerHost: String? = nil, heritage: Heritage? = nil
  ) {
    self.heritage = heritage
    database = store.database
    engine = store.engine
    reader = store.reader
    clock = store.clock
    windows = Dictionary(
      uniqueKeysWithValues: settings.profile.steps.map {
        ($0, RateWindows(origin: origin, step: $0, clock: store.clock))
      })
    self.row = row
    self.run = run
    self.owner = owner
    self.origin = origin
    self.destination = destination
    self.settings = settings
    self.formerHost = formerHost
    contents = ChunkContents(run: run, row: row)
  }

  /// This process does not own the run any more.
  private func takenOver(in connection: Connection) throws -> StoreError {
    let owner = try engine.owner(of: row, in: connection).map { " (\($0))" } ?? ""
    return StoreError(
      .owned, "run \(run) was taken over by another process\(owner)",
      remedy: "leave the run to that process; \(command: .report(run)) shows how it stands")
  }

  func standing() async throws -> RunSnapshot {
    try await database.read { [self] connection in
      let items = try connection.first("SELECT items FROM run WHERE id = ?", .integer(row)) { $0.int(0) }
      guard let items else { throw StoreError(.damaged, "run \(run) is gone from the store") }
      // Where changes were lost, this process's taking of the run may be among them, and what is left is to be seen all the same.
      let facts = try readFacts(in: connection, lock: false, owned: !hasLostChanges)
      return RunSnapshot(
        items: items, attempts: facts.attempts, counts: try StateCounts.read(run: row, in: connection),
        waits: facts.waits, request: facts.request, hasReachedService: try hasReachedService(in: connection),
        begunChunks: try begunChunks(in: connection),
        hasPassedFirstStep: try hasPassedFirstStep(in: connection),
        formerHost: formerHost)
    }
  }

  /// Chunks that are open and of which a step was sent that may have been taken.
  private func begunChunks(in connection: Connection) throws -> Int {
    guard settings.profile.steps.count > 1 else { return 0 }
    return try connection.first(
      """
      SELECT count(*) FROM chunk INDEXED BY chunk_open
      WHERE run = ?1 AND \(ChunkRows.open)
        AND (state = 'submitting' OR state = 'processing' OR state = 'unknown' OR state = 'pending' AND step <> ?2)
      """, .integer(row), .text(settings.profile.firstStep.rawValue)
    ) { $0.int(0) } ?? 0
  }

  private func hasPassedFirstStep(in connection: Connection) throws -> Bool {
    guard settings.profile.steps.count > 1 else { return false }
    // Of the chunks at a later step, those for which nothing was sent there yet are pending.
    return try connection.first(
      """
      SELECT EXISTS (SELECT 1 FROM tally WHERE run = ?1 AND state = 'accepted' AND chunks > 0)
        OR EXISTS (SELECT 1 FROM attempt WHERE run = ?1 AND step <> ?2)
        OR EXISTS (
          SELECT 1 FROM chunk INDEXED BY chunk_open
          WHERE run = ?1 AND state = 'pending' AND step <> ?2 AND \(ChunkRows.indexed))
      """, .integer(row), .text(settings.profile.firstStep.rawValue)
    ) { $0.flag(0) } ?? false
  }

  /// Whether an attempt of this run at its present service was answered, or lost only after it was under way.
  private func hasReachedService(in connection: Connection) throws -> Bool {
    // By the run, since other runs may have made most of the attempts at the service.
    try connection.first(
      """
      SELECT 1 FROM attempt
      WHERE run = ? AND +origin = ? AND (status IS NOT NULL OR outcome = 'unknown' AND code NOT IN \(Self.ownerCodes)) LIMIT 1
      """, .integer(row), .integer(origin)
    ) { _ in true } ?? false
  }

  func nextObject() async throws -> ObjectName? {
    try await reader.read { [self] connection in
      let first = try connection.first(
        """
        SELECT first_item FROM chunk
        WHERE run = ? AND state = 'pending' AND step = ? AND \(ChunkRows.indexed)
        ORDER BY ready_at, number LIMIT 1
        """, .integer(row), .text(settings.profile.firstStep.rawValue)
      ) { $0.int(0) }
      return try first.flatMap { try ItemRows(run: row).texts(of: $0..<$0 + 1, in: connection).first?.object }
    }
  }

  func firstNeverSent() async throws -> NeverSentItem? {
    try await reader.read { [self] connection in
      // A piece of another chunk was sent with it.
      let first = try connection.first(
        """
        SELECT first_item FROM chunk
        WHERE run = ? AND state = 'pending' AND step = ? AND attempts = 0 AND parent IS NULL AND \(ChunkRows.indexed)
        ORDER BY ready_at, number LIMIT 1
        """, .integer(row), .text(settings.profile.firstStep.rawValue)
      ) { $0.int(0) }
      let knownUntil = try connection.first(
        """
        SELECT coalesce((SELECT started_at FROM attempt WHERE run = ?1 ORDER BY intent DESC LIMIT 1), created_at)
        FROM run WHERE id = ?1
        """, .integer(row)
      ) { Timestamp(milliseconds: Int64($0.int(0))) }
      guard let first, let knownUntil,
        let item = try ItemRows(run: row).texts(of: first..<first + 1, in: connection).first
      else { return nil }
      return NeverSentItem(
        sequence: first, index: item.indexID, object: item.object, knownUntil: knownUntil)
    }
  }

  func pendingIndexes(limit: Int?) async throws -> [IndexID: Int] {
    try await reader.read { [self] connection in
      let counts = try connection.rows(
        """
        SELECT index_id, sum(item_count) FROM (
          SELECT index_id, item_count FROM chunk
          WHERE run = ? AND state = 'pending' AND step = ? AND \(ChunkRows.indexed)
          ORDER BY ready_at, number LIMIT ?
        ) AS next WHERE index_id IS NOT NULL GROUP BY index_id
        """, .integer(row), .text(settings.profile.firstStep.rawValue), .integer(limit ?? .max)
      ) { (IndexID($0.text(0)), $0.int(1)) }
      return Dictionary(counts) { $0 + $1 }
    }
  }

  func isSoleIndexLeft(_ index: IndexID) async throws -> Bool {
    try await database.read { [row] connection in
      try connection.first(
        """
        SELECT 1 FROM chunk INDEXED BY chunk_open
        WHERE run = ? AND \(ChunkRows.open) AND (index_id IS NULL OR index_id <> ?) LIMIT 1
        """, .integer(row), .text(index.rawValue)
      ) { _ in true } == nil
    }
  }

  func remember(_ wait: StoredWait, of step: ChunkStep) async throws {
    try await database.write { [self] connection in try remember(wait, of: step, in: connection) }
  }

  /// Records a wait in the transaction that is under way, for every run of the service; a shorter one never
  /// replaces a longer one.
  func remember(_ wait: StoredWait, of step: ChunkStep, in connection: Connection) throws {
    try connection.run(
      """
      INSERT INTO budget (origin, step, wait_until, wait_reason, wait_ms) VALUES (?1, ?2, ?3, ?4, ?5)
      ON CONFLICT (origin, step) DO UPDATE
        SET wait_until = excluded.wait_until, wait_reason = excluded.wait_reason, wait_ms = excluded.wait_ms
        WHERE budget.wait_until IS NULL OR budget.wait_until < excluded.wait_until
      """, .integer(origin), .text(step.rawValue), .integer(wait.until.milliseconds), .text(wait.reason),
      .integer(wait.length?.millisecondsRoundedUp))
    connection.revise()
    if let clock, let length = wait.length {
      waitsSeen.withLockedValue { $0[step] = WaitSeen(until: wait.until, end: clock.elapsed() + length) }
    }
  }

  /// The end of a wait by the clock as it is now. A clock that was put back since the wait began would make it longer than
  /// what was asked; the recorded end is then put right, too.
  func end(of wait: StoredWait, step: ChunkStep, at now: Timestamp, in connection: Connection) throws
    -> Timestamp
  {
    var left = wait.left(at: now)
    if let clock {
      // What has passed of it in this process has passed, whatever the time of day says.
      let elapsed = clock.elapsed()
      let end = waitsSeen.withLockedValue { seen in
        if seen[step]?.until != wait.until { seen[step] = WaitSeen(until: wait.until, end: elapsed + left) }
        return seen[step]?.end ?? elapsed
      }
      left = max(.zero, min(left, end - elapsed))
    }
    let end = now + left
    // Two clocks that are read one after the other differ a little; only a clock that was set makes a second of it.
    guard wait.until.since(end) > .seconds(1) else { return wait.until }
    waitsSeen.withLockedValue { $0[step]?.until = end }
    try connection.run(
      "UPDATE budget SET wait_until = ? WHERE origin = ? AND step = ?", .integer(end.milliseconds),
      .integer(origin), .text(step.rawValue))
    connection.revise()
    return end
  }

  func request() async throws -> RunRequest? {
    let (isOwned, request) = try await database.read { [row, owner] connection in
      let found = try connection.first(
        "SELECT CASE WHEN cancelling = 1 THEN 'cancel' ELSE request END FROM run WHERE id = ? AND owner = ?",
        .integer(row),
        .integer(owner)
      ) { $0.optionalText(0).flatMap(RunRequest.init(rawValue:)) }
      return (found != nil, found.flatMap { $0 })
    }
    // A change says whether another process took the run or the database lost what it had confirmed, and leaves word of claims
    // that were never sent.
    if !isOwned { try await change { _, _ in } }
    try engine.confirmSchema()
    try engine.confirmLife()
    return request
  }

  func cancelPending() async throws -> Recorded {
    try await changeCounted { [self] connection in
      // From here on it is followed by the process that takes the run over, also when this process dies.
      try connection.run("UPDATE run SET cancelling = 1 WHERE id = ? AND cancelling = 0", .integer(row))
      try cancelPending(in: connection)
    }
  }

  /// Cancels what is not sent yet, in the transaction that is under way.
  func cancelPending(in connection: Connection) throws {
    let state = try ChunkState.pending.after(.cancelled)
    try connection.run(
      """
      UPDATE chunk SET state = ? WHERE run = ? AND (state = 'pending' OR state = 'processing')
        AND \(ChunkRows.indexed)
      """, .text(state.rawValue), .integer(row))
  }

  func retry(_ states: Set<ChunkState>) async throws -> Recorded {
    try await changeCounted { [row] connection in
      try SQLStore.reviseKnown(in: connection)
      for from in states.sorted(by: { $0.rawValue < $1.rawValue }) {
        let state = try from.after(.retried)
        try connection.run(
          """
          UPDATE chunk SET state = ?, ready_at = 0, counted_attempts = 0, allowance_from = attempts + 1,
                           not_isolated = 0
          WHERE run = ? AND state = ? AND \(ChunkRows.indexed)
          """, .text(state.rawValue), .integer(row), .text(from.rawValue))
      }
    }
  }

  func release(as exit: RunExit, at now: Timestamp) async throws {
    let (state, reason, detail, finishedAt): (RunState, PauseReason?, String?, Timestamp?) =
      switch exit {
      case .finished: (.finished, nil, nil, now)
      case .cancelled: (.cancelled, nil, nil, now)
      case .paused(let reason, let detail): (.paused, reason, detail, nil)
      }
    do {
      try await change(isLast: true) { [self] connection, sums in
        if case .finished = exit {
          // What the other changes of this commit moved is not written yet.
          try sums.write(run: row, in: connection)
          let left = try StateCounts.read(run: row, in: connection).chunks(
            in: .pending, .submitting, .processing)
          guard left == 0 else {
            throw StoreError(
              .internal, "run \(run) cannot be finished: \(HumanNumber.text(left, "chunk")) still to be sent")
          }
        }
        let changed = try connection.run(
          """
          UPDATE run SET state = ?, reason = ?, reason_detail = ?, finished_at = ?, request = NULL, cancelling = 0
          WHERE id = ? AND owner = ?
          """, .text(state.rawValue), .text(reason?.rawValue), .text(detail),
          .integer(finishedAt?.milliseconds), .integer(row), .integer(owner))
        // After changes were lost, another process may have taken the run with the number that this one has.
        guard changed == 1, try engine.disown(row, in: connection) else {
          throw try takenOver(in: connection)
        }
        try endShares(in: connection)
        guard engine.sendingRules != nil, !hasLostChanges else { return }
        // What came after the last look: once nobody owns the run, nobody looks.
        try sums.write(run: row, in: connection)
        try hearLateWords(in: connection)
      }
    } catch let error as StoreError where error.code == .owned && reason == .failedOver {
      guard try await leaveFailedOver(detail) else { throw error }
    }
    // Another process that sees the new state may take the run at once.
    engine.releaseRun(row)
    try await database.checkpoint(truncating: true)
  }

  /// Whether the database lacks changes that it had confirmed to this process.
  var hasLostChanges: Bool {
    do { try engine.confirmHistory() } catch { return true }
    return false
  }

  /// Pauses the run as `failed_over` where nobody owns it: that this process took it is among the changes that were lost, so that
  /// nobody else would find out that what it sent since is missing.
  ///
  /// - Returns: `false` where another process owns the run, or it has ended.
  private func leaveFailedOver(_ detail: String?) async throws -> Bool {
    guard engine.sendingRules != nil, hasLostChanges else { return false }
    return try await database.write { [row, owner] connection in
      // Its number is used up: the next owner must not have that of this one.
      try connection.run(
        """
        UPDATE run SET state = 'paused', reason = ?1, reason_detail = ?2, owner = CASE WHEN owner < ?3 THEN ?3 ELSE owner END
        WHERE id = ?4 AND worker IS NULL AND (state = 'running' OR state = 'paused')
        """, .text(PauseReason.failedOver.rawValue), .text(detail), .integer(owner), .integer(row)) == 1
    }
  }

  /// Makes a change of the run.
  ///
  /// - Parameter isLast: whether it gives the run back, which is possible also after changes were lost.
  /// - Throws: ``StoreError`` with code `owned` when this process does not own the run any more.
  @discardableResult
  func change<T: Sendable>(
    isLast: Bool = false, _ body: @escaping @Sendable (Connection, CommitSums) throws -> T
  ) async throws -> T {
    do {
      return try await database.write { [self] connection in
        if !isLast { try engine.confirmHistory() }
        let common = try sums(in: connection)
        return try common.sharing(in: connection) {
          try endAbandoned(common, in: connection)
          return try body(connection, common)
        }
      }
    } catch let error as StoreError where error.code == .owned {
      for claim in abandoned.all {
        try await leaveWord(AttemptRecord(unsent: claim))
        // Not before: a word that does not get through is left with the next change.
        abandoned.remove([claim])
      }
      throw error
    }
  }

  /// Makes a change of the run that moves chunks by statements whose moves the tally counts, however many they are.
  func changeCounted(_ body: @escaping @Sendable (Connection) throws -> Void) async throws -> Recorded {
    try await change { [self] connection, sums in
      let moved = try counting(in: connection) { try body(connection) }
      return Recorded(moved: moved, request: sums.facts.request)
    }
  }

  /// Makes changes whose moves the tally counts, and says what they moved.
  func counting(in connection: Connection, _ changes: () throws -> Void) throws -> StateCounts {
    let before = try StateCounts.read(run: row, in: connection)
    try changes()
    return try StateCounts.read(run: row, in: connection).moved(since: before)
  }

  /// The sums of the transaction that is under way, with facts that are true; the first change of the run in it begins
  /// them.
  func sums(in connection: Connection) throws -> CommitSums {
    if let known = latest.withLockedValue({ $0 }), known.transaction == connection.transaction {
      try known.refresh(connection) { try readFacts(in: connection, lock: true) }
      return known
    }
    let begun = CommitSums(connection, facts: try readFacts(in: connection, lock: true))
    latest.withLockedValue { $0 = begun }
    connection.beforeCommit { [row] connection in
      try begun.write(run: row, in: connection)
    }
    return begun
  }

  /// - Parameters:
  ///   - lock: whether nobody else changes the run before this transaction is over.
  ///   - owned: whether this process has to own the run.
  func readFacts(in connection: Connection, lock: Bool, owned: Bool = true) throws -> RunFacts {
    let facts = try connection.first(
      """
      SELECT CASE WHEN run.cancelling = 1 THEN 'cancel' ELSE run.request END, run.attempts,
             -- Pieces have the last numbers.
             (SELECT parent IS NOT NULL FROM chunk WHERE chunk.run = run.id ORDER BY number DESC LIMIT 1)
      FROM run WHERE run.id = ?1 AND (?2 IS NULL OR run.owner = ?2)\(lock ? connection.dialect.locking : "")
      """, .integer(row), .integer(owned ? owner : nil)
    ) {
      RunFacts(
        request: $0.optionalText(0).flatMap(RunRequest.init(rawValue:)), attempts: $0.int(1), waits: [:],
        hasPieces: $0.flag(2))
    }
    guard var facts else { throw try takenOver(in: connection) }
    for (step, wait) in try connection.rows(
      "SELECT step, wait_until, wait_reason, wait_ms FROM budget WHERE origin = ? AND wait_until IS NOT NULL",
      .integer(origin),
      read: {
        (
          ChunkStep(rawValue: $0.text(0)),
          StoredWait(
            untilColumn: $0.optionalInt(1), reason: $0.optionalText(2), lengthColumn: $0.optionalInt(3))
        )
      })
    where settings.profile.budgets.contains(Budget(step)) {
      facts.waits[step] = wait
    }
    return facts
  }
}

extension StateCounts {
  /// The counts that are kept beside the rows.
  package static func read(run: Int64, in connection: Connection) throws -> StateCounts {
    var counts = StateCounts()
    _ = try connection.rows("SELECT state, chunks, items FROM tally WHERE run = ?", .integer(run)) { row in
      guard let state = ChunkState(rawValue: row.text(0)) else {
        throw StoreError(.damaged, "a tally has the state \"\(row.text(0))\"")
      }
      counts.chunks[state] = row.int(1)
      if state != .split { counts.items[state] = row.int(2) }
    }
    // Pieces are those that go before their turn.
    counts.openPieceItems =
      try connection.first(
        """
        SELECT sum(item_count) FROM chunk INDEXED BY chunk_open
        WHERE run = ? AND \(ChunkRows.open) AND ready_at < 0
        """, .integer(run)
      ) { $0.int(0) } ?? 0
    return counts
  }
}

extension StoredWait {
  /// The wait that three columns hold; `nil` when there is none.
  package init?(untilColumn: Int?, reason: String?, lengthColumn: Int?) {
    guard let untilColumn, let reason else { return nil }
    self.init(
      until: Timestamp(milliseconds: Int64(untilColumn)), reason: reason,
      length: lengthColumn.map { .milliseconds(Int64($0)) })
  }
}
