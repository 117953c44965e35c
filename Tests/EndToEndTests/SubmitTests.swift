import Foundation
import TestSupport
import Testing
import TransferSimulator

@Suite("Submitting with the real program", .timeLimit(.minutes(10)))
struct SubmitTests {
  static let seed = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/seed-sample.json")

  @Test("the seed's page can be followed: its manifest, its endpoint, its request, its answer")
  func seed() async throws {
    let scene = try await Scene()
    let validated = try await scene.orchestrate("validate", Self.seed.path, "--format", "json")
    #expect(validated.status == 0)
    let document = try json(validated.output)
    #expect(document["items"] as? Int == 2)
    #expect(document["findings_total"] as? Int == 1)

    let strict = try await scene.orchestrate("validate", Self.seed.path, "--strict", "--format", "json")
    #expect(strict.status == 2)
    #expect(try json(strict.output)["error"] != nil)

    let submitted = try await scene.submit(Self.seed.path)
    #expect(submitted.status == 0)
    #expect(submitted.diagnostics.contains("25"))
    let entry = try #require(scene.server.ledger.transfers.first)
    #expect(scene.server.ledger.transferCount == 1)
    #expect(entry.method == "POST")
    #expect(entry.path == "/v1/indexes/tasks/transfers")
    #expect(entry.keyMatched)
    #expect(entry.headers["content-type"]?.hasPrefix("multipart/form-data; boundary=") == true)
    #expect(entry.elements.map(\.object) == ["s3://twelve-labs-docs/01.mp4", "s3://twelve-labs-docs/02.mp4"])
    #expect(entry.status == 200)
    let report = try json(try await scene.orchestrate("report", "latest", "--format", "json").output)
    let chunks = try #require(report["chunks"] as? [[String: Any]])
    #expect(chunks.map { $0["message"] as? String } == ["Succesfully requested indexing task"])
    await scene.server.stop()
  }

  @Test("every profile works, with any 2xx", arguments: [SimulatorProfile.v1, .v1_1, .v1_2])
  func profiles(profile: SimulatorProfile) async throws {
    let scene = try await Scene {
      $0.profile = profile
      $0.faults = [
        FaultRule(.garbage, request: 2), FaultRule(.empty, request: 3), FaultRule(.truncated, request: 4),
      ]
    }
    let ended = try await scene.submit(
      try scene.manifest(100), "--profile", profile.rawValue, "--chunk-size", "10", "--format", "json")
    #expect(ended.status == 0, "\(ended.diagnostics)")
    #expect(scene.timesTaken(100) == [1])
    let run = try #require(try json(ended.output)["run"] as? [String: Any])
    #expect(run["state"] as? String == "finished")
    #expect(run["items"] as? Int == 100)
    #expect((run["chunks"] as? [String: Int])?.count == 9)
    #expect((run["items_by_state"] as? [String: Int])?.values.reduce(0, +) == 100)
    #expect(run["sending_seconds"] is Double)
    await scene.server.stop()
  }

  @Test(
    "throttling in each of its forms is waited for",
    arguments: [FaultKind.throttle, .throttleDate, .throttleReset, .unavailableWait])
  func throttling(kind: FaultKind) async throws {
    let scene = try await Scene {
      $0.faults = [FaultRule(kind, requests: 2...3)]
      $0.throttleWait = .seconds(1)
    }
    let ended = try await scene.submit(try scene.manifest(60), "--chunk-size", "10")
    #expect(ended.status == 0, "\(ended.diagnostics)")
    #expect(scene.timesTaken(60) == [1])
    await scene.server.stop()
  }

  @Test("the same manifest again is refused with the run and both commands, and --again insists")
  func again() async throws {
    let scene = try await Scene()
    let manifest = try scene.manifest(20)
    let first = try await scene.submit(manifest, "--format", "json")
    let run = try #require(try json(first.output)["run"] as? [String: Any])
    let id = try #require(run["run_id"] as? String)
    // The same items written another way are the same manifest.
    let spaced = try scene.folder.write(
      try String(contentsOfFile: manifest, encoding: .utf8).replacingOccurrences(of: ":\"", with: " : \""),
      to: "spaced.json")
    let second = try await scene.submit(spaced, "--format", "json")
    #expect(second.status == 2)
    #expect(second.diagnostics.contains("orchestrate resume \(id)"))
    #expect(second.diagnostics.contains("--again"))
    let error = try #require(try json(second.output)["error"] as? [String: Any])
    #expect(error["code"] as? String == "already_submitted")
    #expect(scene.server.ledger.transferCount == 1)
    let insisted = try await scene.submit(manifest, "--again")
    #expect(insisted.status == 0)
    #expect(scene.server.ledger.transferCount == 2)
    let history = try json(try await scene.orchestrate("report", "--format", "json").output)
    #expect((history["runs"] as? [[String: Any]])?.count == 2)
    await scene.server.stop()
  }

