import BatchDomain
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

@Suite("Rows of one service")
struct OriginRowsTests {
  @Test(
    "two rows of one service become one when a run is taken: its own sends, and the longest wait, are there")
  func merged() async throws {
    let store = try await TestStore()
    let settings = RunSettings()
    let session = try await PlannedItems.plan(
      (0..<3).map { PlannedItems.source($0) }, chunkSize: 1, settings: settings, in: store.store,
      at: TestStore.start)
    guard case .chunk(let chunk) = try await session.claim(at: TestStore.start) else {
      Issue.record("nothing to claim")
      return
    }
    _ = try await session.record(
      AttemptRecord(
        of: chunk, finishedAt: TestStore.start, took: .zero, outcome: .unknown, status: nil, code: "reset",
        message: nil, isCounted: false, event: .answerLost))
    try await session.release(as: .paused(.signal, detail: nil), at: TestStore.start)
    // What an older version left: the run's service once more, with its port, and all of the run there.
    try Raw.execute(
      """
      INSERT INTO origin (id, url) VALUES (9, '\(settings.origin):443');
      INSERT INTO budget (origin, step, wait_until, wait_reason, wait_ms)
        VALUES (9, 'transfer', 99, 'the service asks to wait', 50);
      UPDATE run SET origin = 9; UPDATE attempt SET origin = 9;
      """, in: store.path)
    let heir = try await store.store.take(session.run, isCancelling: false, at: TestStore.start)
    #expect(try Raw.query("SELECT count(*) FROM origin", in: store.path) == ["1"])
    #expect(
      try Raw.query("SELECT DISTINCT attempt.origin = run.origin FROM attempt, run", in: store.path) == ["1"])
    #expect(try await heir.standing().waits[.transfer]?.length == .milliseconds(50))
    let unknown = try #require(try await heir.unknownChunks(after: nil, limit: 1).first)
    let names = Set(unknown.items.map(\.name))
    let sends = try await heir.sends(
      of: [unknown.items[0].index: names], since: TestStore.start - .seconds(60))
    #expect(sends.count == 1)
  }
}
