package import BatchDomain
import CSQLite
import Foundation
import Migrations
import StoreCore

/// Looks whether a store can be worked with. Makes no database and changes none; the lock file beside one of this program
/// is made when it is missing.
package struct StoreDiagnostics: Sendable {
  private let path: String
  private let now: Timestamp
  private let busyTimeout: Duration

  /// A look at the store of that path.
  ///
  /// - Parameter now: the moment that waits are counted from.
  package init(path: String, now: Timestamp) {
    self.init(path: path, now: now, busyTimeout: Database.busyTimeout)
  }

  init(path: String, now: Timestamp, busyTimeout: Duration) {
    self.path = path
    self.now = now
    self.busyTimeout = busyTimeout
  }

  /// Everything about the store, in the order of the subjects.
  package func checks() async -> [HealthCheck] {
    do {
      if let resolved = try StorePath.existing(path) { return await checksOfExisting(resolved) }
      return checksOfMissing()
    } catch {
      return [Self.problem(.database, error)] + Self.skipped([.schema, .integrity, .locks, .space, .waits])
        + [EngineVersion.current.check]
    }
  }

  private func checksOfMissing() -> [HealthCheck] {
    let folder = Self.nearestFolder(to: path)
    var checks = [
      Self.accessProblem(folder, W_OK | X_OK)
        ?? HealthCheck(.database, .ok, "there is none yet; it will be made at \(path)")
    ]
    checks += [.schema, .integrity, .locks].map {
      HealthCheck($0, .skipped, "there is no database yet")
    }
    return checks + [
      space(DiskSpaceEstimate(), in: folder), HealthCheck(.waits, .skipped, "there is no database yet"),
      EngineVersion.current.check,
    ]
  }

  private func checksOfExisting(_ resolved: String) async -> [HealthCheck] {
    let folder = PathNames.folder(of: resolved)
    let found = await content(of: resolved)
    var checks = [
      Self.namesProblem(resolved) ?? Self.accessProblem(resolved, R_OK | W_OK)
        ?? Self.accessProblem(folder, W_OK | X_OK)
        ?? HealthCheck(.database, .ok, "\(resolved) can be read and written")
    ]
    // Who may not write the database may not lock it either, whatever its file system can do.
    let isWritable = checks.allSatisfy { $0.status == .ok }
    checks += found.checks
    checks +=
      !found.isOurs
      ? Self.skipped([.locks])
      : [
        isWritable
          ? Self.locks(beside: resolved) : HealthCheck(.locks, .skipped, "the database cannot be changed")
      ]
    checks.append(space(found.need, in: folder))
    checks += found.waits.map { [$0.check(at: now)] } ?? Self.skipped([.waits])
    return checks + [EngineVersion.current.check]
  }

  private struct Content: Sendable {
    var checks: [HealthCheck]
    var need: DiskSpaceEstimate?
    var waits: StandingWaits?
    var isOurs = false
  }

  /// Schema and integrity, and what the newest unfinished run needs.
  private func content(of resolved: String) async -> Content {
    do {
      let database = try await ReadingPlace.open(
        path: resolved, busyTimeout: busyTimeout, prepare: { _ in })
      let migrator = Migrator(steps: Migrations.all)
      let need = try await database.read { try migrator.need(of: $0, path: resolved) }
      let content = Content(
        checks: [Self.schema(need), await Self.integrity(of: database)],
        need: need == .nothing
          ? try await database.read { try DiskSpaceEstimate.read(in: $0) } : DiskSpaceEstimate(),
        waits: need == .nothing
          ? try await database.read { try StandingWaits.read(in: $0) } : StandingWaits(),
        isOurs: true)
      try await database.close()
      return content
    } catch {
      return Content(checks: [Self.problem(.schema, error)] + Self.skipped([.integrity]), need: nil)
    }
  }

  private static func schema(_ need: Migrator.Need) -> HealthCheck {
    let latest = Migrations.all.count
    return switch need {
    case .nothing: HealthCheck(.schema, .ok, "the database has schema \(latest), as this program")
    case .create: HealthCheck(.schema, .ok, "the database is empty; the next `submit` fills it")
    case .upgrade(let from):
      HealthCheck(
        .schema, .ok,
        "the database has schema \(from) and this program \(latest): the next `submit`, `resume` or `cancel` "
          + "migrates it, after a backup")
    }
  }

  private static func integrity(of database: Database) async -> HealthCheck {
    do {
      let found = try await database.read { try $0.rows("PRAGMA quick_check(10)") { $0.text(0) } }
      guard found != ["ok"] else {
        return HealthCheck(.integrity, .ok, "the database is sound (quick_check)")
      }
      // Its first line says which of several databases it is in, and there is one.
      let first =
        found.first?.split(separator: "\n").last.map { VisibleText.escape(String($0), cutAt: 300) }
        ?? "nothing"
      return HealthCheck(
        .integrity, .problem, "the database is damaged: \(first)",
        remedy: "restore it from a backup, or name another one with --db")
    } catch {
      return problem(.integrity, error)
    }
  }

  /// Whether a lock held through one open file is seen through another: some network file systems only say yes.
  private static func locks(beside resolved: String) -> HealthCheck {
    do {
      let mine = try LockFile(besideDatabase: resolved)
      let theirs = try LockFile(besideDatabase: resolved)
      // Not to be had: somebody else looks at the same moment, and that is proof enough.
      if try mine.lock(LockFile.checkupByte, exclusive: true) {
        guard try !theirs.lock(LockFile.checkupByte, exclusive: true) else {
          return HealthCheck(
            .locks, .problem, "a lock on \(resolved).lock did not keep a second one off",
            remedy: "keep the database on a file system that supports byte locks, such as a local disk")
        }
      }
      return HealthCheck(.locks, .ok, "locks on \(resolved).lock keep processes apart")
    } catch {
      return problem(.locks, error)
    }
  }

  /// The space that is free, held against what is left to do; `nil` where that cannot be read.
  private func space(_ need: DiskSpaceEstimate?, in folder: String) -> HealthCheck {
    var facts = statvfs()
    guard statvfs(folder, &facts) == 0 else {
      return HealthCheck(
        .space, .problem, "the free space of \(folder) cannot be read: \(String(cString: strerror(errno)))")
    }
    let free = UInt64(facts.f_bavail).multipliedReportingOverflow(by: UInt64(facts.f_frsize))
    let bytes = free.overflow ? Int.max : Int(clamping: free.partialValue)
    return need?.check(free: bytes, folder: folder)
      ?? DiskSpaceEstimate.checkUnread(free: bytes, folder: folder)
  }

  private static func nearestFolder(to path: String) -> String {
    var folder = PathNames.folder(of: path)
    while folder != ".", folder != "/", access(folder, F_OK) != 0, errno == ENOENT {
      folder = PathNames.folder(of: folder)
    }
    return folder
  }

  /// Asks the system whether this user may; a read-only file system says no to everybody. The file is not opened.
  private static func accessProblem(_ path: String, _ mode: Int32) -> HealthCheck? {
    guard access(path, mode) != 0 else { return nil }
    return HealthCheck(
      .database, .problem, "\(path) cannot be written by this user: \(String(cString: strerror(errno)))",
      remedy: "check its permissions and its file system, or name another database with --db")
  }

  private static func namesProblem(_ resolved: String) -> HealthCheck? {
    do {
      try StorePath.refuseSecondName(resolved)
      return nil
    } catch {
      return problem(.database, error)
    }
  }

  private static func problem(_ subject: HealthCheck.Subject, _ error: any Error) -> HealthCheck {
    let error = error as? StoreError ?? StoreError(.inputOutput, "the store failed: \(error)")
    return HealthCheck(subject, .problem, error.message, remedy: error.remedy)
  }

  private static func skipped(_ subjects: [HealthCheck.Subject]) -> [HealthCheck] {
    subjects.map { HealthCheck($0, .skipped, "the database cannot be read") }
  }
}

