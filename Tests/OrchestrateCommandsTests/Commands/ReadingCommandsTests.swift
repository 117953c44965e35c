import ArgumentParser
import BatchDomain
import Foundation
import Reporting
import TestSupport
import Testing

@testable import OrchestrateCommands

@Suite("Commands that read")
struct ReadingCommandsTests {
  private func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  @Test("without a database the history is empty, and none is made")
  func emptyHistory() async throws {
    let stage = try CommandStage()
    #expect(try await stage.run(ReportCommand.self, "--format", "json") == .done)
    #expect(try object(stage.output.written)["runs"] as? [String] == [])
    #expect(!FileManager.default.fileExists(atPath: stage.database))
    #expect(try await stage.run(ReportCommand.self, "latest") == .badInput)
    #expect(!FileManager.default.fileExists(atPath: stage.database))
  }

  @Test("a look-up and a comparison with a database that is not there say so")
  func absentDatabase() async throws {
    let stage = try CommandStage()
    let said = "there is no database at \(stage.database) yet"
    #expect(try await stage.run(ReportCommand.self, "--object", "s3://a/b.mp4") == .done)
    #expect(stage.diagnostics.written.contains(said))
    let other = try CommandStage(in: stage.folder)
    try stage.folder.write("[\(PlannedItems.source(1))]", to: "m.json")
    #expect(try await other.run(DiffCommand.self, stage.folder.file("m.json"), "--list", "added") == .done)
    #expect(other.diagnostics.written.contains(said))
    #expect(!FileManager.default.fileExists(atPath: stage.database))
  }

