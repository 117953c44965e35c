import BatchDomain
import CSQLite
import Dispatch
import KillPoints
import StoreCore

/// A connection to an SQLite file, or to a database that only it sees.
final class SQLiteConnection: SQLEngine {
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

  let dialect = SQLDialect(
    contains: { "instr(\($0), \($1)) > 0" },
    greatest: { "max(\($0.joined(separator: ", ")))" },
    byteCount: { "length(CAST(\($0) AS BLOB))" },
    jsonMember: { "json_extract(\($0), '$.\($1)')" },
    jsonTexts: { "SELECT value FROM json_each(\($0))" },
    locking: "", snapshot: "BEGIN", now: "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    beginPassing: "BEGIN")

  /// Bytes in the write-ahead log after the last commit of this connection, headers left out.
  var logBytes: Int { walPages * pageSize }
  private var walPages = 0
  private var pageSize = 0

  /// Bytes in a page of a new database. `docs/performance.md` has what other sizes came to.
  static let newPageSize = 4_096

  private let handle: OpaquePointer
  private let path: String
  private var isSpilling = true
  private let beginning: SQLiteCursor
  private let ending: SQLiteCursor

  /// Opens the file and sets what every connection of this program has.
  ///
  /// `wal_autocheckpoint=0`, no checkpoint on close and no memory map: SQLite 3.7.0 to 3.51.2 can lose a
  /// commit when a checkpoint overlaps it, so checkpoints run only where ``WriteAheadLog`` holds everyone back
  /// (https://sqlite.org/wal.html, "The WAL-Reset Bug").
  init(path: String, mode: Mode, busyTimeout: Duration) throws(StoreError) {
    self.path = path
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
      let systemError = opened.map { sqlite3_system_errno($0) } ?? 0
      sqlite3_close_v2(opened)
      throw StoreError(
        SQLiteFailure(code: code, message: message, operation: Self.opening, systemError: systemError),
        path: path)
    }
    handle = opened
    sqlite3_busy_timeout(handle, Int32(clamping: busyTimeout.millisecondsForSQLite))
    _ = csqlite_set_no_checkpoint_on_close(handle, 1)
    _ = csqlite_set_defensive(handle, 1)
    do throws(StoreError) {
      // Without others there is no need for an index of the log that they could see
      // (https://sqlite.org/wal.html, "Use of WAL Without Shared-Memory").
      if mode == .unchangingWithLog {
        try Self.execute(
          "PRAGMA locking_mode = EXCLUSIVE", on: opened, path: path, operation: Self.opening)
      }
      try Self.execute(
        """
        PRAGMA wal_autocheckpoint = 0; PRAGMA mmap_size = 0; PRAGMA foreign_keys = ON;
        PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA cache_size = -2048;
        PRAGMA temp_store = MEMORY;
        """, on: opened, path: path, operation: Self.opening)
      beginning = try SQLiteCursor("BEGIN IMMEDIATE", on: opened, path: path)
      ending = try SQLiteCursor("COMMIT", on: opened, path: path)
    } catch {
      sqlite3_close_v2(opened)
      throw error
    }
    let context = Unmanaged.passUnretained(self).toOpaque()
    sqlite3_wal_hook(
      handle,
      { context, _, _, pages in
        guard let context else { return SQLITE_OK }
        Unmanaged<SQLiteConnection>.fromOpaque(context).takeUnretainedValue().walPages = Int(pages)
        return SQLITE_OK
      }, context)
  }

  private static let opening = "open the database"

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

  // A statement that is left open keeps the connection open until it goes, too (sqlite3_close_v2).
  deinit { sqlite3_close_v2(handle) }

