import CSQLite
import KillPoints

/// One SQLite connection with its prepared statements.
///
/// Not Sendable: it belongs to the queue of the ``Database`` that opened it.
final class Connection {
  /// How a connection may use the file.
  enum Mode: Sendable {
    /// Reads and writes; the file is made when it is not there.
    case readWrite
    /// Reads only; a missing file is an error.
    case readOnly
    /// Reads a file that does not change meanwhile and beside which nothing can be made.
    case unchanging
    /// A database of this connection alone, in memory as far as it is small and else in a file without a name: nothing of
    /// it outlives the process, however that ends.
    case temporary
    /// As `unchanging`, with a write-ahead log beside it: its index is kept in memory. No file is locked.
    case unchangingWithLog
  }

  /// Bytes in the write-ahead log after the last commit of this connection, headers left out.
  var logBytes: Int { walPages * pageSize }
  private var walPages = 0
  private var pageSize = 0

  /// Counts the transactions of ``begin()``: in one of them, nothing changes but by this connection.
  private(set) var transaction = 0
  /// Counts changes of what several runs have in common, and changes that were undone: what was read before one of them
  /// may not be true any more.
  private(set) var revision = 0

  /// How long the last commits took that intents were in.
  var lateness = Lateness()

  /// Bytes in a page of a new database. `docs/performance.md` has what other sizes came to.
  static let newPageSize = 4_096

  private let handle: OpaquePointer
  private var isSpilling = true
  private var conclusions: [(Connection) throws -> Void] = []
  private var notes: [(Connection) -> Void] = []
  private var statements: [StatementText: Statement] = [:]
  /// Statements that were run.
  private(set) var statementsRun = 0

  /// Opens the file and sets what every connection of this program has.
  ///
  /// `wal_autocheckpoint=0`, no checkpoint on close and no memory map: SQLite 3.7.0 to 3.51.2 can lose a
  /// commit when a checkpoint overlaps it, so checkpoints run only where ``Database`` holds everyone back
  /// (https://sqlite.org/wal.html, "The WAL-Reset Bug").
  init(path: String, mode: Mode, busyTimeout: Duration) throws(SQLiteFailure) {
    var opened: OpaquePointer?
    let access =
      switch mode {
      case .readWrite, .temporary: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
      case .readOnly, .unchangingWithLog: SQLITE_OPEN_READONLY
      case .unchanging: SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
      }
    let code = sqlite3_open_v2(
      Self.name(of: path, mode), &opened,
      access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      mode == .unchangingWithLog ? "unix-none" : nil)
    guard code == SQLITE_OK, let opened else {
      let message = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
      sqlite3_close_v2(opened)
      throw SQLiteFailure(code: code, message: message, operation: "open the database")
    }
    handle = opened
    sqlite3_busy_timeout(handle, Int32(clamping: busyTimeout.millisecondsForSQLite))
    _ = csqlite_set_no_checkpoint_on_close(handle, 1)
    _ = csqlite_set_defensive(handle, 1)
    // From here on an error is cleaned up by `deinit`.
    // Without others there is no need for an index of the log that they could see
    // (https://sqlite.org/wal.html, "Use of WAL Without Shared-Memory").
    if mode == .unchangingWithLog { try execute("PRAGMA locking_mode = EXCLUSIVE") }
    try execute(
      """
      PRAGMA wal_autocheckpoint = 0; PRAGMA mmap_size = 0; PRAGMA foreign_keys = ON;
      PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA cache_size = -2048;
      PRAGMA temp_store = MEMORY;
      """)
    let context = Unmanaged.passUnretained(self).toOpaque()
    sqlite3_wal_hook(
      handle,
      { context, _, _, pages in
        guard let context else { return SQLITE_OK }
        Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue().walPages = Int(pages)
        return SQLITE_OK
      }, context)
  }

  /// What SQLite is given to open; the empty name is a temporary database (https://sqlite.org/inmemorydb.html).
  private static func name(of path: String, _ mode: Mode) -> String {
    switch mode {
    case .readWrite, .readOnly, .unchangingWithLog: path
    case .unchanging: unchangingAddress(of: path)
    case .temporary: ""
    }
  }

