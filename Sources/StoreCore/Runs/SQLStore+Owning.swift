package import BatchDomain
import NIOConcurrencyHelpers

extension SQLStore: BatchStore {
  /// Records a new run and owns it.
  package func plan(_ draft: RunDraft) async throws -> any PlanningSession {
    let settings = try StoredSettings.json(draft.settings)
    let locked = NIOLockedValueBox<Int64?>(nil)
    do {
      let (row, run) = try await database.write(scope: .store) { [self] connection in
        try insert(draft, settings: settings, locked: locked, in: connection)
      }
      return SQLPlanningSession(store: parts, row: row, run: run, settings: draft.settings)
    } catch {
      // A transaction that failed as a whole gives the row's number back, and the next run gets it.
      if let row = locked.withLockedValue({ $0 }) { engine.releaseRun(row) }
      throw error
    }
  }

  /// Inserts the row of a run.
  ///
  /// - Parameter locked: the row whose lock is held for it; a change may be made twice.
  private func insert(
    _ draft: RunDraft, settings: String, locked: NIOLockedValueBox<Int64?>, in connection: Connection
  ) throws -> (row: Int64, run: RunID) {
    let run = try Self.newID(for: draft, in: connection)
    let origin = try Self.origin(draft.settings.origin, in: connection)
    try Self.noteDestination(draft.settings.destination, in: connection)
    let host = Host.current
    let inserted = try connection.first(
      """
      INSERT INTO run (run_id, name, job, job_path, state, created_at, manifest, manifest_path, manifest_bytes,
                       manifest_modified_at, again, origin, destination, settings, owner, owner_host,
                       owner_pid)
      VALUES (?, ?, ?, ?, 'planning', ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)
      RETURNING id
      """,
      .text(run.rawValue), .text(draft.name), .text(draft.job), .text(draft.jobPath),
      .integer(draft.createdAt.milliseconds),
      .text(draft.manifest), .text(draft.manifestFile?.path), .integer(draft.manifestFile?.bytes),
      .integer(draft.manifestFile?.modifiedAt.milliseconds), .flag(draft.isAgain), .integer(origin),
      .text(draft.settings.destination), .text(settings), .text(host.name), .integer(Int(host.processID))
    ) { Int64($0.int(0)) }
    guard let row = inserted else { throw StoreError(.internal, "a run was recorded and has no number") }
    // Taken before the row is visible to anybody, so that it never looks dead.
    let before = locked.withLockedValue { $0 }
    guard before != row else { return (row, run) }
    if let before {
      engine.releaseRun(before)
      locked.withLockedValue { $0 = nil }
    }
    guard try engine.own(new: row, in: connection) else {
      throw StoreError(.owned, "the lock of the new run \(run) is held by another process")
    }
    locked.withLockedValue { $0 = row }
    return (row, run)
  }

  /// Takes a run that died in planning, empties it and plans it again.
  package func planAgain(_ run: RunID) async throws -> any PlanningSession {
    let settings = try await settings(of: run)
    return try await taking(run) { row, _ in
      try await database.write(scope: .store) { [engine] connection in
        try engine.own(seized: row, in: connection)
        let state = try connection.first("SELECT state FROM run WHERE id = ?", .integer(row)) { $0.text(0) }
        guard state == RunState.planning.rawValue else {
          throw StoreError(.wrongState, "run \(run) is \(state ?? "gone") and cannot be planned again")
        }
        let host = Host.current
        try connection.run(
          "UPDATE run SET request = NULL, owner = owner + 1, owner_host = ?, owner_pid = ? WHERE id = ?",
          .text(host.name), .integer(Int(host.processID)), .integer(row))
      }
      let session = SQLPlanningSession(store: parts, row: row, run: run, settings: settings)
      try await session.clear()
      return session
    }
  }