  /// Makes every commit durable before it returns, through a write-ahead log. Done only once the file is known
  /// to be this program's: the log is a lasting property of a database.
  ///
  /// A database that has no table yet gets the page size of new stores; another one keeps what it has
  /// (https://sqlite.org/pragma.html#pragma_page_size).
  func enableDurableLog() throws(StoreError) {
    try execute(
      "PRAGMA page_size = \(Self.newPageSize); PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
    let cursor = try SQLiteCursor("PRAGMA page_size", on: handle, path: path)
    pageSize = try cursor.step() ? cursor.int(0) : 0
    cursor.reset()
  }

  /// A commit that returns is made as the process asked for.
  var wasConfirmed: Bool { true }

  /// It waits for others by itself, and longer than a person would (``Database/busyTimeout``).
  var triesPerTransaction: Int { 1 }

  /// A durable commit makes those before it durable, too: the log is synced as a whole. Without, a power cut may undo the
  /// last commits, and never tears one (https://sqlite.org/pragma.html#pragma_synchronous).
  func setDurable(_ isDurable: Bool) throws(StoreError) {
    try execute("PRAGMA synchronous = \(isDurable ? "FULL" : "NORMAL")")
  }

  /// SQLite ends a transaction by itself after some errors (https://sqlite.org/c3ref/get_autocommit.html).
  var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  /// SQLite 3.40.1 leaves wrong checksums in the log where a savepoint is undone after pages went there before the
  /// commit: what is committed then is lost to a process that reads the log after a crash. So pages go there early only in
  /// transactions without savepoints.
  func permitSavepoints(_ isPermitted: Bool) throws(StoreError) {
    guard isPermitted == isSpilling else { return }
    // Not by a statement that is kept: SQLite does this when it prepares it.
    try execute("PRAGMA cache_spill = \(isPermitted ? "OFF" : "ON")")
    isSpilling = !isPermitted
  }

  func begin(_ scope: ChangeScope) throws(StoreError) { try beginning.runOnce() }

  func commit() throws(StoreError) { try ending.runOnce() }

  func execute(_ sql: String) throws(StoreError) { try Self.execute(sql, on: handle, path: path) }

  private static func execute(
    _ sql: String, on handle: OpaquePointer, path: String, operation: String? = nil
  ) throws(StoreError) {
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else {
      throw StoreError(
        SQLiteFailure(code, on: handle, operation: operation ?? "run \(SQLiteCursor.name(of: sql))"),
        path: path)
    }
  }

  /// A statement that is run again costs no way to anywhere.
  func bulkSink(into table: String, _ columns: [String]) -> (any BulkRowSink)? { nil }

  func prepare(_ sql: String) throws(StoreError) -> any SQLCursor {
    try SQLiteCursor(sql, on: handle, path: path)
  }

  /// Moves the whole write-ahead log into the database, as far as readers permit, and starts it anew.
  ///
  /// - Parameter truncating: also cuts the log's file to nothing.
  func checkpoint(truncating: Bool) throws(StoreError) {
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
  ///
  /// - Parameters:
  ///   - name: what messages call the copy; `nil` for its path.
  ///   - mark: makes the mark of the copy, once nothing that comes later is in it; `nil` leaves it without one, and with a
  ///     write-ahead log where the database has one.
  func backUp(to copy: String, called name: String? = nil, mark: (() -> Int)? = nil) throws(StoreError) {
    var opened: OpaquePointer?
    defer { sqlite3_close_v2(opened) }
    // Errors of a backup are those of the connection that is written to (https://sqlite.org/c3ref/backup_finish.html).
    func failure(_ code: Int32) -> StoreError {
      StoreError(SQLiteFailure(code, on: opened, operation: ""), copy: name ?? copy, of: path)
    }
    var code = sqlite3_open_v2(
      copy, &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, nil)
    guard code == SQLITE_OK else { throw failure(code) }
    guard let backup = sqlite3_backup_init(opened, "main", handle, "main") else {
      throw failure(sqlite3_extended_errcode(opened))
    }
    code = sqlite3_backup_step(backup, -1)
    sqlite3_backup_finish(backup)
    guard code == SQLITE_DONE else { throw failure(code) }
    guard let mark else { return }
    // The log is switched on for good by whoever works with the copy: that is how ``CopyPlace`` tells one that nobody did.
    code = sqlite3_exec(
      opened, "PRAGMA journal_mode = DELETE; PRAGMA user_version = \(mark())", nil, nil, nil)
    guard code == SQLITE_OK else { throw failure(code) }
  }

  private func failure(_ code: Int32, operation: String) -> StoreError {
    StoreError(SQLiteFailure(code, on: handle, operation: operation), path: path)
  }
}

/// A statement of an SQLite connection.
final class SQLiteCursor: SQLCursor {
  private let handle: OpaquePointer
  private let database: OpaquePointer
  private let name: String
  private let path: String

  init(_ sql: String, on database: OpaquePointer, path: String) throws(StoreError) {
    self.database = database
    self.path = path
    name = Self.name(of: sql)
    var prepared: OpaquePointer?
    let code = sqlite3_prepare_v3(database, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
    guard code == SQLITE_OK, let prepared else {
      throw StoreError(SQLiteFailure(code, on: database, operation: "prepare \(name)"), path: path)
    }
    handle = prepared
  }

  deinit { sqlite3_finalize(handle) }

  /// The first words of a statement: enough to name it, and never a value.
  static func name(of sql: String) -> String {
    sql.utf8.split(maxSplits: 3) { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
      .prefix(3).map { String(Substring($0)) }.joined(separator: " ")
  }

  /// Runs it to its end, without parameters.
  func runOnce() throws(StoreError) {
    defer { reset() }
    while try step() {}
  }

  func bind(_ value: SQLValue, at index: Int) throws(StoreError) {
    let index = Int32(index)
    let code =
      switch value {
      case .integer(let integer?): sqlite3_bind_int64(handle, index, integer)
      case .text(var text?):
        text.withUTF8 { csqlite_bind_text(handle, index, $0.baseAddress, Int64($0.count)) }
      case .blob(let bytes?):
        bytes.withUnsafeBytes { csqlite_bind_blob(handle, index, $0.baseAddress, Int64($0.count)) }
      case .integer(nil), .text(nil), .blob(nil): sqlite3_bind_null(handle, index)
      }
    try check(code)
  }

  func bind(keeping text: UnsafeRawBufferPointer, at index: Int) throws(StoreError) {
    try check(csqlite_bind_kept_text(handle, Int32(index), text.baseAddress, Int64(text.count)))
  }

  func step() throws(StoreError) -> Bool {
    let code = sqlite3_step(handle)
    switch code {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default: throw failure(code, operation: "run \(name)")
    }
  }

  var changedRows: Int { Int(sqlite3_changes64(database)) }

  var isBusy: Bool { sqlite3_stmt_busy(handle) != 0 }

  /// Steps of SQLite's virtual machine it took since it was prepared: what a query costs, on every machine the same
  /// (https://sqlite.org/c3ref/c_stmtstatus_counter.html).
  var machineSteps: Int { Int(sqlite3_stmt_status(handle, SQLITE_STMTSTATUS_VM_STEP, 0)) }

  func rewind() {
    // The code repeats the error of the last step, which was thrown there.
    _ = sqlite3_reset(handle)
  }

  func reset() {
    // The code repeats the error of the last step, which was thrown there.
    _ = sqlite3_reset(handle)
    sqlite3_clear_bindings(handle)
  }

  func int(_ column: Int) -> Int { Int(sqlite3_column_int64(handle, Int32(column))) }

  func bytes(_ column: Int) -> UnsafeRawBufferPointer {
    let start = sqlite3_column_blob(handle, Int32(column))
    return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, Int32(column))))
  }

  func isNull(_ column: Int) -> Bool { sqlite3_column_type(handle, Int32(column)) == SQLITE_NULL }

  private func check(_ code: Int32) throws(StoreError) {
    guard code == SQLITE_OK else { throw failure(code, operation: "bind to \(name)") }
  }

  private func failure(_ code: Int32, operation: String) -> StoreError {
    StoreError(SQLiteFailure(code, on: database, operation: operation), path: path)
  }
}

extension Connection {
  /// Opens an SQLite file, or a temporary database.
  convenience init(path: String, mode: SQLiteConnection.Mode, busyTimeout: Duration) throws(StoreError) {
    self.init(try SQLiteConnection(path: path, mode: mode, busyTimeout: busyTimeout))
  }

