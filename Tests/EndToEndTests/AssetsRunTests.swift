import Foundation
import KillPoints
import ProgramSupport
import TestSupport
import Testing
import TransferSimulator

/// Profile v1.3 with the real program: a bucket is listed, its videos become assets and are indexed.
@Suite("A run of profile v1.3", .timeLimit(.minutes(10)))
struct AssetsRunTests {
  static let bucket = "media-west"

  /// A service of today, with a bucket of that many videos in the same simulator.
  private func scene(
    videos: Int, faults: [String] = [], _ configure: (inout SimulatorConfiguration) -> Void = { _ in }
  ) async throws -> Scene {
    try await Scene {
      $0.assets = AssetsConfiguration()
      $0.assets?.durations = 10...60
      $0.taskStep = .milliseconds(20)
      var store = ObjectStoreConfiguration()
      store.buckets = [SyntheticBucket(Self.bucket, count: videos)]
      $0.objects = store
      $0.faults = try faults.map { try FaultRule(text: $0) }
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

  private func submit(_ scene: Scene, _ more: String...) async throws -> OrchestrateProcess.Ending {
    let manifest = try await run(["list", "s3://\(Self.bucket)/", "--index-id", Scene.index], scene)
    #expect(manifest.status == 0, "\(manifest.diagnostics)")
    return try await run(
      ["submit", "-", "--profile", "v1.3"] + scene.here + ["--format", "json"] + more, scene,
      input: manifest.output)
  }

  @Test("a bucket is listed, and every video is uploaded and indexed once")
  func fromBucketToIndex() async throws {
    let scene = try await scene(videos: 30)
    let ending = try await submit(scene)
    #expect(ending.status == 0, "\(ending.diagnostics)\(ending.output)")
    let tally = scene.server.assets.tally(at: scene.server.now)
    #expect(tally.indexed.count == 30)
    #expect((tally.assetsTwice, tally.indexedTwice) == (0, 0))
    #expect(tally.surplus.isEmpty && tally.leftOver.isEmpty)
    let report = try await run(["report", "latest", "--items", "--format", "json"], scene)
    #expect(report.output.contains("\"indexed_asset_id\": \""), "\(report.output.prefix(600))")
    #expect(!report.output.contains("\"asset_id\": null"))
    await scene.server.stop()
  }

  @Test("the next night leaves out what is there, and a list for another generation of the API is new")
  func onlyWhatIsNew() async throws {
    let scene = try await scene(videos: 6)
    #expect(try await submit(scene).status == 0)
    let again = try await submit(scene, "--new-only")
    #expect(again.status == 0, "\(again.diagnostics)")
    let document = try #require(try json(again.output)["run"] as? [String: Any])
    #expect(document["items"] as? Int == 0)
    #expect(document["skipped"] as? Int == 6)
    let list = try await run(["list", "s3://\(Self.bucket)/", "--index-id", Scene.index], scene)
    for (profile, added, unchanged) in [("v1.3", 0, 6), ("v1.2", 6, 0)] {
      let difference = try await run(
        ["diff", "-", "--base-url", scene.server.address, "--profile", profile, "--format", "json"], scene,
        input: list.output)
      #expect(difference.status == 0, "\(difference.diagnostics)")
      #expect(try json(difference.output)["added"] as? Int == added)
      #expect(try json(difference.output)["unchanged"] as? Int == unchanged)
    }
    let tally = scene.server.assets.tally(at: scene.server.now)
    #expect(tally.indexed.count == 6 && tally.surplus.isEmpty)
    await scene.server.stop()
  }

  @Test("lost answers of both steps are settled: nothing is lost and nothing is there twice")
  func lostAnswers() async throws {
    let scene = try await scene(
      videos: 25,
      faults: [
        "upload/reset-after@3", "upload/reset-before@7", "index/reset-after@5", "index/error-accepted@9",
      ])
    let ending = try await submit(scene, "--settle-grace", "1s")
    #expect(ending.status == 0, "\(ending.diagnostics)\(ending.output)")
    let tally = scene.server.assets.tally(at: scene.server.now)
    #expect(tally.indexed.count == 25)
    #expect((tally.assetsTwice, tally.indexedTwice) == (0, 0))
    await scene.server.stop()
  }

  @Test("while the list is behind, the last upload is not sent again because the list does not show it")
  func lostBehindASlowList() async throws {
    let scene = try await scene(videos: 4, faults: ["upload/reset-after@4"]) { $0.listingLag = .seconds(3) }
    let ending = try await submit(scene, "--settle-grace", "200ms")
    #expect(ending.status == 0, "\(ending.diagnostics)\(ending.output)")
    let tally = scene.server.assets.tally(at: scene.server.now)
    #expect(tally.indexed.count == 4)
    #expect(tally.assets.values.allSatisfy { $0 == 1 }, "\(tally)")
    await scene.server.stop()
  }

  @Test("no credential, no signature and no session is anywhere but in memory")
  func secrets() async throws {
    let scene = try await scene(videos: 5, faults: ["upload/error-accepted@2"])
    let ending = try await submit(scene, "--settle-grace", "1s", "--log-level", "debug")
    #expect(ending.status == 0, "\(ending.diagnostics)")
    let report = try await run(["report", "latest", "--attempts", "--format", "json"], scene)
    let html = try await run(
      ["report", "latest", "--format", "html", "-o", scene.folder.file("report.html")], scene)
    #expect(html.status == 0)
    var seen = [ending.output, ending.diagnostics, report.output]
    for name in try FileManager.default.contentsOfDirectory(atPath: scene.folder.path) {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: scene.folder.file(name)))
      seen.append(String(decoding: bytes, as: UTF8.self))
    }
    for text in seen {
      #expect(!text.contains(SimulatedCredentials.example.secret))
      #expect(!text.contains("X-Amz-Signature=") && !text.contains(Scene.key))
    }
    await scene.server.stop()
  }