  /// Takes a run over.
  package func take(
    _ run: RunID, isCancelling: Bool, isUnattended: Bool, at now: Timestamp
  ) async throws -> any RunSession {
    try await taking(run) { row, seizure in
      let taken = try await database.write(scope: .store) { [self] connection in
        try takeLocked(
          row, run, seizure, isCancelling: isCancelling, isUnattended: isUnattended, now: now, in: connection)
      }
      guard !taken.isLeftToPerson else {
        throw StoreError(
          .wrongState, "run \(run) is paused: \(Self.lostChanges)",
          remedy: "\(command: .resume(run)) asks the service about what may have been sent, and goes on")
      }
      // Counted from the end of the take-over: from then on the former owner can make no intent (R6).
      let heritage = engine.sendingRules.flatMap { rules in
        taken.inherited.map { Heritage(quietFrom: rules.clock.elapsed() + rules.quiet(requestsTaking: $0)) }
      }
      return try session(row, run, taken, heritage: heritage)
    }
  }

  private func session(
    _ row: Int64, _ run: RunID, _ taken: Taken, heritage: Heritage? = nil
  ) throws -> SQLRunSession {
    SQLRunSession(
      store: parts, row: row, run: run, owner: taken.owner, origin: taken.origin,
      destination: taken.destination, settings: try StoredSettings.read(taken.settings),
      formerHost: taken.host.flatMap { $0 == Host.current.name ? nil : $0 }, heritage: heritage)
  }

  /// Changes what a run was told: pace, retry and limits, and the address.
  ///
  /// - Throws: ``StoreError`` with code `owned` while a process owns the run.
  package func change(_ settings: RunSettings, of run: RunID) async throws {
    let text = try StoredSettings.json(settings)
    try await taking(run) { row, seizure in
      try await database.write(scope: .store) { [engine] connection in
        // To own it hides with which server its last owner worked.
        let hasChangedServer = try Self.hasChangedServer(row, engine, in: connection)
        try engine.own(seized: row, in: connection)
        // The next owner then sees that what is under way is not of one that died.
        if hasChangedServer || seizure.isOfLostOwner {
          try connection.run("UPDATE run SET owner = owner + 1 WHERE id = ?", .integer(row))
        }
        if hasChangedServer { try Self.leaveToPerson(row, in: connection) }
        // It may have been removed before its lock was taken.
        _ = try Self.row(of: run, in: connection)
        try CopyMark.refuse(row, run, in: connection)
        let origin = try Self.origin(settings.origin, in: connection)
        try Self.noteDestination(settings.destination, in: connection)
        // Its items are open at another service from now on, perhaps.
        try Self.reviseKnown(in: connection)
        try connection.run(
          "UPDATE run SET settings = ?, origin = ?, destination = ? WHERE id = ?", .text(text),
          .integer(origin), .text(settings.destination), .integer(row))
        try engine.disown(row, in: connection)
      }
      engine.releaseRun(row)
    }
  }

  /// The runs that a worker may take, the oldest first.
  package func runsToTake() async throws -> [RunID] {
    try engine.confirmSchema()
    let candidates = try await reader.read { connection in
      try connection.rows(
        """
        SELECT id, run_id, state FROM run
        WHERE (state = 'running' OR state = 'paused' AND reason = 'detached') AND \(RemovedRuns.areOthers)
        ORDER BY run_id
        """
      ) { (row: Int64($0.int(0)), run: RunID(rawValue: $0.text(1)), isRunning: $0.text(2) == "running") }
    }
    var found: [RunID] = []
    for candidate in candidates {
      guard let run = candidate.run else { continue }
      let seizure =
        candidate.isRunning ? try await engine.look(at: candidate.row, in: reader) : .free(host: nil)
      if let seizure, seizure != .owned { found.append(run) }
    }
    return found
  }

  /// Whether a run is in the store.
  package func exists(_ run: RunID) async throws -> Bool {
    try await database.read { connection in
      try connection.first(
        "SELECT 1 FROM run WHERE run_id = ? AND \(RemovedRuns.areOthers)", .text(run.rawValue)
      ) { _ in true } ?? false
    }
  }

  /// A run as the process has it that took it.
  struct Taken: Sendable {
    let owner: Int64
    var origin: Int64
    let destination: Int64
    let settings: String
    let host: String?
    /// Whether changes of the run may be lost, and a person has to resume it.
    var isLeftToPerson = false
    /// The longest time limit of the requests that a lost owner may still have under way; `nil` where there are none.
    var inherited: Duration?
  }

