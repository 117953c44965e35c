import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

@testable import TransferSimulator

/// Profile v1.3 and the small S3 over HTTP, and how the one fetches from the other.
@Suite(.timeLimit(.minutes(10)))
struct AssetsServerTests {
  private static func configure(_ configuration: inout SimulatorConfiguration) {
    var objects = ObjectStoreConfiguration()
    objects.buckets = [
      SyntheticBucket(
        "media-west",
        objects: [
          .init("a b.mp4", size: 1_000_000), .init("large.mp4", size: 5 << 30),
          .init("cold.mp4", storageClass: "GLACIER"),
        ])
    ]
    configuration.assets = AssetsConfiguration()
    configuration.objects = objects
    configuration.servesTransfers = false
    configuration.clock = ManualSimulatorClock(now: S3Probe.now)
    configuration.taskStep = .seconds(1)
  }

  private func upload(_ probe: Probe, _ url: String, tag: String = "t") async throws -> Probe.Reply {
    try await probe.send(
      .POST, "/v1.3/assets", type: "multipart/form-data; boundary=edge",
      body: AssetsProbe.form([
        ("method", "url"), ("url", url), ("filename", "a.mp4"),
        ("user_metadata", #"{"orchestrate_item":"\#(tag)"}"#),
      ]))
  }

  private func url(_ probe: Probe, _ path: String, life: Int = 3600) throws -> String {
    let host = "127.0.0.1:\(probe.server.port)"
    return "http://\(host)" + (try S3Probe { _, _ in }.presigned(path, host: host, life: life))
  }

  @Test func bothStepsOverHTTP() async throws {
    try await Probe.run(Self.configure) { (probe: Probe) async throws in
      let clock = try #require(probe.clock)
      let made = try await upload(probe, try url(probe, "/media-west/a%20b.mp4"))
      #expect(made.status == 201)
      #expect(made.header("X-Api-Version") == "1.3")
      let id = try #require(made.json["_id"] as? String)
      clock.advance(by: .seconds(1))
      let ready = try await probe.get("/v1.3/assets/\(id)").json
      #expect(ready["status"] as? String == "ready")
      #expect(ready["size"] as? Int == 1_000_000)
      let indexed = try await probe.send(
        .POST, "/v1.3/indexes/\(Probe.index)/indexed-assets", type: "application/json",
        body: #"{"asset_id":"\#(id)"}"#)
      #expect(indexed.status == 202)
      let entries = probe.server.ledger.entries
      #expect(entries.map(\.endpoint) == [.upload, .asset, .index])
      #expect(entries.map(\.transfer) == [1, nil, 2])
      #expect(entries.map(\.isTaken) == [true, false, true])
      #expect(entries[0].tag == "t")
      #expect(entries[0].object == "\(probe.server.address)/media-west/a%20b.mp4")
      #expect(entries[2].index == Probe.index && entries[2].object == id)
      let tally = probe.server.assets.tally(at: probe.server.now)
      #expect(tally.indexed == [.init(tag: "t", index: Probe.index): 1])
      #expect(
        try await probe.get("/v1/indexes/tasks").json["error_code"] as? String == "api_upgrade_required")
    }
  }

  @Test(arguments: [
    ("/media-west/none.mp4", 3600), ("/media-west/large.mp4", 3600), ("/media-west/cold.mp4", 3600),
    ("/other/a.mp4", 3600),
  ])
  func assetFailsWhoseFileCannotBeFetched(path: String, life: Int) async throws {
    try await Probe.run(Self.configure) { (probe: Probe) async throws in
      let id = try #require(try await upload(probe, try url(probe, path, life: life)).json["_id"] as? String)
      probe.clock?.advance(by: .seconds(1))
      let failed = try await probe.get("/v1.3/assets/\(id)").json
      #expect(failed["status"] as? String == "failed")
      #expect(((failed["error"] as? [String: Any])?["message"] as? String)?.isEmpty == false)
    }
  }

  typealias Fetch = (mode: AssetsConfiguration.FetchMode, delay: Duration, life: Int, status: String)

  @Test(
    arguments: [
      (.get, .zero, 60, "ready"), (.get, .seconds(59), 60, "ready"), (.get, .seconds(60), 60, "failed"),
      (.headThenGet, .zero, 60, "failed"), (.none, .seconds(600), 60, "ready"),
    ] as [Fetch])
  func urlIsFetchedInItsWayAndTime(fetch: Fetch) async throws {
    try await Probe.run {
      Self.configure(&$0)
      $0.assets?.fetch = fetch.mode
      $0.assets?.fetchDelay = fetch.delay
    } _: { (probe: Probe) async throws in
      let url = try url(probe, "/media-west/a%20b.mp4", life: fetch.life)
      let id = try #require(try await upload(probe, url).json["_id"] as? String)
      probe.clock?.advance(by: fetch.delay)
      #expect(try await probe.get("/v1.3/assets/\(id)").json["status"] as? String == "processing")
      probe.clock?.advance(by: .seconds(1))
      #expect(try await probe.get("/v1.3/assets/\(id)").json["status"] as? String == fetch.status)
    }
  }

  @Test(arguments: [true, false])
  func redirectsAreFollowedUnlessSwitchedOff(follows: Bool) async throws {
    try await Probe.run {
      Self.configure(&$0)
      $0.assets?.followsRedirects = follows
    } _: { (probe: Probe) async throws in
      let target = try url(probe, "/media-west/a%20b.mp4")
      let detour = "\(probe.server.address)/redirect?to=\(PercentCoding.encode(target.utf8))"
      #expect(
        try await probe.get("/redirect?to=\(PercentCoding.encode(target.utf8))").header("Location") == target)
      let id = try #require(try await upload(probe, detour).json["_id"] as? String)
      probe.clock?.advance(by: .seconds(1))
      let status = try await probe.get("/v1.3/assets/\(id)").json["status"] as? String
      #expect(status == (follows ? "ready" : "failed"))
    }
  }

