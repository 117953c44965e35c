import BatchDomain
import Foundation
import RunStore
import StoreCore
import TestSupport
import Testing

@testable import OrchestrateCommands

@Suite("verify")
struct VerifyCommandTests {
  /// A run of items whose digest is another than planned: ``CommandStage/planRun()`` plans with a made-up one.
  @Test("a problem ends with 1 and is named by its row, in text and in JSON")
  func problems() async throws {
    let stage = try CommandStage()
    let run = try await stage.planRun()
    #expect(try await stage.run(VerifyCommand.self, "latest") == .lost)
    let lines = stage.output.written.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines[0].hasPrefix("run \(run): has items with the digest"))
    #expect(lines[0].hasSuffix("[manifest_digest]"))
    #expect(
      lines[1] == "run \(run): 10 items, 3 chunks, 1 attempt and 0 settlements checked, 1 problem found")

    let machine = try CommandStage()
    #expect(try await machine.planRun() == run)
    #expect(try await machine.run(VerifyCommand.self, "latest", "--format", "json") == .lost)
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(machine.output.written.utf8)) as? [String: Any])
    #expect(Set(document.keys) == ["run_id", "checked", "problems", "problems_total"])
    #expect(document["run_id"] as? String == run.rawValue)
    #expect(
      document["checked"] as? [String: Int] == ["items": 10, "chunks": 3, "attempts": 1, "settlements": 0])
    let problems = try #require(document["problems"] as? [[String: String]])
    #expect(problems.map { $0["check"] } == ["manifest_digest"])
    #expect(problems.map { $0["row"] } == ["run \(run)"])
    #expect(Set(problems[0].keys) == ["check", "row", "message"])
    #expect(document["problems_total"] as? Int == 1)
  }

  @Test("without a run it ends with 2 and makes no database; a reader that went away changes no status")
  func edges() async throws {
    let stage = try CommandStage()
    #expect(try await stage.run(VerifyCommand.self, "latest") == .badInput)
    #expect(!FileManager.default.fileExists(atPath: stage.database))
    let closed = try CommandStage(output: CommandStage.Sink(failing: OutputClosed()))
    _ = try await closed.planRun()
    #expect(try await closed.run(VerifyCommand.self, "latest") == .lost)
  }
}
