import Foundation
import TestSupport
import Testing
import TransferSimulator

/// The real program removes old runs, and is killed while it does.
@Suite("Removing old runs")
struct PruneTests {
  private static let items = 520

  /// A database with an old run of more chunks than are removed in one change, and a run of today.
  private func scene() async throws -> (Scene, list: String) {
    let scene = try await Scene { $0.taskStep = .zero }
    let old = try scene.manifest(Self.items, name: "old.json")
    #expect(try await scene.submit(old, "--chunk-size", "1").status == 0)
    try Raw.execute(
      """
      UPDATE run SET created_at = created_at - 8640000000, finished_at = finished_at - 8640000000,
        first_intent_at = first_intent_at - 8640000000, last_outcome_at = last_outcome_at - 8640000000;
      UPDATE attempt SET started_at = started_at - 8640000000, finished_at = finished_at - 8640000000;
      UPDATE chunk SET last_at = last_at - 8640000000;
      """, in: scene.database)
    #expect(try await scene.submit(try scene.manifest(20, name: "young.json", prefix: "b")).status == 0)
    return (scene, old)
  }

  private func prune(_ scene: Scene, killedAt moment: String? = nil) async throws -> OrchestrateProcess.Ending
  {
    try await OrchestrateProcess.run(
      ["prune", "--older-than", "90d", "--format", "json"],
      environment: scene.environment.merging(moment.map { ["ORCHESTRATE_KILL_AT": $0] } ?? [:]) { $1 })
  }

  @Test(
    "killed at any change, the run is there as a whole or gone, and the next prune ends it",
    arguments: [
      "in_indexing:1", "in_checkpoint:1", "in_removal:1", "in_removal:3", "in_removal:5",
    ])
  func killed(moment: String) async throws {
    let (scene, list) = try await scene()
    if moment == "in_indexing:1" {
      try Raw.execute("DELETE FROM known_run; UPDATE known_segment SET is_complete = 0;", in: scene.database)
    }
    let killed = try await prune(scene, killedAt: moment)
    #expect(killed.status == 128 + SIGKILL, "\(moment) was never reached: \(killed.diagnostics)")
    let history = try await scene.orchestrate("report", "--format", "json")
    let runs = try #require(try json(history.output)["runs"] as? [[String: Any]])
    #expect(runs.count == (moment == "in_indexing:1" ? 2 : 1))
    for run in runs {
      #expect(try await scene.orchestrate("verify", try #require(run["run_id"] as? String)).status == 0)
    }
    #expect(try StoreAudit.problems(in: scene.database) == [])
    #expect(try await prune(scene).status == 0)
    for table in ["chunk", "attempt", "run"] {
      let column = table == "run" ? "id" : "run"
      #expect(try Raw.query("SELECT DISTINCT \(column) FROM \(table)", in: scene.database) == ["2"])
    }
    #expect(try await scene.orchestrate("verify", "latest").status == 0)
    let difference = try await OrchestrateProcess.run(
      ["diff", list, "--format", "json", "--base-url", scene.server.address], environment: scene.environment)
    #expect(try json(difference.output)["unchanged"] as? Int == Self.items)
    // Nothing is sent twice by whoever submits the list again.
    let again = try await scene.submit(list)
    #expect(again.status == 2)
    #expect(again.diagnostics.contains("which was removed since"), "\(again.diagnostics)")
    let new = try await scene.submit(list, "--new-only", "--format", "json")
    #expect(new.status == 0)
    #expect(new.diagnostics.contains("removed since"), "\(new.diagnostics)")
    #expect(scene.timesTaken(Self.items) == [1])
    await scene.server.stop()
  }

  @Test("while another run is sent, an old one is removed, and neither disturbs the other")
  func beside() async throws {
    let (scene, _) = try await scene()
    let process = try scene.startSubmit(
      try scene.manifest(400, name: "live.json", prefix: "c"), "--chunk-size", "1", "--rate", "200/s")
    let pruned = try await prune(scene)
    #expect(pruned.status == 0, "\(pruned.diagnostics)")
    let document = try json(pruned.output)
    #expect(document["runs"] as? Int == 1)
    #expect(document["items"] as? Int == Self.items)
    #expect(document["bytes"] as? Int ?? 0 > Self.items * 100)
    let ending = await process.ended()
    #expect(ending.status == 0, "\(ending.diagnostics)")
    #expect(scene.timesTaken(400, prefix: "c") == [1])
    #expect(try await scene.orchestrate("verify", "latest").status == 0)
    await scene.server.stop()
  }
}
