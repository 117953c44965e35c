import BatchDomain
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

@Suite("Audit of a run that goes on")
struct LiveAuditTests {
  /// A run of chunks with two items each.
  private func live(_ store: TestStore, chunks: Int) async throws -> any RunSession {
    let sources = (0..<chunks * 2).map { PlannedItems.source($0) }
    return try await PlannedItems.plan(
      sources, chunkSize: 2, in: store.store, at: TestStore.start,
      digest: AuditScene.manifestDigest(sources))
  }

  @Test("what is under way is no problem while the run is live")
  func underWay() async throws {
    let store = try await TestStore()
    let session = try await live(store, chunks: 3)
    _ = try await session.next()
    try await session.end(try await session.next(), .accepted, .accepted)
    let audit = try await SQLiteStore.openForReading(path: store.path).audit(session.run, listing: 10)
    #expect(audit.problems == [])
    #expect(audit.notes.contains { $0.contains("live") })
  }

  @Test("what merely moves while it is looked at is no problem")
  func moving() async throws {
    let store = try await TestStore()
    let session = try await live(store, chunks: 700)
    let reader = try await SQLiteStore.openForReading(path: store.path)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        while case .chunk(let chunk) = try await session.claim(at: TestStore.start) {
          let isTaken = chunk.number.rawValue % 3 > 0 || chunk.attempt > 1
          try await session.end(
            chunk, isTaken ? .accepted : .throttled, isTaken ? .accepted : .requeued)
        }
      }
      for _ in 0..<6 {
        let audit = try await reader.audit(session.run, listing: 10)
        #expect(audit.problems == [])
      }
      try await group.waitForAll()
    }
    #expect(try await reader.audit(session.run, listing: 10).problems == [])
  }

  @Test("a wrong sum is found in a run that moves, too")
  func wrongSum() async throws {
    let store = try await TestStore()
    let session = try await live(store, chunks: 3)
    try Raw.execute("UPDATE tally SET items = items + 1", in: store.path)
    let audit = try await SQLiteStore.openForReading(path: store.path).audit(session.run, listing: 10)
    #expect(audit.problems.map(\.check) == [.totals])
  }

  @Test("a chunk that is split between two pages is no overlap")
  func splitBetweenPages() async throws {
    let store = try await TestStore()
    let session = try await live(store, chunks: CoverageAudit.pageSize + 1)
    let last = CoverageAudit.pageSize - 1
    var findings = AuditFindings(run: session.run, limit: 10)
    var (coverage, hasMore) = try await page(
      CoverageAudit(
        try await store.store.database.read { try AuditedRun.read(1, mayInherit: false, in: $0) }), &findings,
      store)
    #expect(hasMore)
    try Raw.execute(
      """
      UPDATE chunk SET state = 'split' WHERE number = \(last);
      INSERT INTO chunk (run, number, first_item, item_count, byte_count, digest, names_clash, parent, state, step)
        VALUES (1, 5000, \(last * 2), 1, 1, zeroblob(32), 0, \(last), 'pending', 'transfer'),
               (1, 5001, \(last * 2 + 1), 1, 1, zeroblob(32), 0, \(last), 'pending', 'transfer')
      """, in: store.path)
    (coverage, hasMore) = try await page(coverage, &findings, store)
    #expect(!hasMore)
    #expect(findings.problems == [])
  }

  private func page(
    _ pass: CoverageAudit, _ findings: inout AuditFindings, _ store: TestStore
  ) async throws -> (CoverageAudit, Bool) {
    let (next, found, hasMore) = try await store.store.database.read { [findings] connection in
      var next = pass
      var found = findings
      let hasMore = try next.page(in: connection, &found)
      return (next, found, hasMore)
    }
    findings = found
    return (next, hasMore)
  }
}
