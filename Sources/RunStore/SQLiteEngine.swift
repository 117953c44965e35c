import BatchDomain
import StoreCore

/// What a store on an SQLite file has beside SQL: locks of the system on a file beside it, and SQLite's own checks.
final class SQLiteEngine: StoreEngine {
  private let path: String
  private let locks: LockFile

  /// The engine of a database.
  init(path: String, locks: LockFile) {
    self.path = path
    self.locks = locks
  }

  func own(new run: Int64, in connection: Connection) throws -> Bool { try locks.lockRun(run) }

  /// A lock of the system ends with its process, and with it every socket that the process had.
  func seize(_ run: Int64, in database: Database) async throws -> Seizure {
    try locks.lockRun(run) ? .free(host: nil) : .owned
  }

  func own(seized run: Int64, in connection: Connection) throws {}

  func disown(_ run: Int64, in connection: Connection) -> Bool { true }

  func releaseRun(_ run: Int64) { locks.releaseRun(run) }

  func isRunOwned(_ run: Int64, in connection: Connection) throws -> Bool { try locks.isRunOwned(run) }

  func look(at run: Int64, in database: Database) async throws -> Seizure? {
    try locks.isRunOwned(run) ? .owned : .free(host: nil)
  }

  /// A file is there, or its next use says why not.
  var silence: Duration { .zero }

  func isOwnerAlive(_ run: Int64, in database: Database) async throws -> Bool { try locks.isRunOwned(run) }

  /// A lock of the system is held by one process at a time, and as long as that lives.
  var sendingRules: SendingRules? { nil }

  func confirmLife() {}

  func confirmHistory() {}

  /// A file has one history; a copy that was put in its place is not told from it. With profile v1.3 the service tells
  /// (`AssetsService.asset(of:)`).
  func mayHaveLostChanges(_ run: Int64, in connection: Connection) -> Bool { false }

  func requestsUnderWay(changeBy difference: Int) {}

  func confirmSchema() {}

  func isAnyRunOwned(besides run: Int64, in connection: Connection) throws -> Bool {
    try locks.isAnyRunOwned(besides: run)
  }

  /// One transaction that writes keeps all others off.
  func lockBudget(of origin: Int64, _ step: ChunkStep, in connection: Connection) {}

  func owner(of run: Int64, in connection: Connection) throws -> String? {
    try connection.first("SELECT owner_host, owner_pid FROM run WHERE id = ?", .integer(run)) {
      "process \($0.int(1)) on \($0.text(0))"
    }
  }

  func lifeOfOwner(of run: Int64, in connection: Connection) -> String? { nil }

  func noteInheritance(of run: Int64, for quiet: Duration, in connection: Connection) {}

  func inheritance(of run: Int64, in connection: Connection) -> RunInheritance? { nil }

  func whileTaking<T: Sendable>(_ body: () async throws -> T) async throws -> T {
    try await locks.whileTaking(body)
  }

  func isAnyRunBeingTaken() throws(StoreError) -> Bool { try locks.isAnyRunBeingTaken() }

  func lockKnownItems(in database: Database) throws -> Bool {
    try locks.lock(LockFile.knownItemsByte, exclusive: true)
  }

  func confirmKnownItems(in connection: Connection) throws {}

  func unlockKnownItems(in database: Database) { locks.unlock(LockFile.knownItemsByte) }

  func checkIntegrity(_ connection: Connection) throws { try IntegrityCheck.check(connection, path: path) }

  func copiedAt(_ connection: Connection) throws -> Timestamp? {
    CopyMark(number: try connection.first("PRAGMA user_version") { $0.int(0) } ?? 0)?.moment
  }

  private static let shown = 100

  /// Each check is one statement and so one read transaction, the longest of an audit: commits go on beside it, and the
  /// write-ahead log grows until it is over. CHECK constraints are not among them: SQLite does not even parse them where
  /// it may only read (`sqlite3AddCheckConstraint` in its build.c).
  func problems(in connection: Connection) throws -> [EngineProblem] {
    // https://sqlite.org/pragma.html#pragma_integrity_check: one row "ok", or one row per problem.
    var problems = try connection.rows("PRAGMA integrity_check(\(Self.shown))") { $0.text(0) }
      .filter { $0 != "ok" }
      .map { EngineProblem(.integrity, "is damaged: \(VisibleText.escape($0, cutAt: 300))") }
    try connection.forEach(
      """
      SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY "table", parent ORDER BY 1, 2
      """
    ) { row in
      let refer = row.int(2) == 1 ? "refers" : "refer"
      problems.append(
        EngineProblem(
          .references,
          "has \(HumanNumber.text(row.int(2), "row")) in table \(row.text(0)) that \(refer) to rows of \(row.text(1)) that are not there, "
            + "expected 0"))
    }
    return problems
  }

  func close(in database: Database) {}

  func openScratch() async throws -> Database { try await SQLiteStore.openScratch() }
}
