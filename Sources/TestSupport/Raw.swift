import CSQLite

/// SQL directly on a file, as another program would run it: to read what is stored, and to damage it.
package enum Raw {
  /// What SQLite said.
  package struct Failure: Error {
    /// Its message.
    package let message: String
  }

  /// Runs any number of statements.
  package static func execute(_ sql: String, in path: String) throws {
    var database: OpaquePointer?
    defer { sqlite3_close_v2(database) }
    guard sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nil) == SQLITE_OK,
      csqlite_set_no_checkpoint_on_close(database, 1) == SQLITE_OK,
      sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK
    else { throw Failure(message: String(cString: sqlite3_errmsg(database))) }
  }

  /// The first column of every row, as text.
  package static func query(_ sql: String, in path: String) throws -> [String] {
    var database: OpaquePointer?
    defer { sqlite3_close_v2(database) }
    guard sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nil) == SQLITE_OK
    else {
      throw Failure(message: String(cString: sqlite3_errmsg(database)))
    }
    _ = csqlite_set_no_checkpoint_on_close(database, 1)
    var statement: OpaquePointer?
    guard sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK else {
      throw Failure(message: String(cString: sqlite3_errmsg(database)))
    }
    defer { sqlite3_finalize(statement) }
    var rows: [String] = []
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_ROW: rows.append(sqlite3_column_text(statement, 0).map { String(cString: $0) } ?? "NULL")
      case SQLITE_DONE: return rows
      default: throw Failure(message: String(cString: sqlite3_errmsg(database)))
      }
    }
  }
}
