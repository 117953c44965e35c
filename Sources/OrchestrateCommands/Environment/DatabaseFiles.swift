import Foundation

/// The files of a database: closing any of them beside SQLite drops SQLite's locks, so no command opens one.
enum DatabaseFiles {
  /// Whether a path is one of them, or would be once the database is there.
  static func contain(_ path: String, of database: String) -> Bool {
    let place = resolved(path)
    // The files beside a database are beside what a link to it leads to.
    let places = [database, resolved(database)]
    return ["", "-wal", "-shm", "-journal", ".lock"].contains { ending in
      places.contains { main in
        let file = main + ending
        if let here = FileIdentity(path: path) { return here == FileIdentity(path: file) }
        // Names are bytes: two ways to write one letter are two files.
        return place.utf8.elementsEqual(resolved(file).utf8)
      }
    }
  }

  /// The path at the end of all links, of a file that may not be there; one in a folder that is not there, as it is.
  private static func resolved(_ path: String) -> String {
    do {
      return try StoreOpener.withoutLinks(path)
    } catch {
      return URL(fileURLWithPath: path).standardizedFileURL.path
    }
  }
}
