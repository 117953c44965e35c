import Testing

@testable import TransferSimulator

@Suite(.timeLimit(.minutes(10)))
struct ConnectionFaultTests {
  @Test(arguments: [
    (FaultKind.resetBefore, true, false), (.resetAfter, true, true), (.closeAfter, false, true),
  ])
  func connectionEndsWithoutAnswer(kind: FaultKind, isReset: Bool, isTaken: Bool) async throws {
    try await Probe.run {
      $0.faults = [FaultRule(kind, request: 1)]
    } _: { (probe: Probe) async throws in
      let ending = try await RawProbe.exchange(probe.server, RawProbe.transfer(["01.mp4"]))
      #expect(ending.text.isEmpty)
      #expect(ending.wasReset == isReset)
      let entry = probe.server.ledger.entries[0]
      #expect(entry.status == nil)
      #expect(entry.answeredAt != nil)
      #expect(entry.fault == kind)
      #expect(entry.isTaken == isTaken)
      #expect(probe.server.model.taskCount == (isTaken ? 1 : 0))
    }
  }

  @Test func resetByShareKnowsItsElements() async throws {
    try await Probe.run {
      $0.faults = [FaultRule(.resetBefore, share: 1)]
    } _: { (probe: Probe) async throws in
      let first = try await RawProbe.exchange(probe.server, RawProbe.transfer(["01.mp4"]))
      #expect(first.wasReset)
      #expect(probe.server.ledger.entries[0].elements == Probe.keys(["01.mp4"]))
      #expect(probe.server.model.taskCount == 0)
      #expect(try await probe.transfer(["01.mp4"]).status == 200)
    }
  }

  @Test(arguments: [SimulatorProfile.v1, .v1_2])
  func truncatedAnswerEndsBeforeItsLength(profile: SimulatorProfile) async throws {
    try await Probe.run {
      $0.profile = profile
      $0.faults = [FaultRule(.truncated, request: 1)]
    } _: { (probe: Probe) async throws in
      let ending = try await RawProbe.exchange(probe.server, RawProbe.transfer(["01.mp4"], profile: profile))
      #expect(ending.text.hasPrefix("HTTP/1.1 200 OK\r\n"))
      #expect(ending.text.contains(#"{"message":"#))
      #expect(!ending.text.hasSuffix("}"))
      #expect(!ending.wasReset)
      #expect(probe.server.model.taskCount == 1)
    }
  }

  @Test func requestCutShortIsNotServed() async throws {
    try await Probe.run { (probe: Probe) async throws in
      let text = RawProbe.transfer(["01.mp4"], announced: 10_000)
      async let ending = RawProbe.cut(probe.server, text)
      try await ending
      try await probe.server.ledger.waitFor(answers: 1)
      #expect(probe.server.ledger.entries[0].status == nil)
      #expect(probe.server.ledger.inFlight == 0)
      #expect(probe.server.model.taskCount == 0)
    }
  }

  @Test func announcedCloseComesOnEveryNthAnswer() async throws {
    try await Probe.run {
      $0.announcedCloseEvery = 2
    } _: { (probe: Probe) async throws in
      var closes: [String?] = []
      for _ in 0..<4 { closes.append(try await probe.list().header("Connection")) }
      #expect(closes == [nil, "close", nil, "close"])
      #expect(probe.server.ledger.entries.map(\.connection) == [1, 1, 2, 2])
    }
  }

  @Test func silentCloseEndsTheConnectionAfterAWholeAnswer() async throws {
    try await Probe.run {
      $0.silentCloseEvery = 1
    } _: { (probe: Probe) async throws in
      let ending = try await RawProbe.exchange(probe.server, RawProbe.transfer(["01.mp4"]))
      #expect(ending.text.hasSuffix("}"))
      #expect(!ending.text.lowercased().contains("connection: close"))
    }
  }

  @Test func idleConnectionIsClosed() async throws {
    try await Probe.run {
      $0.idleTimeout = .milliseconds(50)
    } _: { (probe: Probe) async throws in
      // On a busy machine the connection may be idle for too long before the request is even written; it is then
      // closed without an answer, which is the same rule.
      var ending = try await RawProbe.exchange(probe.server, RawProbe.transfer(["01.mp4"]))
      while ending.text.isEmpty {
        ending = try await RawProbe.exchange(probe.server, RawProbe.transfer(["01.mp4"]))
      }
      #expect(ending.text.hasSuffix("}"))
    }
  }
}
