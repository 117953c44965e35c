package import BatchDomain
import Foundation
import Migrations

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
    let folder = (resolved as NSString).deletingLastPathComponent
    let found = await content(of: resolved)
    var checks = [
      Self.accessProblem(resolved, R_OK | W_OK) ?? Self.accessProblem(folder, W_OK | X_OK)
        ?? HealthCheck(.database, .ok, "\(resolved) can be read and written")
    ]
    checks += found.checks
    checks += found.isOurs ? [Self.locks(beside: resolved)] : Self.skipped([.locks])
    checks.append(
      found.need.map { space($0, in: folder) }
        ?? HealthCheck(.space, .skipped, "what is left to do cannot be read"))
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
      let locks = try LockFile(besideDatabase: resolved, isMade: false)
      let database = try await ReadingPlace.open(
        path: resolved, locks: locks, busyTimeout: busyTimeout, prepare: { _ in })
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
      let first = found.first.map { VisibleText.escape($0, cutAt: 300) } ?? "nothing"
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

  private func space(_ need: DiskSpaceEstimate, in folder: String) -> HealthCheck {
    var facts = statvfs()
    guard statvfs(folder, &facts) == 0 else {
      return HealthCheck(
        .space, .problem, "the free space of \(folder) cannot be read: \(String(cString: strerror(errno)))")
    }
    let free = UInt64(facts.f_bavail).multipliedReportingOverflow(by: UInt64(facts.f_frsize))
    return need.check(free: free.overflow ? Int.max : Int(clamping: free.partialValue), folder: folder)
  }

  private static func nearestFolder(to path: String) -> String {
    var folder = (path as NSString).deletingLastPathComponent
    while !folder.isEmpty, access(folder, F_OK) != 0, errno == ENOENT {
      folder = (folder as NSString).deletingLastPathComponent
    }
    return folder.isEmpty ? "." : folder
  }

  /// Asks the system whether this user may; a read-only file system says no to everybody. The file is not opened.
  private static func accessProblem(_ path: String, _ mode: Int32) -> HealthCheck? {
    guard access(path, mode) != 0 else { return nil }
    return HealthCheck(
      .database, .problem, "\(path) cannot be written by this user: \(String(cString: strerror(errno)))",
      remedy: "check its permissions and its file system, or name another database with --db")
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
