package import BatchDomain
import NIOConcurrencyHelpers

/// What a store has beside SQL where processes on several machines share a database: workers that beat, and what their
/// silence means.
///
/// docs/scale-out.md has the protocol; its rules are named R1 to R9 there.
package final class WorkerEngine: StoreEngine {
  /// The constants of the protocol.
  package struct Limits: Sendable {
    /// How long a claim may wait for its acknowledgement (G).
    package var acknowledgement: Duration = .seconds(5)
    /// After how long a process that does not run any more is ended (X).
    package var watchdog: Duration = .seconds(10)
    /// A margin (M).
    package var margin: Duration = .seconds(5)
    /// Between two beats.
    package var beat: Duration = .seconds(2)
    /// After how long without a beat a worker is taken for lost (S).
    package var silence: Duration = .seconds(15)

    /// The constants of docs/scale-out.md.
    package init() {}
  }

  package let worker: Worker
  /// What this process was confirmed.
  package let history = ServerHistory()
  let limits: Limits
  private let locks: any WorkerLocks
  private let clock: any BatchClock
  private let watchdog: (any RequestWatchdog)?
  /// Says something to the person who runs this process.
  private let notify: @Sendable (String) -> Void
  private let executor: (any TaskExecutor)?
  private let scratch: @Sendable () async throws -> Database
  /// What was seen of the owners of the runs that this process looked at, and since when.
  private let watched = NIOLockedValueBox<[Int64: Watched]>([:])
  private let underWay = NIOLockedValueBox(0)
  private let isTakenForLost = NIOLockedValueBox(false)
  /// Looks whether this program has to leave the store to a newer one.
  private let obstacle: (@Sendable (Connection) throws -> StoreError?)?
  private let hasToLeave = NIOLockedValueBox<StoreError?>(nil)
  private let lastContact = NIOLockedValueBox<Duration?>(nil)

  /// The engine of one process.
  ///
  /// - Parameters:
  ///   - clock: the machine's: its time that never goes back is what silence is measured with.
  ///   - watchdog: ends this process when it is stopped while requests are under way; `nil` for none, in tests.
  ///   - notify: says something to the person who runs this process.
  ///   - obstacle: why this program has to leave the store to a newer one, looked at before it begins and with each beat;
  ///     `nil` where that cannot happen.
  ///   - executor: where beats are made; `nil` for the shared task pool.
  ///   - scratch: opens a database for what does not fit into memory.
  package init(
    worker: Worker, locks: any WorkerLocks, clock: any BatchClock, limits: Limits = Limits(),
    watchdog: (any RequestWatchdog)?, notify: @escaping @Sendable (String) -> Void,
    obstacle: (@Sendable (Connection) throws -> StoreError?)? = nil,
    executor: (any TaskExecutor)? = nil, scratch: @escaping @Sendable () async throws -> Database
  ) {
    self.watchdog = watchdog
    self.notify = notify
    self.obstacle = obstacle
    self.executor = executor
    self.worker = worker
    self.locks = locks
    self.clock = clock
    self.limits = limits
    self.scratch = scratch
    databaseClock = DatabaseClock(clock)
  }

  // MARK: Ownership

  /// The owner of a run as it was seen.
  private struct SeenOwner: Sendable, Equatable {
    var worker: String?
    var host: String?
    var place: MachinePlace?
    var beat = 0
    /// How long the last beat is ago, by the database's clock.
    var age: Duration = .zero
    var hasLeft = false
    var isLost = false
  }

  /// An owner that is watched for a beat.
  private struct Watched: Sendable {
    var owner: SeenOwner
    /// When its last beat was seen first, by this machine's clock.
    var since: Duration
  }

  private func owner(_ run: Int64, in connection: Connection) throws -> SeenOwner {
    let found = try connection.first(
      """
      SELECT w.id, w.host, w.boot_id, w.namespace, w.beat, \(connection.dialect.now) - w.beat_at, w.left_at IS NOT NULL,
             w.lost_at IS NOT NULL
      FROM run JOIN worker AS w ON w.id = run.worker WHERE run.id = ?
      """, .integer(run)
    ) { row in
      SeenOwner(
        worker: row.text(0), host: row.text(1),
        place: MachinePlace(boot: row.text(2), namespace: row.text(3)),
        beat: row.int(4), age: .milliseconds(Int64(row.int(5))), hasLeft: row.flag(6), isLost: row.flag(7))
    }
    return found ?? SeenOwner()
  }

  package func own(new run: Int64, in connection: Connection) throws -> Bool {
    try connection.run(
      "UPDATE run SET worker = ?, server = ? WHERE id = ?", .text(worker.id), .text(history.server),
      .integer(run)) == 1
  }

  /// Looks at the owner's life (R6, R7): its lock where it runs on this machine, else its beats, for as long as a silent one
  /// has to be watched.
  package func seize(_ run: Int64, in database: Database) async throws -> Seizure {
    var isTold = false
    while true {
      if let verdict = try await look(at: run, in: database) { return verdict }
      if !isTold { tellOfWatching(run) }
      isTold = true
      try await clock.sleep(for: .milliseconds(500))
    }
  }

  package func look(at run: Int64, in database: Database) async throws -> Seizure? {
    let seen = try await database.read { [self] in try owner(run, in: $0) }
    let now = clock.elapsed()
    let (since, hasBeaten) = watched.withLockedValue { watched in
      if let known = watched[run], known.owner.worker == seen.worker, known.owner.beat == seen.beat {
        watched[run]?.owner = seen
        return (known.since, false)
      }
      let isKnown = watched[run].map { $0.owner.worker == seen.worker } ?? false
      watched[run] = Watched(owner: seen, since: now)
      return (now, isKnown)
    }
    return verdict(on: seen, silentFor: now - since, hasBeaten: hasBeaten)
  }

  package func isOwnerAlive(_ run: Int64, in database: Database) async throws -> Bool {
    try await seize(run, in: database) == .owned
  }

  /// What is known of an owner; `nil` as long as it has to be watched.
  ///
  /// - Parameter hasBeaten: whether it was heard of since it is watched.
  private func verdict(on owner: SeenOwner, silentFor silence: Duration, hasBeaten: Bool) -> Seizure? {
    guard let id = owner.worker, let host = owner.host else { return .free(host: nil) }
    if id == worker.id { return .owned }
    let elsewhere = host == worker.host ? nil : host
    if owner.hasLeft { return .free(host: elsewhere) }
    if let place = owner.place, worker.place.proves(place) {
      switch locks.look(at: id) {
      case .dead: return .free(host: elsewhere)
      case .alive: return .owned
      case .unknown: break
      }
    }
    if owner.isLost { return .lost(host: host) }
    if hasBeaten { return .owned }
    return silence >= limits.silence ? .lost(host: host) : nil
  }

  /// Says that the owner of a run is watched.
  private func tellOfWatching(_ run: Int64) {
    guard let owner = watched.withLockedValue({ $0[run]?.owner }) else { return }
    notify(
      "worker \(owner.worker?.prefix(8) ?? "") on \(VisibleText.escape(owner.host ?? "another host")) owns the run; "
        + "waiting up to \(DurationText.format(limits.silence)) for a sign of life")
  }

  package func own(seized run: Int64, in connection: Connection) throws {
    guard let seen = watched.withLockedValue({ $0[run]?.owner }) else {
      throw StoreError(.internal, "a run is to be owned that was not seized")
    }
    if let old = seen.worker, !seen.hasLeft {
      // Only while its beat is what was seen: one that came back is alive.
      try connection.run(
        "UPDATE worker SET lost_at = \(connection.dialect.now) WHERE id = ? AND beat = ? AND left_at IS NULL AND lost_at IS NULL",
        .text(old), .integer(seen.beat))
    }
    let taken = try connection.run(
      """
      UPDATE run SET worker = ?1, server = ?4
      WHERE id = ?2 AND (worker IS NULL AND ?3 IS NULL OR worker = ?3)
        AND NOT EXISTS (SELECT 1 FROM worker AS w WHERE w.id = run.worker AND w.left_at IS NULL AND w.lost_at IS NULL)
      """, .text(worker.id), .integer(run), .text(seen.worker), .text(history.server))
    guard taken == 1 else {
      throw StoreError(
        .owned, "the run is owned by another live process, which was faster",
        remedy: "wait for it, or stop it with a signal or `orchestrate cancel`")
    }
  }

  package func disown(_ run: Int64, in connection: Connection) throws -> Bool {
    try connection.run(
      "UPDATE run SET worker = NULL WHERE id = ? AND worker = ?", .integer(run), .text(worker.id)) == 1
  }

  package func releaseRun(_ run: Int64) {}

  package func isRunOwned(_ run: Int64, in connection: Connection) throws -> Bool {
    let owner = try owner(run, in: connection)
    guard let id = owner.worker else { return false }
    if id == worker.id { return true }
    if owner.hasLeft || owner.isLost { return false }
    if let place = owner.place, worker.place.proves(place), locks.look(at: id) == .dead { return false }
    return owner.age < limits.silence
  }

  package func isAnyRunOwned(besides run: Int64, in connection: Connection) throws -> Bool {
    try connection.first(
      """
      SELECT 1 FROM run JOIN worker AS w ON w.id = run.worker
      WHERE run.id <> ? AND run.state = 'running' AND w.left_at IS NULL AND w.lost_at IS NULL
        AND (w.id = ? OR w.beat_at > \(connection.dialect.now) - ?) LIMIT 1
      """, .integer(run), .text(worker.id), .integer(limits.silence.millisecondsRoundedUp)
    ) { _ in true } ?? false
  }

  package var sendingRules: SendingRules? {
    SendingRules(
      confirmation: limits.acknowledgement, watchdog: limits.watchdog, margin: limits.margin, clock: clock)
  }

  /// Beats come every other second: one that is late is none that is missing.
  package var silence: Duration {
    guard let last = lastContact.withLockedValue({ $0 }) else { return .zero }
    let silence = clock.elapsed() - last
    return silence > limits.silence ? silence : .zero
  }

  package func requestsUnderWay(changeBy difference: Int) {
    // Under the lock: the last word that the watchdog hears is about the last count.
    underWay.withLockedValue { count in
      count += difference
      watchdog?.watch(count > 0)
    }
  }

  package func confirmHistory() throws {
    guard history.hasLostChanges else { return }
    throw StoreError(
      .lostChanges, "the database lacks changes that it had confirmed to this process",
      remedy: "`orchestrate resume` asks the service about what may have been sent, and goes on")
  }

  package func mayHaveLostChanges(_ run: Int64, in connection: Connection) throws -> Bool {
    guard let server = history.server else { return false }
    let last = try connection.first("SELECT server FROM run WHERE id = ?", .integer(run)) {
      $0.optionalText(0)
    }
    return last.flatMap { $0 }.map { $0 != server } ?? false
  }

  package func confirmSchema() throws {
    if let reason = hasToLeave.withLockedValue({ $0 }) { throw reason }
  }

  /// Refuses what a process must not do any more that others take for lost (R5).
  package func confirmLife() throws {
    // A server that lacks this worker's row as well says nothing of its life.
    try confirmHistory()
    guard isTakenForLost.withLockedValue({ $0 }) else { return }
    throw StoreError(
      .owned, "this process was not heard of for so long that others take it for lost",
      remedy: "leave the run to the process that takes it over; `orchestrate report` shows how it stands")
  }

  /// The row of the budget is what those who send by limits wait for, in turn.
  package func lockBudget(of origin: Int64, _ step: ChunkStep, in connection: Connection) throws {
    try connection.run(
      "INSERT INTO budget (origin, step) VALUES (?, ?) ON CONFLICT (origin, step) DO NOTHING",
      .integer(origin),
      .text(step.rawValue))
    _ = try connection.first(
      "SELECT intents FROM budget WHERE origin = ? AND step = ?\(connection.dialect.locking)",
      .integer(origin),
      .text(step.rawValue)
    ) { $0.int(0) }
  }

  package func owner(of run: Int64, in connection: Connection) throws -> String? {
    try connection.first(
      "SELECT w.host, w.pid, w.id FROM run JOIN worker AS w ON w.id = run.worker WHERE run.id = ?",
      .integer(run)
    ) { "worker \($0.text(2).prefix(8)), process \($0.int(1)) on \($0.text(0))" }
  }

  package func lifeOfOwner(of run: Int64, in connection: Connection) throws -> String? {
    let owner = try owner(run, in: connection)
    guard let id = owner.worker, let host = owner.host, !owner.hasLeft else { return nil }
    return "worker \(id.prefix(8)) on \(host) was last heard of \(owner.age.components.seconds) s ago"
  }

  package func noteInheritance(of run: Int64, for quiet: Duration, in connection: Connection) throws {
    try connection.run(
      "UPDATE run SET inherited_from = ?, inherited_until = \(connection.dialect.now) + ? WHERE id = ?",
      .text(
        watched.withLockedValue { $0[run]?.owner }.flatMap { owner in
          owner.worker.map { "worker \($0.prefix(8)) on \(owner.host ?? "another host")" }
        }), .integer(quiet.millisecondsRoundedUp), .integer(run))
  }

  package func inheritance(of run: Int64, in connection: Connection) throws -> RunInheritance? {
    try connection.first(
      """
      SELECT inherited_from, inherited_until,
             (SELECT count(*) FROM chunk WHERE chunk.run = run.id AND state = 'submitting' AND chunk.owner < run.owner
                AND state <> 'accepted' AND state <> 'split' AND state <> 'cancelled')
      FROM run WHERE id = ? AND inherited_until IS NOT NULL
      """, .integer(run)
    ) {
      RunInheritance(
        chunks: $0.int(2), owner: $0.optionalText(0) ?? "a process that was lost",
        until: Timestamp(milliseconds: Int64($0.int(1))))
    }.flatMap { $0.chunks > 0 ? $0 : nil }
  }

  package func whileTaking<T: Sendable>(_ body: () async throws -> T) async throws -> T { try await body() }

  /// The owner of a run is a column of its row, which changes with it.
  package func isAnyRunBeingTaken() -> Bool { false }

  // MARK: The index of known items

  /// A lease in the row of the worker that writes: it ends with that worker, and what it writes later is refused by
  /// ``confirmKnownItems(in:)``.
  package func lockKnownItems(in database: Database) async throws -> Bool {
    try await database.write { [self] connection in
      try connection.run(
        """
        UPDATE known_lock SET worker = ?1
        WHERE worker IS NULL OR worker = ?1
          OR NOT EXISTS (SELECT 1 FROM worker AS w WHERE w.id = known_lock.worker AND w.left_at IS NULL
                           AND w.lost_at IS NULL AND w.beat_at > \(connection.dialect.now) - ?2)
        """, .text(worker.id), .integer(4 * limits.silence.millisecondsRoundedUp)) == 1
    }
  }

  package func confirmKnownItems(in connection: Connection) throws {
    let holder = try connection.first(
      "SELECT worker FROM known_lock WHERE id = 1\(connection.dialect.locking)"
    ) { $0.optionalText(0) }
    guard holder == worker.id else {
      throw StoreError(
        .conflict, "another process began to write the index of known items meanwhile",
        remedy: "run the same command again")
    }
  }

  package func unlockKnownItems(in database: Database) async {
    do {
      try await database.write { [self] connection in
        try connection.run("UPDATE known_lock SET worker = NULL WHERE worker = ?", .text(worker.id))
      }
    } catch {
      // It ends with this worker; until then only this worker writes the index.
    }
  }

  // MARK: The worker's life

  /// Moments by the database's clock.
  package let databaseClock: DatabaseClock
  private let heldLock = NIOLockedValueBox<(any HeldLock)?>(nil)
  private let beating = NIOLockedValueBox<(task: Task<Void, Never>, database: Database)?>(nil)

  /// How long the row of a worker is kept that is not heard of.
  private static let keptFor: Duration = .seconds(7 * 86_400)

  /// Makes the worker known, and begins to beat (R5).
  ///
  /// - Parameter beats: a connection of its own: a commit that waits holds no beat back.
  package func begin(on database: Database, beatingOn beats: Database) async throws {
    let lock = locks.hold(worker.id)
    heldLock.withLockedValue { $0 = lock }
    let moment = try await database.write { [worker, obstacle] connection in
      // In the transaction: an announcement waits for it, and then counts this worker, or was made before.
      if let reason = try obstacle?(connection) { throw reason }
      // Rows of processes that are long gone and own nothing.
      try connection.run(
        """
        DELETE FROM worker WHERE beat_at < \(connection.dialect.now) - ? AND NOT EXISTS (SELECT 1 FROM run WHERE run.worker = worker.id)
          AND NOT EXISTS (SELECT 1 FROM known_lock WHERE known_lock.worker = worker.id)
        """, .integer(Self.keptFor.millisecondsRoundedUp))
      return try connection.first(
        """
        INSERT INTO worker (id, host, pid, boot_id, namespace, version, started_at, beat_at)
        VALUES (?, ?, ?, ?, ?, ?, \(connection.dialect.now), \(connection.dialect.now)) RETURNING beat_at
        """, .text(worker.id), .text(worker.host), .integer(Int(worker.processID)), .text(worker.place.boot),
        .text(worker.place.namespace), .text(worker.version)
      ) { $0.int(0) } ?? 0
    }
    databaseClock.set(to: Timestamp(milliseconds: Int64(moment)))
    lastContact.withLockedValue { $0 = clock.elapsed() }
    let task = Task(executorPreference: executor) { [self] in
      while !Task.isCancelled {
        do {
          try await clock.sleep(for: limits.beat)
          try await beat(on: beats)
        } catch is CancellationError {
          return
        } catch {
          // A beat that does not get through is what others see of this worker; the next one is tried in its turn.
        }
      }
    }
    beating.withLockedValue { $0 = (task, beats) }
  }

  private func beat(on database: Database) async throws {
    let asked = clock.elapsed()
    let requests = underWay.withLockedValue { $0 }
    let (moment, isLost) = try await database.read { [worker, obstacle, hasToLeave] connection in
      do {
        // Whether a beat survives the server does not matter.
        try connection.execute(
          """
          \(connection.dialect.beginPassing);
          UPDATE worker SET beat = beat + 1, beat_at = \(connection.dialect.now), in_flight = \(requests) WHERE id = '\(worker.id)';
          COMMIT
          """)
      } catch {
        let cause = error
        // What stands behind the statement that failed was not run, COMMIT neither: the next beat would fail in the same
        // transaction. Where not even this gets through, the connection broke and is made anew.
        if connection.isInTransaction { do { try connection.rollBack() } catch { throw cause } }
        throw cause
      }
      let isLost = try connection.first(
        "SELECT lost_at IS NOT NULL FROM worker WHERE id = ?", .text(worker.id)
      ) {
        $0.flag(0)
      }
      if let reason = try obstacle?(connection) { hasToLeave.withLockedValue { $0 = reason } }
      return (try connection.first("SELECT \(connection.dialect.now)") { $0.int(0) } ?? 0, isLost ?? true)
    }
    if isLost { isTakenForLost.withLockedValue { $0 = true } }
    lastContact.withLockedValue { $0 = clock.elapsed() }
    // The clock is read in the middle of a round trip that may have taken long.
    guard clock.elapsed() - asked < .seconds(1) else { return }
    databaseClock.set(to: Timestamp(milliseconds: Int64(moment)))
  }

  /// Ends the worker: it owns nothing any more.
  package func close(in database: Database) async throws {
    let last = beating.withLockedValue { beating in
      defer { beating = nil }
      return beating
    }
    // A process that only read is no worker.
    guard let last else { return }
    last.task.cancel()
    try await last.database.close()
    try await database.write { [worker] connection in
      try connection.run(
        "UPDATE worker SET left_at = \(connection.dialect.now) WHERE id = ? AND NOT EXISTS (SELECT 1 FROM run WHERE worker = worker.id)",
        .text(worker.id))
    }
    heldLock.withLockedValue { $0 = nil }
  }

  // MARK: Soundness

  /// A server checks its pages itself where it was made with checksums; a torn page is never read as rows that are gone.
  package func checkIntegrity(_ connection: Connection) {}

  /// Copies that PostgreSQL's own programs make are found by the server's name and timeline (``mayHaveLostChanges(_:in:)``).
  package func copiedAt(_ connection: Connection) throws -> Timestamp? { nil }

  package func problems(in connection: Connection) throws -> [EngineProblem] { [] }

  package func openScratch() async throws -> Database { try await scratch() }
}

/// Moments by the database's clock: the one of its last answer, and what has passed since by a clock that never goes back
/// (R9). Clocks of machines that are set differently decide nothing.
package final class DatabaseClock: BatchClock {
  private let machine: any BatchClock
  private let last = NIOLockedValueBox<(moment: Timestamp, elapsed: Duration)?>(nil)

  init(_ machine: any BatchClock) { self.machine = machine }

  /// Takes notice of the database's clock.
  func set(to moment: Timestamp) {
    let elapsed = machine.elapsed()
    last.withLockedValue { $0 = (moment, elapsed) }
  }

  /// The moment by the database's clock.
  package func now() -> Timestamp {
    guard let last = last.withLockedValue({ $0 }) else { return machine.now() }
    return last.moment + (machine.elapsed() - last.elapsed)
  }

  /// Time by the machine's clock that never goes back.
  package func elapsed() -> Duration { machine.elapsed() }

  /// Suspends for that long by the machine's clock.
  package func sleep(for duration: Duration) async throws { try await machine.sleep(for: duration) }
}
