import ArgumentParser
import Foundation
import Testing

@testable import OrchestrateCommands

@Suite("The reference of options")
struct OptionReferenceTests {
  private static let reference = (1...4).reduce(URL(filePath: #filePath)) { url, _ in
    url.deletingLastPathComponent()
  }.appending(path: "docs/settings.md")

  @Test("every option of every command is in docs/settings.md")
  func everyOption() throws {
    let text = try String(contentsOf: Self.reference, encoding: .utf8)
    for command in OrchestrateCommand.configuration.subcommands {
      let options = Self.options(in: command.helpMessage())
      #expect(!options.isEmpty)
      for option in options where !text.contains(option) {
        Issue.record("\(command._commandName) has the option \(option), which docs/settings.md does not name")
      }
    }
  }

  @Test("the row of each other command has its options and no others")
  func everyRow() throws {
    let text = try String(contentsOf: Self.reference, encoding: .utf8)
    func section(_ title: String) throws -> Substring {
      let start = try #require(text.range(of: "\n\(title)\n")).upperBound
      return text[start...].prefix(
        upTo: text.range(of: "\n#", range: start..<text.endIndex)?.lowerBound ?? text.endIndex)
    }
    func options(_ text: Substring) -> Set<String> {
      Set(text.replacing("--[no-]", with: "--").matches(of: /--[a-z][a-z0-9-]*/).map { String($0.0) })
    }
    func firstCells(_ text: Substring) -> Set<String> {
      text.split(separator: "\n").filter { $0.hasPrefix("| `--") }.reduce(into: []) { options, row in
        options.formUnion(row.matches(of: /^\| `(--[a-z][a-z0-9-]*)/).map { String($0.1) })
      }
    }
    let groups = [
      ("the options for notifications", firstCells(try section("### Notifications"))),
      ("the options for [access to S3]", firstCells(try section("### Access to S3"))),
    ]
    var rows: [String: Set<String>] = [:]
    for line in try section("## Other commands").split(separator: "\n") {
      guard let row = line.wholeMatch(of: /\| `([a-z]+)[^|]*?(?:\\\|[^|]*?)*`[^|]*? \| (.*) \|/) else {
        continue
      }
      // Options that a sentence in brackets mentions are options of the same command.
      var found = options(row.0[...])
      for (words, group) in groups where row.2.contains(words) { found.formUnion(group) }
      rows[String(row.1), default: []].formUnion(found)
    }
    for command in OrchestrateCommand.configuration.subcommands {
      let name = command._commandName
      guard !["submit", "resume", "status"].contains(name) else { continue }
      let listed = Self.listed(in: command.helpMessage(columns: 300))
      #expect(!listed.isEmpty && rows[name] == listed, "\(name)")
    }
  }

  /// The long options that help has a line for, without those that its sentences mention.
  private static func listed(in help: String) -> Set<String> {
    let names = help.split(separator: "\n").filter { $0.hasPrefix("  -") }.flatMap { line in
      line.prefix(upTo: line.dropFirst(2).range(of: "  ")?.lowerBound ?? line.endIndex)
        .matches(of: /--[a-z][a-z0-9-]*/).map { String($0.0) }
    }
    return Set(names.filter { !$0.hasPrefix("--no-") }).subtracting(["--help", "--version"])
  }

  /// The long options that a help text lists: at the beginning of a line, `--no-` forms as the positive one.
  private static func options(in help: String) -> Set<String> {
    let lines = help.split(separator: "\n").filter { $0.hasPrefix("  -") }
    let words = lines.flatMap { $0.split(whereSeparator: { !($0.isLetter || $0 == "-") }) }
    let names = words.filter { $0.hasPrefix("--") && !$0.hasPrefix("--no-") && $0.count > 3 }
    return Set(names.map(String.init)).subtracting(["--help", "--version"])
  }
}
