import BatchDomain
import CSQLite

/// A prepared statement: bound, stepped and reset by its ``Connection``.
final class Statement {
  private let handle: OpaquePointer
  private let database: OpaquePointer
  private let name: String
  /// Whether somebody has it: handed out by ``Connection/prepare(_:)`` and not reset yet.
  var isInUse = false
  /// Whether a step failed since it was prepared.
  private(set) var hasFailed = false

  init(handle: OpaquePointer, database: OpaquePointer, name: String) {
    self.handle = handle
    self.database = database
    self.name = name
  }

  deinit { sqlite3_finalize(handle) }

  /// Binds values to the parameters from the first on.
  func bind(_ values: [SQLValue]) throws(SQLiteFailure) {
    var index: Int32 = 1
    for value in values {
      let code =
        switch value {
        case .null: sqlite3_bind_null(handle, index)
        case .integer(let integer): sqlite3_bind_int64(handle, index, integer)
        case .text(var text):
          text.withUTF8 { csqlite_bind_text(handle, index, $0.baseAddress, Int64($0.count)) }
        case .blob(let bytes):
          bytes.withUnsafeBytes { csqlite_bind_blob(handle, index, $0.baseAddress, Int64($0.count)) }
        }
      try check(code)
      index += 1
    }
  }

  /// Binds an integer to one parameter, from 1.
  func bind(_ value: Int64, at index: Int32) throws(SQLiteFailure) {
    try check(sqlite3_bind_int64(handle, index, value))
  }

  /// Binds a copy of some bytes, or NULL, to one parameter, from 1.
  func bind(_ value: [UInt8]?, at index: Int32) throws(SQLiteFailure) {
    guard let value else { return try check(sqlite3_bind_null(handle, index)) }
    try check(value.withUnsafeBytes { csqlite_bind_blob(handle, index, $0.baseAddress, Int64($0.count)) })
  }

  /// Binds UTF-8 text to one parameter, from 1, without copying it: it has to stay where it is until ``rewind()``.
  func bind(keeping text: UnsafeRawBufferPointer, at index: Int32) throws(SQLiteFailure) {
    try check(csqlite_bind_kept_text(handle, index, text.baseAddress, Int64(text.count)))
  }

  /// Goes to the next row.
  ///
  /// - Returns: whether there is one.
  func step() throws(SQLiteFailure) -> Bool {
    let code = sqlite3_step(handle)
    switch code {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default:
      hasFailed = true
      throw SQLiteFailure(
        code: code, message: String(cString: sqlite3_errmsg(database)), operation: "run \(name)")
    }
  }

  /// Whether it was stepped and neither came to its end nor was reset: it holds a transaction open.
  var isBusy: Bool { sqlite3_stmt_busy(handle) != 0 }

  /// Steps of SQLite's virtual machine it took since it was prepared: what a query costs, on every machine the same
  /// (https://sqlite.org/c3ref/c_stmtstatus_counter.html).
  var machineSteps: Int { Int(sqlite3_stmt_status(handle, SQLITE_STMTSTATUS_VM_STEP, 0)) }

  /// Makes it ready to be stepped again with new values for all of its parameters.
  func rewind() {
    // The code repeats the error of the last step, which was thrown there.
    _ = sqlite3_reset(handle)
  }

  /// Makes it ready for the next use and lets go of its read transaction.
  func reset() {
    // The code repeats the error of the last step, which was thrown there.
    _ = sqlite3_reset(handle)
    sqlite3_clear_bindings(handle)
    isInUse = false
  }

  /// An integer column, from 0; NULL reads as 0.
  func int(_ column: Int32) -> Int { Int(sqlite3_column_int64(handle, column)) }

  /// An integer column, from 0.
  func optionalInt(_ column: Int32) -> Int? { isNull(column) ? nil : int(column) }

  /// A column of 0 and 1, from 0.
  func flag(_ column: Int32) -> Bool { int(column) != 0 }