  @Test(
    "credentials that S3 refuses pause the run before anything is sent; missing ones are refused before that")
  func badCredentials() async throws {
    let scene = try await scene(videos: 3)
    let manifest = try await run(["list", "s3://\(Self.bucket)/", "--index-id", Scene.index], scene)
    var wrong = environment(scene)
    wrong["AWS_SECRET_ACCESS_KEY"] = "another/secret/that/s3/does/not/have/for/it"
    let refused = try await OrchestrateProcess.run(
      ["submit", "-", "--profile", "v1.3"] + scene.here, environment: wrong, input: manifest.output)
    #expect(refused.status == 4, "\(refused.diagnostics)")
    #expect(refused.output.contains("[credentials]"), "\(refused.output)")
    #expect(scene.server.assets.tally(at: scene.server.now).assets.isEmpty)
    let resumed = try await run(["resume", "latest"], scene)
    #expect(resumed.status == 0, "\(resumed.diagnostics)\(resumed.output)")

    var none = scene.environment
    none["AWS_ENDPOINT_URL_S3"] = scene.server.address
    none["AWS_EC2_METADATA_DISABLED"] = "true"
    let missing = try await OrchestrateProcess.run(
      ["submit", "-", "--profile", "v1.3", "--again"] + scene.here, environment: none, input: manifest.output)
    #expect(missing.status == 2, "\(missing.diagnostics)")
    await scene.server.stop()
  }

  @Test(
    "a bucket that does not exist pauses the run before anything is sent; an object that does not is a warning"
  )
  func noBucket() async throws {
    let scene = try await scene(videos: 1)
    func submit(_ object: String) async throws -> OrchestrateProcess.Ending {
      try await run(
        ["submit", "-", "--profile", "v1.3"] + scene.here + ["--format", "json"], scene,
        input: #"[{"index_id":"\#(Scene.index)","language":"en","object":"\#(object)"}]"#)
    }
    let ending = try await submit("s3://no-such-bucket/a.mp4")
    #expect(ending.status == 4, "\(ending.diagnostics)\(ending.output)")
    let left = try #require(try json(ending.output)["run"] as? [String: Any])
    #expect(left["state"] as? String == "paused" && left["reason"] as? String == "source", "\(left)")
    #expect((left["items_by_state"] as? [String: Int])?["pending"] == 1, "\(left)")
    #expect(
      ending.diagnostics.contains(
        #"there is no bucket "no-such-bucket", expected the bucket of the next object, s3://no-such-bucket/a"#
      ),
      "\(ending.diagnostics)")
    #expect(scene.server.assets.tally(at: scene.server.now).assets.isEmpty)
    let one = try await submit("s3://\(Self.bucket)/not-there.mp4")
    #expect(one.diagnostics.contains("warning: there is no object"), "\(one.diagnostics)")
    #expect(scene.server.assets.tally(at: scene.server.now).assets.count == 1)
    await scene.server.stop()
  }

