import Foundation
import Testing

/// The simulation notices what it is there to notice.
@Suite("Checker of the simulation", .disabled(if: SimulationTests.one != nil))
struct CheckerTests {
  /// What is done to the records of a run that went well, and what is said of it.
  static let damages = [
    ("UPDATE chunk SET first_item = first_item + 1 WHERE number = 1", "lost"),
    ("DELETE FROM attempt WHERE chunk = 0; UPDATE attempt SET number = number", "intents"),
    ("UPDATE tally SET items = items + 1 WHERE state = 'accepted'", "tally"),
    ("UPDATE chunk SET state = 'pending' WHERE number = 1", "no move"),
    ("UPDATE chunk SET state = 'pending' WHERE number = 1", "the run is finished"),
    ("UPDATE chunk SET state = 'failed' WHERE number = 1", "is failed and was taken"),
    ("UPDATE attempt SET outcome = NULL, finished_at = NULL WHERE chunk = 0", "never ended"),
    (
      "CREATE TEMP TABLE again AS SELECT * FROM attempt WHERE chunk = 0; UPDATE again SET number = number + 1, intent = 9999; "
        + "INSERT INTO attempt SELECT * FROM again",
      "after it was accepted"
    ),
    ("UPDATE simulated_move SET old = 'unknown' WHERE new = 'accepted'", "without having been there"),
  ]

  @Test("damage to the records is named", arguments: damages)
  func damage(sql: String, said: String) async throws {
    let simulation = try await Simulation(change: Self.makeCalm)
    let sound = await play(simulation, damage: nil)
    #expect(sound.violations.isEmpty)
    let damaged = await play(simulation, damage: sql)
    #expect(damaged.violations.contains { $0.contains(said) }, "\(damaged.violations)")
  }

  @Test("a service that forgets what it took, and one that takes it twice, are named", arguments: [0, 2])
  func wrongService(times: Int) async throws {
    let simulation = try await Simulation { scenario in
      Self.makeCalm(&scenario)
      scenario.weather.timesTaken = times
    }
    let result = await play(simulation, damage: nil)
    #expect(result.violations.contains { $0.contains(times == 0 ? "never taken" : "twice") })
  }

  @Test("an edge that was never walked is named")
  func edges() async throws {
    #expect(Edges().missing == Edges.required)
    let simulation = try await Simulation(change: Self.makeCalm)
    let missing = await play(simulation, damage: nil).edges.missing
    #expect(!missing.contains("submitting (accepted) > accepted"))
    #expect(missing.contains("submitting (owner_died) > unknown"))
  }

  @Test("a task that leaves the executor is named")
  func stray() async throws {
    let simulation = try await Simulation { scenario in
      Self.makeCalm(&scenario)
      scenario.strays = true
    }
    let result = await play(simulation, damage: nil)
    #expect(!result.violations.isEmpty)
  }

  private static let makeCalm: @Sendable (inout Scenario) -> Void = { scenario in
    scenario.calmFrom = 0
    scenario.cancelsAt = nil
    scenario.looksAgain = false
    scenario.retries = false
    scenario.weather.poisoned = []
    scenario.weather.crashing = []
    scenario.weather.sizeLimit = nil
  }

  private func play(_ simulation: Simulation, damage: String?) async -> Simulation.Result {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: simulation.play(1, damage: damage)) }
    }
  }
}
