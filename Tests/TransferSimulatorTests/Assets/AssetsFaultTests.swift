import Foundation
import Testing

@testable import TransferSimulator

/// Limits, faults and the tally of profile v1.3 (rules 5 and 6, and the list of faults).
struct AssetsFaultTests {
  @Test func budgetsHoldApartAndTellTheirWait() {
    let probe = AssetsProbe {
      $1.uploadBudgets = [
        RequestBudget(limit: 2, window: .seconds(60)), RequestBudget(limit: 3, window: .seconds(86400)),
      ]
      $1.indexBudgets = [RequestBudget(limit: 1, window: .seconds(60))]
    }
    let first = probe.upload("1.mp4", tag: "1")
    #expect(first.answer.header("X-RateLimit-Request-Remaining") == "1")
    #expect(probe.upload("2.mp4", tag: "2").answer.header("X-RateLimit-Request-Remaining") == "0")
    probe.pass(.seconds(20))
    let refused = probe.upload("3.mp4", tag: "3")
    #expect(refused.status == 429)
    #expect(refused.code == "too_many_requests")
    #expect(!refused.isTaken)
    #expect(refused.answer.header("Retry-After") == "40")
    #expect(refused.answer.header("X-RateLimit-Request-Remaining") == "0")
    #expect(refused.answer.header("X-RateLimit-Request-Reset") == String(AssetsProbe.start / 1000 + 60))
    #expect(probe.index(first.id).status == 202)
    #expect(probe.index(first.id).status == 429)
    #expect(probe.get("/assets").status == 200)
    probe.pass(.seconds(40))
    #expect(probe.upload("3.mp4", tag: "3").status == 201)
    probe.pass(.seconds(60))
    let day = probe.upload("4.mp4", tag: "4")
    #expect(day.status == 429)
    #expect(day.answer.header("Retry-After") == String(86400 - 120))
  }

  @Test func minutesOfMediaAreABudget() {
    let probe = AssetsProbe {
      $1.durations = 240...240
      $1.mediaBudgets = [RequestBudget(limit: 10, window: .seconds(3600))]
    }
    let assets = (0..<3).map { probe.upload("\($0).mp4", tag: "\($0)").id }
    probe.pass(.seconds(1))
    let replies = assets.map { probe.index($0) }
    #expect(replies.map(\.status) == [202, 202, 429])
    #expect(replies.map { $0.answer.header("X-RateLimit-Duration-Remaining") } == ["6", "2", "2"])
    #expect(replies[2].answer.header("Retry-After") == "3600")
    probe.pass(.seconds(3600))
    #expect(probe.index(assets[2]).status == 202)
  }

  typealias Told = (form: FaultKind, retryAfter: String?, reset: Bool)

