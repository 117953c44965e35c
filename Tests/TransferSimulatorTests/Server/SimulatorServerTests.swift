import AsyncHTTPClient
import Testing

@testable import TransferSimulator

@Suite(.timeLimit(.minutes(10)))
struct SimulatorServerTests {
  @Test func serversDoNotShareAnything() async throws {
    try await Probe.run { one in
      try await Probe.run { other in
        _ = try await one.transfer(["1"])
        #expect(one.server.address != other.server.address)
        #expect(one.server.ledger.transferCount == 1)
        #expect(other.server.ledger.transferCount == 0)
      }
    }
  }

  @Test func stopFreesThePortAlthoughConnectionsAreOpen() async throws {
    try await Probe.run { (probe: Probe) async throws in
      _ = try await probe.transfer(["1"])
      await probe.server.stop()
      await #expect(throws: (any Error).self) { _ = try await probe.transfer(["1"]) }
      var configuration = SimulatorConfiguration()
      configuration.port = probe.server.port
      let next = try await SimulatorServer.start(configuration)
      #expect(next.address == probe.server.address)
      await next.stop()
    }
  }

  @Test func takenPortIsAnError() async throws {
    try await Probe.run { (probe: Probe) async throws in
      var configuration = SimulatorConfiguration()
      configuration.port = probe.server.port
      await #expect(throws: SimulatorServer.BindError.self) {
        _ = try await SimulatorServer.start(configuration)
      }
    }
  }

  @Test func budgetRefusesUntilTheWindowMovesOn() async throws {
    let clock = ManualSimulatorClock()
    try await Probe.run {
      $0.clock = clock
      $0.budget = RequestBudget(limit: 2, window: .seconds(10))
    } _: { (probe: Probe) async throws in
      var statuses: [Int] = []
      for number in 0..<3 {
        statuses.append(try await probe.transfer(["\(number)"]).status)
        clock.advance(by: .seconds(2))
      }
      #expect(statuses == [200, 200, 429])
      let refused = try await probe.transfer(["x"])
      #expect(refused.header("Retry-After") == "4")
      clock.advance(by: .seconds(4))
      #expect(try await probe.transfer(["x"]).status == 200)
      #expect(try await probe.transfer(["y"]).status == 429)
    }
  }

  @Test func lastProfileTellsItsBudgetOnEveryAnswer() async throws {
    try await Probe.run {
      $0.profile = .v1_2
      $0.clock = ManualSimulatorClock(now: 1_700_000_003_500)
      $0.budget = RequestBudget(limit: 1, window: .seconds(10), isRolling: false)
    } _: { (probe: Probe) async throws in
      let taken = try await probe.transfer(["1"])
      #expect(taken.status == 204)
      #expect(taken.header("X-Ratelimit-Remaining") == "0")
      #expect(taken.header("X-Ratelimit-Reset") == "1700000010")
      let refused = try await probe.transfer(["2"])
      #expect(refused.status == 429)
      #expect(refused.body.isEmpty)
      #expect(refused.header("X-Ratelimit-Used") == "1")
    }
  }
}
