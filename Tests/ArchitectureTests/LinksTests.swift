import Foundation
import Testing

/// Holds the links between the documents.
@Suite("Links")
struct LinksTests {
  private static let root = ImportsTests.root

  private static func documents() throws -> [String] {
    var found = ["README.md", "CHANGELOG.md"]
    for folder in ["docs", "jobs", "migrations"] {
      let names = try FileManager.default.subpathsOfDirectory(
        atPath: root.appendingPathComponent(folder).path)
      found += names.filter { $0.hasSuffix(".md") }.map { "\(folder)/\($0)" }
    }
    return found.sorted()
  }

  @Test("every link to a file of the repository, and to a heading in it, leads somewhere")
  func links() throws {
    for document in try Self.documents() {
      let file = Self.root.appendingPathComponent(document)
      for link in Self.links(in: try Self.read(file)) {
        let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        let target =
          parts[0].isEmpty ? file : file.deletingLastPathComponent().appendingPathComponent(String(parts[0]))
        guard FileManager.default.fileExists(atPath: target.path) else {
          Issue.record("\(document) links to \(link), which is not there")
          continue
        }
        guard parts.count == 2, target.pathExtension == "md" else { continue }
        if !Self.anchors(in: try Self.read(target)).contains(String(parts[1])) {
          Issue.record("\(document) links to \(link), and there is no such heading")
        }
      }
    }
  }

  @Test("the reader of links finds what it must refuse")
  func readerWorks() {
    let text = "[a](b.md#c-d) [e](https://example.org) ![f](g.png)\n```\n[h](i)\n```\n# C & D `e` (f)\n"
    #expect(Self.links(in: text) == ["b.md#c-d", "g.png"])
    #expect(Self.anchors(in: text) == ["c--d-e-f"])
  }

  private static func read(_ file: URL) throws -> String { try String(contentsOf: file, encoding: .utf8) }

  /// Lines outside of fences.
  private static func prose(_ text: String) -> [Substring] {
    var isFenced = false
    return text.split(separator: "\n").filter { line in
      let isFence = line.drop { $0 == " " }.hasPrefix("```")
      if isFence { isFenced.toggle() }
      return !isFenced && !isFence
    }
  }

  private static func links(in text: String) -> [String] {
    prose(text).flatMap { line in
      line.matches(of: /\]\(([^)\s]+)\)/).map { String($0.1) }
    }
    .filter { !$0.contains(":") }
  }

  /// The names that headings get: small letters, digits, hyphens and underscores stay, a space is a hyphen.
  private static func anchors(in text: String) -> Set<String> {
    Set(
      prose(text).filter { $0.hasPrefix("#") }.map { line in
        line.drop { $0 == "#" }.dropFirst().lowercased()
          .compactMap { $0 == " " ? "-" : $0.isLetter || $0.isNumber || "-_".contains($0) ? String($0) : nil }
          .joined()
      })
  }
}