  @Test(
    arguments: [
      (FaultKind.throttle, "60", false), (.throttleReset, nil, true), (.throttleBare, nil, false),
    ] as [Told])
  func waitIsToldInItsForm(told: Told) {
    let probe = AssetsProbe {
      $1.uploadBudgets = [RequestBudget(limit: 1, window: .seconds(60))]
      $1.throttleForm = told.form
    }
    _ = probe.upload("1.mp4")
    let refused = probe.upload("2.mp4")
    #expect(refused.status == 429)
    #expect(refused.answer.header("Retry-After") == told.retryAfter)
    if !told.reset, told.form == .throttleBare {
      #expect(refused.answer.header("X-RateLimit-Request-Reset") == nil)
    }
    if told.reset { #expect(refused.answer.header("X-RateLimit-Request-Reset") != nil) }
  }

  @Test func indexingBeyondTheCapWaits() {
    let probe = AssetsProbe { $1.indexingCap = 1 }
    let assets = (0..<3).map { probe.upload("\($0).mp4", tag: "\($0)").id }
    probe.pass(.seconds(1))
    for asset in assets { #expect(probe.index(asset).status == 202) }
    func statuses() -> [String] {
      probe.get("/indexes/\(AssetsProbe.index)/indexed-assets?sort_option=asc").rows
        .compactMap { $0["status"] as? String }
    }
    probe.pass(.seconds(2))
    #expect(statuses() == ["validating", "queued", "queued"])
    probe.pass(.seconds(2))
    #expect(statuses() == ["ready", "validating", "queued"])
    probe.pass(.seconds(4))
    #expect(statuses() == ["ready", "ready", "ready"])
  }

  @Test func indexingBeyondTheCapIsRefused() {
    let probe = AssetsProbe {
      $1.indexingCap = 1
      $1.overflow = .refused
    }
    let assets = (0..<2).map { probe.upload("\($0).mp4", tag: "\($0)").id }
    probe.pass(.seconds(1))
    #expect(assets.map { probe.index($0).status } == [202, 429])
    probe.pass(.seconds(4))
    #expect(probe.index(assets[1]).status == 202)
  }

  typealias Expected = (kind: FaultKind, status: Int, code: String?, isTaken: Bool)

  @Test(
    arguments: [
      (FaultKind.throttle, 429, "too_many_requests", false),
      (.throttleReset, 429, "too_many_requests", false),
      (.throttleBare, 429, "too_many_requests", false), (.unavailable, 503, "service_unavailable", false),
      (.unavailableWait, 503, "service_unavailable", false), (.error, 500, "internal_server_error", false),
      (.errorAccepted, 500, "internal_server_error", true), (.badGateway, 502, nil, false),
      (.html, 200, nil, false), (.redirect, 307, nil, false), (.unauthorized, 401, "api_key_invalid", false),
      (.forbidden, 403, "api_not_allowed", false), (.insufficientFunds, 400, "insufficient_funds", false),
      (.usageLimit, 400, "usage_limit_exceeded", false), (.tooLarge, 413, "request_too_large", false),
      (.nestedError, 400, nil, false), (.refused, 400, "parameter_invalid", false),
      (.unsupported, 400, "unsupported_file_type", false), (.withoutID, 201, nil, true),
      (.empty, 201, nil, true), (.garbage, 201, nil, true), (.gatewayLate, 504, nil, true),
    ] as [Expected])
  func faultsOfAnUpload(expected: Expected) {
    let probe = AssetsProbe { configuration, _ in
      configuration.faults = [FaultRule(expected.kind, request: 1, wait: .seconds(3)).on(.upload)]
    }
    let other = probe.get("/assets")
    #expect(other.status == 200)
    let reply = probe.upload("1.mp4", tag: "t")
    #expect(reply.status == expected.status)
    #expect(reply.code == expected.code)
    #expect(reply.isTaken == expected.isTaken)
    if expected.isTaken { #expect(reply.id.isEmpty) }
    #expect(probe.model.records(at: probe.now).count == (expected.isTaken ? 1 : 0))
    #expect(probe.upload("1.mp4", tag: "t").status == 201)
  }

  @Test func errorMayBeNested() {
    let probe = AssetsProbe { configuration, _ in
      configuration.faults = [FaultRule(.nestedError, request: 1).on(.index)]
    }
    let nested = probe.index("x").json["error"] as? [String: Any]
    #expect(nested?["code"] as? String == "parameter_invalid")
  }

  @Test func waitMayBeADay() {
    let probe = AssetsProbe { configuration, _ in
      configuration.faults = [FaultRule(.throttle, request: 1, wait: .seconds(86400)).on(.index)]
    }
    let reply = probe.index("x")
    #expect(reply.answer.header("Retry-After") == "86400")
    #expect(reply.answer.header("X-RateLimit-Request-Reset") == nil)
  }

  @Test func endsOfARequestAreSaidBeforeItsWork() throws {
    let kinds: [(FaultKind, Reaction.Work, Reaction.Ending, Duration)] = [
      (.resetBefore, .never, .reset, .zero), (.resetAfter, .atOnce, .reset, .zero),
      (.closeAfter, .atOnce, .close, .zero), (.stall, .never, .close, .seconds(9)),
      (.slow, .atOnce, .answer, .seconds(9)), (.late, .afterLeaving(.seconds(9)), .close, .zero),
      (.gatewayLate, .afterAnswer(.seconds(9)), .answer, .zero),
    ]
    for (kind, work, ending, wait) in kinds {
      let probe = AssetsProbe { configuration, _ in
        configuration.faults = [FaultRule(kind, request: 1, wait: .seconds(9)).on(.upload)]
      }
      let reaction = probe.upload().reaction
      #expect(reaction.work == work)
      #expect(reaction.ending == ending)
      #expect(reaction.wait == wait)
      #expect(reaction.fault?.kind == kind)
    }
  }

  @Test func fateOfAnAsset() {
    let probe = AssetsProbe { configuration, _ in
      configuration.faults = ["stuck@1", "fails@2", "vanishes@3", "odd-status@4"].compactMap {
        try? FaultRule(text: "upload/\($0)")
      }
    }
    let ids = (0..<4).map { probe.upload("\($0).mp4", tag: "\($0)").id }
    func statuses() -> [String?] { ids.map { probe.get("/assets/\($0)").json["status"] as? String } }
    #expect(statuses() == ["processing", "processing", "processing", "inspecting"])
    probe.pass(.seconds(1))
    #expect(statuses() == ["processing", "failed", nil, "ready"])
    #expect(probe.index(ids[2]).status == 404)
    probe.pass(.seconds(86400))
    #expect(statuses() == ["processing", "failed", nil, "ready"])
  }

  @Test func fateOfAnIndexedAsset() {
    let probe = AssetsProbe { configuration, _ in
      configuration.faults = ["stuck@1", "fails@2", "odd-status@3", "index-gone@4"].compactMap {
        try? FaultRule(text: "index/\($0)")
      }
    }
    let assets = (0..<4).map { probe.upload("\($0).mp4", tag: "\($0)").id }
    probe.pass(.seconds(1))
    let ids = assets.dropLast().map { probe.index($0).id }
    func shown(_ id: String) -> [String: Any] {
      probe.get("/indexes/\(AssetsProbe.index)/indexed-assets/\(id)").json
    }
    #expect(shown(ids[2])["status"] as? String == "transmuting")
    probe.pass(.seconds(10))
    #expect(ids.map { shown($0)["status"] as? String } == ["pending", "failed", "ready"])
    #expect(shown(ids[1])["error"] == nil)
    #expect(probe.index(assets[3]).status == 404)
    #expect(probe.get("/indexes/\(AssetsProbe.index)").status == 404)
    #expect(shown(ids[0])["status"] == nil)
  }

  @Test func numbersCountEachCallApart() {
    let probe = AssetsProbe { configuration, _ in
      configuration.faults = [
        FaultRule(.error, request: 2).on(.upload), FaultRule(.unauthorized, from: 6).on(.any),
        FaultRule(.badGateway, request: 1).on(.read),
      ]
    }
    let statuses = [
      probe.get("/assets").status, probe.upload("1.mp4").status, probe.get("/assets").status,
      probe.upload("2.mp4").status, probe.upload("3.mp4").status, probe.upload("4.mp4").status,
      probe.get("/assets").status,
    ]
    #expect(statuses == [502, 201, 200, 500, 201, 401, 401])
  }

  @Test func sharesAreDrawnByContentAndSeed() {
    func hit(_ order: [Int], seed: UInt64) -> Set<Int> {
      let probe = AssetsProbe { configuration, _ in
        configuration.seed = seed
        configuration.faults = [FaultRule(.error, share: 0.3).on(.upload)]
      }
      return Set(order.filter { probe.upload("\($0).mp4", tag: "\($0)").status == 500 })
    }
    let first = hit(Array(0..<100), seed: 7)
    #expect(first == hit(Array((0..<100).reversed()), seed: 7))
    #expect(first != hit(Array(0..<100), seed: 8))
    #expect((15...45).contains(first.count))
  }

  @Test(arguments: [
    "upload/nothing@1", "nowhere/error@1", "without-id@1", "/error@1", "upload/error",
  ])
  func oddRulesAreRefused(text: String) {
    #expect(throws: FaultRuleError.self) { try FaultRule(text: text) }
  }

  @Test func rulesAreRead() throws {
    #expect(
      try FaultRule(text: "index/throttle=1d@3+")
        == FaultRule(.throttle, from: 3, wait: .seconds(86400)).on(.index))
    #expect(
      try FaultRule(text: "by-asset/error:0.5*2") == FaultRule(.error, share: 0.5, maxHits: 2).on(.byAsset))
    #expect(try FaultRule(text: "reset-after@3").call == nil)
  }

  @Test func tallyTellsWhatIsOfNoUse() {
    let probe = AssetsProbe()
    let a = probe.both("a.mp4", tag: "a").asset
    let surplus = probe.upload("a.mp4", tag: "a").id
    let left = probe.upload("b.mp4", tag: "b").id
    let failed = probe.upload("broken.mp4", tag: "c").id
    probe.pass(.seconds(1))
    _ = probe.both("c.mp4", tag: "c")
    _ = probe.index(a, tag: "a")
    let tally = probe.model.tally(at: probe.now)
    #expect(tally.assets == ["a": 2, "b": 1, "c": 2])
    #expect(tally.usable == ["a": 2, "b": 1, "c": 1])
    #expect(
      tally.indexed == [
        .init(tag: "a", index: AssetsProbe.index): 2, .init(tag: "c", index: AssetsProbe.index): 1,
      ])
    #expect(tally.surplus == [surplus])
    #expect(tally.leftOver == [left])
    #expect(tally.assetsTwice == 1)
    #expect(tally.indexedTwice == 1)
    #expect(tally.lost(of: ["a", "b", "c", "d"]) == 2)
    #expect(probe.model.records(at: probe.now).first { $0.id == failed }?.status == "failed")
    #expect(
      tally.json
        == #"{"assets":5,"usable":4,"assets_twice":1,"indexed":3,"indexed_twice":1,"surplus":1,"left_over":1}"#
    )
  }
}
