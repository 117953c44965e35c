import Foundation
import Testing

/// Checks the form of the decisions: each has a status, and the index lists it with that status.
@Suite("Decisions")
struct DecisionsTests {
  private static let folder = ImportsTests.root.appendingPathComponent("docs/decisions")

  private static func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".md") && $0 != "README.md" }.sorted()
  }

  private static func read(_ name: String) throws -> String {
    try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
  }

  /// The word of the status line, and the file that supersedes the decision, if one does.
  private static func status(of name: String) throws -> (word: String, successor: String?)? {
    guard let match = try read(name).firstMatch(of: /\nStatus: (accepted|superseded by \[\d{4}\]\(([^)]+)\))/)
    else { return nil }
    return (match.2 == nil ? "accepted" : "superseded", match.2.map(String.init))
  }

  @Test("every decision has a number of its own and a status, and one that is superseded names its successor")
  func status() throws {
    let names = try Self.names()
    try #require(!names.isEmpty)
    #expect(Set(names.map { $0.prefix(4) }).count == names.count, "two decisions have one number")
    for name in names {
      #expect(try Self.read(name).hasPrefix("# \(name.prefix(4)): "), "\(name) begins with another heading")
      let status = try Self.status(of: name)
      #expect(status != nil, "\(name) has no line \"Status: accepted\" or \"Status: superseded by ...\"")
      if let successor = status?.successor {
        #expect(names.contains(successor), "\(name) is superseded by \(successor), which is not there")
        #expect(try Self.read(successor).contains("](\(name))"), "\(successor) does not link back to \(name)")
      }
    }
  }

  @Test("the index has one row for each decision, with its status")
  func index() throws {
    let rows = try Self.read("README.md").split(separator: "\n").filter { $0.hasPrefix("| [") }
    for name in try Self.names() {
      let own = rows.filter { $0.hasPrefix("| [\(name.prefix(4))](\(name)) | ") }
      #expect(own.count == 1, "docs/decisions/README.md has \(own.count) rows for \(name)")
      guard let row = own.first, let status = try Self.status(of: name) else { continue }
      let word = status.successor.map { "| superseded by [\($0.prefix(4))](\($0)) |" } ?? "| accepted |"
      #expect(row.contains(word), "the row of \(name) does not say \(word)")
    }
  }
}
