import Foundation
import ProgramSupport
import TestSupport
import Testing
import TransferSimulator

/// Accepted items are followed until they are indexed, with the real program and both generations of the service.
@Suite("Tracked until indexed", .timeLimit(.minutes(10)))
struct TrackTests {
  private static let bucket = "media-west"

  private func scene(
    v1_3 isCurrent: Bool, videos: Int = 0, _ configure: (inout SimulatorConfiguration) -> Void = { _ in }
  ) async throws -> Scene {
    try await Scene {
      if isCurrent {
        $0.assets = AssetsConfiguration()
        $0.assets?.durations = 10...60
        var store = ObjectStoreConfiguration()
        store.buckets = [SyntheticBucket(Self.bucket, count: videos)]
        $0.objects = store
      }
      $0.taskStep = .milliseconds(100)
      configure(&$0)
    }
  }

  private func environment(_ scene: Scene) -> [String: String] {
    scene.environment.merging([
      "AWS_ACCESS_KEY_ID": SimulatedCredentials.example.accessKeyID,
      "AWS_SECRET_ACCESS_KEY": SimulatedCredentials.example.secret,
      "AWS_ENDPOINT_URL_S3": scene.server.address,
    ]) { $1 }
  }

  private func run(_ arguments: [String], _ scene: Scene, input: String? = nil) async throws
    -> OrchestrateProcess.Ending
  {
    try await OrchestrateProcess.run(arguments, environment: environment(scene), input: input)
  }

  /// Submits to the service of today what is in the bucket.
  private func submitCurrent(_ scene: Scene, _ more: String...) async throws -> OrchestrateProcess.Ending {
    let manifest = try await run(["list", "s3://\(Self.bucket)/", "--index-id", Scene.index], scene)
    return try await run(
      ["submit", "-", "--profile", "v1.3"] + scene.here + ["--format", "json"] + more, scene,
      input: manifest.output)
  }

  private func states(_ output: String) throws -> [String: Int] {
    let tracking = try #require(try json(output)["tracking"] as? [String: Any], "\(output)")
    return try #require(tracking["states"] as? [String: Int])
  }

  private func exported(_ state: String, _ scene: Scene) async throws -> Int {
    let ending = try await run(["export", "latest", "--state", state], scene)
    #expect(ending.status == 0, "\(ending.diagnostics)")
    let items = try JSONSerialization.jsonObject(with: Data(ending.output.utf8)) as? [[String: Any]]
    return try #require(items).count
  }

  @Test("v1: one look shows where the videos are, --wait ends when each is ready or failed")
  func firstGeneration() async throws {
    let scene = try await scene(v1_3: false) {
      $0.failedShare = 0.2
      $0.taskStep = .seconds(600)
    }
    let submitted = try await scene.submit(try scene.manifest(40), "--chunk-size", "15")
    #expect(submitted.status == 0)
    // Never tracked: null, and an export that says what to do.
    var report = try await run(["report", "latest", "--format", "json"], scene)
    #expect(try json(report.output)["tracking"] is NSNull)
    let untracked = try await run(["export", "latest", "--state", "ready"], scene)
    #expect(untracked.status == 2)
    #expect(untracked.diagnostics.contains("was never tracked"))
    #expect(untracked.diagnostics.contains("orchestrate track "))

    let requests = scene.server.ledger.entries.count
    let first = try await run(["track", "latest", "--format", "json"], scene)
    #expect(first.status == 7, "\(first.diagnostics)")
    #expect(try states(first.output) == Self.counts(waiting: 40))
    // Pages, the last of them empty, and never a request for each video.
    #expect(scene.server.ledger.entries.count == requests + 2)

    scene.server.model.setTaskStep(.zero)
    let last = try await run(["track", "latest", "--wait", "--format", "json"], scene)
    let found = try states(last.output)
    let failed = try #require(found["failed"])
    #expect(failed > 0 && found == Self.counts(ready: 40 - failed, failed: failed))
    #expect(last.status == 1)
    #expect(try await exported("index_failed", scene) == failed)
    #expect(try await exported("ready", scene) == 40 - failed)
    #expect(try await exported("ready,index_failed,rejected", scene) == 40)
    #expect(try await exported("not_seen", scene) == 0)
    #expect(try await exported("accepted", scene) == 40)

    report = try await run(["report", "latest", "--format", "json"], scene)
    #expect(try states(report.output) == found)
    let text = try await run(["report", "latest"], scene)
    #expect(text.output.contains("at the service: indexed \(40 - failed) of 40, \(failed) failed"))
    #expect(text.output.contains("failed: The video has no audio track"))
    #expect(text.output.contains("orchestrate export \(try Self.runID(report.output)) --state index_failed"))
    let page = try await run(["report", "latest", "--format", "html"], scene)
    #expect(page.output.contains("indexed \(40 - failed) of 40"))
    // What is final is not asked for again.
    let before = scene.server.ledger.entries.count
    #expect(try await run(["track", "latest"], scene).status == 1)
    #expect(scene.server.ledger.entries.count == before)
  }

