import Testing

@testable import TransferSimulator

@Suite(.timeLimit(.minutes(10)))
struct FaultPlanTests {
  private let rules = [FaultRule(.throttle, share: 0.3), FaultRule(.error, share: 0.2)]

  private func draws(seed: UInt64, order: [Int]) -> [Int: [FaultKind?]] {
    let plan = FaultPlan(rules: rules, seed: seed)
    var found: [Int: [FaultKind?]] = [:]
    for number in order {
      found[number, default: []].append(plan.fault(firstElement: Probe.keys(["\(number)"])[0])?.kind)
    }
    return found
  }

  @Test func drawsDoNotDependOnTheOrderOfArrival() {
    let order = Array(0..<200) + Array(0..<200) + Array(0..<200)
    #expect(draws(seed: 7, order: order) == draws(seed: 7, order: order.reversed()))
    #expect(draws(seed: 7, order: order) != draws(seed: 8, order: order))
  }

  @Test func sharesAreKept() {
    let first = draws(seed: 1, order: Array(0..<5000)).values.map { $0[0] }
    let throttled = first.count { $0 == .throttle }
    let failed = first.count { $0 == .error }
    #expect((1300...1700).contains(throttled))
    // A fifth of the seven tenths that the first rule leaves.
    #expect((570...830).contains(failed))
  }

  @Test(arguments: [1, 3])
  func chunkIsHitAtMostSoOftenInARow(hits: Int) {
    let plan = FaultPlan(
      rules: [FaultRule(.error, share: 1, maxHits: hits), FaultRule(.throttle, share: 1, maxHits: hits)],
      seed: 1)
    let key = Probe.keys(["01.mp4"])[0]
    let drawn = (0..<(hits + 2)).map { _ in plan.fault(firstElement: key)?.kind }
    #expect(drawn == Array(repeating: .error, count: hits) + [nil, .error])
  }

  @Test func concurrentRunsMeetTheSameFaults() async throws {
    func run(concurrency: Int) async throws -> [String: Set<String>] {
      try await Probe.run {
        $0.faults = [FaultRule(.error, share: 0.4), FaultRule(.garbage, share: 0.2)]
        $0.seed = 3
      } _: { (probe: Probe) async throws in
        try await withThrowingTaskGroup(of: Void.self) { group in
          for number in 0..<60 {
            if number >= concurrency { try await group.next() }
            group.addTask { _ = try await probe.transfer(["\(number).mp4"]) }
          }
          try await group.waitForAll()
        }
        return probe.server.ledger.entries.reduce(into: [:]) {
          $0[$1.fault?.rawValue ?? "none", default: []].insert($1.elements[0].object)
        }
      }
    }
    let alone = try await run(concurrency: 1)
    #expect(try await run(concurrency: 8) == alone)
    #expect(Set(alone.keys) == ["none", "error", "garbage"])
  }

  @Test(arguments: [
    ("throttle:0.05", FaultRule(.throttle, share: 0.05)),
    ("throttle=5s:0.05*3", FaultRule(.throttle, share: 0.05, maxHits: 3, wait: .seconds(5))),
    ("delay:2s:1", FaultRule(.delay, share: 1, wait: .seconds(2))),
    ("reset-after@3", FaultRule(.resetAfter, request: 3)),
    ("unauthorized@5+", FaultRule(.unauthorized, from: 5)),
    ("stall=1m30s@4-9", FaultRule(.stall, requests: 4...9, wait: .seconds(90))),
    ("late=90s@2", FaultRule(.late, request: 2, wait: .seconds(90))),
    ("gateway-late=5s:0.1", FaultRule(.gatewayLate, share: 0.1, wait: .seconds(5))),
    ("huge=8MiB@1", FaultRule(.huge, request: 1, bytes: 8 << 20)),
  ])
  func rulesAreReadFromText(text: String, rule: FaultRule) throws {
    #expect(try FaultRule(text: text) == rule)
  }

  @Test(arguments: [
    "", "throttle", "nothing:0.1", "throttle:2", "throttle:x", "throttle@0", "throttle@3-2", "throttle@1-2+",
    "throttle@", "delay=x:0.1", "huge=8@1", "throttle:0.1*0", "throttle@+", "throttle@1-2-3",
  ])
  func oddRulesAreRefused(text: String) {
    #expect(throws: FaultRuleError.self) { try FaultRule(text: text) }
  }
}
