import BatchDomain
import CSQLite
import Foundation
import NIOConcurrencyHelpers

/// The file beside the database on which processes hold byte locks; never unlinked, its content is empty.
///
/// Open-file-description locks end when their process does, however it dies: that is what makes a take-over
/// immediate. Byte 0 keeps checkpoints apart from commits, byte 1 migrations, byte 2 is for a look whether locks work,
/// byte 3 is held while a run is being taken, byte 4 while the index of known items is written, and each run has the byte
/// `4096 + run.id`.
final class LockFile: Sendable {
  /// Byte that commits share and checkpoints take for themselves.
  static let checkpointByte: Int64 = 0
  /// Byte that a migration takes for itself.
  static let migrationByte: Int64 = 1
  /// Byte that a process that takes a run shares with others who do, from before the run's lock is taken until the run has its
  /// new owner.
  static let takingByte: Int64 = 3
  /// Byte that the process that writes the index of known items takes for itself.
  static let knownItemsByte: Int64 = 4
  /// First byte of the runs.
  static let firstRunByte: Int64 = 4_096

  private let opened: NIOLockedValueBox<Int32?>
  /// Whether nobody else can see the database, so that there is nothing to lock.
  private let isAlone: Bool
  /// Runs this object owns: a lock never conflicts with another of the same open file.
  private let ownedRuns = NIOLockedValueBox<Set<Int64>>([])
  /// Runs that are being taken by this object.
  private let taking = NIOLockedValueBox(0)
  private let path: String

  /// The lock file of a database.
  ///
  /// - Parameter isMade: whether the file is made when it is not there. A process that only reads makes none; nobody owns a run
  ///   of a database without one.
  /// - Throws: ``StoreError`` when the file is there and cannot be opened, or cannot be made.
  init(besideDatabase databasePath: String, isMade: Bool = true) throws(StoreError) {
    path = databasePath + ".lock"
    opened = NIOLockedValueBox(try Self.open(path, isMade: isMade))
    isAlone = false
  }

  /// The locks of a database that nobody else can see: all of them are free.
  init() {
    path = ""
    opened = NIOLockedValueBox(nil)
    isAlone = true
  }

  /// Makes the file when it is not there.
  func make() throws(StoreError) { _ = try descriptor(isMade: true) }

