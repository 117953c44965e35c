import BatchDomain
import CSQLite
import Foundation
import StoreCore

/// Where a copy of a database is put: what is there, and whether that may be replaced.
///
/// Replaced are files that are no databases, and copies with which nobody worked: a copy is made with its mark and without a
/// write-ahead log, and the first process that opens it for work switches the log on, before it changes anything.
package struct CopyPlace {
  /// What a copy does not replace.
  package enum Obstacle: Equatable {
    /// A database, or a copy that was opened for work: it may have records that are nowhere else.
    case database
    /// A log or a journal with changes in it: SQLite would make them in the copy.
    case log(String)
  }

  private let path: String

  /// A place, at the end of all links.
  package init(_ path: String) { self.path = path }

  /// What is in the way; `nil` when nothing is. Nothing is changed.
  ///
  /// - Throws: ``StoreError`` for a file that cannot be read.
  package func obstacle() throws -> Obstacle? {
    guard try Self.isDatabase(path) else { return log.map(Obstacle.log) }
    // A journal would have to be rolled back before SQLite reads anything.
    guard log == nil else { return .database }
    let connection = try Connection(path: path, mode: .readOnly, busyTimeout: Database.busyTimeout)
    return try isUntouched(connection) ? nil : .database
  }

  /// Removes what SQLite would take for files of the copy, and lets the copy take its place.
  ///
  /// An earlier copy is locked meanwhile against whoever would switch its log on: SQLite does that within a transaction. One
  /// that opened the earlier copy before, and only read so far, cannot change it any more: SQLite does not write to a
  /// file without a log that is not at its path (SQLITE_READONLY_DBMOVED, https://sqlite.org/rescode.html#readonly_dbmoved).
  /// What is removed is empty: a process that dies between the two steps has lost nothing.
  ///
  /// - Parameter move: renames the copy.
  /// - Returns: what is in the way; the copy was then not moved.
  /// - Throws: ``StoreError``, and what `move` throws.
  package func fill(_ move: () throws -> Void) throws -> Obstacle? {
    guard try Self.isDatabase(path) else {
      if let log { return .log(log) }
      try removeEmptyLogs()
      try move()
      return nil
    }
    guard log == nil else { return .database }
    let canLock = access(path, W_OK) == 0
    let connection = try Connection(
      path: path, mode: canLock ? .readWrite : .readOnly, busyTimeout: Database.busyTimeout)
    // Readers stay: they go on with the file that was replaced.
    try connection.execute(canLock ? "BEGIN IMMEDIATE" : "BEGIN")
    guard try isUntouched(connection), log == nil else { return .database }
    try removeEmptyLogs()
    try move()
    try connection.execute("ROLLBACK")
    return nil
  }

  /// Whether a file is an SQLite database; one that is empty or not there is none.
  ///
  /// - Throws: ``StoreError`` for one that this user may not read.
  package static func isDatabase(_ path: String) throws -> Bool {
    var facts = stat()
    guard stat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_size > 0 else { return false }
    guard access(path, R_OK) == 0 else {
      throw StoreError(
        .unavailable, "failed to read \(path), which may be a database: \(String(cString: strerror(errno)))",
        remedy: "name another file")
    }
    do {
      // Without locks and without files beside it, whatever the file is.
      let connection = try Connection(path: path, mode: .unchanging, busyTimeout: .zero)
      _ = try connection.first("PRAGMA application_id") { $0.int(0) }
      return true
    } catch let error as StoreError where error.engineCode.map({ $0 & 0xff }) == SQLITE_NOTADB {
      return false
    }
  }

  private func isUntouched(_ connection: Connection) throws -> Bool {
    let program = try connection.first("PRAGMA application_id") { $0.int(0) }
    let mark = try connection.first("PRAGMA user_version") { $0.int(0) } ?? 0
    let journal = try connection.first("PRAGMA journal_mode") { $0.text(0) }
    guard program == Migrator.applicationID, CopyMark(number: mark) != nil else { return false }
    // Copies of versions before 1.0 have a log from the start. Who works with a database makes its lock file first.
    return journal != "wal" || access(path + ".lock", F_OK) != 0
  }

  /// The first file beside the place that has changes of a database in it.
  private var log: String? {
    [path + "-wal", path + "-journal"].first { file in
      var facts = stat()
      return stat(file, &facts) == 0 && facts.st_size > 0
    }
  }

  private func removeEmptyLogs() throws(StoreError) {
    for file in ["-wal", "-shm", "-journal"].map({ path + $0 }) where unlink(file) != 0 && errno != ENOENT {
      throw StoreError(
        .unavailable,
        "failed to remove \(file), left of another database: \(String(cString: strerror(errno)))",
        remedy: "remove it, or name another file")
    }
  }
}
