import BatchDomain
import CSQLite

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