  /// Opens a file; `nil` when there is none and none is to be made.
  private static func open(_ path: String, isMade: Bool) throws(StoreError) -> Int32? {
    var descriptor = Foundation.open(path, O_RDWR | O_CLOEXEC | (isMade ? O_CREAT : 0), 0o600)
    // A reader on a read-only file system can still ask who holds what.
    if descriptor < 0 { descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC) }
    guard descriptor < 0 else { return descriptor }
    if !isMade, errno == ENOENT { return nil }
    // Of a file that is there its folder is not to blame.
    let isForeign = errno == EACCES && !isMade
    throw StoreError(
      .unavailable, "failed to open the lock file \(path): \(String(cString: strerror(errno)))",
      remedy: isForeign
        ? "run the command as a user who may read it, or name another database with --db"
        : "check that the folder exists and that this user may write there, or use --db")
  }

  /// The open file; looked for again as long as there is none, since another process may make it.
  private func descriptor(isMade: Bool) throws(StoreError) -> Int32? {
    if let descriptor = opened.withLockedValue({ $0 }) { return descriptor }
    guard let found = try Self.open(path, isMade: isMade) else { return nil }
    let kept = opened.withLockedValue { opened in
      if opened == nil { opened = found }
      return opened
    }
    if kept != found { close(found) }
    return kept
  }

  deinit {
    if let descriptor = opened.withLockedValue({ $0 }) { close(descriptor) }
  }

  /// Takes the lock of a run, which is held until ``releaseRun(_:)`` or the end of this object.
  ///
  /// - Returns: whether it was free.
  func lockRun(_ run: Int64) throws(StoreError) -> Bool {
    guard ownedRuns.withLockedValue({ $0.insert(run).inserted }) else { return false }
    do throws(StoreError) {
      if try lock(Self.firstRunByte + run, exclusive: true) { return true }
    } catch {
      ownedRuns.withLockedValue { _ = $0.remove(run) }
      throw error
    }
    ownedRuns.withLockedValue { _ = $0.remove(run) }
    return false
  }

  /// Gives the lock of a run back.
  func releaseRun(_ run: Int64) {
    guard ownedRuns.withLockedValue({ $0.remove(run) }) != nil else { return }
    unlock(Self.firstRunByte + run)
  }

  /// Takes a run or does something in its place, with ``takingByte`` held meanwhile.
  ///
  /// Does not wait for others who take runs; for a process that asks ``isAnyRunBeingTaken()``, a moment.
  func whileTaking<T>(_ body: () async throws -> T) async throws -> T {
    while true {
      // Counted and locked as one, so that who is last does not unlock what the next one counts on.
      let isHeld = try taking.withLockedValue { count in
        guard try count > 0 || lock(Self.takingByte, exclusive: false) else { return false }
        count += 1
        return true
      }
      if isHeld { break }
      try await Task.sleep(for: Self.takingPoll)
    }
    defer {
      taking.withLockedValue { count in
        count -= 1
        if count == 0 { unlock(Self.takingByte) }
      }
    }
    return try await body()
  }

  /// How long to wait before it is looked again whether a run is being taken.
  static let takingPoll: Duration = .milliseconds(2)

  /// Whether a run is being taken now, by this process or another: who owns it may not have its row yet.
  func isAnyRunBeingTaken() throws(StoreError) -> Bool {
    let found: Result<Bool, StoreError> = taking.withLockedValue { count in
      guard count == 0 else { return .success(true) }
      do throws(StoreError) {
        guard try lock(Self.takingByte, exclusive: true) else { return .success(true) }
        unlock(Self.takingByte)
        return .success(false)
      } catch {
        return .failure(error)
      }
    }
    return try found.get()
  }

  /// Whether a live process owns a run, this one included.
  func isRunOwned(_ run: Int64) throws(StoreError) -> Bool {
    if ownedRuns.withLockedValue({ $0.contains(run) }) { return true }
    return try isRunOwnedElsewhere(run)
  }

  /// Whether a live process owns any other run, this process included.
  func isAnyRunOwned(besides run: Int64) throws(StoreError) -> Bool {
    if ownedRuns.withLockedValue({ $0.contains { $0 != run } }) { return true }
    return try firstRunOwnedElsewhere() != nil
  }

  /// Whether another open file, usually another process, holds the lock of a run. Takes no lock itself.
  func isRunOwnedElsewhere(_ run: Int64) throws(StoreError) -> Bool {
    try findLock(from: Self.firstRunByte + run, length: 1) != nil
  }

  /// The first run owned by another open file; `nil` when none is.
  func firstRunOwnedElsewhere() throws(StoreError) -> Int64? {
    try findLock(from: Self.firstRunByte, length: 0).map { $0 - Self.firstRunByte }
  }

  /// Takes a lock, asking again every few milliseconds until `timeout` is over.
  ///
  /// Blocks the calling thread, which has to be the database's own.
  func waitForLock(_ byte: Int64, exclusive: Bool, timeout: Duration) throws(StoreError) {
    let deadline = ContinuousClock.now + timeout
    while try !lock(byte, exclusive: exclusive) {
      guard ContinuousClock.now < deadline else {
        throw StoreError(
          .locked, "another program held \(path) for longer than \(timeout)",
          remedy: "end it and run the same command again")
      }
      usleep(2_000)
    }
  }

  /// Takes a lock when it is free.
  func lock(_ byte: Int64, exclusive: Bool) throws(StoreError) -> Bool {
    if isAlone { return true }
    guard let descriptor = try descriptor(isMade: true) else { throw Self.failure(ENOENT, path) }
    let code = csqlite_lock(descriptor, byte, exclusive ? 1 : 0)
    switch code {
    case 0: return true
    case EAGAIN: return false
    default: throw Self.failure(code, path)
    }
  }

  /// Gives a lock back.
  func unlock(_ byte: Int64) {
    // Without an open file there is no lock.
    if let descriptor = opened.withLockedValue({ $0 }) { _ = csqlite_unlock(descriptor, byte) }
  }

  private func findLock(from byte: Int64, length: Int64) throws(StoreError) -> Int64? {
    guard !isAlone, let descriptor = try descriptor(isMade: false) else { return nil }
    var held: Int64 = 0
    let found = csqlite_find_lock(descriptor, byte, length, &held)
    guard found >= 0 else { throw Self.failure(-found, path) }
    return found == 1 ? held : nil
  }

  /// What a lock that the system refuses comes to.
  static func failure(_ code: Int32, _ path: String) -> StoreError {
    // An exclusive lock needs a file that is open for writing (fcntl(2), EBADF).
    guard code != EBADF else {
      return StoreError(
        .unavailable, "failed to lock \(path): this user may read it and not write it",
        remedy: "run the command as a user who may write the database and its lock file")
    }
    return StoreError(
      .unavailable, "failed to lock \(path): \(String(cString: strerror(code)))",
      remedy: "keep the database on a file system that supports byte locks, such as a local disk")
  }
}