  private func takeLocked(
    _ row: Int64, _ run: RunID, _ seizure: Seizure, isCancelling: Bool, isUnattended: Bool, now: Timestamp,
    in connection: Connection
  ) throws -> Taken {
    try CopyMark.refuse(row, run, in: connection)
    let found = try connection.first(
      """
      SELECT state, owner, origin, settings, owner_host, (SELECT id FROM destination WHERE url = run.destination)
      FROM run WHERE id = ? AND \(RemovedRuns.areOthers)
      """, .integer(row)
    ) {
      (
        state: $0.text(0),
        taken: Taken(
          owner: Int64($0.int(1)) + 1, origin: Int64($0.int(2)), destination: Int64($0.int(5)),
          settings: $0.text(3), host: $0.optionalText(4))
      )
    }
    // It may have been removed before its lock was taken.
    guard let found else { throw try Self.noSuchRun(run, in: connection) }
    guard let state = RunState(rawValue: found.state) else {
      throw StoreError(.damaged, "run \(run) has no state this program knows")
    }
    let hasLostChanges = try Self.hasLostChanges(row, engine, in: connection)
    try engine.own(seized: row, in: connection)
    switch state {
    case .planning:
      throw StoreError(.wrongState, "run \(run) died while it was being planned; nothing was sent")
    case .cancelled where !isCancelling:
      throw StoreError(
        .wrongState, "run \(run) was cancelled",
        remedy: "\(command: .report(run)) has the command that sends what was cancelled")
    case .running:
      // Its owner died, perhaps with the machine: what it left is looked at before anything is concluded from it.
      try engine.checkIntegrity(connection)
    case .cancelled, .paused, .finished:
      break
    }
    let host = Host.current
    var taken = found.taken
    // A run of an older version may have another row of its service than the runs since.
    taken.origin = try Self.origin(try StoredSettings.read(taken.settings).origin, in: connection)
    try connection.run(
      """
      UPDATE run SET state = 'running', reason = NULL, reason_detail = NULL, finished_at = NULL,
                     request = NULL, cancelling = CASE WHEN ? = 1 THEN 1 ELSE cancelling END, owner = ?, owner_host = ?,
                     owner_pid = ?, origin = ?
      WHERE id = ?
      """,
      .flag(isCancelling), .integer(taken.owner), .text(host.name), .integer(Int(host.processID)),
      .integer(taken.origin), .integer(row))
    // What an owner had under way that was lost before is still of its number (R6).
    let former = taken.owner - 1
    guard engine.sendingRules != nil else {
      // Of a file, nothing that another copy of it had sent is under way as far as anybody here can know: it is unknown at once.
      if hasLostChanges { try Self.assumeSent(row, by: taken, at: now, in: connection) }
      try Self.giveUp(row, of: former, hasLostChanges ? .lostChanges : .ownerDied, at: now, in: connection)
      return taken
    }
    // What nobody has heard yet. After changes were lost an attempt on record may not be the last one of its chunk.
    if !hasLostChanges { try session(row, run, taken).hearLateWords(in: connection) }
    if case .free = seizure { try Self.giveUp(row, of: former, .ownerDied, at: now, in: connection) }
    if hasLostChanges, isUnattended {
      // In the change that finds it: of a process that dies before a second one, nobody would find it any more.
      try Self.leaveToPerson(row, in: connection)
      try engine.disown(row, in: connection)
      taken.isLeftToPerson = true
    } else if hasLostChanges {
      try Self.replaceInherited(row, by: taken, at: now, in: connection)
      try Self.assumeSent(row, by: taken, at: now, in: connection)
    }
    taken.inherited = try connection.first(
      """
      SELECT max(a.timeout_ms) FROM chunk AS c JOIN attempt AS a ON a.run = c.run AND a.chunk = c.number
        AND a.number = c.attempts
      WHERE c.run = ? AND c.state = 'submitting' AND \(ChunkRows.indexed)
      """, .integer(row)
    ) { $0.optionalInt(0) }.flatMap { $0 }.map { .milliseconds(Int64($0)) }
    if let inherited = taken.inherited, let rules = engine.sendingRules {
      try engine.noteInheritance(of: row, for: rules.quiet(requestsTaking: inherited), in: connection)
    }
    return taken
  }

  /// Why nobody knows what became of a chunk that was under way.
  enum LostAnswer {
    /// Its owner died.
    case ownerDied
    /// The database lost changes.
    case lostChanges