  /// The address that tells SQLite that a file does not change (https://sqlite.org/uri.html).
  private static func unchangingAddress(of path: String) -> String {
    let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-".utf8)
    let escaped = path.utf8.map { byte in
      if plain.contains(byte) { return String(UnicodeScalar(byte)) }
      let digits = String(byte, radix: 16, uppercase: true)
      return byte < 16 ? "%0\(digits)" : "%\(digits)"
    }
    return "file:\(escaped.joined())?immutable=1"
  }

  /// Makes every commit durable before it returns, through a write-ahead log. Done only once the file is known
  /// to be this program's: the log is a lasting property of a database.
  ///
  /// A database that has no table yet gets the page size of new stores; another one keeps what it has
  /// (https://sqlite.org/pragma.html#pragma_page_size).
  func enableDurableLog() throws {
    try execute(
      "PRAGMA page_size = \(Self.newPageSize); PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
    pageSize = try first("PRAGMA page_size") { $0.int(0) } ?? 0
  }

  /// Whether commits are durable before they return. A durable one makes those before it durable, too: the log is
  /// synced as a whole. Without, a power cut may undo the last commits, and never tears one
  /// (https://sqlite.org/pragma.html#pragma_synchronous).
  func setDurable(_ isDurable: Bool) throws(SQLiteFailure) {
    try execute("PRAGMA synchronous = \(isDurable ? "FULL" : "NORMAL")")
  }

  deinit {
    assert(!hasBusyStatement, "a connection is closed while one of its statements is in use")
    // Statements are finalised first; a statement left open would keep the connection as a zombie.
    statements.removeAll()
    sqlite3_close_v2(handle)
  }

  /// Whether a transaction is open. SQLite ends one by itself after some errors
  /// (https://sqlite.org/c3ref/get_autocommit.html).
  var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  /// Whether pages may go to the log before their transaction is committed. Set where it has to change and at no other
  /// time: it is a statement of its own, which can fail.
  ///
  /// Not by a statement that is kept: SQLite does this when it prepares it.
  func setSpilling(_ isSpilling: Bool) throws(SQLiteFailure) {
    guard isSpilling != self.isSpilling else { return }
    try execute("PRAGMA cache_spill = \(isSpilling ? "ON" : "OFF")")
    self.isSpilling = isSpilling
  }

  /// Begins a transaction that writes.
  func begin() throws(SQLiteFailure) {
    transaction += 1
    conclusions = []
    notes = []
    try run("BEGIN IMMEDIATE")
  }

  /// Notes that what was read in this transaction may not be true any more.
  func revise() { revision += 1 }

  /// Has something done at the end of the transaction that is under way, once all of its changes are made.
  func beforeCommit(_ conclusion: @escaping (Connection) throws -> Void) { conclusions.append(conclusion) }

  /// Has something noted as soon as the transaction that is under way is known to be on disk.
  func afterCommit(_ note: @escaping (Connection) -> Void) { notes.append(note) }

  /// Ends the transaction that ``begin()`` began.
  func commit() throws {
    for conclusion in conclusions { try conclusion(self) }
    conclusions = []
    try run("COMMIT")
    for note in notes { note(self) }
    notes = []
  }

  /// Runs statements that have no parameters and whose rows are of no interest.
  func execute(_ sql: String) throws(SQLiteFailure) {
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw failure(code, operation: "run \(Self.name(of: sql))") }
  }

  /// Runs one statement to its end.
  ///
  /// - Returns: how many rows it changed, triggers not counted.
  @discardableResult
  func run(_ sql: String, _ values: SQLValue...) throws(SQLiteFailure) -> Int {
    let statement = try prepare(sql)
    defer { statement.reset() }
    try statement.bind(values)
    while try statement.step() {}
    return Int(sqlite3_changes64(handle))
  }

  /// Reads the rows of a query in order.
  func rows<T>(
    _ sql: String, _ values: SQLValue..., read: (Statement) throws -> T
  ) throws -> [T] {
    let statement = try prepare(sql)
    defer { statement.reset() }
    try statement.bind(values)
    var result: [T] = []
    while try statement.step() { result.append(try read(statement)) }
    return result
  }

