import BatchDomain
import CSQLite
import Foundation

/// A result code other than "done", with what SQLite says about it.
struct SQLiteFailure: Error {
  /// Extended result code, as https://sqlite.org/rescode.html lists them.
  let code: Int32
  /// SQLite's own message; it names no bound value.
  let message: String
  /// What was being done, as a fragment that completes "failed to ...".
  let operation: String
  /// `errno` of the system call that failed; 0 where none did.
  var systemError: Int32 = 0

  /// The failure of the last call on a connection; what was being done completes "failed to ...".
  init(_ code: Int32, on connection: OpaquePointer?, operation: String) {
    self.init(
      code: code, message: String(cString: sqlite3_errmsg(connection)), operation: operation,
      systemError: connection.map { sqlite3_system_errno($0) } ?? 0)
  }

  /// A failure in its parts.
  init(code: Int32, message: String, operation: String, systemError: Int32 = 0) {
    self.code = code
    self.message = message
    self.operation = operation
    self.systemError = systemError
  }

  /// SQLITE_IOERR_GETTEMPPATH (https://sqlite.org/rescode.html#ioerr_gettemppath), a macro that Swift does not see.
  static let noTemporaryFolder = SQLITE_IOERR | 25 << 8

  /// SQLITE_IOERR_SHMOPEN and SQLITE_IOERR_SHMSIZE (https://sqlite.org/rescode.html#ioerr_shmsize): the index of the log
  /// cannot be made.
  static let noLogIndex: Set<Int32> = [SQLITE_IOERR | 18 << 8, SQLITE_IOERR | 19 << 8]

  /// Primary result code.
  var primaryCode: Int32 { code & 0xff }

  /// The code that it stands for: SQLite tells a full file system as SQLITE_FULL only where it writes pages.
  ///
  /// - Parameter hasSpace: whether the file system of the database has any space left.
  func meaning(hasSpace: () -> Bool) -> Int32 {
    guard primaryCode == SQLITE_IOERR || primaryCode == SQLITE_CANTOPEN else { return primaryCode }
    if systemError == ENOSPC || systemError == EDQUOT { return SQLITE_FULL }
    // What the system said may be lost by then.
    return Self.noLogIndex.contains(code) && !hasSpace() ? SQLITE_FULL : primaryCode
  }
}

extension StoreError {
  /// Puts a failure into the words of the store port.
  init(_ failure: SQLiteFailure, path: String) {
    self.init(failure, path: path, hasSpace: { StoreError.hasSpace(beside: path) })
  }

  /// Puts a failure to write a copy into words: no run has to do with it.
  init(_ failure: SQLiteFailure, copy: String, of path: String) {
    let found = "failed to copy \(path) to \(copy): \(failure.message)"
    let (code, remedy): (Code, Remedy) =
      switch failure.meaning(hasSpace: { StoreError.hasSpace(beside: copy) }) {
      case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL:
        (.locked, "another program holds the database; end it and run the same command again")
      case SQLITE_FULL: (.full, "free space on the file system of the copy, then run the same command again")
      case SQLITE_CORRUPT, SQLITE_NOTADB: (.damaged, "run `orchestrate doctor` on the database")
      case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_READONLY, SQLITE_AUTH:
        (.unavailable, "check that this user may write in the folder of the copy")
      default: (.inputOutput, "check the devices and their file systems, then run the same command again")
      }
    self.init(code, found, remedy: remedy, engineCode: failure.code)
  }

  private static func hasSpace(beside path: String) -> Bool {
    var facts = statvfs()
    guard statvfs(PathNames.folder(of: path), &facts) == 0 else { return true }
    return facts.f_bavail > 0 && (facts.f_favail > 0 || facts.f_files == 0)
  }

  /// Puts a failure into the words of the store port.
  ///
  /// - Parameter hasSpace: whether the file system of the database has any space left.
  init(_ failure: SQLiteFailure, path: String, hasSpace: () -> Bool) {
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
    let meaning = failure.meaning(hasSpace: hasSpace)
    let space = meaning == failure.primaryCode || meaning != SQLITE_FULL ? "" : " (no space is left)"
    let found = "failed to \(failure.operation) in \(path): \(failure.message)\(space)"
    let (code, remedy): (Code, Remedy?) =
      switch meaning {
      // SQLITE_PROTOCOL is a write-ahead log whose locks were contended for about ten seconds
      // (https://sqlite.org/rescode.html#protocol): trying again later may work.
      case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL:
        (.locked, "another program holds the database; end it and run the same command again")
      case SQLITE_FULL:
        (.full, "free space on that file system; then resume the run, or run the same command again")
      case SQLITE_CORRUPT:
        (.damaged, "restore the database from a backup, or name another one with --db")
      case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_READONLY, SQLITE_AUTH:
        (.unavailable, "check that the folder exists and that this user may write there, or use --db")
      case SQLITE_CONSTRAINT:
        (.internal, nil)
      case SQLITE_IOERR, SQLITE_NOMEM:
        (
          .inputOutput,
          "check the device and its file system; then resume the run, or run the same command again"
        )
      default:
        (.damaged, "the database is not one that this program made; name another one with --db")
      }
    self.init(code, found, remedy: remedy, engineCode: failure.code)
  }
}
