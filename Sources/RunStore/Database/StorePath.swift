import BatchDomain
import Foundation
import StoreCore

/// Finds where a database really is, without ever opening its file.
///
/// Symbolic links are followed to their end also where nothing is there yet: SQLite makes the database at the end of the
/// links, and all processes have to agree on the place of the lock file beside it.
enum StorePath {
  /// The path with symbolic links resolved; folders that are missing are made with mode 0700.
  ///
  /// A folder that a link leads to is not made: where it is missing, a disk is not mounted.
  static func preparing(_ path: String) throws(StoreError) -> String {
    let folder = PathNames.folder(of: path)
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw StoreError(
        .unavailable, "failed to make the folder \(folder) for the database: \(reason(of: error, folder))",
        remedy: "name a database in a folder this user may write, with --db")
    }
    if let found = try existing(path) { return found }
    let place = try withoutLinks(path)
    let target = PathNames.folder(of: place)
    guard access(target, W_OK | X_OK) == 0 else {
      throw StoreError(
        .unavailable, "failed to make the database \(place): \(String(cString: strerror(errno)))",
        remedy: "name a database in a folder this user may write, with --db")
    }
    return place
  }

  /// The path with symbolic links resolved; `nil` when no file is there.
  static func existing(_ path: String) throws(StoreError) -> String? {
    guard let resolved = realpath(path, nil) else {
      switch errno {
      case ENOENT: return nil
      case ELOOP: throw loop(path)
      default:
        throw StoreError(
          .unavailable, "failed to find the database \(path): \(String(cString: strerror(errno)))",
          remedy: "check the folders on the way to it, or use --db")
      }
    }
    defer { free(resolved) }
    let found = String(cString: resolved)
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: found, isDirectory: &isFolder), isFolder.boolValue {
      throw StoreError(
        .unavailable, "the database \(path) is a folder, and a file was expected",
        remedy: "name a file with --db")
    }
    var facts = stat()
    guard stat(found, &facts) != 0 || facts.st_mode & S_IFMT == S_IFREG else {
      throw StoreError(
        .unavailable, "the database \(path) is a device, a pipe or a socket, and a regular file was expected",
        remedy: "name a file with --db")
    }
    return found
  }

  /// Refuses a file that has another name (a hard link): processes that come by the other name would not see the locks and the
  /// log beside this one.
  static func refuseSecondName(_ resolved: String) throws(StoreError) {
    var facts = stat()
    guard stat(resolved, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_nlink > 1 else { return }
    throw StoreError(
      .unavailable,
      "the database \(resolved) is a file with \(facts.st_nlink) names (hard links), and a process that uses another name "
        + "would send the same items",
      remedy:
        "remove the other names (find -samefile lists them); `orchestrate backup` makes a copy that is a file of its own"
    )
  }

  /// Links that are followed, as many as Linux follows (path_resolution(7)).
  private static let mostLinks = 40

  /// The path at the end of all links, the last of which may lead to nothing.
  ///
  /// - Throws: ``StoreError`` when a folder on the way is missing, or links lead in a circle.
  static func withoutLinks(_ path: String) throws(StoreError) -> String {
    var place = path
    for _ in 0..<mostLinks {
      let name = PathNames.name(of: place)
      let folder = PathNames.folder(of: place)
      guard let resolved = realpath(folder, nil) else {
        if errno == ELOOP { throw loop(path) }
        let reason = String(cString: strerror(errno))
        throw place == path
          ? StoreError(
            .unavailable, "failed to find the folder of \(path): \(reason)",
            remedy: "name a database in a folder this user may write, with --db")
          : StoreError(
            .unavailable,
            "the database \(path) is a symbolic link to \(place), and the folder \(folder) cannot be used: "
              + reason,
            remedy: "mount or make that folder, or name another database with --db")
      }
      let found = String(cString: resolved)
      free(resolved)
      let file = found == "/" ? "/\(name)" : "\(found)/\(name)"
      guard let target = link(at: file) else { return file }
      place = target.hasPrefix("/") ? target : "\(found)/\(target)"
    }
    throw loop(path)
  }

  /// What a symbolic link says; `nil` when there is none.
  private static func link(at path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let count = readlink(path, &buffer, buffer.count)
    return count < 0 ? nil : String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func loop(_ path: String) -> StoreError {
    StoreError(
      .unavailable, "the database \(path) is a symbolic link that leads in a circle",
      remedy: "fix the link, or name another database with --db")
  }

  private static func reason(of error: any Error, _ folder: String) -> String {
    // A link to nothing on the way is in the way of a folder, which the system tells as "File exists".
    var place = folder
    while place != ".", place != "/" {
      if let target = link(at: place), access(place, F_OK) != 0 {
        return "\(place) is a symbolic link to \(target), which is not there"
      }
      var facts = stat()
      if stat(place, &facts) == 0, facts.st_mode & S_IFMT != S_IFDIR { return "\(place) is not a folder" }
      place = PathNames.folder(of: place)
    }
    let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    guard let cause, cause.domain == NSPOSIXErrorDomain else { return error.localizedDescription }
    return String(cString: strerror(Int32(cause.code)))
  }
}

/// Opens a database for reports where SQLite alone cannot: a reader of a write-ahead log makes the files of the log when
/// they are missing, and on a read-only mount, or in the folder of another user, it may not.
///
/// No process has such a database open: one that has makes the log and its index first. So it can be read as one that does not
/// change (https://sqlite.org/wal.html, "Read-Only Databases").
enum ReadingPlace {
  /// Opens the database; `prepare` runs on its queue before anything else does.
  ///
  /// - Throws: ``StoreError``; of a file that this user may not read, with its name.
  static func open(
    path: String, busyTimeout: Duration = Database.busyTimeout,
    prepare: @escaping @Sendable (Connection) throws -> Void
  ) async throws -> Database {
    // SQLite opens the files with the first statement that reads.
    let prepare: @Sendable (Connection) throws -> Void = { connection in
      _ = try connection.first("SELECT count(*) FROM sqlite_schema") { $0.int(0) }
      try prepare(connection)
    }
    do {
      return try await open(path, .readOnly, busyTimeout, prepare)
    } catch let error as StoreError where error.code == .unavailable {
      guard let mode = modeWithoutIndex(path) else { throw unreadable(path) ?? error }
      return try await open(path, mode, busyTimeout, prepare)
    }
  }

  private static func open(
    _ path: String, _ mode: SQLiteConnection.Mode, _ busyTimeout: Duration,
    _ prepare: @escaping @Sendable (Connection) throws -> Void
  ) async throws -> Database {
    try await Database.open(
      path: path, mode: mode, locks: LockFile(), busyTimeout: busyTimeout, prepare: prepare)
  }

  /// How a database can be read beside which no index of a log can be made; `nil` where one is in use.
  private static func modeWithoutIndex(_ path: String) -> SQLiteConnection.Mode? {
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
