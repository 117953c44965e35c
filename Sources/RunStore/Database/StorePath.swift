import BatchDomain
import Foundation

/// Finds where a database really is, without ever opening its file.
enum StorePath {
  /// The path with symbolic links resolved; folders that are missing are made with mode 0700.
  static func preparing(_ path: String) throws(StoreError) -> String {
    let folder = (path as NSString).deletingLastPathComponent
    if !folder.isEmpty {
      do {
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      } catch {
        throw StoreError(
          .unavailable, "failed to make the folder \(folder) for the database: \(reason(of: error))",
          remedy: "name a database in a folder this user may write, with --db")
      }
    }
    if let found = try existing(path) { return found }
    return try resolvedFolder(of: path)
  }

  /// The path with symbolic links resolved; `nil` when no file is there.
  static func existing(_ path: String) throws(StoreError) -> String? {
    guard let resolved = realpath(path, nil) else {
      if errno == ENOENT { return nil }
      throw StoreError(
        .unavailable, "failed to find the database \(path): \(String(cString: strerror(errno)))",
        remedy: "check the folders on the way to it, or use --db")
    }
    defer { free(resolved) }
    let found = String(cString: resolved)
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: found, isDirectory: &isFolder), isFolder.boolValue {
      throw StoreError(
        .unavailable, "the database \(path) is a folder, and a file was expected",
        remedy: "name a file with --db")
    }
    return found
  }

  private static func resolvedFolder(of path: String) throws(StoreError) -> String {
    let name = (path as NSString).lastPathComponent
    let folder = (path as NSString).deletingLastPathComponent
    guard let resolved = realpath(folder.isEmpty ? "." : folder, nil) else {
      throw StoreError(
        .unavailable, "failed to find the folder of \(path): \(String(cString: strerror(errno)))",
        remedy: "name a database in a folder this user may write, with --db")
    }
    defer { free(resolved) }
    let found = String(cString: resolved)
    return found == "/" ? "/\(name)" : "\(found)/\(name)"
  }

  private static func reason(of error: any Error) -> String {
    let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    guard let cause, cause.domain == NSPOSIXErrorDomain else { return error.localizedDescription }
    return String(cString: strerror(Int32(cause.code)))
  }
}