  /// The SQLite connection beneath; `nil` for another engine.
  var sqlite: SQLiteConnection? { engine as? SQLiteConnection }

  /// Makes every commit durable before it returns: see ``SQLiteConnection/enableDurableLog()``.
  func enableDurableLog() throws(StoreError) { try sqlite?.enableDurableLog() }

  /// Steps of SQLite's virtual machine that the statements took so far.
  var machineSteps: Int { keptCursors.reduce(0) { $0 + (($1 as? SQLiteCursor)?.machineSteps ?? 0) } }
}

extension Database {
  /// Opens a database on an SQLite file, or a temporary one; `prepare` runs on its queue before anything else does.
  static func open(
    path: String, mode: SQLiteConnection.Mode, locks: LockFile, busyTimeout: Duration = Database.busyTimeout,
    queue: any StoreQueue = DispatchQueue(label: "orchestrate.database"),
    prepare: @escaping @Sendable (Connection) throws -> Void
  ) async throws -> Database {
    try await open(log: WriteAheadLog(locks: locks), queue: queue) {
      let connection = try Connection(path: path, mode: mode, busyTimeout: busyTimeout)
      try prepare(connection)
      return connection
    }
  }
}

extension Duration {
  fileprivate var millisecondsForSQLite: Int64 {
    components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
  }
}
