import BatchDomain
import Foundation
import TestSupport
import Testing
import TransferSimulator

@Suite("Settling and bisecting with the real program", .timeLimit(.minutes(10)))
struct SettleTests {
  func chunks(_ scene: Scene) async throws -> [[String: Any]] {
    let report = try json(try await scene.orchestrate("report", "latest", "--format", "json").output)
    return try #require(report["chunks"] as? [[String: Any]])
  }

  @Test("a person settles a held chunk as received; it is recorded as such and never sent again")
  func asReceived() async throws {
    let scene = try await Scene { $0.faults = [try FaultRule(text: "reset-after@3")] }
    let ended = try await scene.submit(
      try scene.manifest(10), "--chunk-size", "2", "--concurrency", "1", "--on-unknown", "hold")
    #expect(ended.status == 7, "\(ended.diagnostics)")
    let wrong = try await scene.orchestrate("settle", "latest", "--chunk", "0", "--as", "received")
    #expect(wrong.status == 2)
    #expect(wrong.diagnostics.contains("chunk 0"))
    let settled = try await scene.orchestrate("settle", "latest", "--as", "received", "--format", "json")
    #expect(settled.status == 0, "\(settled.diagnostics)")
    let run = try #require(try json(settled.output)["run"] as? [String: Any])
    #expect(run["state"] as? String == "finished")
    #expect((run["items_by_state"] as? [String: Int])?["accepted"] == 10)
    let verdict = try #require(try await chunks(scene)[2]["settlement"] as? [String: Any])
    #expect(verdict["authority"] as? String == "person")
    #expect(verdict["verdict"] as? String == "received")
    #expect(try await scene.orchestrate("resume", "latest").status == 0)
    #expect(scene.timesTaken(10) == [1])
    #expect(try await scene.orchestrate("settle", "latest", "--as", "received").status == 2)
    await scene.server.stop()
  }

  @Test("what a person settles as not received is sent by resume")
  func asNotReceived() async throws {
    let scene = try await Scene { $0.faults = [try FaultRule(text: "stall@3")] }
    let ended = try await scene.submit(
      try scene.manifest(10), "--chunk-size", "2", "--concurrency", "1", "--on-unknown", "hold", "--timeout",
      "20s")
    #expect(ended.status == 7, "\(ended.diagnostics)")
    #expect(
      try await scene.orchestrate("settle", "latest", "--chunk", "2", "--as", "not-received").status == 0)
    #expect(scene.timesTaken(10) == [0, 1])
    let resumed = try await scene.orchestrate("resume", "latest", "--timeout", "5m")
    #expect(resumed.status == 0, "\(resumed.diagnostics)")
    #expect(scene.timesTaken(10) == [1])
    await scene.server.stop()
  }

  @Test("one poisoned item is found within the bound and exported byte for byte")
  func bisect() async throws {
    let scene = try await Scene { $0.poisonedObjects = [Scene.object(11)] }
    let ended = try await scene.submit(try scene.manifest(50))
    #expect(ended.status == 1, "\(ended.diagnostics)")
    #expect(scene.server.ledger.transferCount <= 14)
    let bad = try await chunks(scene).filter { $0["state"] as? String == "rejected" }
    #expect(bad.map { $0["first_item"] as? Int } == [11])
    #expect(bad.map { $0["item_count"] as? Int } == [1])
    #expect(bad.map { $0["error_code"] as? String } == ["parameter_invalid"])
    let exported = try await scene.orchestrate("export", "latest", "--state", "rejected")
    #expect(
      exported.output
        == "[\n{\"index_id\":\"\(Scene.index)\",\"language\":\"en\",\"object\":\"\(Scene.object(11))\"}\n]\n")
    #expect(scene.timesTaken(50) == [0, 1])
    #expect(scene.server.ledger.acceptedCounts.values.allSatisfy { $0 == 1 })
    await scene.server.stop()
  }

  @Test("bad items side by side do not pause a run whose other items are good")
  func badNeighbours() async throws {
    let bad = Set((0..<4).map { Scene.object($0) })
    let scene = try await Scene { $0.poisonedObjects = bad }
    let ended = try await scene.submit(try scene.manifest(40), "--chunk-size", "20", "--concurrency", "1")
    #expect(ended.status == 1, "\(ended.diagnostics)")
    let report = try json(try await scene.orchestrate("report", "latest", "--format", "json").output)
    let run = try #require(report["run"] as? [String: Any])
    #expect((run["items_by_state"] as? [String: Int])?["rejected"] == 4)
    #expect((run["items_by_state"] as? [String: Int])?["accepted"] == 36)
    await scene.server.stop()
  }

  @Test("a refusal that took the items before the bad one is found out: nothing is taken twice")
  func partlyTaken() async throws {
    let scene = try await Scene {
      $0.poisonedObjects = [Scene.object(11), Scene.object(30)]
      $0.takesElementsBeforePoison = true
    }
    let ended = try await scene.submit(try scene.manifest(48), "--chunk-size", "8")
    #expect(ended.status == 1, "\(ended.diagnostics)")
    #expect(scene.server.ledger.acceptedCounts.count == 46)
    #expect(scene.server.ledger.acceptedCounts.values.allSatisfy { $0 == 1 })
    let bad = try await chunks(scene).filter { $0["state"] as? String == "rejected" }
    #expect(bad.compactMap { $0["first_item"] as? Int }.sorted() == [11, 30])
    await scene.server.stop()
  }

  @Test("one element that makes the service answer 500 does not fail its neighbours")
  func crashingElement() async throws {
    let scene = try await Scene { $0.crashingObjects = [Scene.object(5)] }
    let ended = try await scene.submit(
      try scene.manifest(24), "--chunk-size", "8", "--max-attempts", "2", "--concurrency", "2")
    #expect(ended.status == 1, "\(ended.diagnostics)")
    let failed = try await chunks(scene).filter { $0["state"] as? String == "failed" }
    #expect(failed.map { $0["first_item"] as? Int } == [5])
    #expect(scene.server.ledger.acceptedCounts.count == 23)
    #expect(scene.server.ledger.acceptedCounts.values.allSatisfy { $0 == 1 })
    await scene.server.stop()
  }
}
