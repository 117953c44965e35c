package import BatchDomain
import Dispatch
import Migrations
package import StoreCore

/// Opens stores on PostgreSQL.
package enum PostgresStore {
  /// The format that this program makes: the number of its last migration.
  package static let format = Migrations.postgres.count

  /// How long a server that cannot be reached is tried again, unless `--store-patience` says otherwise.
  package static let patience: Duration = .seconds(600)

  /// How long nothing may come from a server that is to answer: more than a change can take that the server ends by itself,
  /// its statements after 30 s and an idle transaction after 10 s.
  package static let answerLimit: Duration = .seconds(40)

  /// What opening a store needs of its surroundings.
  package struct Surroundings: Sendable {
    /// The variables of the process: where state is kept, and whether statements are prepared (`ORCHESTRATE_PG_PREPARE`, `on`
    /// or `off`; without it they are unless a pooler stands between).
    package var environment: [String: String]
    /// The machine's clock; its time that never goes back is what silence and limits are measured with.
    package var clock: any BatchClock
    /// Where ids of workers come from.
    package var random: any RandomSource
    /// The version of this program.
    package var version: String
    /// Ends this process when it is stopped while requests are under way; `nil` for none, in tests.
    package var watchdog: Watchdog?
    /// How long the store is tried again while its server cannot be reached.
    package var patience: Duration
    /// How long nothing may come from a server that is to answer, unless it is seen to be at work. Beats wait 7 s at most.
    package var answerLimit: Duration
    /// Says something to the person who runs this process.
    package var notify: @Sendable (String) -> Void
    /// Opens a database for what does not fit into memory.
    package var scratch: @Sendable () async throws -> Database

    /// Surroundings in their parts.
    package init(
      environment: [String: String], clock: any BatchClock, random: any RandomSource, version: String,
      watchdog: Watchdog? = nil, patience: Duration = PostgresStore.patience,
      answerLimit: Duration = PostgresStore.answerLimit,
      notify: @escaping @Sendable (String) -> Void = { _ in },
      scratch: @escaping @Sendable () async throws -> Database
    ) {
      self.watchdog = watchdog
      self.patience = patience
      self.answerLimit = answerLimit
      self.notify = notify
      self.environment = environment
      self.clock = clock
      self.random = random
      self.version = version
      self.scratch = scratch
    }
  }

  /// What ends a process that is stopped while it sends; `nil` where the system has no such timer.
  package static func watchdog() -> Watchdog? { Watchdog(limit: WorkerEngine.Limits().watchdog) }

  /// Opens a store for work.
  ///
  /// - Parameters:
  ///   - createsSchema: whether an empty database gets the schema; nothing else changes one (`orchestrate migrate`).
  ///   - stampsIntents: whether intents have the times of the database's clock; `false` leaves them to the caller, for
  ///     tests.
  /// - Throws: ``StoreError``.
  package static func open(
    _ target: PostgresTarget, createsSchema: Bool, stampsIntents: Bool = true, _ surroundings: Surroundings
  ) async throws -> SQLStore {
    let place = Place(target, surroundings)
    let reader = place.reader()
    try await place.checkSchema(on: reader, createsSchema: createsSchema)
    try await place.refuseObstacle(on: reader)
    let engine = try await place.engine(on: reader)
    let database = try await Database.open(
      opener: place.opener(.writer(client: engine.worker.id, history: engine.history), place.silence))
    try await place.removeOldMarks(in: database)
    try await engine.begin(on: database, beatingOn: place.beats())
    return SQLStore(
      path: target.shown, database: database, reader: reader, engine: engine,
      clock: stampsIntents ? engine.databaseClock : nil, patience: surroundings.patience, canWrite: true)
  }

  /// Opens a store for reports only: nothing in it is changed, and this process is no worker.
  ///
  /// - Throws: ``StoreError``.
  package static func openForReading(
    _ target: PostgresTarget, _ surroundings: Surroundings
  ) async throws -> SQLStore {
    let place = Place(target, surroundings)
    let reader = place.reader()
    try await place.checkSchema(on: reader, createsSchema: false)
    return SQLStore(
      path: target.shown, database: reader, engine: try await place.engine(on: reader), canWrite: false)
  }

  /// Brings a database to the schema of this program.
  ///
  /// - Parameter isDry: only says what would be done.
  /// - Returns: how many steps were applied, or are to be.
  /// - Throws: ``StoreError``.
  package static func migrate(
    _ target: PostgresTarget, isDry: Bool, _ surroundings: Surroundings
  ) async throws -> Int {
    let reader = Place(target, surroundings).migration()
    let migrator = PostgresMigrator(steps: Migrations.postgres)
    if !isDry { try await waitForLeaving(migrator, reader, target, surroundings) }
    let count = try await reader.read { connection in
      guard isDry else { return try migrator.migrate(connection, at: target.shown) }
      return switch try migrator.need(of: connection, at: target.shown) {
      case .nothing: 0
      case .create: migrator.steps.count
      case .upgrade(let from): migrator.steps.count - from
      }
    }
    try await reader.close()
    return count
  }

  /// Waits until nobody is at work who does not know a step that breaks something.
  private static func waitForLeaving(
    _ migrator: PostgresMigrator, _ reader: Database, _ target: PostgresTarget, _ surroundings: Surroundings
  ) async throws {
    let silence = WorkerEngine.Limits().silence
    var told = 0
    while true {
      let left = try await reader.read {
        try migrator.announce(in: $0, at: target.shown, silence: silence)
      }
      guard left > 0 else { return }
      if left != told {
        surroundings.notify(
          "waiting for \(left) process\(left == 1 ? "" : "es") to let requests end and leave")
      }
      told = left
      try await surroundings.clock.sleep(for: .seconds(1))
    }
  }

  /// The processes that use a database, but for those that ended their work; the latest first.
  ///
  /// - Throws: ``StoreError``.
  package static func workers(
    _ target: PostgresTarget, _ surroundings: Surroundings
  ) async throws -> [WorkerSummary] {
    let place = Place(target, surroundings)
    let reader = place.reader()
    try await place.checkSchema(on: reader, createsSchema: false)
    let silence = WorkerEngine.Limits().silence.millisecondsRoundedUp
    let workers = try await reader.read { connection in
      try connection.rows(
        """
        SELECT w.id, w.host, w.pid, (SELECT max(run_id) FROM run WHERE run.worker = w.id), w.beat_at,
               (SELECT count(*) FROM run JOIN chunk ON chunk.run = run.id AND chunk.state = 'submitting'
                  AND chunk.state <> 'accepted' AND chunk.state <> 'split' AND chunk.state <> 'cancelled'
                WHERE run.worker = w.id AND chunk.owner = run.owner),
               w.lost_at IS NOT NULL, \(connection.dialect.now) - w.beat_at > ?
        FROM worker AS w WHERE w.left_at IS NULL ORDER BY w.started_at DESC, w.id
        """, .integer(silence)
      ) { row in
        WorkerSummary(
          id: row.text(0), host: row.text(1), processID: row.int(2),
          run: row.optionalText(3).flatMap { RunID(rawValue: $0) },
          beatAt: Timestamp(milliseconds: Int64(row.int(4))),
          inFlight: row.int(5), state: row.flag(6) ? .lost : row.flag(7) ? .silent : .alive)
      }
    }
    try await reader.close()
    return workers
  }

  /// A database with what this process needs to use it.
  private struct Place {
    let target: PostgresTarget
    let surroundings: Surroundings

    init(_ target: PostgresTarget, _ surroundings: Surroundings) {
      self.target = target
      self.surroundings = surroundings
    }

    var silence: PostgresConnection.Silence {
      PostgresConnection.Silence(limit: surroundings.answerLimit, waitsForWork: true)
    }

    func opener(
      _ role: PostgresConnection.Role, _ silence: PostgresConnection.Silence?
    ) -> @Sendable () -> Connection {
      let preparing: PostgresConnection.Preparing =
        switch surroundings.environment["ORCHESTRATE_PG_PREPARE"] {
        case "on": .always
        case "off": .never
        default: .withoutPooler
        }
      return { [target, patience = surroundings.patience] in
        Connection(
          PostgresConnection(
            target, application: "orchestrate", role: role, preparing: preparing, patience: patience,
            silence: silence))
      }
    }

    /// A connection that is made at its first use and has no marks.
    func reader() -> Database { Database(opener: opener(.reader, silence)) }

    /// A connection for beats, which the server ends after 5 s by itself: the next beat comes before others take this
    /// process for lost.
    func beats() -> Database {
      let limit = min(surroundings.answerLimit, .seconds(7))
      return Database(opener: opener(.reader, PostgresConnection.Silence(limit: limit, waitsForWork: false)))
    }

    /// A connection for a change of the schema, which may take any time on large tables.
    func migration() -> Database { Database(opener: opener(.reader, nil)) }

    func checkSchema(on reader: Database, createsSchema: Bool) async throws {
      let migrator = PostgresMigrator(steps: Migrations.postgres)
      let shown = target.shown
      switch try await reader.read({ try migrator.need(of: $0, at: shown) }) {
      case .nothing: break
      case .create where createsSchema: _ = try await reader.read { try migrator.migrate($0, at: shown) }
      case .create:
        throw StoreError(
          .schema, "\(shown) has no tables of this program",
          remedy: "run `orchestrate migrate`, or `submit`, which makes them in an empty database")
      case .upgrade(let from):
        throw StoreError(
          .schema, "\(shown) has schema \(from), and this program needs \(Migrations.postgres.count)",
          remedy: "run `orchestrate migrate` once; workers of an older version may have to be stopped before")
      }
    }

    /// Refuses a database that is about to be brought to a schema this program does not know, before anything is changed in it.
    func refuseObstacle(on reader: Database) async throws {
      let shown = target.shown
      let obstacle = try await reader.read {
        try PostgresMigrator(steps: Migrations.postgres).obstacle(in: $0, at: shown)
      }
      if let obstacle { throw obstacle }
    }

    /// Removes the marks of connections whose process is long gone.
    func removeOldMarks(in database: Database) async throws {
      try await database.write { connection in
        try connection.run(
          """
          DELETE FROM transaction_mark
          WHERE made_at < now() - interval '7 days'
            AND NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = transaction_mark.client)
          """)
      }
    }

    /// The engine of this process, with an id that nobody ever had.
    func engine(on reader: Database) async throws -> WorkerEngine {
      let store = try await reader.read { connection in
        try connection.first("SELECT store_id FROM engine WHERE id = 1") { $0.text(0) } ?? ""
      }
      return WorkerEngine(
        worker: Worker(version: surroundings.version, random: surroundings.random),
        locks: LockFolder(folder: LockFolder.folder(in: surroundings.environment), server: store),
        clock: surroundings.clock, watchdog: surroundings.watchdog, notify: surroundings.notify,
        obstacle: { [shown = target.shown] in
          try PostgresMigrator(steps: Migrations.postgres).obstacle(in: $0, at: shown)
        },
        scratch: surroundings.scratch)
    }
  }
}
