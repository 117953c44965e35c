import Testing

@testable import TransferSimulator

@Suite(.timeLimit(.minutes(10)))
struct FaultTests {
  typealias Expected = (kind: FaultKind, status: Int, code: String?, isTaken: Bool)

  @Test(
    arguments: [
      (FaultKind.throttle, 429, "too_many_requests", false), (.throttleDate, 429, "too_many_requests", false),
      (.throttleReset, 429, "too_many_requests", false), (.throttleBare, 429, "too_many_requests", false),
      (.unavailable, 503, "service_unavailable", false),
      (.unavailableWait, 503, "service_unavailable", false),
      (.error, 500, "internal_server_error", false), (.errorAccepted, 500, "internal_server_error", true),
      (.badGateway, 502, nil, false), (.html, 200, nil, false), (.garbage, 200, nil, true),
      (.empty, 204, nil, true), (.redirect, 307, nil, false), (.unauthorized, 401, "api_key_invalid", false),
      (.forbidden, 403, "api_not_allowed", false), (.insufficientFunds, 400, "insufficient_funds", false),
      (.usageLimit, 400, "usage_limit_exceeded", false), (.tooLarge, 413, "request_too_large", false),
    ] as [Expected])
  func answersHaveTheirStatusAndCode(expected: Expected) async throws {
    let (kind, status, code, isTaken) = expected
    try await Probe.run {
      $0.faults = [FaultRule(kind, request: 1)]
    } _: { (probe: Probe) async throws in
      let reply = try await probe.transfer(["01.mp4"])
      #expect(reply.status == status)
      #expect(reply.json["error_code"] as? String == code)
      let entry = probe.server.ledger.entries[0]
      #expect(entry.fault == kind)
      #expect(entry.status == status)
      #expect(entry.isTaken == isTaken)
      #expect(probe.server.model.taskCount == (isTaken ? 1 : 0))
      #expect(try await probe.transfer(["01.mp4"]).status == 200)
    }
  }

  typealias Told = (kind: FaultKind, retryAfter: String?, reset: String?)

  @Test(
    arguments: [
      (FaultKind.throttle, "3", nil), (.throttleDate, "Tue, 14 Nov 2023 22:13:23 GMT", nil),
      (.throttleReset, nil, "1700000003"), (.throttleBare, nil, nil), (.unavailableWait, "3", nil),
      (.unavailable, nil, nil),
    ] as [Told])
  func waitsAreToldInTheirForm(expected: Told) async throws {
    let (kind, retryAfter, reset) = expected
    try await Probe.run {
      $0.clock = ManualSimulatorClock()
      $0.faults = [FaultRule(kind, request: 1, wait: .seconds(3))]
    } _: { (probe: Probe) async throws in
      let reply = try await probe.transfer(["01.mp4"])
      #expect(reply.header("Retry-After") == retryAfter)
      #expect(reply.header("X-Ratelimit-Reset") == reset)
      #expect(reply.header("Date") == "Tue, 14 Nov 2023 22:13:20 GMT")
    }
  }

  @Test func lastProfileThrottlesWithoutBodyAndWithFourHeaders() async throws {
    try await Probe.run {
      $0.profile = .v1_2
      $0.faults = [FaultRule(.throttleReset, request: 1), FaultRule(.throttleBare, request: 2)]
    } _: { (probe: Probe) async throws in
      let told = try await probe.transfer(["01.mp4"])
      #expect(told.status == 429)
      #expect(told.body.isEmpty)
      for name in ["Limit", "Remaining", "Used", "Reset"] {
        #expect(told.header("X-Ratelimit-\(name)") != nil)
      }
      let bare = try await probe.transfer(["01.mp4"])
      #expect(bare.status == 429)
      #expect(bare.header("X-Ratelimit-Reset") == nil)
    }
  }

  @Test func unauthorizedHoldsFromItsRequestOnAndRepeatsTheKey() async throws {
    try await Probe.run {
      $0.faults = [FaultRule(.unauthorized, from: 2)]
    } _: { (probe: Probe) async throws in
      #expect(try await probe.transfer(["01.mp4"]).status == 200)
      for _ in 0..<2 {
        let reply = try await probe.transfer(["02.mp4"])
        #expect(reply.status == 401)
        #expect(reply.body.contains("right-key"))
      }
    }
  }

  @Test func redirectLeadsElsewhere() async throws {
    try await Probe.run {
      $0.faults = [FaultRule(.redirect, request: 1)]
      $0.redirectTarget = "http://127.0.0.1:9/there"
    } _: { (probe: Probe) async throws in
      #expect(try await probe.transfer(["01.mp4"]).header("Location") == "http://127.0.0.1:9/there")
    }
  }

  @Test func hugeBodyHasItsLength() async throws {
    try await Probe.run {
      $0.faults = [FaultRule(.huge, request: 1, bytes: 3_000_000)]
    } _: { (probe: Probe) async throws in
      let reply = try await probe.transfer(["01.mp4"])
      #expect(reply.status == 200)
      #expect(reply.body.utf8.count == 3_000_000)
      #expect(reply.json["message"] is String)
    }
  }

  @Test func refusalWinsOverAnOddAcceptedAnswer() async throws {
    try await Probe.run {
      $0.faults = [FaultRule(.empty, from: 1)]
    } _: { (probe: Probe) async throws in
      #expect(try await probe.transfer(["poison.mp4"]).status == 400)
    }
  }

  @Test func faultsCanBeReplacedWhileRunning() async throws {
    try await Probe.run {
      $0.faults = [FaultRule(.error, share: 1, maxHits: .max)]
    } _: { (probe: Probe) async throws in
      #expect(try await probe.transfer(["01.mp4"]).status == 500)
      probe.server.setFaults([])
      #expect(try await probe.transfer(["01.mp4"]).status == 200)
    }
  }
}
