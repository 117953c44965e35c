import Foundation
import TestSupport
import Testing

/// Looks at a database through the sqlite3 of the system, as a person would.
enum Database {
  static func count(_ sql: String, in path: String) async throws -> Int {
    try #require(Int(try query(sql, in: path).trimmingCharacters(in: .whitespacesAndNewlines)))
  }

  static func query(_ sql: String, in path: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/sqlite3")
    process.arguments = ["-readonly", path, sql]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = try output.fileHandleForReading.remainingBytes()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
  }
}