extension LockFile {
  /// Byte that a look at the store locks for a moment, to see whether locks work.
  static let checkupByte: Int64 = 2
}

/// What the newest unfinished run still needs on disk, as an estimate.
struct DiskSpaceEstimate: Sendable, Equatable {
  /// What a chunk that is left may still add: an attempt with its index entries, the outcome in attempt and chunk with
  /// a message of a usual length, and now and then a verdict or another try.
  static let perChunk = 4 << 10
  /// What the write-ahead log may grow to while a reader or a long commit keeps a checkpoint off.
  static let margin = 64 << 20

  /// The run; `nil` when every run is over.
  var run: String?
  /// Chunks of it that are still to be decided.
  var chunks = 0
  /// Bytes of its manifest, when it still has to be recorded.
  var manifestBytes = 0

  /// All together, in bytes.
  var bytes: Int { chunks * Self.perChunk + manifestBytes + Self.margin }

  /// Reads what the newest unfinished run has left.
  static func read(in connection: Connection) throws -> DiskSpaceEstimate {
    let newest = try connection.first(
      """
      SELECT id, run_id, state, manifest_bytes FROM run WHERE state IN ('planning', 'running', 'paused')
      ORDER BY run_id DESC LIMIT 1
      """
    ) { (row: Int64($0.int(0)), run: $0.text(1), state: $0.text(2), bytes: $0.int(3)) }
    guard let newest else { return DiskSpaceEstimate() }
    let counts = try StateCounts.read(run: newest.row, in: connection)
    return DiskSpaceEstimate(
      run: newest.run, chunks: counts.openChunks,
      manifestBytes: newest.state == RunState.planning.rawValue ? newest.bytes : 0)
  }

