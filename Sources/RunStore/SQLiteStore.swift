package import BatchDomain
import Dispatch
import Foundation
package import Migrations
package import StoreCore

/// Opens stores on SQLite files.
package enum SQLiteStore {
  /// The format that this program makes: the number of its last migration.
  package static let format = Migrations.all.count

  /// The version of SQLite that this process runs with, such as 3.40.1.
  package static var engineVersion: String { EngineVersion.current.text }

  /// Opens the store for work, making it and its folder when they are not there.
  ///
  /// The file has mode 0600, a folder that is made has 0700. A database of an older schema is migrated, after
  /// a backup beside it and only while no run in it is live.
  ///
  /// - Parameters:
  ///   - clock: where intents get their times from, in the transaction that records them. Rates then hold at the moment
  ///     when requests may leave, however long commits take.
  ///   - patience: how long a change is tried again while the file is full or locked; `nil` for the default.
  /// - Throws: ``StoreError``.
  package static func open(
    path: String, clock: any BatchClock, patience: Duration? = nil
  ) async throws -> SQLStore {
    try await open(
      path: path, now: clock.now(), steps: Migrations.all,
      queue: DispatchQueue(label: "orchestrate.database"),
      clock: clock, readsApart: true, patience: patience ?? SQLStore.patience)
  }

  /// Opens the store without a clock, for tests: intents have the times that they are claimed at.
  package static func open(path: String, now: Timestamp) async throws -> SQLStore {
    try await open(path: path, now: now, steps: Migrations.all)
  }

  /// Opens the store with other steps than the program's, for tests of migrating.
  package static func open(path: String, now: Timestamp, steps: [Migrations.Step]) async throws -> SQLStore {
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
  ) async throws -> SQLStore {
    try await open(path: path, now: clock.now(), steps: Migrations.all, queue: queue, clock: clock)
  }

  private static func open(
    path: String, now: Timestamp, steps: [Migrations.Step], queue: any StoreQueue,
    clock: (any BatchClock)? = nil, readsApart: Bool = false, patience: Duration = SQLStore.patience
  ) async throws -> SQLStore {
    let resolved = try StorePath.preparing(path)
    try StorePath.refuseSecondName(resolved)
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
    let reader =
      readsApart
      ? Database {
        try Connection(path: resolved, mode: .readOnly, busyTimeout: Database.busyTimeout)
      } : nil
    return SQLStore(
      path: resolved, database: database, reader: reader, engine: SQLiteEngine(path: resolved, locks: locks),
      clock: clock, patience: patience, canWrite: true)
  }

  /// Opens a store that nobody else sees and that is gone when the process ends, however it ends: SQLite takes the name of
  /// its file away as soon as it is open. A small one is never written anywhere.
  ///
  /// The file is in the first of these folders that can be written: `$SQLITE_TMPDIR`, `$TMPDIR`, `/var/tmp`, `/usr/tmp`,
  /// `/tmp`, the current one (https://sqlite.org/tempfiles.html).
  ///
  /// - Throws: ``StoreError``; later changes throw one when a file is needed and cannot be made.
  package static func openTemporary(now: Timestamp) async throws -> SQLStore {
    let (name, locks) = ("the temporary database", LockFile())
    let database = try await Database.open(path: name, mode: .temporary, locks: locks) { connection in
      // What is undone is one change at a time, and nothing has to survive.
      try connection.execute("PRAGMA journal_mode = MEMORY")
      try Migrator(steps: Migrations.all).migrate(connection, path: name, locks: locks, now: now)
    }
    return SQLStore(
      path: name, database: database, engine: SQLiteEngine(path: name, locks: locks), canWrite: true)
  }

  /// Opens a database that nobody else sees, for what another engine's store does not keep in memory; nothing of it is left
  /// when the process ends.
  package static func openScratch() async throws -> Database {
    try await Database.open(path: "the temporary database", mode: .temporary, locks: LockFile()) {
      try $0.execute("PRAGMA journal_mode = MEMORY")
    }
  }

  /// Opens the store for reports only: nothing in it is changed, and it is never migrated.
  ///
  /// - Throws: ``StoreError``; with code `unavailable` when there is no database at that path.
  package static func openForReading(path: String) async throws -> SQLStore {
    guard let resolved = try StorePath.existing(path) else {
      throw StoreError(.unavailable, "there is no database at \(path)", remedy: "name another one with --db")
    }
    let locks = try LockFile(besideDatabase: resolved, isMade: false)
    let database = try await ReadingPlace.open(path: resolved) { connection in
      switch try Migrator(steps: Migrations.all).need(of: connection, path: resolved) {
      case .nothing:
        return
      case .create:
        throw StoreError(
          .schema, "\(resolved) is empty: no run was ever submitted to it",
          remedy: "\(command: .submitManifest) starts a run; --db names another database")
      case .upgrade:
        throw StoreError(
          .schema, "\(resolved) has an older schema than this program, and reports never migrate",
          remedy: "run any `submit`, `resume` or `cancel` on it first, while no other run is live")
      }
    }
    return SQLStore(
      path: resolved, database: database, engine: SQLiteEngine(path: resolved, locks: locks), canWrite: false)
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
}
