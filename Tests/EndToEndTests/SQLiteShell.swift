import Foundation
import TestSupport

/// The sqlite3 of the system kept open, as another program that uses the database.
final class SQLiteShell {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()

  /// Opens a database, with some patience for other programs.
  init(_ path: String) throws {
    process.executableURL = URL(fileURLWithPath: "/usr/bin/sqlite3")
    process.arguments = ["-cmd", ".timeout 20000", path]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
  }

  /// Hands it statements.
  func run(_ sql: String) throws {
    try input.fileHandleForWriting.write(contentsOf: Data((sql + "\n").utf8))
  }

  /// The next thing it says, once it says it.
  func line() throws -> String {
    String(decoding: try output.fileHandleForReading.nextBytes(), as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Ends it.
  func close() throws {
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
  }
}