  @Test("a pause before anything is sent is told like any other: on standard error, in the events, elsewhere")
  func pausedBeforeSending() async throws {
    let scene = try await scene(videos: 3)
    let hooks = try HookServer()
    let manifest = try await run(["list", "s3://\(Self.bucket)/", "--index-id", Scene.index], scene)
    var wrong = environment(scene)
    wrong["AWS_SECRET_ACCESS_KEY"] = "another/secret/that/s3/does/not/have/for/it"
    wrong["ORCHESTRATE_HEARTBEAT_URL"] = hooks.url("beat")
    let log = scene.folder.file("events")
    let told = ["--format", "json", "--notify-url", hooks.url("tell"), "--events", log]
    let submitted = try await OrchestrateProcess.run(
      ["submit", "-", "--profile", "v1.3"] + scene.here + told, environment: wrong, input: manifest.output)
    let resumed = try await OrchestrateProcess.run(["resume", "latest"] + told, environment: wrong)
    for ending in [submitted, resumed] {
      #expect(ending.status == 4, "\(ending.diagnostics)")
      #expect(
        ending.diagnostics.contains("paused because the credentials for S3 are refused, or end too soon: "),
        "\(ending.diagnostics)")
      #expect(
        ending.diagnostics.contains("once the credentials for S3 are valid, with: orchestrate resume "))
      #expect(!ending.diagnostics.contains("requests in flight"), "nothing was sent: \(ending.diagnostics)")
    }
    let documents = try hooks.documents()
    #expect(documents.map { $0["event"] as? String } == ["paused", "paused"])
    #expect(documents.map { $0["reason"] as? String } == ["credentials", "credentials"])
    #expect(hooks.requests.allSatisfy { $0.hasPrefix("POST ") }, "nothing was sent, so nothing beats")
    let events = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map {
      try json(String($0))
    }
    #expect(
      events.map { $0["event"] as? String } == ["planned", "stopping", "ended", "stopping", "ended"])
    for event in events where event["event"] as? String == "stopping" {
      #expect(event["cause"] as? String == "parked")
      #expect(event["reason"] as? String == "credentials")
      #expect((event["message"] as? String)?.isEmpty == false)
    }
    hooks.stop()
    await scene.server.stop()
  }

  @Test(
    "a signal while S3 takes connections and says nothing stops the run at once, before anything is sent",
    .timeLimit(.minutes(5)))
  func stoppedBeforeSending() async throws {
    let scene = try await scene(videos: 3)
    let manifest = try await run(["list", "s3://\(Self.bucket)/", "--index-id", Scene.index], scene)
    let path = try scene.folder.write(manifest.output, to: "bucket.json")
    var toSilence = environment(scene)
    let log = scene.folder.file("events")
    for arguments in [["submit", path, "--profile", "v1.3"] + scene.here, ["resume", "latest"]] {
      let silent = try SilentServer()
      toSilence["AWS_ENDPOINT_URL_S3"] = silent.url
      let process = try OrchestrateProcess(
        arguments + ["--format", "json", "--events", log], environment: toSilence)
      await silent.waitForConnection()
      process.send(SIGTERM)
      let ending = await process.ended()
      #expect(ending.status == 3, "\(ending.diagnostics)\(ending.output)")
      #expect(ending.diagnostics.contains("stopping: nothing was sent"), "\(ending.diagnostics)")
      let left = try #require(try json(ending.output)["run"] as? [String: Any])
      #expect(left["state"] as? String == "paused" && left["reason"] as? String == "signal", "\(left)")
      silent.stop()
    }
    let events = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map {
      try json(String($0))
    }
    #expect(
      events.map { $0["event"] as? String } == ["planned", "stopping", "ended", "stopping", "ended"])
    #expect(
      events.filter { $0["event"] as? String == "stopping" }.allSatisfy { $0["cause"] as? String == "asked" })
    #expect(scene.server.assets.tally(at: scene.server.now).assets.isEmpty)
    let resumed = try await run(["resume", "latest"], scene)
    #expect(resumed.status == 0, "\(resumed.diagnostics)\(resumed.output)")
    await scene.server.stop()
  }

  @Test("a service that fetches with HEAD first cannot use any URL: the run pauses after one item")
  func canary() async throws {
    let scene = try await scene(videos: 6) { $0.assets?.fetch = .headThenGet }
    let ending = try await submit(scene)
    #expect(ending.status == 4, "\(ending.diagnostics)\(ending.output)")
    #expect(ending.output.contains("\"reason\": \"source\""), "\(ending.output)")
    #expect(scene.server.assets.tally(at: scene.server.now).assets.count == 1)
    await scene.server.stop()
  }

  @Test("profile v1.3 takes one item per request, and says so")
  func chunkSize() async throws {
    let scene = try await scene(videos: 1)
    let ending = try await submit(scene, "--chunk-size", "5")
    #expect(ending.status == 2)
    #expect(ending.diagnostics.contains("--chunk-size is 5"), "\(ending.diagnostics)")
    await scene.server.stop()
  }

  @Test("doctor says which generation of the service answers, and where the credentials come from")
  func doctor() async throws {
    let scene = try await scene(videos: 1) { $0.servesTransfers = false }
    let blind = try await run(["doctor", "--base-url", scene.server.address], scene)
    #expect(blind.status == 1)
    #expect(blind.output.contains("answers as v1.3, not as v1"), "\(blind.output)")
    let right = try await run(["doctor", "--base-url", scene.server.address, "--profile", "v1.3"], scene)
    #expect(right.status == 0, "\(right.output)")
    #expect(right.output.contains("the credentials for S3 come from"), "\(right.output)")
    await scene.server.stop()
  }

  private func checks(_ scene: Scene, _ arguments: String...) async throws -> (
    status: Int32, found: [String: [String]]
  ) {
    let ending = try await run(
      ["doctor", "--base-url", scene.server.address, "--format", "json"] + arguments, scene)
    #expect(!ending.output.contains("X-Amz-"), "\(ending.output)")
    let document = try JSONSerialization.jsonObject(with: Data(ending.output.utf8)) as? [String: Any]
    let checks = try #require(document?["checks"] as? [[String: Any]])
    var found: [String: [String]] = [:]
    for check in checks {
      let texts = ["status", "message", "remedy"].map { check[$0] as? String ?? "" }
      found[try #require(check["check"] as? String)] = texts
    }
    return (ending.status, found)
  }

  @Test(
    "doctor looks at index, bucket, object and clock; without an index the service hears nothing of the object"
  )
  func doctorLooks() async throws {
    let missing = "000000000000000000000000"
    let scene = try await scene(videos: 3) { $0.goneIndexes = [missing] }
    let manifest = try await run(["list", "s3://\(Self.bucket)/", "--index-id", Scene.index], scene)
    let items = try JSONSerialization.jsonObject(with: Data(manifest.output.utf8)) as? [[String: Any]]
    let object = try #require(items?.first?["object"] as? String)
    let index = try await checks(scene, "--index-id", Scene.index, "--bucket", Self.bucket)
    #expect(index.found["index"]?[0] == "ok", "\(index.found)")
    #expect(index.found["index"]?[1].contains("marengo") == true, "\(index.found["index"] ?? [])")
    let all = try await checks(scene, "--bucket", Self.bucket, "--probe", object)
    #expect(all.status == 0, "\(all.found)")
    for check in ["service", "credentials", "bucket", "object", "clock"] {
      #expect(all.found[check]?[0] == "ok", "\(check): \(all.found[check] ?? [])")
    }
    for check in ["index", "upload", "indexing"] {
      #expect(all.found[check]?[0] == "skipped", "\(check): \(all.found[check] ?? [])")
    }
    #expect(all.found["object"]?[1].contains("can be read with a signed URL") == true)
    #expect(
      all.found["clock"]?[1] == "this machine's clock is less than a minute from that of the service and S3")
    #expect(scene.server.assets.tally(at: scene.server.now).assets.isEmpty)

    let wrong = try await checks(
      scene, "--index-id", missing, "--probe", "s3://\(Self.bucket)/not-there.mp4")
    #expect(wrong.status == 1)
    #expect(wrong.found["index"]?[0] == "problem")
    #expect(wrong.found["index"]?[1].contains("does not exist for this key") == true)
    #expect(wrong.found["bucket"]?[0] == "ok")
    #expect(wrong.found["object"]?[1] == "there is no object s3://\(Self.bucket)/not-there.mp4")
    #expect(wrong.found["upload"]?[0] == "skipped" && wrong.found["indexing"]?[0] == "skipped")
    #expect(scene.server.assets.tally(at: scene.server.now).assets.isEmpty)

    let nowhere = try await checks(scene, "--bucket", "no-such-bucket")
    #expect(nowhere.status == 1)
    #expect(nowhere.found["bucket"]?[1].contains("there is no bucket") == true, "\(nowhere.found)")
    #expect(nowhere.found["object"]?[0] == "skipped" && nowhere.found["index"]?[0] == "skipped")
    await scene.server.stop()
  }

  @Test("doctor takes one object through both steps where an index is named, once, and says what came of it")
  func doctorProbe() async throws {
    let scene = try await scene(videos: 3) {
      $0.assets?.uploadBudgets = [RequestBudget(limit: 60, window: .seconds(60))]
    }
    let manifest = try await run(["list", "s3://\(Self.bucket)/", "--index-id", Scene.index], scene)
    let items = try JSONSerialization.jsonObject(with: Data(manifest.output.utf8)) as? [[String: Any]]
    let object = try #require(items?.first?["object"] as? String)
    let taken = try await checks(scene, "--index-id", Scene.index, "--probe", object)
    #expect(taken.status == 0, "\(taken.found)")
    let upload = taken.found["upload"] ?? []
    let indexing = taken.found["indexing"] ?? []
    #expect(upload.first == "ok" && upload[1].contains("from a signed URL: asset"), "\(upload)")
    #expect(upload[1].contains("with its metadata"), "\(upload)")
    #expect(upload[1].contains("X-RateLimit-Request-Remaining: 59"), "\(upload)")
    #expect(indexing.first == "ok" && indexing[1].contains("took the asset: indexed asset"), "\(indexing)")
    let tally = scene.server.assets.tally(at: scene.server.now)
    #expect(tally.assets.count == 1 && tally.indexed.values.reduce(0, +) == 1)
    #expect((tally.assetsTwice, tally.indexedTwice) == (0, 0))
    await scene.server.stop()
  }

  @Test("doctor says when the service cannot fetch from signed URLs, and does not index")
  func doctorProbeFails() async throws {
    // A URL that is signed for GET answers 403 to HEAD.
    let scene = try await scene(videos: 1) { $0.assets?.fetch = .headThenGet }
    let manifest = try await run(["list", "s3://\(Self.bucket)/", "--index-id", Scene.index], scene)
    let items = try JSONSerialization.jsonObject(with: Data(manifest.output.utf8)) as? [[String: Any]]
    let object = try #require(items?.first?["object"] as? String)
    let refused = try await checks(scene, "--index-id", Scene.index, "--probe", object)
    #expect(refused.status == 1)
    let upload = refused.found["upload"] ?? []
    #expect(upload.first == "problem" && upload[1].contains("could not use it"), "\(upload)")
    #expect(upload.last?.contains("signed URL") == true, "\(upload)")
    #expect(refused.found["indexing"]?[0] == "skipped")
    #expect(scene.server.assets.tally(at: scene.server.now).indexed.isEmpty)
    await scene.server.stop()
  }

  @Test("doctor names an object that is archived, empty, too large or not to be read")
  func doctorFindings() async throws {
    let scene = try await scene(videos: 1) {
      $0.objects?.buckets[0].objects = [
        SyntheticBucket.Object("archived.mp4", storageClass: "DEEP_ARCHIVE"),
        SyntheticBucket.Object("empty.mp4", size: 0),
        SyntheticBucket.Object("large.mp4", size: 4_000_000_001),
        SyntheticBucket.Object("secret/01.mp4"),
      ]
      $0.objects?.buckets[0].deniedPrefixes = ["secret/"]
    }
    for (key, says, advice) in [
      ("archived.mp4", "is archived (DEEP_ARCHIVE)", "restore it"),
      ("empty.mp4", "is empty", "leave it out"),
      ("large.mp4", "has 4,000,000,001 bytes, more than 4 GB", "smaller copy"),
      ("secret/01.mp4", "AccessDenied", "s3:GetObject"),
    ] {
      let found = try await checks(scene, "--probe", "s3://\(Self.bucket)/\(key)")
      #expect(found.status == 1)
      let object = found.found["object"] ?? []
      #expect(object.first == "problem" && object[1].contains(says), "\(object)")
      #expect(object.last?.contains(advice) == true, "\(object)")
      #expect(found.found["bucket"]?[0] == "ok")
    }
    await scene.server.stop()
  }

  @Test("an older copy of the database, made by cp, is noticed, and asks before it sends")
  func olderCopy() async throws {
    let scene = try await scene(videos: 12, faults: ["upload/unauthorized@6"])
    let stopped = try await submit(scene, "--concurrency", "1")
    #expect(stopped.status == 4, "\(stopped.diagnostics)\(stopped.output)")
    let copy = scene.folder.file("copy.db")
    // As `cp` makes one while nothing uses the database.
    try FileManager.default.copyItem(atPath: scene.database, toPath: copy)
    scene.server.setFaults([])
    let finished = try await run(["resume", "latest"], scene)
    #expect(finished.status == 0, "\(finished.diagnostics)\(finished.output)")

    let noticed = try await run(["resume", "latest", "--db", copy], scene)
    #expect(noticed.status == 3, "\(noticed.diagnostics)\(noticed.output)")
    #expect(noticed.output.contains("which this database says was never sent"), "\(noticed.output)")
    #expect(scene.server.assets.tally(at: scene.server.now).assets.values.allSatisfy { $0 == 1 })

    let asked = try await run(["resume", "latest", "--db", copy, "--settle-grace", "200ms"], scene)
    #expect(asked.status == 0, "\(asked.diagnostics)\(asked.output)")
    let tally = scene.server.assets.tally(at: scene.server.now)
    #expect(tally.indexed.count == 12)
    #expect(tally.assets.count == 12 && tally.assets.values.allSatisfy { $0 == 1 }, "\(tally)")
    #expect((tally.assetsTwice, tally.indexedTwice) == (0, 0))
    await scene.server.stop()
  }

  /// Every moment of a run, early and late: both steps pass most of them.
  static let moments = KillPoint.allCases.flatMap { point -> [String] in
    switch point {
    case .inRemoval, .inCopying: []
    case .inPlanning, .inCheckpoint, .inIndexing, .inSettling: ["\(point.name):1"]
    default: ["\(point.name):1", "\(point.name):7", "\(point.name):30"]
    }
  }

  @Test("killed at any moment and resumed, every video is there once", arguments: moments)
  func killed(moment: String) async throws {
    let scene = try await scene(
      videos: 30, faults: ["upload/reset-after:0.1", "upload/reset-before:0.1", "index/reset-after:0.1"]
    ) { $0.seed = 11 }
    let manifest = try await run(["list", "s3://\(Self.bucket)/", "--index-id", Scene.index], scene)
    let path = try scene.folder.write(manifest.output, to: "bucket.json")
    let first = try await OrchestrateProcess.run(
      ["submit", path, "--profile", "v1.3"] + scene.here + ["--settle-grace", "500ms"],
      environment: environment(scene).merging(["ORCHESTRATE_KILL_AT": moment]) { $1 })
    #expect(first.status == 128 + SIGKILL, "\(moment) was never reached: \(first.diagnostics)")
    let last = try await run(["resume", "latest"], scene)
    #expect(last.status == 0, "\(last.diagnostics)\n\(last.output)")
    let tally = scene.server.assets.tally(at: scene.server.now)
    #expect(tally.indexed.count == 30)
    #expect((tally.assetsTwice, tally.indexedTwice) == (0, 0))
    #expect(tally.surplus.isEmpty && tally.leftOver.isEmpty)
    #expect(try await run(["verify", "latest"], scene).status == 0)
    await scene.server.stop()
  }
}