  /// Looks at the rows of a query in order.
  func forEach(_ sql: String, _ values: SQLValue..., look: (Statement) throws -> Void) throws {
    let statement = try prepare(sql)
    defer { statement.reset() }
    try statement.bind(values)
    while try statement.step() { try look(statement) }
  }

  /// Reads the first row of a query; `nil` when it has none.
  func first<T>(
    _ sql: String, _ values: SQLValue..., read: (Statement) throws -> T
  ) throws -> T? {
    let statement = try prepare(sql)
    defer { statement.reset() }
    try statement.bind(values)
    return try statement.step() ? try read(statement) : nil
  }

  /// The prepared statement of a text, made once per connection; whoever gets it resets it in the end.
  ///
  /// One that is still in use, further out, gets a companion for this use: stepped by two, it would show either the
  /// rows of the other. One that failed is made anew.
  func prepare(_ sql: String) throws(SQLiteFailure) -> Statement {
    statementsRun += 1
    let key = StatementText(sql)
    let kept = statements[key]
    if let kept, !kept.isInUse, !kept.hasFailed {
      kept.isInUse = true
      return kept
    }
    var prepared: OpaquePointer?
    let code = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
    guard code == SQLITE_OK, let prepared else {
      throw failure(code, operation: "prepare \(Self.name(of: sql))")
    }
    let statement = Statement(handle: prepared, database: handle, name: Self.name(of: sql))
    statement.isInUse = true
    if kept?.isInUse != true { statements[key] = statement }
    return statement
  }

  /// Whether a statement was stepped and not reset.
  var hasBusyStatement: Bool { statements.values.contains { $0.isBusy } }

  /// Steps of SQLite's virtual machine that the statements took so far.
  var machineSteps: Int { statements.values.reduce(0) { $0 + $1.machineSteps } }

  /// Moves the whole write-ahead log into the database, as far as readers permit, and starts it anew.
  ///
  /// - Parameter truncating: also cuts the log's file to nothing.
  func checkpoint(truncating: Bool) throws(SQLiteFailure) {
    var code = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
    if truncating, code == SQLITE_OK {
      KillPoint.inCheckpoint.reached()
      code = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
    }
    // A reader in the way is no failure: the log is longer for a while.
    guard code == SQLITE_OK || code & 0xff == SQLITE_BUSY else {
      throw failure(code, operation: "checkpoint")
    }
    walPages = 0
  }

  /// Copies the database as it is now to another file, through SQLite's own backup.
  func backUp(to path: String) throws(SQLiteFailure) {
    var opened: OpaquePointer?
    defer { sqlite3_close_v2(opened) }
    // Errors of a backup are those of the connection that is written to (https://sqlite.org/c3ref/backup_finish.html).
    func failure(_ code: Int32) -> SQLiteFailure {
      SQLiteFailure(
        code: code, message: String(cString: sqlite3_errmsg(opened)), operation: "back up to \(path)")
    }
    var code = sqlite3_open_v2(
      path, &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, nil)
    guard code == SQLITE_OK else { throw failure(code) }
    guard let backup = sqlite3_backup_init(opened, "main", handle, "main") else {
      throw failure(sqlite3_extended_errcode(opened))
    }
    code = sqlite3_backup_step(backup, -1)
    sqlite3_backup_finish(backup)
    guard code == SQLITE_DONE else { throw failure(code) }
  }

  private func failure(_ code: Int32, operation: String) -> SQLiteFailure {
    SQLiteFailure(code: code, message: String(cString: sqlite3_errmsg(handle)), operation: operation)
  }

  /// The first words of a statement: enough to name it, and never a value.
  private static func name(of sql: String) -> String {
    sql.utf8.split(maxSplits: 3) { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
      .prefix(3).map { String(Substring($0)) }.joined(separator: " ")
  }
}

extension Duration {
  fileprivate var millisecondsForSQLite: Int64 {
    components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
  }
}
