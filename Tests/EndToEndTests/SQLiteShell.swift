import Foundation
import TestSupport

/// The sqlite3 of the system kept open, as another program that uses the database.
final class SQLiteShell {
  private let process: SpawnedProgram

  /// Opens a database, with some patience for other programs.
  init(_ path: String) throws {
    process = try SpawnedProgram(
      ["/usr/bin/sqlite3", "-cmd", ".timeout 20000", path], input: .pipe, output: .pipe)
  }

  /// Hands it statements.
  func run(_ sql: String) throws {
    try process.input?.write(contentsOf: Data((sql + "\n").utf8))
  }

  /// The next thing it says, once it says it.
  func line() throws -> String {
    String(decoding: try process.output?.nextBytes() ?? Data(), as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Ends it.
  func close() throws {
    try process.input?.close()
    process.wait()
  }
}
