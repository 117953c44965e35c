import Foundation
import Testing

@testable import TransferSimulator

@Suite(.timeLimit(.minutes(10)))
struct LedgerTests {
  @Test func repeatedElementIsSkippedAndCounted() async throws {
    try await Probe.run { (probe: Probe) async throws in
      _ = try await probe.transfer(["01.mp4", "02.mp4"])
      _ = try await probe.transfer(["02.mp4", "03.mp4"])
      _ = try await probe.transfer(["02.mp4"], index: "other")
      let ledger = probe.server.ledger
      #expect(ledger.entries.map(\.accepted) == [2, 1, 1])
      #expect(ledger.entries.map(\.skipped) == [0, 1, 0])
      #expect(ledger.acceptedCounts[Probe.keys(["02.mp4"])[0]] == 2)
      #expect(ledger.acceptedCounts[Probe.keys(["03.mp4"])[0]] == 1)
      #expect(ledger.acceptedCounts[Probe.keys(["02.mp4"], index: "other")[0]] == 1)
      #expect(probe.server.model.taskCount == 4)
    }
  }

  @Test func entryHoldsTheRequest() async throws {
    let clock = ManualSimulatorClock(now: 5000)
    try await Probe.run {
      $0.clock = clock
    } _: { (probe: Probe) async throws in
      _ = try await probe.list("page=1")
      _ = try await probe.transfer(["01.mp4"])
      let entry = probe.server.ledger.entries[1]
      #expect(entry.ordinal == 2)
      #expect(entry.transfer == 1)
      #expect(entry.endpoint == .transfers)
      #expect(entry.method == "POST")
      #expect(entry.path == "/v1/indexes/tasks/transfers")
      #expect(entry.headers["x-api-key"] == "[redacted]")
      #expect(entry.headers["content-type"] == "multipart/form-data; boundary=edge")
      #expect(entry.elements == Probe.keys(["01.mp4"]))
      #expect(entry.receivedAt == 5000)
      #expect(entry.answeredAt == 5000)
      #expect(entry.status == 200)
      #expect(entry.inFlight == 1)
      #expect(entry.connection == 1)
      #expect(probe.server.ledger.entries[0].path == "/v1/indexes/tasks?page=1")
      #expect(probe.server.ledger.transfers.map(\.ordinal) == [2])
    }
  }

  @Test func requestsUnderWayAreCounted() async throws {
    let clock = ManualSimulatorClock()
    try await Probe.run {
      $0.clock = clock
      $0.delay = .seconds(1)
    } _: { (probe: Probe) async throws in
      let ledger = probe.server.ledger
      try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<16 { group.addTask { try await probe.transfer(["\(number).mp4"]).status } }
        try await ledger.waitFor(transfers: 16)
        try await clock.waitForSleepers(16)
        #expect(ledger.inFlight == 16)
        clock.advance(by: .seconds(1))
        for try await status in group { #expect(status == 200) }
      }
      async let last = probe.transfer(["last.mp4"])
      try await clock.waitForSleepers(1)
      clock.advance(by: .seconds(1))
      #expect(try await last.status == 200)
      #expect(ledger.maxInFlight == 16)
      #expect(ledger.entries.map(\.inFlight).sorted() == [1] + Array(1...16))
      #expect(ledger.inFlight == 0)
    }
  }

  @Test func waitingEndsWithItsTask() async throws {
    try await Probe.run { (probe: Probe) async throws in
      let waiting = Task { try await probe.server.ledger.waitFor(transfers: 1) }
      waiting.cancel()
      await #expect(throws: CancellationError.self) { try await waiting.value }
    }
  }

  @Test func fileIsReadBackAsItWasRecorded() async throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("ledger-\(UUID()).jsonl").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let recorded = try await Probe.run {
      $0.ledgerFile = path
      $0.faults = [FaultRule(.errorAccepted, request: 2), FaultRule(.closeAfter, request: 3)]
    } _: { (probe: Probe) async throws in
      for _ in 0..<3 { _ = try? await probe.transfer(["01.mp4", "02.mp4"]) }
      _ = try await probe.transfer(["poison.mp4"])
      _ = try await probe.list()
      return probe.server.ledger.entries
    }
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(#"{"event":"answer","ordi"#.utf8))
    try handle.close()
    #expect(try Ledger.read(path) == recorded)
  }

  @Test func fileHasALineForEachEvent() async throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("ledger-\(UUID()).jsonl").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try await Probe.run {
      $0.ledgerFile = path
      $0.faults = [FaultRule(.resetAfter, request: 2)]
    } _: { (probe: Probe) async throws in
      _ = try await probe.transfer(["01.mp4", "qu\\u00f6te \\\".mp4"])
      _ = try? await probe.transfer(["01.mp4"])
    }
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    let events = try lines.map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
    #expect(
      events.map { $0["event"] as? String } == ["arrival", "taken", "answer", "arrival", "taken", "answer"])
    let elements = try #require(events[0]["elements"] as? [[String: String]])
    #expect(elements.map { $0["object"] } == [Probe.object("01.mp4"), Probe.object("qu\u{f6}te \".mp4")])
    #expect(events[2]["status"] as? Int == 200)
    #expect(events[5]["status"] is NSNull)
    #expect(events[5]["fault"] as? String == "reset-after")
    #expect(!lines.contains { $0.contains("right-key") })
  }

  @Test func aDamagedLineInTheMiddleIsNeverPassedOver() async throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try await Probe.run {
      $0.ledgerFile = path
    } _: { (probe: Probe) async throws in
      _ = try await probe.transfer(["01.mp4"])
    }
    let whole = try String(contentsOfFile: path, encoding: .utf8)
    try (whole + "{\"event\": \"arr").write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try Ledger.read(path).count == 1)
    try ("{\"event\": \"arr\n" + whole).write(toFile: path, atomically: true, encoding: .utf8)
    #expect(throws: (any Error).self) { try Ledger.read(path) }
  }
}
