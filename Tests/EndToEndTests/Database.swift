import Foundation
import TestSupport
import Testing

/// Looks at a database through the sqlite3 of the system, as a person would.
enum Database {
  static func count(_ sql: String, in path: String) async throws -> Int {
    try #require(Int(try query(sql, in: path).trimmingCharacters(in: .whitespacesAndNewlines)))
  }

  static func query(_ sql: String, in path: String) throws -> String {
    try SpawnedProgram.run(["/usr/bin/sqlite3", "-readonly", path, sql]).output
  }
}