  @Test("v1: names that stand for several videos are counted, and listings that lag are waited for")
  func namesAndLag() async throws {
    let scene = try await scene(v1_3: false) {
      $0.taskStep = .zero
      $0.listingLag = .milliseconds(1_500)
    }
    let items = ["a/1.mp4", "b/1.mp4", "a/2.mp4"].map {
      #"{"index_id":"\#(Scene.index)","language":"en","object":"s3://media-west/\#($0)"}"#
    }
    let manifest = try scene.folder.write("[\(items.joined(separator: ","))]", to: "names.json")
    let ending = try await scene.submit(
      manifest, "--track", "--format", "json", "--events", scene.folder.file("events.jsonl"))
    #expect(ending.status == 0, "\(ending.diagnostics)")
    #expect(try states(ending.output) == Self.counts(ready: 3))
    let events = try String(contentsOfFile: scene.folder.file("events.jsonl"), encoding: .utf8)
    let kinds = try events.split(separator: "\n").map {
      try #require(try json(String($0))["event"] as? String)
    }
    #expect(kinds.last == "ended" && kinds.contains("tracking"))
  }

  @Test("v1.3: submit --track ends when each is ready or failed, by their ids")
  func currentGeneration() async throws {
    let scene = try await scene(v1_3: true, videos: 30) { $0.failedShare = 0.3 }
    let ending = try await submitCurrent(scene, "--track")
    let found = try states(ending.output)
    let failed = try #require(found["failed"])
    #expect(failed > 0 && found == Self.counts(ready: 30 - failed, failed: failed))
    #expect(ending.status == 1, "\(ending.diagnostics)")
    let text = try await run(["report", "latest"], scene)
    #expect(text.output.contains("The video has no audio track") || text.output.contains("gave no reason"))
    // A finished run in which nothing is left to send is followed by `resume --track`, too.
    let resumed = try await run(["resume", "latest", "--track", "--format", "json"], scene)
    #expect(resumed.status == 1)
    #expect(try states(resumed.output) == found)
  }

  @Test("v1.3: killed in the middle of a walk, it goes on near the page where it was")
  func killedInTheMiddle() async throws {
    let scene = try await scene(v1_3: true, videos: 260) { $0.taskStep = .milliseconds(1) }
    #expect(try await submitCurrent(scene).status == 0)
    let ledger = scene.server.ledger
    // The fourth page does not come.
    let count = ledger.entries.count
    let isWalk: @Sendable (LedgerEntry) -> Bool = {
      $0.method == "GET" && $0.path.contains("/indexed-assets?page=") && $0.ordinal > count
    }
    scene.server.setFaults([FaultRule(.stall, from: 4, wait: .seconds(3_600)).on(.indexed)])
    let process = try OrchestrateProcess(["track", "latest", "--wait"], environment: environment(scene))
    try await ledger.waitFor { $0.count(where: isWalk) >= 4 }
    process.send(SIGKILL)
    _ = await process.ended()
    scene.server.setFaults([])
    let killed = ledger.entries.count
    let last = try await run(["track", "latest", "--wait", "--format", "json"], scene)
    #expect(last.status == 0, "\(last.diagnostics)")
    #expect(try states(last.output) == Self.counts(ready: 260))
    let next = try #require(ledger.entries.dropFirst(killed).first(where: isWalk))
    #expect(next.path.contains("?page=3&"), "\(next.path)")
  }

  @Test("a signal ends it with 3, and says nothing wrong; a missing key and a missing service are said")
  func refusals() async throws {
    let scene = try await scene(v1_3: false) { $0.taskStep = .seconds(600) }
    #expect(try await scene.submit(try scene.manifest(3)).status == 0)
    let process = try OrchestrateProcess(
      ["track", "latest", "--wait", "--progress", "always"], environment: environment(scene))
    await process.says("3 in progress")
    process.send(SIGTERM)
    let ended = await process.ended()
    #expect(ended.status == 3, "\(ended.diagnostics)")
    #expect(ended.output.contains("indexed 0 of 3"))

    var keyless = environment(scene)
    keyless["TWELVELABS_API_KEY"] = nil
    let missing = try await OrchestrateProcess.run(["track", "latest"], environment: keyless)
    #expect(missing.status == 2)
    #expect(missing.diagnostics.contains("there is no API key"))
    var wrong = environment(scene)
    wrong["TWELVELABS_API_KEY"] = "tlk_of_somebody_else"
    let refused = try await OrchestrateProcess.run(["track", "latest"], environment: wrong)
    #expect(refused.status == 4, "\(refused.diagnostics)")
    #expect(!refused.diagnostics.contains("tlk_of_somebody_else"))
    #expect(try await run(["track", "nothing"], scene).status == 2)
    #expect(try await run(["track", "latest", "--max-wait", "1h"], scene).status == 64)
    // With --max-wait 0 one look without a change is enough.
    #expect(try await run(["track", "latest", "--wait", "--max-wait", "0s"], scene).status == 7)
    await scene.server.stop()
    let gone = try await run(["track", "latest", "--format", "json"], scene)
    #expect(gone.status == 3, "\(gone.diagnostics)")
    #expect(gone.diagnostics.contains("the service could not be asked"))
    #expect(try states(gone.output) == Self.counts(waiting: 3))
  }

  private static func counts(
    notSeen: Int = 0, waiting: Int = 0, indexing: Int = 0, ready: Int = 0, failed: Int = 0,
    ambiguous: Int = 0
  ) -> [String: Int] {
    [
      "not_seen": notSeen, "waiting": waiting, "indexing": indexing, "ready": ready, "failed": failed,
      "ambiguous": ambiguous,
    ]
  }

  private static func runID(_ report: String) throws -> String {
    let run = try #require(try json(report)["run"] as? [String: Any])
    return try #require(run["run_id"] as? String)
  }
}