    var code: String {
      switch self {
      case .ownerDied: SQLRunSession.ownerDiedCode
      case .lostChanges: SQLRunSession.failedOverCode
      }
    }

    var message: String {
      switch self {
      case .ownerDied: "the process that sent this chunk died before it recorded an answer"
      case .lostChanges: "the database lost changes: whether this chunk was sent is not known"
      }
    }
  }

  /// Makes chunks unknown that an owner had under way when it died: whether they reached the service is not known.
  private static func giveUp(
    _ row: Int64, of former: Int64, _ cause: LostAnswer, at now: Timestamp, in connection: Connection
  ) throws {
    let lost = try ChunkState.submitting.after(.answerLost)
    try connection.run(
      """
      UPDATE attempt SET finished_at = started_at + CASE WHEN ?1 < started_at THEN 0
                                                              WHEN ?1 - started_at < timeout_ms THEN ?1 - started_at
                                                              ELSE timeout_ms END,
                         took_ms = CASE WHEN ?1 < started_at THEN 0
                                        WHEN ?1 - started_at < timeout_ms THEN ?1 - started_at
                                        ELSE timeout_ms END,
                         ended_after = (SELECT attempts FROM run WHERE id = ?2),
                         outcome = 'unknown', code = ?4, message = ?5
      WHERE run = ?2 AND finished_at IS NULL
        AND chunk IN (SELECT number FROM chunk WHERE run = ?2 AND state = 'submitting' AND owner = ?3
                      AND \(ChunkRows.indexed))
      """,
      .integer(now.milliseconds), .integer(row), .integer(former), .text(cause.code), .text(cause.message))
    try connection.run(
      """
      UPDATE chunk SET state = ?3, owner = NULL, last_outcome = 'unknown', last_status = NULL,
                       last_code = ?5, last_at = ?1, last_message = ?6
      WHERE run = ?2 AND state = 'submitting' AND owner = ?4 AND \(ChunkRows.indexed)
      """,
      .integer(now.milliseconds), .integer(row), .text(lost.rawValue), .integer(former), .text(cause.code),
      .text(cause.message))
  }

  /// Refuses a run that a live process owns, without taking it.
  ///
  /// - Throws: ``StoreError`` with code `owned`.
  package func refuseOwned(_ run: RunID) async throws {
    let row = try await database.read { try Self.row(of: run, in: $0) }
    if try await engine.isOwnerAlive(row, in: database) {
      throw try await ownedError(row, run)
    }
  }

  /// Takes the lock of a run, at once or not at all, and does what makes this process its owner.
  func taking<T: Sendable>(_ run: RunID, _ body: (_ row: Int64, Seizure) async throws -> T)
    async throws -> T
  {
    let row = try await database.read { try Self.row(of: run, in: $0) }
    return try await engine.whileTaking {
      let seizure = try await engine.seize(row, in: database)
      guard seizure != .owned else { throw try await ownedError(row, run) }
      do {
        return try await body(row, seizure)
      } catch {
        engine.releaseRun(row)
        throw error
      }
    }
  }

  func ownedError(_ row: Int64, _ run: RunID) async throws -> StoreError {
    let owner = try await database.read { [engine] in try engine.owner(of: row, in: $0) }
    return StoreError(
      .owned, "run \(run) is owned by another live process (\(owner ?? "unknown"))",
      remedy: "wait for it, or stop it with a signal or \(command: .cancel(run))")
  }

  private static func newID(for draft: RunDraft, in connection: Connection) throws -> RunID {
    let wanted = RunID(createdAt: draft.createdAt, random: draft.random)
    let newest = try connection.first(
      """
      SELECT run_id, created_at FROM run UNION ALL SELECT run_id, removed_at FROM removed_run
      ORDER BY run_id DESC LIMIT 1
      """
    ) { (id: $0.text(0), createdAt: Int64($0.int(1))) }
    guard let newest, newest.id >= wanted.rawValue else { return wanted }
    // The clock was set back, or two runs share a millisecond: ids go on sorting by creation. The newest id
    // may itself be ahead of its row's time, so its own time is read back from it.
    let base = RunID(rawValue: newest.id)?.createdAt ?? Timestamp(milliseconds: newest.createdAt)
    return RunID(createdAt: base + .milliseconds(1), random: draft.random)
  }
}
