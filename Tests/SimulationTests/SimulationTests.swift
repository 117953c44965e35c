import Foundation
import Testing

/// The promises of the program over hundreds of seeded runs (thousands with `scripts/test --all`), each with its own faults
/// and deaths.
///
/// `SIMULATION_SEED=N` plays that seed alone and prints everything that went through the ports, under the condition
/// that `SIMULATION_CONDITION` names, if any;
/// `SIMULATION_SEEDS=N` says how many seeds to play, `SIMULATION_SEEDS=M-N` which.
@Suite("Simulation", .serialized)
struct SimulationTests {
  static let environment = ProcessInfo.processInfo.environment
  static let one = environment["SIMULATION_SEED"].flatMap(UInt64.init)
  static let seeds = asked ?? Array(1...200)
  /// The seeds that were asked for.
  static let asked: [UInt64]? = environment["SIMULATION_SEEDS"].flatMap { text in
    let ends = text.split(separator: "-").compactMap { UInt64($0) }
    guard let last = ends.last, ends.count < 3 else { return nil }
    return Array((ends.count > 1 ? ends[0] : 1)...last)
  }

  @Test(
    "nothing is lost, nothing is taken twice, every state is legal, every edge is walked, and a seed replays",
    .disabled(if: one != nil))
  func manySeeds() async throws {
    let simulation = try await Simulation()
    let results = await simulation.play(Self.seeds)
    var edges = Edges()
    for result in results { edges.add(result.edges) }
    print(
      """
      simulation: \(results.count) seeds, \(results.reduce(0) { $0 + $1.deaths }) deaths, \
      \(results.reduce(0) { $0 + $1.processes }) processes, \
      \(results.reduce(0) { $0 + $1.requests }) requests, \(results.count { $0.held > 0 }) runs with held items
      \(edges.table)
      """)
    for result in results where !result.violations.isEmpty { Self.tell(result) }
    // Fewer seeds than are played without being asked for need not come by every edge.
    #expect(edges.missing.isEmpty || results.count < 200)
    let again = await simulation.play(Array(Self.seeds.prefix(100)))
    for (first, second) in zip(results, again) {
      #expect(first.trace == second.trace, "seed \(first.seed) is another run the second time")
    }
    #expect(Set(results.map(\.trace)).count == results.count)
  }

  @Test("the seed that was asked for", .enabled(if: one != nil))
  func oneSeed() async throws {
    let seed = try #require(Self.one)
    let name = Self.environment["SIMULATION_CONDITION"]
    let condition: ConditionTests.Condition? =
      switch name {
      case "today": ConditionTests.Condition("today", AssetsSimulationTests.today)
      case "nights": ConditionTests.Condition("nights", NightsSimulationTests.nights)
      case "nights-today":
        ConditionTests.Condition("nights-today") {
          AssetsSimulationTests.today(&$0)
          NightsSimulationTests.nights(&$0)
        }
      default: ConditionTests.conditions.first { $0.name == name }
      }
    let simulation = try await Simulation { scenario in condition?.apply(&scenario) }
    let result = await withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: simulation.play(seed, keepsLines: true)) }
    }
    print(result.lines.joined(separator: "\n"))
    if !result.violations.isEmpty { Self.tell(result) }
  }

  /// Says what went wrong with a seed, and how to see it.
  static func tell(_ result: Simulation.Result, condition: String? = nil) {
    let condition = condition.map { " SIMULATION_CONDITION=\($0)" } ?? ""
    Issue.record(
      """
      seed \(result.seed): \(result.violations.joined(separator: "; "))
      SIMULATION_SEED=\(result.seed)\(condition) swift test --filter SimulationTests
      """)
  }
}
