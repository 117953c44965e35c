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

  /// The long options that a help text lists: at the beginning of a line, `--no-` forms as the positive one.
  private static func options(in help: String) -> Set<String> {
    let lines = help.split(separator: "\n").filter { $0.hasPrefix("  -") }
    let words = lines.flatMap { $0.split(whereSeparator: { !($0.isLetter || $0 == "-") }) }
    let names = words.filter { $0.hasPrefix("--") && !$0.hasPrefix("--no-") && $0.count > 3 }
    return Set(names.map(String.init)).subtracting(["--help", "--version"])
  }
}