  @Test(
    "content that is refused ends with 1, is grouped by the service's code, and can be exported as it came")
  func content() async throws {
    let scene = try await Scene()
    let text = """
      [ {"index_id":"\(Scene.index)", "language":"en","object":"s3://media-west/good.mp4"},
        { "index_id":"\(Scene.index)","language":"en",  "object":"s3://media-west/poison.mp4" } ]
      """
    let manifest = try scene.folder.write(text, to: "poisoned.json")
    let ended = try await scene.submit(
      manifest, "--chunk-size", "1", "--concurrency", "1", "--max-failures", "100%", "--no-bisect")
    #expect(ended.status == 1, "\(ended.diagnostics)")
    #expect(ended.output.contains("parameter_invalid"))
    let exported = try await scene.orchestrate("export", "latest", "--state", "rejected")
    #expect(exported.status == 0)
    #expect(
      exported.output
        == "[\n{ \"index_id\":\"\(Scene.index)\",\"language\":\"en\",  \"object\":\"s3://media-west/poison.mp4\" }\n]\n"
    )
    let again = try await scene.orchestrate("resume", "latest")
    #expect(again.status == 1)
    #expect(scene.server.ledger.transferCount == 2)
    let retried = try await scene.orchestrate("resume", "latest", "--retry", "rejected")
    #expect(retried.status == 1)
    #expect(scene.server.ledger.transferCount == 3)
    await scene.server.stop()
  }

  @Test(
    "faults of account and endpoint cost one request, end with 4, and are resumed when they are mended",
    arguments: [FaultKind.unauthorized, .forbidden, .insufficientFunds, .usageLimit, .redirect])
  func pausing(kind: FaultKind) async throws {
    let scene = try await Scene { $0.faults = [FaultRule(kind, from: 1)] }
    let ended = try await scene.submit(try scene.manifest(100), "--chunk-size", "5", "--format", "json")
    #expect(ended.status == 4)
    #expect(scene.server.ledger.transferCount == 1)
    let run = try #require(try json(ended.output)["run"] as? [String: Any])
    #expect(run["state"] as? String == "paused")
    #expect(run["reason"] as? String == (kind == .redirect ? "endpoint" : "account"))
    #expect((run["items_by_state"] as? [String: Int])?["pending"] == 100)
    scene.server.setFaults([])
    let resumed = try await scene.orchestrate("resume", "latest")
    #expect(resumed.status == 0)
    #expect(scene.timesTaken(100) == [1])
    await scene.server.stop()
  }

  @Test("an answer that never came and cannot be settled is held, and ends with 7")
  func held() async throws {
    let scene = try await Scene {
      $0.faults = [FaultRule(.resetAfter, request: 4)]
      $0.listingModes = [.missing]
    }
    let ended = try await scene.submit(
      try scene.manifest(60), "--chunk-size", "10", "--settle-delay", "10ms", "--format", "json")
    #expect(ended.status == 7, "\(ended.diagnostics)")
    let run = try #require(try json(ended.output)["run"] as? [String: Any])
    #expect((run["chunks"] as? [String: Int])?["unknown"] == 1)
    scene.server.model.setListingModes([])
    let resumed = try await scene.orchestrate("resume", "latest")
    #expect(resumed.status == 0, "\(resumed.diagnostics)")
    #expect(scene.timesTaken(60) == [1])
    #expect(scene.server.ledger.transferCount == 6)
    await scene.server.stop()
  }

  @Test("a job file says everything, and the command line wins over it")
  func jobFile() async throws {
    let scene = try await Scene()
    _ = try scene.manifest(40)
    let job = try scene.folder.write(
      "name: night\nmanifest: manifest.json\nchunk-size: 4\nconcurrency: 2\nbase-url: \(scene.server.address)\n",
      to: "job.yaml")
    let ended = try await scene.orchestrate("submit", "--job", job, "--chunk-size", "8", "--format", "json")
    #expect(ended.status == 0, "\(ended.diagnostics)")
    let run = try #require(try json(ended.output)["run"] as? [String: Any])
    #expect(run["name"] as? String == "night")
    #expect(run["job"] as? String == job)
    #expect(scene.server.ledger.transferCount == 5)
    let bad = try scene.folder.write("chunk-sise: 4\n", to: "bad.yaml")
    let refused = try await scene.orchestrate("submit", "--job", bad)
    #expect(refused.status == 2)
    #expect(refused.diagnostics.contains("bad.yaml:1"))
    #expect(refused.diagnostics.contains("chunk-size"))
    await scene.server.stop()
  }

  @Test("--dry-run shows settings and plan, needs no key, records nothing and opens no connection")
  func dryRun() async throws {
    let scene = try await Scene()
    let ended = try await OrchestrateProcess.run(
      ["submit", try scene.manifest(100), "--dry-run", "--format", "json", "--limit", "30"] + scene.here,
      environment: ["ORCHESTRATE_DB": scene.database])
    #expect(ended.status == 0, "\(ended.diagnostics)")
    let plan = try #require(try json(ended.output)["plan"] as? [String: Any])
    #expect(plan["items"] as? Int == 30)
    #expect(plan["chunks"] as? Int == 1)
    #expect(!FileManager.default.fileExists(atPath: scene.database))
    #expect(scene.server.ledger.entries.isEmpty)
    await scene.server.stop()
  }

  @Test("--limit reads only so far and says so; standard input is a manifest like any other")
  func limitAndInput() async throws {
    let scene = try await Scene()
    let text = try String(contentsOfFile: try scene.manifest(100), encoding: .utf8)
    let ended = try await OrchestrateProcess.run(
      ["submit", "-", "--limit", "25", "--chunk-size", "10"] + scene.here, environment: scene.environment,
      input: text)
    #expect(ended.status == 0, "\(ended.diagnostics)")
    #expect(ended.diagnostics.contains("--limit 25"))
    #expect(scene.server.ledger.acceptedCounts.count == 25)
    await scene.server.stop()
  }
}
