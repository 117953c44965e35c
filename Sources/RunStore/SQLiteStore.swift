package import BatchDomain
import Dispatch
import Foundation
package import Migrations
import NIOConcurrencyHelpers

/// The store port on one SQLite file: any number of runs, several processes at a time.
package final class SQLiteStore: Sendable {
  let database: Database
  /// A second connection on a queue of its own, which only reads: what may take long, while runs are sent.
  let reader: Database
  private let clock: (any BatchClock)?
  /// Whether it was opened for work.
  let canWrite: Bool

  /// Whether this process writes the index of known items: a lock never conflicts with another of the same open file.
  let isIndexing = NIOLockedValueBox(false)

  /// What the sessions of a store have in common.
  struct Engine: Sendable {
    let database: Database
    let reader: Database
    let clock: (any BatchClock)?
  }

  var engine: Engine { Engine(database: database, reader: reader, clock: clock) }

  /// This process as the runs it owns show it.
  struct Host: Sendable {
    let name: String
    let processID: Int32

    static let current = Host(
      name: ProcessInfo.processInfo.hostName, processID: ProcessInfo.processInfo.processIdentifier)
  }

  private init(database: Database, reader: Database? = nil, clock: (any BatchClock)? = nil, canWrite: Bool) {
    self.database = database
    self.canWrite = canWrite
    self.reader = reader ?? database
    self.clock = clock
  }

  /// Opens the store for work, making it and its folder when they are not there.
  ///
  /// The file has mode 0600, a folder that is made has 0700. A database of an older schema is migrated, after
  /// a backup beside it and only while no run in it is live.
  ///
  /// - Parameter clock: where intents get their times from, in the transaction that records them. Rates then hold at
  ///   the moment when requests may leave, however long commits take.
  /// - Throws: ``StoreError``.
  package static func open(path: String, clock: any BatchClock) async throws -> SQLiteStore {
    try await open(
      path: path, now: clock.now(), steps: Migrations.all,
      queue: DispatchQueue(label: "orchestrate.database"),
      clock: clock, readsApart: true)
  }

  /// Opens the store without a clock, for tests: intents have the times that they are claimed at.
  package static func open(path: String, now: Timestamp) async throws -> SQLiteStore {
    try await open(path: path, now: now, steps: Migrations.all)
  }

  /// Opens the store with other steps than the program's, for tests of migrating.
  package static func open(path: String, now: Timestamp, steps: [Migrations.Step]) async throws -> SQLiteStore
  {
    try await open(
      path: path, now: now, steps: steps, queue: DispatchQueue(label: "orchestrate.database"))
  }

  /// Opens the store with its work done elsewhere than on a queue of its own, for tests that decide the order of
  /// everything.
  ///
  /// - Parameters:
  ///   - clock: where intents get their times from.
  ///   - queue: this store's alone; it may block while another program holds the database.
  package static func open(
    path: String, clock: any BatchClock, queue: any StoreQueue
  ) async throws -> SQLiteStore {
    try await open(path: path, now: clock.now(), steps: Migrations.all, queue: queue, clock: clock)
  }

  private static func open(
    path: String, now: Timestamp, steps: [Migrations.Step], queue: any StoreQueue,
    clock: (any BatchClock)? = nil, readsApart: Bool = false
  ) async throws -> SQLiteStore {
    let resolved = try StorePath.preparing(path)
    // SQLite makes its files with mode 0644 less the mask; the mask is the process's, and narrower is safe for
    // whatever else is made meanwhile.
    let mask = umask(0o077)
    defer { umask(mask) }
    let locks = try LockFile(besideDatabase: resolved, isMade: false)
    let database = try await Database.open(path: resolved, mode: .readWrite, locks: locks, queue: queue) {
      connection in
      let migrator = Migrator(steps: steps)
      _ = try migrator.need(of: connection, path: resolved)
      // A file that is refused gets no lock file beside it.
      try locks.make()
      try connection.enableDurableLog()
      try migrator.migrate(connection, path: resolved, locks: locks, now: now)
    }
    let reader = readsApart ? Database(readingLater: resolved, locks: locks) : nil
    return SQLiteStore(database: database, reader: reader, clock: clock, canWrite: true)
  }

  /// Opens a store that nobody else sees and that is gone when the process ends, however it ends: SQLite takes the name of
  /// its file away as soon as it is open. A small one is never written anywhere.
  ///
  /// The file is in the first of these folders that can be written: `$SQLITE_TMPDIR`, `$TMPDIR`, `/var/tmp`, `/usr/tmp`,
  /// `/tmp`, the current one (https://sqlite.org/tempfiles.html).
  ///
  /// - Throws: ``StoreError``; later changes throw one when a file is needed and cannot be made.
  package static func openTemporary(now: Timestamp) async throws -> SQLiteStore {
    let (name, locks) = ("the temporary database", LockFile())
    let database = try await Database.open(path: name, mode: .temporary, locks: locks) { connection in
      // What is undone is one change at a time, and nothing has to survive.
      try connection.execute("PRAGMA journal_mode = MEMORY")
      try Migrator(steps: Migrations.all).migrate(connection, path: name, locks: locks, now: now)
    }
    return SQLiteStore(database: database, canWrite: true)
  }

  /// Opens the store for reports only: nothing in it is changed, and it is never migrated.
  ///
  /// - Throws: ``StoreError``; with code `unavailable` when there is no database at that path.
  package static func openForReading(path: String) async throws -> SQLiteStore {
    guard let resolved = try StorePath.existing(path) else {
      throw StoreError(.unavailable, "there is no database at \(path)", remedy: "name another one with --db")
    }
    let locks = try LockFile(besideDatabase: resolved, isMade: false)
    let database = try await ReadingPlace.open(path: resolved, locks: locks) { connection in
      switch try Migrator(steps: Migrations.all).need(of: connection, path: resolved) {
      case .nothing:
        return
      case .create, .upgrade:
        throw StoreError(
          .schema, "\(resolved) has an older schema than this program, and reports never migrate",
          remedy: "run any `submit`, `resume` or `cancel` on it first, while no other run is live")
      }
    }
    return SQLiteStore(database: database, canWrite: false)
  }

  /// Whether there is a file at a path where a database would be. The file is not opened.
  package static func exists(at path: String) throws(StoreError) -> Bool {
    try StorePath.existing(path) != nil
  }

  /// The path without symbolic links, of a file that may not be there yet. The file is not opened.
  ///
  /// - Throws: ``StoreError`` when a folder on the way is missing, or links lead in a circle.
  package static func withoutLinks(_ path: String) throws(StoreError) -> String {
    try StorePath.withoutLinks(path)
  }

  /// Path of the database, symbolic links resolved.
  package var path: String { database.path }

  /// Closes the database; later calls throw. The write-ahead log stays: it is emptied only by checkpoints.
  package func close() async throws {
    if reader !== database { try await reader.close() }
    try await database.close()
  }

  /// Finds the row of a run.
  ///
  /// - Throws: ``StoreError`` with code `no_such_run`, also for one that is being removed.
  static func row(of run: RunID, in connection: Connection) throws -> Int64 {
    let row = try connection.first(
      "SELECT id FROM run WHERE run_id = ? AND \(RemovedRuns.areOthers)", .text(run.rawValue)
    ) { $0.int(0) }
    guard let row else { throw try noSuchRun(run, in: connection) }
    return Int64(row)
  }

  /// What to say of a run that is not there.
  static func noSuchRun(_ run: RunID, in connection: Connection) throws -> StoreError {
    try RemovedRuns.error(for: run, in: connection)
      ?? StoreError(.noSuchRun, "there is no run \(run)", remedy: "\(command: .history) lists the runs")
  }
}