  /// Holds it against the space that is free.
  ///
  /// - Parameter folder: the folder of the database.
  func check(free: Int, folder: String) -> HealthCheck {
    var parts = ["\(Self.mebibytes(Self.margin)) for the write-ahead log"]
    if chunks > 0 {
      parts.append(
        "\(Self.mebibytes(chunks * Self.perChunk)) for \(HumanNumber.text(chunks, "chunk")) left")
    }
    if manifestBytes > 0 { parts.append("\(Self.mebibytes(manifestBytes)) for its manifest") }
    let what = run.map { "run \($0) still needs" } ?? "no run is unfinished, and the next one needs at least"
    let message =
      "\(free >> 20) MiB are free where \(folder) is; \(what) about \(Self.mebibytes(bytes)) "
      + "(\(parts.joined(separator: ", ")))"
    guard free < bytes else { return HealthCheck(.space, .ok, message) }
    return HealthCheck(
      .space, .problem, message, remedy: "free space on that file system before the run goes on")
  }

  /// The same where what is left to do cannot be read: little space may be the reason.
  static func checkUnread(free: Int, folder: String) -> HealthCheck {
    let message =
      "\(free) bytes (\(free >> 20) MiB) are free where \(folder) is; what is left to do cannot be read"
    guard free < margin else { return HealthCheck(.space, .ok, message) }
    return HealthCheck(
      .space, .problem, "\(message), and the write-ahead log alone may need \(mebibytes(margin))",
      remedy: "free space on that file system before the run goes on")
  }

  /// Mebibytes, rounded up.
  private static func mebibytes(_ bytes: Int) -> String { "\((bytes + (1 << 20) - 1) >> 20) MiB" }
}

/// The version of SQLite this process runs with.
struct EngineVersion: Sendable, Equatable {
  /// As `sqlite3_libversion_number` has it: 3.40.1 is 3040001 (https://sqlite.org/c3ref/libversion.html).
  let number: Int

  /// The library's own.
  static let current = EngineVersion(number: Int(sqlite3_libversion_number()))

  /// STRICT tables came with 3.37.0 (https://sqlite.org/stricttables.html).
  private static let oldest = 3_037_000
  /// The WAL-reset bug is in 3.7.0 to 3.51.2 (https://sqlite.org/wal.html, "The WAL-Reset Bug").
  private static let withResetBug = 3_007_000...3_051_002

  /// The version as people write it.
  var text: String { "\(number / 1_000_000).\(number / 1_000 % 1_000).\(number % 1_000)" }

  /// What it means for this program.
  var check: HealthCheck {
    guard number >= Self.oldest else {
      return HealthCheck(
        .sqlite, .problem, "SQLite \(text) is too old, expected 3.37.0 or newer",
        remedy: "install a newer libsqlite3")
    }
    guard Self.withResetBug.contains(number) else { return HealthCheck(.sqlite, .ok, "SQLite \(text)") }
    return HealthCheck(
      .sqlite, .ok,
      "SQLite \(text) has the WAL-reset bug (3.7.0 to 3.51.2); this program works around it by its own locks, and "
        + "other programs should only read the database")
  }
}