  @Test("commands that need a database file end with 2 where none is, and make none")
  func noDatabase() async throws {
    let stage = try CommandStage()
    let context = stage.context(["TWELVELABS_API_KEY": "tlk_EXAMPLE"])
    let secret = try stage.folder.write("s3cret", to: "secret")
    let commands: [any Subcommand] = [
      try WorkerCommand.parse([]), try DashboardCommand.parse(["--port", "0"]),
      try DashboardCommand.parse(["--port", "0", "--allow-actions"]),
      try DashboardCommand.parse(["--port", "0", "--webhook-secret-file", secret]),
      try BackupCommand.parse([stage.folder.file("copy.db")]),
      try PruneCommand.parse(["--older-than", "90d"]),
    ]
    for command in commands {
      await #expect(throws: CommandFailure.self) {
        do { _ = try await command.perform(in: context) } catch let failure as CommandFailure {
          #expect(failure.status == .badInput && failure.code == "no_database")
          throw failure
        }
      }
    }
    #expect(!FileManager.default.fileExists(atPath: stage.database))
  }

  @Test("a dry run with a folder in the place of the database shows the plan all the same")
  func dryRunBesideFolder() async throws {
    let stage = try CommandStage()
    try FileManager.default.createDirectory(atPath: stage.database, withIntermediateDirectories: false)
    try stage.folder.write("[\(PlannedItems.source(1))]", to: "m.json")
    #expect(try await stage.run(SubmitCommand.self, stage.folder.file("m.json"), "--dry-run") == .done)
    #expect(stage.diagnostics.written.contains("cannot tell whether items were accepted before"))
  }

  @Test("a document has 20 findings at most, and says how many there are")
  func manyFindings() {
    let problems = (1...22).map { JobFileProblem(line: $0, column: 1, message: "wrong") }
    let failure = CommandFailure(ConfigurationError(.badValue, "wrong", problems: problems))
    #expect(failure.document().findings.count == 20)
    #expect(failure.document().findingsTotal == 22)
  }

  @Test("the report of a run has the documented keys, and every count")
  func oneRun() async throws {
    let stage = try CommandStage()
    let run = try await stage.planRun()
    #expect(try await stage.run(ReportCommand.self, run.rawValue, "--format", "json") == .done)
    let document = try object(stage.output.written)
    #expect(
      Set(document.keys) == ["run", "causes", "timeline", "surplus", "left_over", "tracking", "chunks"])
    let summary = try #require(document["run"] as? [String: Any])
    #expect(
      Set(summary.keys) == [
        "run_id", "name", "job", "state", "reason", "live", "created_at", "finished_at", "manifest",
        "items", "repeated", "skipped",
        "chunks", "items_by_state", "attempts", "sending_seconds",
      ])
    #expect(summary["state"] as? String == "paused")
    #expect(summary["reason"] as? String == "signal")
    #expect((summary["items_by_state"] as? [String: Int])?.values.reduce(0, +) == 10)
    #expect((summary["chunks"] as? [String: Int])?.count == ChunkState.allCases.count)
    let causes = try #require(document["causes"] as? [[String: Any]])
    #expect(causes.map { $0["code"] as? String } == ["parameter_invalid"])
    let chunks = try #require(document["chunks"] as? [[String: Any]])
    #expect(chunks.map { $0["first_item"] as? Int } == [0, 4, 8])
    #expect(
      Set(chunks[0].keys) == [
        "chunk", "first_item", "item_count", "state", "attempts", "http_status", "error_code", "message",
        "split_from", "not_isolated", "settlement",
      ])
  }

  @Test("a video is found in its run and chunk, and one that no run has is said to be in none")
  func objectLookUp() async throws {
    let stage = try CommandStage()
    let run = try await stage.planRun()
    let object = Item(PlannedItems.source(5).utf8).object.rawValue
    #expect(try await stage.run(ReportCommand.self, "--object", object, "--format", "json") == .done)
    let found = try #require(try self.object(stage.output.written)["appearances"] as? [[String: Any]])
    #expect(found.count == 1)
    #expect(found.first?["run_id"] as? String == run.rawValue)
    #expect(found.first?["item"] as? Int == 5)
    #expect(found.first?["chunk"] as? Int == 1)
    #expect(found.first?["state"] as? String == "pending")
    let other = try CommandStage()
    #expect(try await other.run(ReportCommand.self, "--object", "s3://no/where.mp4") == .done)
    #expect(other.output.written == "no run has s3://no/where.mp4\n")
    #expect(throws: (any Error).self) { try ReportCommand.parse(["latest", "--object", object]) }
  }

  @Test("without a subcommand it says where the last run stands and what to do next")
  func standing() async throws {
    let stage = try CommandStage()
    #expect(try await stage.run(StatusCommand.self) == .done)
    #expect(stage.output.written.contains("orchestrate submit videos.json"))
    #expect(!FileManager.default.fileExists(atPath: stage.database))
    let run = try await stage.planRun()
    let again = try CommandStage(in: stage.folder)
    #expect(try await again.run(StatusCommand.self) == .done)
    #expect(again.output.written.contains("run \(run)\npaused: 0 of 10 items accepted, 4 rejected, 6 left\n"))
    #expect(again.output.written.contains("orchestrate resume \(run)"))
  }

  @Test(
    "a word that is no subcommand is told what was perhaps meant",
    arguments: [
      ("sumbit", "Unknown subcommand 'sumbit', did you mean 'submit'?"),
      ("Reprot", "Unknown subcommand 'Reprot', did you mean 'report'?"),
      ("elephant", "Unknown subcommand 'elephant'"), ("--what", "Unknown option '--what'"),
    ])
  func suggestion(word: String, message: String) throws {
    let error = #expect(throws: (any Error).self) {
      try OrchestrateCommand.parseAsRoot([word, "--rate", "x"])
    }
    let text = OrchestrateCommand.message(for: try #require(error))
    #expect(text == message, "\(text)")
    #expect(OrchestrateCommand.exitCode(for: try #require(error)).rawValue == 64)
  }

  @Test("what the service said reaches a terminal without its control characters")
  func escaped() async throws {
    let stage = try CommandStage()
    _ = try await stage.planRun()
    #expect(try await stage.run(ReportCommand.self, "latest") == .done)
    #expect(stage.output.written.contains("bad"))
    #expect(!stage.output.written.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
  }

  @Test("an export is a manifest of just those items, byte for byte")
  func export() async throws {
    let stage = try CommandStage()
    _ = try await stage.planRun()
    #expect(try await stage.run(ExportCommand.self, "latest", "--state", "rejected") == .done)
    let expected = "[\n" + (0..<4).map { PlannedItems.source($0) }.joined(separator: ",\n") + "\n]\n"
    #expect(stage.output.written == expected)
  }

  @Test("an output that cannot be written is no success; a reader that went away is")
  func outputTrouble() async throws {
    let full = try CommandStage(
      output: CommandStage.Sink(failing: OutputFailed(reason: "No space left on device")))
    _ = try await full.planRun()
    #expect(try await full.run(ExportCommand.self, "latest", "--state", "rejected") == .store)
    #expect(full.diagnostics.written.contains("No space left"))
    let closed = try CommandStage(output: CommandStage.Sink(failing: OutputClosed()))
    _ = try await closed.planRun()
    #expect(try await closed.run(ExportCommand.self, "latest", "--state", "rejected") == .done)
  }

  @Test("a bad manifest is one JSON document with its findings, and validating records nothing")
  func validate() async throws {
    let stage = try CommandStage()
    let path = try stage.folder.write("[{\"index_id\": 5}]", to: "bad.json")
    #expect(try await stage.run(ValidateCommand.self, path, "--format", "json") == .badInput)
    let document = try object(stage.output.written)
    let error = try #require(document["error"] as? [String: Any])
    #expect(Set(error.keys) == ["code", "message", "remedy"])
    let findings = try #require(document["findings"] as? [[String: Any]])
    #expect(document["findings_total"] as? Int == findings.count)
    #expect(Set(findings.flatMap(\.keys)) == ["severity", "line", "column", "item", "message"])
    #expect(!FileManager.default.fileExists(atPath: stage.database))
  }

  @Test(
    "equal file names are a finding where the service is asked by file name",
    arguments: [("v1", 1), ("v1.2", 1), ("v1.3", 0)])
  func equalNames(profile: String, warnings: Int) async throws {
    let stage = try CommandStage()
    let items = ["a", "b"].map {
      #"{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://my-bucket/\#($0)/01.mp4"}"#
    }
    let path = try stage.folder.write("[\(items.joined(separator: ","))]", to: "list.json")
    let ended = try await stage.run(
      ValidateCommand.self, path, "--profile", profile, "--strict", "--format", "json")
    #expect(ended == (warnings == 0 ? .done : .badInput))
    #expect(try object(stage.output.written)["findings_total"] as? Int == warnings)
  }

  @Test(
    "transcriptions and languages are one finding with profile v1.3, which does not send them",
    arguments: [("v1", 4, 0), ("v1.2", 4, 0), ("v1.3", 1, 1)])
  func unsentMembers(profile: String, warnings: Int, manifestWide: Int) async throws {
    let stage = try CommandStage()
    let items = ["1", "2"].map {
      #"{"index_id":"629d807aa9e2a3a33a92c00b","language":"ko","object":"s3://my-bucket/\#($0).mp4","#
        + #""transcription":"s3://my-bucket/\#($0).txt"}"#
    }
    let path = try stage.folder.write("[\(items.joined(separator: ","))]", to: "list.json")
    #expect(
      try await stage.run(ValidateCommand.self, path, "--profile", profile, "--format", "json") == .done)
    let document = try object(stage.output.written)
    #expect(document["findings_total"] as? Int == warnings)
    let findings = try #require(document["findings"] as? [[String: Any]])
    let messages = findings.filter { $0["line"] is NSNull }.map { $0["message"] as? String ?? "" }
    #expect(messages.count == manifestWide)
    #expect(messages.allSatisfy { $0.contains("(2 items)") && $0.contains("not sent") })
    // As every warning.
    #expect(try await stage.run(ValidateCommand.self, path, "--profile", profile, "--strict") == .badInput)
  }

  @Test("a cancelled run cannot be resumed, a finished one repeats its status without a key")
  func resumeOfEndedRuns() async throws {
    let stage = try CommandStage()
    let run = try await stage.planRun()
    #expect(try await stage.run(CancelCommand.self, run.rawValue) == .done)
    #expect(stage.output.written.contains("cancelled"))
    #expect(try await stage.run(ResumeCommand.self, run.rawValue) == .badInput)
    #expect(try await stage.run(CancelCommand.self, run.rawValue) == .done)
  }

  @Test("resume of what needs the service says that the key is missing")
  func missingKey() async throws {
    let stage = try CommandStage()
    let run = try await stage.planRun()
    #expect(try await stage.run(ResumeCommand.self, run.rawValue) == .badInput)
    #expect(stage.diagnostics.written.contains("TWELVELABS_API_KEY"))
    #expect(try await stage.run(ResumeCommand.self, "nothing") == .badInput)
  }
}
