import AsyncHTTPClient
import Testing

@testable import TransferSimulator

@Suite(.timeLimit(.minutes(10)))
struct FaultTimingTests {
  @Test(arguments: [FaultKind.delay, .slow])
  func workIsDoneBeforeALateAnswer(kind: FaultKind) async throws {
    let clock = ManualSimulatorClock()
    try await Probe.run {
      $0.clock = clock
      $0.faults = [FaultRule(kind, request: 1, wait: .seconds(90))]
    } _: { (probe: Probe) async throws in
      async let reply = probe.transfer(["01.mp4"])
      try await clock.waitForSleepers(1)
      #expect(probe.server.model.taskCount == 1)
      #expect(probe.server.ledger.entries[0].answeredAt == nil)
      clock.advance(by: .seconds(90))
      #expect(try await reply.status == 200)
      let entry = probe.server.ledger.entries[0]
      #expect(entry.answeredAt == entry.receivedAt + 90_000)
    }
  }

  @Test func stalledRequestDoesNothingAndEndsWithoutAnswer() async throws {
    let clock = ManualSimulatorClock()
    try await Probe.run {
      $0.clock = clock
      $0.faults = [FaultRule(.stall, request: 1)]
    } _: { (probe: Probe) async throws in
      let reply = Task { try await probe.transfer(["01.mp4"]) }
      try await clock.waitForSleepers(1)
      clock.advance(by: .seconds(120))
      await #expect(throws: HTTPClientError.self) { _ = try await reply.value }
      #expect(probe.server.model.taskCount == 0)
      #expect(probe.server.ledger.entries[0].status == nil)
    }
  }

  @Test func clientThatGivesUpIsNoLongerInFlight() async throws {
    let clock = ManualSimulatorClock()
    try await Probe.run {
      $0.clock = clock
      $0.faults = [FaultRule(.slow, request: 1)]
    } _: { (probe: Probe) async throws in
      let reply = Task { try await probe.transfer(["01.mp4"]) }
      try await clock.waitForSleepers(1)
      #expect(probe.server.ledger.inFlight == 1)
      reply.cancel()
      try await probe.server.ledger.waitFor(inFlightAtMost: 0)
      #expect(probe.server.ledger.entries[0].answeredAt == nil)
      clock.advance(by: .seconds(120))
      try await probe.server.ledger.waitFor(answers: 1)
      #expect(probe.server.ledger.entries[0].isTaken)
      #expect(probe.server.ledger.entries[0].status == nil)
    }
  }

  @Test func lateRequestIsWorkedOnAfterItsSenderHasGone() async throws {
    let clock = ManualSimulatorClock()
    try await Probe.run {
      $0.clock = clock
      $0.faults = [FaultRule(.late, request: 1, wait: .seconds(90))]
    } _: { (probe: Probe) async throws in
      let reply = Task { try await probe.transfer(["01.mp4"]) }
      try await probe.server.ledger.waitFor { $0.first?.fault == .late }
      #expect(probe.server.ledger.inFlight == 1)
      reply.cancel()
      try await probe.server.ledger.waitFor(inFlightAtMost: 0)
      try await clock.waitForSleepers(1)
      #expect(probe.server.model.taskCount == 0)
      clock.advance(by: .seconds(90))
      try await probe.server.ledger.waitFor { $0[0].isTaken }
      #expect(probe.server.ledger.entries[0].status == nil)
      #expect(probe.server.model.taskCount == 1)
    }
  }

  @Test func gatewaysRequestIsWorkedOnAfterItsAnswer() async throws {
    let clock = ManualSimulatorClock()
    try await Probe.run {
      $0.clock = clock
      $0.faults = [FaultRule(.gatewayLate, request: 1, wait: .seconds(90))]
    } _: { (probe: Probe) async throws in
      #expect(try await probe.transfer(["01.mp4"]).status == 504)
      try await clock.waitForSleepers(1)
      #expect(probe.server.model.taskCount == 0)
      clock.advance(by: .seconds(90))
      try await probe.server.ledger.waitFor { $0[0].isTaken }
      #expect(probe.server.ledger.entries[0].status == 504)
      #expect(probe.server.model.taskCount == 1)
    }
  }

  @Test func dribbledAnswerComesByteByByte() async throws {
    let clock = ManualSimulatorClock()
    try await Probe.run {
      $0.clock = clock
      $0.profile = .v1_2
      $0.faults = [FaultRule(.dribble, request: 1, wait: .seconds(1))]
    } _: { (probe: Probe) async throws in
      async let reply = probe.transfer(["01.mp4"])
      let length = SimulatorProfile.v1_2.transferAcceptedWithBody.body.count
      for _ in 0..<length {
        try await clock.waitForSleepers(1)
        #expect(probe.server.ledger.inFlight == 1)
        clock.advance(by: .seconds(1))
      }
      #expect(try await reply.body.utf8.count == length)
      let entry = probe.server.ledger.entries[0]
      #expect(entry.answeredAt == entry.receivedAt + Int64(length) * 1000)
    }
  }

  @Test func stopDoesNotWaitForSleepers() async throws {
    let clock = ManualSimulatorClock()
    try await Probe.run {
      $0.clock = clock
      $0.delay = .seconds(3600)
    } _: { (probe: Probe) async throws in
      let reply = Task { try await probe.transfer(["01.mp4"]) }
      try await clock.waitForSleepers(1)
      await probe.server.stop()
      await #expect(throws: (any Error).self) { _ = try await reply.value }
      #expect(probe.server.ledger.entries[0].status == nil)
    }
  }
}
