import Foundation
import TestSupport
import Testing

@Suite("The simulator's program", .timeLimit(.minutes(10)))
struct SimulatorProgramTests {
  private static let index = "629d807aa9e2a3a33a92c00b"

  /// Sends three objects, one request each, to a simulator started with these options; returns the run as JSON
  /// has it.
  private func run(_ options: String...) async throws -> [String: Any] {
    let folder = try TemporaryFolder()
    let simulator = try OrchestrateProcess(
      ["--api-key", Scene.key, "--task-step", "0s"] + options, program: "transfer-simulator")
    let address = await simulator.firstLine()
    let items = ["a", "b", "c"].map {
      #"{"index_id":"\#(Self.index)","language":"en","object":"s3://media/\#($0).mp4"}"#
    }
    let manifest = try folder.write("[" + items.joined(separator: ",") + "]", to: "manifest.json")
    let ended = try await OrchestrateProcess.run(
      [
        "submit", manifest, "--base-url", address, "--chunk-size", "1", "--max-failures", "3", "--format",
        "json",
      ],
      environment: ["TWELVELABS_API_KEY": Scene.key, "ORCHESTRATE_DB": folder.file("store.db")])
    simulator.send(SIGTERM)
    #expect(await simulator.ended().status == 0)
    return try #require(try json(ended.output)["run"] as? [String: Any], "\(ended)")
  }

  @Test("takes poisoned objects")
  func poisoned() async throws {
    let run = try await run("--poisoned-object", "s3://media/b.mp4", "--takes-elements-before-poison")
    let counts = run["items_by_state"] as? [String: Int]
    #expect(counts?["accepted"] == 2, "\(run)")
    #expect(counts?["rejected"] == 1, "\(run)")
  }

  @Test("takes counts of answers after which connections are closed")
  func closings() async throws {
    let run = try await run(
      "--announced-close-every", "1", "--silent-close-every", "7", "--idle-timeout", "1m")
    #expect(run["state"] as? String == "finished", "\(run)")
    #expect(run["attempts"] as? Int == 3, "\(run)")
  }

  @Test("takes indexes that do not exist")
  func gone() async throws {
    let run = try await run("--gone-index", Self.index, "--crashing-object", "s3://media/c.mp4")
    #expect(run["reason"] as? String == "index", "\(run)")
  }

  @Test("refuses what makes no sense")
  func refused() async throws {
    for options in [
      ["--idle-timeout", "0s"], ["--idle-timeout", "soon"], ["--announced-close-every", "0"],
      ["--silent-close-every", "-1"],
    ] {
      let ended = try await OrchestrateProcess(options, program: "transfer-simulator").ended()
      #expect(ended.status == 64, "\(options): \(ended)")
    }
  }
}
