import BatchDomain
import StoreCore

/// The write-ahead log of a database: when it is moved into the database, and the lock that keeps that apart from commits.
struct WriteAheadLog: CommitLog {
  /// Bytes the log may have before a checkpoint is tried.
  static let limit = 16 << 20
  /// The same while changes need not be durable: a checkpoint is then the only thing that waits for the device, and a
  /// short one does not hold up a writer that is some changes ahead.
  static let limitInPlanning = 4 << 20
  /// The same once the disk was full: the log is what grows most, and its room is used again only after a checkpoint.
  static let limitShortOfSpace = 1 << 20

  /// The locks beside the database.
  let locks: LockFile

  func lockForCommit() throws(StoreError) {
    try locks.waitForLock(LockFile.checkpointByte, exclusive: false, timeout: Database.busyTimeout)
  }

  func unlockAfterCommit() { locks.unlock(LockFile.checkpointByte) }

  func isLong(_ connection: Connection, isDurable: Bool, isShortOfSpace: Bool) -> Bool {
    let limit =
      isShortOfSpace ? Self.limitShortOfSpace : isDurable ? Self.limit : Self.limitInPlanning
    return connection.sqlite.map { $0.logBytes >= limit } ?? false
  }

  func checkpoint(_ connection: Connection, truncating: Bool) throws(StoreError) {
    guard try locks.lock(LockFile.checkpointByte, exclusive: true) else { return }
    defer { locks.unlock(LockFile.checkpointByte) }
    try connection.sqlite?.checkpoint(truncating: truncating)
  }
}
