import BatchDomain
import Testing

/// The same worlds with windows and quotas: days of some minutes, with a night in each.
@Suite("Simulation of windows and quotas", .serialized, .disabled(if: SimulationTests.one != nil))
struct NightsSimulationTests {
  /// Draws windows and a quota from the seed.
  @Sendable static func nights(_ scenario: inout Scenario) {
    var dice = SplitMix(state: scenario.seed)
    // Each "day" has 10, 20 or 30 minutes, and a window of 1 to 5 of them.
    let day = [10, 20, 30][dice.next(3)]
    let length = 1 + dice.next(5)
    let first = dice.next(day - length)
    scenario.settings.windows = stride(from: first, to: 1_440, by: day).map {
      SendingWindow(opens: $0, closes: ($0 + length) % 1_440)
    }
    scenario.settings.zone = ["UTC", "Asia/Kolkata", "Australia/Lord_Howe"][dice.next(3)]
    scenario.settings.exitsOutside = dice.next(3) == 0
    if dice.next(2) == 0 {
      let count = scenario.settings.chunkSize * (1 + dice.next(3))
      scenario.settings.itemRates = [Rate(count: count, window: dice.next(2) == 0 ? .minute : .second)]
    }
    // Whether a request is within its window is judged by the clock that it began by.
    scenario.setsClock = false
  }

  /// Numbers of its own, so that the rest of a scenario stays that of its seed.
  private struct SplitMix {
    var state: UInt64

    mutating func next(_ bound: Int) -> Int {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return Int((mixed ^ (mixed >> 31)) % UInt64(max(1, bound)))
    }
  }

  @Test(
    "no request begins outside its window, no quota is exceeded, and nothing is lost or sent twice",
    arguments: ["transfers", "assets"])
  func manySeeds(service: String) async throws {
    let simulation = try await Simulation { scenario in
      if service == "assets" { AssetsSimulationTests.today(&scenario) }
      Self.nights(&scenario)
    }
    // A run of many nights has many more turns than another.
    let seeds = SimulationTests.asked.map { Array($0.prefix(500)) } ?? Array(1...60)
    let results = await simulation.play(seeds)
    print(
      """
      simulation of windows, \(service): \(results.count) seeds, \(results.reduce(0) { $0 + $1.deaths }) deaths, \
      \(results.reduce(0) { $0 + $1.processes }) processes, \(results.reduce(0) { $0 + $1.requests }) requests
      """)
    for result in results where !result.violations.isEmpty {
      SimulationTests.tell(result, condition: service == "assets" ? "nights-today" : "nights")
    }
  }

  @Test("a run that does not know its windows is found out")
  func foundOut() async throws {
    let simulation = try await Simulation { scenario in
      Self.nights(&scenario)
      scenario.ignoresWindows = true
    }
    let results = await simulation.play(Array(1...20))
    #expect(results.contains { $0.violations.contains { $0.contains("outside the windows") } })
  }
}
