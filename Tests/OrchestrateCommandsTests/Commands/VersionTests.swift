import ArgumentParser
import Testing

@testable import OrchestrateCommands

@Suite("Version")
struct VersionTests {
  @Test("says version, commit, version of SQLite and formats of stores, each on a line of its own")
  func lines() {
    let lines = OrchestrateCommand.configuration.version.split(
      separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count == 4)
    #expect(lines[0] == "orchestrate \(OrchestrateCommand.version)")
    #expect(lines[1].wholeMatch(of: /commit (unknown|[0-9a-f]{40}(-dirty)?)/) != nil)
    #expect(lines[2].wholeMatch(of: /SQLite \d+\.\d+\.\d+/) != nil)
    #expect(lines[3].wholeMatch(of: /store format \d+; on PostgreSQL \d+/) != nil)
  }
}
