import CSQLite

/// A connection as SQLite's shell has one, over the VFS that gathers writes.
final class PlainConnection {
  struct Failure: Error {
    let code: Int32
    let message: String
  }

  private var handle: OpaquePointer?

  /// Opens a database with a page cache so small that a transaction of some pages spills.
  init(_ path: String) throws {
    guard csqlite_register_gathering() == SQLITE_OK else {
      throw Failure(code: SQLITE_ERROR, message: "no VFS")
    }
    let code = sqlite3_open_v2(
      path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, CSQLITE_GATHERING_VFS
    )
    guard code == SQLITE_OK else { throw failure(code) }
    _ = csqlite_set_no_checkpoint_on_close(handle, 1)
    try run(
      "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = 8; PRAGMA synchronous = NORMAL"
    )
  }

  deinit { sqlite3_close_v2(handle) }

  var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  func run(_ sql: String) throws {
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw failure(code) }
  }

  /// The first column of every row.
  func rows(_ sql: String) throws -> [String] {
    var statement: OpaquePointer?
    let code = sqlite3_prepare_v2(handle, sql, -1, &statement, nil)
    guard code == SQLITE_OK else { throw failure(code) }
    defer { sqlite3_finalize(statement) }
    var rows: [String] = []
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_ROW: rows.append(sqlite3_column_text(statement, 0).map { String(cString: $0) } ?? "NULL")
      case SQLITE_DONE: return rows
      case let code: throw failure(code)
      }
    }
  }

  /// Moves the log into the database, as far as readers permit.
  ///
  /// - Returns: SQLite's result code.
  func checkpoint() -> Int32 {
    sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
  }

  private func failure(_ code: Int32) -> Failure {
    Failure(code: code, message: String(cString: sqlite3_errmsg(handle)))
  }
}
