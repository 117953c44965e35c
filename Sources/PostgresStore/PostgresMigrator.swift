import BatchDomain
import Crypto
import Migrations
import StoreCore

/// Brings a database on PostgreSQL to the schema of this program, or refuses it.
///
/// Each step runs in one transaction together with the row that records it, under the lock that every change of the store
/// shares: no worker writes meanwhile. Forward only.
struct PostgresMigrator {
  /// The steps, oldest first.
  let steps: [Migrations.Step]

  /// What has to be done to a database.
  enum Need: Equatable, Sendable {
    /// It has every step.
    case nothing
    /// It has nothing of this program.
    case create
    /// It has steps up to that number.
    case upgrade(from: Int)
  }

  /// Looks at a database without changing it.
  ///
  /// - Throws: ``StoreError`` with code `schema` when it is newer or was edited, and when it has tables of something else.
  func need(of connection: Connection, at place: String) throws -> Need {
    let tables = try connection.rows(
      """
      SELECT relname FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
      WHERE n.nspname = current_schema() AND relkind IN ('r', 'p') AND relname IN ('migration', 'run', 'chunk')
      """
    ) { $0.text(0) }
    guard tables.contains("migration") else {
      guard tables.isEmpty else {
        throw StoreError(
          .schema, "\(place) has a table \(tables[0]) that is not of this program",
          remedy: "use a database of its own, or a schema of its own as search_path")
      }
      return .create
    }
    // The first step had no column that says whether it is breaking.
    let applied = try connection.rows(
      """
      SELECT number, name, checksum, coalesce((to_jsonb(m) ->> 'is_breaking')::bigint, 1) FROM migration AS m ORDER BY number
      """
    ) {
      (number: $0.int(0), name: $0.text(1), checksum: [UInt8]($0.bytes(2)), isBreaking: $0.flag(3))
    }
    for (index, row) in applied.enumerated() {
      guard index < steps.count || row.isBreaking else { continue }
      guard index < steps.count else {
        throw StoreError(
          .schema,
          "\(place) has migration \(row.number) (\(row.name)), and this program knows \(steps.count): the database was "
            + "made by a newer version",
          remedy: "use that version of orchestrate, or name another database with --db")
      }
      guard row.number == steps[index].number, row.checksum == Self.checksum(of: steps[index]) else {
        throw StoreError(
          .schema,
          "migration \(row.number) of \(place) was \(row.name) when it was applied and is another text in this program",
          remedy: "use the version of orchestrate that made the database, or name another one with --db")
      }
    }
    return applied.count >= steps.count ? .nothing : .upgrade(from: applied.count)
  }

  /// Tells the processes at work to leave before a breaking step is made: those that do not know it let their requests end.
  ///
  /// - Parameter silence: after how long without a beat a process is taken for gone.
  /// - Returns: how many are still at work; 0 where nothing breaks.
  func announce(in connection: Connection, at place: String, silence: Duration) throws -> Int {
    guard case .upgrade(let from) = try need(of: connection, at: place),
      let last = steps.dropFirst(from).last(where: \.isBreaking),
      // Before the second step nobody can be told.
      from >= 2
    else { return 0 }
    try announce(last, in: connection)
    return try connection.first(
      """
      SELECT count(*) FROM worker
      WHERE left_at IS NULL AND lost_at IS NULL AND beat_at > \(connection.dialect.now) - ?
      """, .integer(silence.millisecondsRoundedUp)
    ) { $0.int(0) } ?? 0
  }

  /// Writes the number of a step for those at work. Under the lock that every change shares: who begins meanwhile is counted
  /// by the look that follows, or finds the number.
  private func announce(_ step: Migrations.Step, in connection: Connection) throws {
    let required = try connection.first("SELECT required_schema FROM engine WHERE id = 1") { $0.int(0) } ?? 0
    guard required < step.number else { return }
    try inTransaction(connection) {
      try connection.execute("UPDATE engine SET required_schema = \(step.number)")
    }
  }

  /// Why a process that knows these steps must not go on with a database; `nil` where it may.
  func obstacle(in connection: Connection, at place: String) throws -> StoreError? {
    let required = try connection.first("SELECT required_schema FROM engine WHERE id = 1") { $0.int(0) } ?? 0
    guard required > steps.count else { return nil }
    return StoreError(
      .schema, "\(place) is brought to schema \(required), and this program knows \(steps.count)",
      remedy: "start a newer version of orchestrate; another process goes on with the run")
  }

  /// Applies every step that the database does not have, in one transaction.
  ///
  /// - Parameter connection: one that only reads otherwise: there is no mark for its transactions yet.
  /// - Returns: how many were applied.
  @discardableResult
  func migrate(_ connection: Connection, at place: String) throws -> Int {
    try inTransaction(connection) { try apply(to: connection, at: place) }
  }

  /// Makes a change while nobody else makes one.
  private func inTransaction<T>(_ connection: Connection, _ change: () throws -> T) throws -> T {
    do {
      try connection.execute("BEGIN; SELECT pg_advisory_xact_lock(\(PostgresConnection.storeLock))")
      let value = try change()
      try connection.execute("COMMIT")
      return value
    } catch {
      let cause = error
      // The cause is the better thing to report.
      if connection.isInTransaction { do { try connection.execute("ROLLBACK") } catch { throw cause } }
      throw cause
    }
  }

  private func apply(to connection: Connection, at place: String) throws -> Int {
    // Another process may have migrated while this one waited for its turn.
    let first: Int
    switch try need(of: connection, at: place) {
    case .nothing: return 0
    case .create: first = 0
    case .upgrade(let from): first = from
    }
    for step in steps.dropFirst(first) {
      try connection.execute(
        """
        CREATE TABLE IF NOT EXISTS migration (
          number     bigint PRIMARY KEY,
          name       text NOT NULL,
          checksum   bytea NOT NULL,
          applied_at timestamptz NOT NULL DEFAULT now()
        )
        """)
      try connection.execute(try text(of: step, for: connection))
      try connection.run(
        "INSERT INTO migration (number, name, checksum) VALUES (?, ?, ?)", .integer(step.number),
        .text(step.name),
        .blob(Self.checksum(of: step)))
    }
    for step in steps.dropFirst(max(first, 1)) where !step.isBreaking {
      try connection.run("UPDATE migration SET is_breaking = 0 WHERE number = ?", .integer(step.number))
    }
    return steps.count - first
  }

  /// The statements of a step. A server that was built without lz4 compresses in the older way, which takes several times as
  /// long; the step is the same.
  private func text(of step: Migrations.Step, for connection: Connection) throws -> String {
    let text = String(decoding: step.sql, as: UTF8.self)
    let hasLZ4 = try connection.first(
      "SELECT 1 FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)"
    ) { _ in true }
    return hasLZ4 == true ? text : text.replacing(" COMPRESSION lz4", with: "")
  }

  private static func checksum(of step: Migrations.Step) -> [UInt8] { Array(SHA256.hash(data: step.sql)) }
}