  /// A text column, from 0; NULL reads as the empty text.
  func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }

  /// A text column, from 0.
  func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }

  /// The bytes of a text or blob column, from 0, valid until the next step or reset.
  func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
    let start = sqlite3_column_blob(handle, column)
    return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column)))
  }

  /// Whether a column, from 0, is NULL.
  func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

  private func check(_ code: Int32) throws(SQLiteFailure) {
    guard code == SQLITE_OK else {
      throw SQLiteFailure(
        code: code, message: String(cString: sqlite3_errmsg(database)), operation: "bind to \(name)")
    }
  }
}

/// A value bound to a statement's parameter.
enum SQLValue: Sendable {
  case null
  case integer(Int64)
  case text(String)
  case blob([UInt8])

  static func integer(_ value: Int) -> SQLValue { .integer(Int64(value)) }
  static func integer(_ value: Int?) -> SQLValue { value.map { .integer(Int64($0)) } ?? .null }
  static func integer(_ value: Int64?) -> SQLValue { value.map { .integer($0) } ?? .null }
  static func text(_ value: String?) -> SQLValue { value.map { .text($0) } ?? .null }
  static func blob(_ value: [UInt8]?) -> SQLValue { value.map { .blob($0) } ?? .null }
  static func flag(_ value: Bool) -> SQLValue { .integer(value ? 1 : 0) }
}

/// A result code other than "done", with what SQLite says about it.
struct SQLiteFailure: Error {
  /// Extended result code, as https://sqlite.org/rescode.html lists them.
  let code: Int32
  /// SQLite's own message; it names no bound value.
  let message: String
  /// What was being done, as a fragment that completes "failed to ...".
  let operation: String

  /// SQLITE_IOERR_GETTEMPPATH (https://sqlite.org/rescode.html#ioerr_gettemppath), a macro that Swift does not see.
  static let noTemporaryFolder = SQLITE_IOERR | 25 << 8

  /// Primary result code.
  var primaryCode: Int32 { code & 0xff }
}

extension StoreError {
  /// Puts a failure into the words of the store port.
  init(_ failure: SQLiteFailure, path: String) {
    guard failure.primaryCode != SQLITE_NOTADB else {
      self.init(
        .damaged, "\(path) is not a SQLite database, or its beginning is damaged",
        remedy: "name the database with --db; if this is it, restore it from a backup",
        engineCode: failure.code)
      return
    }
    guard failure.code != SQLiteFailure.noTemporaryFolder else {
      self.init(
        .unavailable,
        "no folder for temporary files can be written: neither $TMPDIR nor /var/tmp, /usr/tmp or /tmp",
        remedy: "set TMPDIR to a folder that this user may write", engineCode: failure.code)
      return
    }
    let found = "failed to \(failure.operation) in \(path): \(failure.message)"
    let (code, remedy): (Code, Remedy?) =
      switch failure.primaryCode {
      // SQLITE_PROTOCOL is a write-ahead log whose locks were contended for about ten seconds
      // (https://sqlite.org/rescode.html#protocol): trying again later may work.
      case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL:
        (.locked, "another program holds the database; end it and run the same command again")
      case SQLITE_FULL:
        (.full, "free space on that file system, then resume the run")
      case SQLITE_CORRUPT:
        (.damaged, "restore the database from a backup, or name another one with --db")
      case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_READONLY, SQLITE_AUTH:
        (.unavailable, "check that the folder exists and that this user may write there, or use --db")
      case SQLITE_CONSTRAINT:
        (.internal, nil)
      case SQLITE_IOERR, SQLITE_NOMEM:
        (.inputOutput, "check the device and its file system, then resume the run")
      default:
        (.damaged, "the database is not one that this program made; name another one with --db")
      }
    self.init(code, found, remedy: remedy, engineCode: failure.code)
  }
}

/// The text of a statement as a key: told apart by all of it, hashed by its length alone, since the texts are long, few,
/// and looked up all the time.
struct StatementText: Hashable {
  private let sql: String

  /// The key of a text.
  init(_ sql: String) { self.sql = sql }

  func hash(into hasher: inout Hasher) { hasher.combine(sql.utf8.count) }
}
