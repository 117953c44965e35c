import Foundation

/// The files of a database: closing any of them beside SQLite drops SQLite's locks, so no command opens one.
enum DatabaseFiles {
  /// Whether a path is one of them, or would be once the database is there.
  static func contain(_ path: String, of database: String) -> Bool {
    ["", "-wal", "-shm", "-journal", ".lock"].contains { ending in
      let file = database + ending
      if let here = FileIdentity(path: path) { return here == FileIdentity(path: file) }
      return URL(fileURLWithPath: path).standardizedFileURL == URL(fileURLWithPath: file).standardizedFileURL
    }
  }
}
