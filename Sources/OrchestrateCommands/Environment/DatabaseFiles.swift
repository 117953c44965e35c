import Foundation

/// The files of a database: closing any of them beside SQLite drops SQLite's locks, so no command opens one.
enum DatabaseFiles {
  /// Whether a path is one of them, or would be once the database is there.
  static func contain(_ path: String, of database: String) -> Bool {
    let place = resolved(path)
    // The files beside a database are beside what a link to it leads to.
    let places = Set([database, resolved(database)])
    return ["", "-wal", "-shm", "-journal", ".lock"].contains { ending in
      places.contains { main in
        let file = main + ending
        if let here = FileIdentity(path: path) { return here == FileIdentity(path: file) }
        return place == resolved(file)
      }
    }
  }

  /// The path without links; of one that is not there, its folder without links.
  private static func resolved(_ path: String) -> String {
    URL(fileURLWithPath: path).standardizedFileURL.resolvingSymlinksInPath().path
  }
}
