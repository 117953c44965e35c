import BatchDomain
import Testing

/// Runs under one condition that the many seeds meet too seldom to be sure of.
@Suite("Simulation under a condition", .serialized, .disabled(if: SimulationTests.one != nil))
struct ConditionTests {
  /// A condition and its name.
  struct Condition: Sendable, CustomTestStringConvertible {
    let name: String
    let apply: @Sendable (inout Scenario) -> Void

    var testDescription: String { name }

    init(_ name: String, _ apply: @escaping @Sendable (inout Scenario) -> Void) {
      self.name = name
      self.apply = apply
    }
  }

  static let conditions = [
    // Answers are slow, and so is the list.
    Condition("slow") { scenario in
      scenario.deaths = 0
      scenario.weather.spells = []
      scenario.weather.poisoned = []
      scenario.weather.crashing = []
      scenario.weather.answersLate = true
      scenario.weather.mishaps = [.slow, .reset]
      scenario.weather.mishapOdds = 0.8
      scenario.weather.listing = .sound
      scenario.weather.lag = .seconds(4)
      scenario.weather.lateness = .zero
      scenario.settings.settleDelay = .milliseconds(300)
      scenario.settings.timeout = .seconds(6)
      scenario.settings.onUnknown = .check
    },
    // The machine's clock is set.
    Condition("clock") { scenario in
      scenario.setsClock = true
      scenario.weather.mishaps = [.reset, .serverError]
      scenario.weather.mishapOdds = 0.4
      scenario.weather.listing = .sound
      scenario.settings.onUnknown = .check
    },
    // Requests are worked on after their client has gone.
    Condition("late") { scenario in
      scenario.weather.mishaps = [.reset, .hang, .statusTimeout]
      scenario.weather.mishapOdds = 0.5
      scenario.weather.lateness = scenario.settings.settleDelay * 0.9
      scenario.settings.onUnknown = .check
    },
    // A gateway hands requests on after it, or their client, gave them up.
    Condition("held") { scenario in
      scenario.weather.mishaps = [.hang, .busy, .serverError, .statusTimeout]
      scenario.weather.mishapOdds = 0.5
      scenario.weather.listing = .sound
      scenario.settings.settleGrace = .seconds(12)
      scenario.weather.gatewayLateness = .milliseconds(11_900)
      scenario.settings.onUnknown = .check
    },
    // Requests are worked on in part.
    Condition("parts") { scenario in
      scenario.weather.takesParts = true
      scenario.weather.mishaps = [.reset, .serverError]
      scenario.weather.mishapOdds = 0.5
      scenario.settings.onUnknown = .check
    },
    // It dies at every turn.
    Condition("deaths") { scenario in
      scenario.deaths = 12
      scenario.deathOdds = 0.15
      scenario.calmFrom = 20
      scenario.settings.onUnknown = .check
    },
    // It is given up, and dies meanwhile.
    Condition("cancelled") { scenario in
      scenario.cancelsAt = 1
      scenario.deaths = 8
      scenario.deathOdds = 0.3
      scenario.weather.spells = []
    },
    // Names clash.
    Condition("clashes") { scenario in
      scenario.items = scenario.items.enumerated().map { number, item in
        ServiceModel.Item(index: item.index, object: "s3://bucket/folder-\(number / 3)/\(number % 3).mp4")
      }
      scenario.weather.poisoned = []
      scenario.weather.crashing = []
      scenario.weather.mishaps = [.reset, .serverError]
      scenario.weather.mishapOdds = 0.4
      scenario.settings.onUnknown = .check
    },
    // The list of tasks never catches up.
    Condition("stuck") { scenario in
      scenario.weather.listing = .stuck
      scenario.weather.refusalsTakeParts = false
      scenario.weather.mishaps = [.reset, .serverError, .hang]
      scenario.weather.mishapOdds = 0.4
      scenario.settings.onUnknown = .check
    },
  ]

  @Test("nothing is lost and nothing is taken twice", arguments: conditions)
  func condition(_ condition: Condition) async throws {
    let simulation = try await Simulation(change: condition.apply)
    let results = await simulation.play(SimulationTests.asked ?? Array(1...20))
    for result in results where !result.violations.isEmpty {
      SimulationTests.tell(result, condition: condition.name)
    }
    // What cannot be decided is held and said.
    #expect(results.contains { $0.held > 0 })
  }
}
