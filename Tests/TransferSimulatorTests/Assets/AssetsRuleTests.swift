import Foundation
import Testing

@testable import TransferSimulator

/// What profile v1.3 takes and refuses (rules 1 to 4).
struct AssetsRuleTests {
  @Test(arguments: [nil, "", "wrong"])
  func wrongKeyIsRepeatedInA401(key: String?) {
    let probe = AssetsProbe()
    let reply = probe.send("GET", "/assets", key: key)
    #expect(reply.status == 401)
    #expect(reply.code == "api_key_invalid")
    #expect((reply.json["message"] as? String ?? "").contains("'\(key ?? "")'"))
  }

  typealias Refused = (fields: [(String, String)], code: String)

  @Test(
    arguments: [
      ([("url", "https://m.example/a.mp4")], "parameter_not_provided"),
      ([("method", "url")], "parameter_not_provided"),
      ([("method", "other"), ("url", "https://m.example/a.mp4")], "parameter_invalid"),
      ([("method", "url"), ("url", "s3://m/a.mp4")], "parameter_invalid"),
      ([("method", "url"), ("url", "https://m.example/a.mp4"), ("user_metadata", "{")], "parameter_invalid"),
      (
        [("method", "url"), ("url", "https://m.example/a.mp4"), ("user_metadata", "[]")], "parameter_invalid"
      ),
      (
        [("method", "url"), ("url", "https://m.example/a.mp4"), ("user_metadata", #"{"a":{"b":1}}"#)],
        "parameter_invalid"
      ),
      (
        [
          ("method", "url"), ("url", "https://m.example/a.mp4"),
          ("filename", String(repeating: "a", count: 256)),
        ], "parameter_invalid"
      ),
      ([("method", "url"), ("url", "https://m.example/a.mp4"), ("enable_hls", "no")], "parameter_invalid"),
    ] as [Refused])
  func uploadWithoutWhatItNeedsIsRefused(refused: Refused) {
    let reply = AssetsProbe().upload(fields: refused.fields)
    #expect(reply.status == 400)
    #expect(reply.code == refused.code)
    #expect(!reply.isTaken)
  }

  @Test func jsonInsteadOfAFormIsRefused() {
    let reply = AssetsProbe().send("POST", "/assets", type: "application/json", body: #"{"method":"url"}"#)
    #expect(reply.status == 400)
    #expect(reply.code == "content_type_invalid")
  }

  @Test func fieldsComeInAnyOrder() {
    let reply = AssetsProbe().upload(fields: [
      ("user_metadata", #"{"orchestrate_item":"t","n":1,"list":["a"],"empty":""}"#), ("enable_hls", "false"),
      ("filename", String(repeating: "ü", count: 255)), ("url", "https://m.example/a.mp4?X-Amz-Signature=1"),
      ("method", "url"),
    ])
    #expect(reply.status == 201)
    let metadata = reply.json["user_metadata"] as? [String: Any]
    #expect(metadata?["orchestrate_item"] as? String == "t")
    #expect(metadata?["n"] as? Int == 1)
    #expect(metadata?["empty"] == nil)
  }

  @Test(arguments: ["page_limit=51", "page_limit=0", "page_limit=x", "page=0"])
  func pagesHaveTheirBounds(query: String) {
    let probe = AssetsProbe()
    probe.both("01.mp4", tag: "a")
    for path in ["/assets", "/indexes/\(AssetsProbe.index)/indexed-assets"] {
      let reply = probe.get("\(path)?\(query)")
      #expect(reply.status == 400)
      #expect(reply.code == "parameter_invalid")
    }
  }

  @Test(arguments: [false, true])
  func unknownIDsAreNotFound(with400: Bool) {
    let probe = AssetsProbe {
      $1.answersUnknownWith400 = with400
      $1.indexes = [.init(id: "here")]
    }
    let replies = [
      probe.get("/assets/none"), probe.get("/assets/none/indexed-assets"),
      probe.send("DELETE", "/assets/none"),
      probe.get("/indexes/none"), probe.get("/indexes/none/indexed-assets"),
      probe.get("/indexes/here/indexed-assets/none"), probe.index("none", in: "here"),
      probe.index("none", in: "none"),
    ]
    #expect(Set(replies.map(\.status)) == [with400 ? 400 : 404])
    #expect(Set(replies.map(\.code)) == [with400 ? "resource_not_exist" : "not_found"])
  }

  @Test func assetIsProcessingUntilItIsReady() {
    let probe = AssetsProbe()
    let made = probe.upload("a b.MP4", tag: "t")
    #expect(made.status == 201)
    #expect(made.json["status"] as? String == "processing")
    #expect(made.json["created_at"] as? String == "2026-11-26T22:00:00Z")
    #expect(made.json["size"] == nil)
    #expect(made.answer.header("X-Api-Version") == "1.3")
    #expect(made.id.wholeMatch(of: /[0-9a-f]{24}/) != nil)
    #expect(probe.get("/assets/\(made.id)").json["technical_metadata"] == nil)
    probe.pass(.seconds(1))
    let ready = probe.get("/assets/\(made.id)").json
    #expect(ready["status"] as? String == "ready")
    #expect(ready["duration"] is Double && ready["size"] is Int)
    #expect(ready["file_type"] as? String == "video/mp4")
    #expect((ready["user_metadata"] as? [String: Any])?["orchestrate_item"] as? String == "t")
  }

  @Test func assetMayBeReadyAtOnce() {
    let probe = AssetsProbe { configuration, _ in configuration.taskStep = .zero }
    #expect(probe.upload().json["status"] as? String == "ready")
  }

  @Test func brokenFileFailsWithAMessage() {
    let probe = AssetsProbe()
    let id = probe.upload("broken.mp4").id
    probe.pass(.seconds(1))
    let failed = probe.get("/assets/\(id)").json
    #expect(failed["status"] as? String == "failed")
    #expect(((failed["error"] as? [String: Any])?["message"] as? String)?.isEmpty == false)
    #expect(probe.index(id).code == "asset_not_ready")
  }

  @Test func idsGrow() {
    let probe = AssetsProbe()
    let ids = (0..<30).map { number in
      if number.isMultiple(of: 7) { probe.pass(.seconds(1)) }
      return probe.upload("\(number).mp4").id
    }
    #expect(ids == ids.sorted())
    #expect(Set(ids).count == 30)
  }

  @Test func onlyReadyAssetsAreIndexed() {
    let probe = AssetsProbe()
    let asset = probe.upload("01.mp4", tag: "t").id
    let early = probe.index(asset, tag: "t")
    #expect(early.status == 400)
    #expect(early.code == "asset_not_ready")
    probe.pass(.seconds(1))
    let reply = probe.index(asset, tag: "t")
    #expect(reply.status == 202)
    #expect(reply.json["asset_id"] as? String == asset)
    #expect(reply.answer.header("Location") == "/indexes/\(AssetsProbe.index)/indexed-assets/\(reply.id)")
    #expect(probe.index("", tag: nil).code == "parameter_not_provided")
    #expect(
      probe.send("POST", "/indexes/x/indexed-assets", type: "application/json", body: "[").code
        == "parameter_invalid")
  }

  @Test func indexedAssetPassesThroughItsStates() {
    let probe = AssetsProbe()
    let id = probe.both("01.mp4", tag: "t").indexed
    var seen: [String] = []
    for _ in 0..<5 {
      let shown = probe.get("/indexes/\(AssetsProbe.index)/indexed-assets/\(id)").json
      seen.append(shown["status"] as? String ?? "")
      #expect(shown["updated_at"] as? String == TimeText.rfc3339(probe.now))
      probe.pass(.seconds(1))
    }
    #expect(seen == ["pending", "queued", "validating", "indexing", "ready"])
  }

  @Test func sameAssetAgain() {
    func statuses(_ repeats: AssetsConfiguration.Repeat) -> (AssetsProbe, [AssetsProbe.Reply]) {
      let probe = AssetsProbe { $1.repeats = repeats }
      let asset = probe.both("01.mp4", tag: "t").asset
      return (probe, [probe.index(asset, tag: "t"), probe.index(asset, in: "other", tag: "t")])
    }
    let (taken, twice) = statuses(.taken)
    #expect(twice.map(\.status) == [202, 202])
    #expect(taken.model.tally(at: taken.now).indexedTwice == 1)
    let (refusing, refused) = statuses(.conflict)
    #expect(refused.map(\.status) == [409, 202])
    #expect(refusing.model.tally(at: refusing.now).indexedTwice == 0)
    let (same, known) = statuses(.sameID)
    #expect(known.map(\.status) == [202, 202])
    #expect(known[0].id == same.get("/indexes/\(AssetsProbe.index)/indexed-assets").ids[0])
    #expect(same.model.tally(at: same.now).indexedTwice == 0)
  }

  @Test func indexTakesSoManyVideos() {
    let probe = AssetsProbe { $1.videoCap = 1 }
    probe.both("01.mp4", tag: "a")
    let second = probe.upload("02.mp4", tag: "b").id
    probe.pass(.seconds(1))
    #expect(probe.index(second).code == "index_is_full")
    #expect(probe.index(second, in: "other").status == 202)
  }

  @Test func indexWithPegasusAloneTakesNone() {
    let probe = AssetsProbe {
      $1.indexes = [
        .init(id: "p", models: ["pegasus1.2"]), .init(id: "m", models: ["marengo3.0", "pegasus1.2"]),
      ]
    }
    let asset = probe.upload().id
    probe.pass(.seconds(1))
    #expect(probe.index(asset, in: "p").status == 400)
    #expect(probe.index(asset, in: "m").status == 202)
    let shown = probe.get("/indexes/m").json
    #expect(shown["video_count"] as? Int == 1)
    #expect((shown["models"] as? [[String: Any]])?.count == 2)
    #expect(probe.get("/indexes").ids == ["p", "m"])
  }

  @Test func assetInUseIsDeletedByForceOnly() {
    let probe = AssetsProbe()
    let (asset, indexed) = probe.both("01.mp4", tag: "t")
    #expect(probe.send("DELETE", "/assets/\(asset)").status == 409)
    #expect(probe.send("DELETE", "/assets/\(asset)?force=true").status == 204)
    #expect(probe.get("/assets/\(asset)").status == 404)
    let (second, other) = probe.both("02.mp4", tag: "u")
    #expect(probe.send("DELETE", "/indexes/\(AssetsProbe.index)/indexed-assets/\(other)").status == 204)
    #expect(probe.send("DELETE", "/assets/\(second)").status == 204)
    #expect(probe.get("/indexes/\(AssetsProbe.index)/indexed-assets").ids == [indexed])
  }

  @Test func metadataIsMergedReplacedAndCleared() {
    let probe = AssetsProbe()
    let asset = probe.upload("01.mp4", tag: "t").id
    func shown() -> [String: Any]? { probe.get("/assets/\(asset)").json["user_metadata"] as? [String: Any] }
    func change(_ method: String, _ body: String) -> Int {
      probe.send(method, "/assets/\(asset)/user-metadata", type: "application/json", body: body).status
    }
    #expect(change("PATCH", #"{"user_metadata":{"a":1,"empty":""}}"#) == 204)
    #expect(shown()?.keys.sorted() == ["a", "orchestrate_item"])
    #expect(change("PATCH", #"{"user_metadata":{"a":null}}"#) == 204)
    #expect(shown()?.keys.sorted() == ["orchestrate_item"])
    #expect(change("PUT", #"{"user_metadata":{"b":true}}"#) == 204)
    #expect(shown()?.keys.sorted() == ["b"])
    #expect(change("PATCH", "{}") == 400)
    #expect(change("DELETE", "") == 204)
    #expect(shown() == nil)
  }

  @Test func olderWayTakesOneCall() {
    let probe = AssetsProbe()
    func create(_ fields: [(String, String)]) -> AssetsProbe.Reply {
      probe.send("POST", "/tasks", type: "multipart/form-data; boundary=edge", body: AssetsProbe.form(fields))
    }
    let fields = [
      ("index_id", AssetsProbe.index), ("video_url", "https://m.example/n/Night%201.mp4?sig=1"),
      ("user_metadata", #"{"orchestrate_item":"t"}"#),
    ]
    let made = create(fields)
    #expect(made.status == 200)
    #expect(made.json["video_id"] is String)
    #expect(create([fields[0]]).code == "parameter_not_provided")
    #expect(create([fields[0], fields[1], ("user_metadata", "x")]).code == "parameter_invalid")
    var seen: [String] = []
    for _ in 0..<6 {
      seen.append(probe.get("/tasks/\(made.id)").json["status"] as? String ?? "")
      probe.pass(.seconds(1))
    }
    #expect(seen == ["uploading", "validating", "pending", "queued", "indexing", "ready"])
    let other = create([fields[0], ("video_url", "https://m.example/broken.mp4")])
    probe.pass(.seconds(9))
    #expect(probe.get("/tasks?page_limit=50").ids == [other.id, made.id])
    #expect(probe.get("/tasks?status=failed").ids == [other.id])
    #expect(probe.get("/tasks?filename=Night%201.mp4&index_id=\(AssetsProbe.index)").ids == [made.id])
    #expect(probe.get("/tasks?index_id=x").ids.isEmpty)
    #expect(probe.get("/tasks").rows.allSatisfy { $0["user_metadata"] == nil })
    #expect(probe.get("/tasks?page_limit=51").status == 400)
    #expect(probe.get("/tasks/none").status == 404)
    _ = create(fields)
    #expect(probe.model.tally(at: probe.now).indexedTwice == 1)
  }

  @Test func sameCallsHaveTheSameAnswers() {
    func answers() -> [[UInt8]] {
      let probe = AssetsProbe { configuration, assets in
        configuration.faults = [
          FaultRule(.fails, share: 0.3).on(.upload), FaultRule(.error, share: 0.2).on(.index),
        ]
        assets.failedShare = 0.2
      }
      var found: [[UInt8]] = []
      for number in 0..<50 {
        let made = probe.upload("\(number).mp4", tag: "\(number)")
        probe.pass(.milliseconds(700))
        found += [made.answer.body, probe.index(made.id, tag: "\(number)").answer.body]
      }
      return found + [probe.get("/assets?page_limit=50").answer.body]
    }
    #expect(answers() == answers())
  }

  @Test func otherPathsAndMethodsAreRefused() {
    let probe = AssetsProbe()
    #expect(probe.get("/nothing").status == 404)
    #expect(probe.send("PUT", "/assets").status == 405)
  }
}
