import BatchDomain
import Testing

/// The same worlds with the service of today: two steps, polling between them, ids.
@Suite("Simulation of profile v1.3", .serialized, .disabled(if: SimulationTests.one != nil))
struct AssetsSimulationTests {
  /// What makes a scenario one of profile v1.3.
  @Sendable static func today(_ scenario: inout Scenario) {
    scenario.settings.profile = .v1_3
    scenario.settings.chunkSize = 1
    scenario.settings.ahead = Int(scenario.seed % 7) + 1
    let objects = scenario.items.map(\.object)
    // One of them is broken now and then; refusals and an index that is missing are other tests' matter.
    scenario.failingAssets = scenario.weather.poisoned.isEmpty ? [] : Set(objects.suffix(1))
    scenario.weather.poisoned = []
    scenario.weather.crashing = []
    scenario.weather.sizeLimit = nil
    scenario.weather.missingIndex = nil
    scenario.weather.refusalsTakeParts = false
    scenario.weather.takesParts = false
    // Where no acceptance shows how far the list has caught up, two looks after twice the delay are believed: a list that is
    // further behind is beyond the promise.
    if scenario.weather.listing == .stuck { scenario.weather.listing = .sound }
    scenario.weather.lag = min(scenario.weather.lag, scenario.settings.settleDelay)
    // Outages that are told by a code of the first versions.
    scenario.weather.spells.removeAll { [.endpoint, .indexGone].contains($0.kind) }
    scenario.weather.mishaps.removeAll { $0 == .quotaUsedUp }
  }

  @Test("nothing is lost, nothing is uploaded or indexed twice, every state is legal")
  func manySeeds() async throws {
    let simulation = try await Simulation(change: Self.today)
    let results = await simulation.play(SimulationTests.seeds)
    print(
      """
      simulation of v1.3: \(results.count) seeds, \(results.reduce(0) { $0 + $1.deaths }) deaths, \
      \(results.reduce(0) { $0 + $1.processes }) processes, \
      \(results.reduce(0) { $0 + $1.requests }) requests, \(results.count { $0.held > 0 }) runs with held items
      """)
    for result in results where !result.violations.isEmpty {
      SimulationTests.tell(result, condition: "today")
    }
    #expect(results.contains { $0.edges.counts["processing > pending"] != nil })
  }

  @Test("a service that takes what it takes twice is found out")
  func twice() async throws {
    let simulation = try await Simulation {
      Self.today(&$0)
      $0.weather.timesTaken = 2
    }
    let results = await simulation.play(Array(1...20))
    #expect(results.contains { $0.violations.contains { $0.hasPrefix("twice") } })
  }
}
