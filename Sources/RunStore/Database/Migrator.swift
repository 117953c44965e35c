import BatchDomain
import Crypto
import Migrations
import StoreCore

/// Brings a database to the schema of this program, or refuses it.
///
/// Each step of an older database runs in its own IMMEDIATE transaction together with the row that records it; a new database
/// is made in one. Forward only: a step that a database has and whose checksum differs was edited after its release, and a
/// step that this program does not have comes from a newer one; both are refused.
struct Migrator {
  /// Marks a file as this program's: `orch` in ASCII (https://sqlite.org/pragma.html#pragma_application_id).
  static let applicationID = 0x6f72_6368

  /// The steps, oldest first.
  let steps: [Migrations.Step]

  /// A step as a database records it.
  private struct Applied {
    let number: Int
    let name: String
    let checksum: [UInt8]
  }

  /// What has to be done to a database.
  enum Need: Equatable {
    /// It has every step.
    case nothing
    /// It has no table at all.
    case create
    /// It has steps up to that number.
    case upgrade(from: Int)
  }

  /// Looks at a database without changing it.
  ///
  /// - Throws: ``StoreError`` with code `schema` when it is newer or was edited, `damaged` when it is not
  ///   one of this program's.
  func need(of connection: Connection, path: String) throws -> Need {
    let tables = try connection.first("SELECT count(*) FROM sqlite_schema") { $0.int(0) } ?? 0
    if tables == 0 { return .create }
    let mark = try connection.first("PRAGMA application_id") { $0.int(0) } ?? 0
    guard mark == Self.applicationID else {
      throw StoreError(
        .damaged, "\(path) is a SQLite database of another program",
        remedy: "name another database with --db")
    }
    let applied = try connection.rows("SELECT number, name, checksum FROM migration ORDER BY number") {
      Applied(number: $0.int(0), name: $0.text(1), checksum: [UInt8]($0.bytes(2)))
    }
    for (index, row) in applied.enumerated() {
      guard index < steps.count else {
        throw StoreError(
          .schema,
          "\(path) has migration \(row.number) (\(row.name)), and this program knows \(steps.count): "
            + "the database was made by a newer version",
          remedy: "use that version of orchestrate, or name another database with --db")
      }
      let step = steps[index]
      guard row.number == index + 1, row.checksum.count == SHA256.byteCount, !row.name.isEmpty else {
        throw StoreError(
          .damaged, "\(path) is damaged: it does not say which migration it has in place \(index + 1)",
          remedy: "restore the database from a backup, or name another one with --db")
      }
      guard row.number == step.number, row.checksum == Self.checksum(of: step) else {
        throw StoreError(
          .schema,
          "migration \(row.number) of \(path) was \(row.name) when it was applied and is another text in "
            + "this program: a released migration was edited",
          remedy: "use the version of orchestrate that made the database, or name another one with --db")
      }
    }
    return applied.count == steps.count ? .nothing : .upgrade(from: applied.count)
  }

  /// Applies every step the database does not have.
  func migrate(_ connection: Connection, path: String, locks: LockFile, now: Timestamp) throws {
    guard try need(of: connection, path: path) != .nothing else { return }
    try locks.waitForLock(LockFile.migrationByte, exclusive: true, timeout: Database.busyTimeout)
    defer { locks.unlock(LockFile.migrationByte) }
    // Another process may have migrated while this one waited for the lock.
    switch try need(of: connection, path: path) {
    case .nothing:
      return
    case .create:
      try connection.execute("PRAGMA application_id = \(Self.applicationID)")
      try apply(steps[...], to: connection, now: now)
    case .upgrade(let count):
      if try locks.firstRunOwnedElsewhere() != nil {
        throw StoreError(
          .busy, "\(path) has to be migrated, and a run in it is owned by a live process",
          remedy: "wait for that run, or stop it, and run the same command again")
      }
      try connection.sqlite?.backUp(to: "\(path).before-\(count + 1)-\(now.milliseconds)")
      for place in count..<steps.count { try apply(steps[place...place], to: connection, now: now) }
    }
  }

  /// Applies steps in one transaction.
  private func apply(_ steps: ArraySlice<Migrations.Step>, to connection: Connection, now: Timestamp) throws {
    try connection.execute("BEGIN IMMEDIATE")
    do {
      try connection.execute(
        """
        CREATE TABLE IF NOT EXISTS migration (
          number     INTEGER PRIMARY KEY,
          name       TEXT NOT NULL,
          checksum   BLOB NOT NULL,
          applied_at INTEGER NOT NULL
        ) STRICT
        """)
      for step in steps {
        try connection.execute(String(decoding: step.sql, as: UTF8.self))
        try connection.run(
          "INSERT INTO migration (number, name, checksum, applied_at) VALUES (?, ?, ?, ?)",
          .integer(step.number), .text(step.name), .blob(Self.checksum(of: step)),
          .integer(now.milliseconds))
      }
      try connection.execute("COMMIT")
    } catch {
      let cause = error
      if connection.isInTransaction { try connection.execute("ROLLBACK") }
      throw cause
    }
  }

  private static func checksum(of step: Migrations.Step) -> [UInt8] { Array(SHA256.hash(data: step.sql)) }
}

/// Looks for pages that are not what was written: SQLite has no checksums of them, and reads a torn one as rows
/// that are empty or gone.
///
/// Every table is read but that of the items, which is most of the database and whose texts are checked before they are
/// sent, and that of known items, which grows with every run and has checksums of its own.
enum IntegrityCheck {
  /// Looks at the structure of the tables and their indexes, and at the constraints of their columns
  /// (https://sqlite.org/pragma.html#pragma_quick_check).
  ///
  /// - Throws: ``StoreError`` with code `damaged` and the first thing that is wrong.
  static func check(_ connection: Connection, path: String) throws {
    let tables = try connection.rows(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('item_block', 'known_page') ORDER BY name"
    ) { $0.text(0) }
    for table in tables {
      let found = try connection.first("SELECT quick_check FROM pragma_quick_check(?)", .text(table)) {
        $0.text(0)
      }
      guard found == "ok" else {
        throw StoreError(
          .damaged, "\(path) is damaged: \(found ?? "its table \(table) cannot be checked")",
          remedy: "restore the database from a backup, or name another one with --db")
      }
    }
  }
}
