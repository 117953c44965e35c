import BatchDomain
import Foundation

/// Opens a database for reports where SQLite alone cannot: a reader of a write-ahead log makes the files of the log when
/// they are missing, and on a read-only mount, or in the folder of another user, it may not.
///
/// Nobody has such a database open: whoever has makes the log and its index first. So it can be read as one that does not
/// change (https://sqlite.org/wal.html, "Read-Only Databases").
enum ReadingPlace {
  /// Opens the database; `prepare` runs on its queue before anything else does.
  ///
  /// - Throws: ``StoreError``; of a file that this user may not read, with its name.
  static func open(
    path: String, locks: LockFile, busyTimeout: Duration = Database.busyTimeout,
    prepare: @escaping @Sendable (Connection) throws -> Void
  ) async throws -> Database {
    // SQLite opens the files with the first statement that reads.
    let prepare: @Sendable (Connection) throws -> Void = { connection in
      _ = try connection.first("SELECT count(*) FROM sqlite_schema") { $0.int(0) }
      try prepare(connection)
    }
    do {
      return try await Database.open(
        path: path, mode: .readOnly, locks: locks, busyTimeout: busyTimeout, prepare: prepare)
    } catch let error as StoreError where error.code == .unavailable {
      guard let mode = modeWithoutIndex(path) else { throw unreadable(path) ?? error }
      return try await Database.open(
        path: path, mode: mode, locks: locks, busyTimeout: busyTimeout, prepare: prepare)
    }
  }

  /// How a database can be read beside which no index of a log can be made; `nil` where one is in use.
  private static func modeWithoutIndex(_ path: String) -> Connection.Mode? {
    guard access(path, R_OK) == 0 else { return nil }
    let hasIndex = access(path + "-shm", F_OK) == 0
    var facts = stat()
    guard stat(path + "-wal", &facts) == 0 else { return .unchanging }
    guard !hasIndex else { return nil }
    return facts.st_size == 0 ? .unchanging : .unchangingWithLog
  }

  private static func unreadable(_ path: String) -> StoreError? {
    for file in ["", "-wal", "-shm"].map({ path + $0 }) {
      guard access(file, F_OK) == 0, access(file, R_OK) != 0 else { continue }
      return StoreError(
        .unavailable, "failed to read \(file): \(String(cString: strerror(errno)))",
        remedy: "run the command as a user who may read it, or name another database with --db")
    }
    return nil
  }
}