  @Test func objectsAreServedOverHTTP() async throws {
    try await Probe.run(Self.configure) { (probe: Probe) async throws in
      let target = try url(probe, "/media-west/a%20b.mp4").replacing(probe.server.address, with: "")
      let whole = try await probe.get(target)
      #expect(whole.status == 200)
      #expect(whole.body.utf8.count == 1_000_000 || whole.header("Content-Length") == "1000000")
      #expect(whole.header("Date") == TimeText.http(S3Probe.now))
      let head = try await probe.head("/media-west")
      #expect(head.header("x-amz-bucket-region") == "us-west-2")
      let entries = probe.server.ledger.entries
      #expect(entries.map(\.endpoint) == [.s3Get, .s3Head])
      #expect(!entries[0].path.contains(/Signature=[0-9a-f]/))
      #expect(entries[0].path.contains("X-Amz-Signature=[redacted]"))
    }
  }

  @Test(arguments: [
    (FaultKind.resetBefore, false), (.resetAfter, true), (.closeAfter, true), (.truncated, true),
  ])
  func connectionEndsWithoutAnAnswer(kind: FaultKind, isTaken: Bool) async throws {
    for call in [FaultCall.upload, .index] {
      try await Probe.run {
        Self.configure(&$0)
        $0.taskStep = .zero
        $0.faults = [FaultRule(kind, request: 1).on(call)]
      } _: { (probe: Probe) async throws in
        var lost = 0
        let made = try? await upload(probe, "https://media.example/a.mp4")
        if made == nil { lost += 1 }
        let id = probe.server.assets.records(at: probe.server.now).first?.id
        if let id {
          let indexed = try? await probe.send(
            .POST, "/v1.3/indexes/\(Probe.index)/indexed-assets", type: "application/json",
            body: #"{"asset_id":"\#(id)"}"#)
          if indexed == nil { lost += 1 }
        }
        #expect(lost == 1)
        #expect(probe.server.ledger.entries.first { $0.fault != nil }?.isTaken == isTaken)
        let tally = probe.server.assets.tally(at: probe.server.now)
        let expected = call == .upload ? (isTaken ? 1 : 0) : 1
        #expect(tally.assets.values.reduce(0, +) == expected)
      }
    }
  }

  @Test func lateWorkIsDoneAfterTheAnswer() async throws {
    try await Probe.run {
      Self.configure(&$0)
      $0.faults = [FaultRule(.gatewayLate, request: 1, wait: .seconds(5)).on(.upload)]
    } _: { (probe: Probe) async throws in
      let clock = try #require(probe.clock)
      #expect(try await upload(probe, "https://media.example/a.mp4").status == 504)
      try await clock.waitForSleepers(1)
      #expect(probe.server.assets.records(at: probe.server.now).isEmpty)
      clock.advance(by: .seconds(5))
      try await probe.server.ledger.waitFor { $0[0].isTaken }
      #expect(probe.server.assets.records(at: probe.server.now).map(\.tag) == ["t"])
    }
  }

  @Test func eachGenerationIsServedOnlyWhereItIsSetUp() async throws {
    try await Probe.run {
      Self.configure(&$0)
      $0.assets = nil
      $0.servesTransfers = true
    } _: { (probe: Probe) async throws in
      #expect(try await probe.get("/v1.3/assets").json["error_code"] as? String == "endpoint_not_found")
      #expect(try await probe.get("/v1/indexes/tasks").status == 200)
      #expect(try await probe.get("/media-west?list-type=2").status == 403)
    }
    try await Probe.run {
      Self.configure(&$0)
      $0.servesTransfers = true
    } _: { (probe: Probe) async throws in
      #expect(try await probe.get("/v1.3/assets").status == 200)
      #expect(try await probe.get("/v1/indexes/tasks").status == 200)
    }
  }

  @Test func ledgerFileHasTagsAndObjects() async throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("ledger-\(UUID()).jsonl").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let recorded = try await Probe.run {
      Self.configure(&$0)
      $0.ledgerFile = path
    } _: { (probe: Probe) async throws in
      _ = try await upload(probe, try url(probe, "/media-west/a%20b.mp4"))
      _ = try await probe.get("/v1.3/assets")
      return probe.server.ledger.entries
    }
    #expect(try Ledger.read(path) == recorded)
    #expect(!(try String(contentsOfFile: path, encoding: .utf8)).contains("X-Amz-Signature"))
  }
}

extension Probe {
  fileprivate func head(_ path: String) async throws -> Reply {
    var request = HTTPClientRequest(url: server.address + path)
    request.method = .HEAD
    let response = try await client.execute(request, timeout: .minutes(5))
    return Reply(status: Int(response.status.code), headers: response.headers, body: "")
  }
}
