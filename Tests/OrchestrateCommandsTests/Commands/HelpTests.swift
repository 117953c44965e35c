import ArgumentParser
import Testing

@testable import OrchestrateCommands

@Suite("Help texts")
struct HelpTests {
  /// Every command that help shows, the program itself included.
  private static var shown: [any ParsableCommand.Type] {
    let subcommands: [any ParsableCommand.Type] = OrchestrateCommand.configuration.subcommands
    return [OrchestrateCommand.self] + subcommands.filter { $0.configuration.shouldDisplay }
  }

  /// The command lines of a help's examples, joined where the help has broken them.
  private static func examples(_ command: any ParsableCommand.Type) -> [String] {
    command.configuration.discussion.split(separator: "\n", omittingEmptySubsequences: false)
      .drop { $0 != "EXAMPLES" }.dropFirst().map { $0.trimmingPrefix { $0 == " " } }.filter { !$0.isEmpty }
      .map(String.init)
  }

  @Test("every command has an abstract, a discussion and examples")
  func examplesAreThere() {
    for command in Self.shown {
      #expect(!command.configuration.abstract.isEmpty)
      #expect(!Self.examples(command).isEmpty, "\(command)")
      #expect(command.configuration.discussion.hasPrefix("EXAMPLES") == false, "\(command)")
    }
  }

  @Test("every example is a command line that the program takes")
  func examplesParse() throws {
    for command in Self.shown {
      for example in Self.examples(command) {
        let calls = example.split(separator: "|").map { $0.split(separator: " ").map(String.init) }
          .filter { $0.first == "orchestrate" }
        #expect(!calls.isEmpty, "\(example)")
        for call in calls {
          let words = call.dropFirst().prefix { $0 != ">" }
          #expect(throws: Never.self, "\(example)") {
            _ = try OrchestrateCommand.parseAsRoot(Array(words))
          }
        }
      }
    }
  }
}
