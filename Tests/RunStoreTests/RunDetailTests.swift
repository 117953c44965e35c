import BatchDomain
import RunStore
import StoreCore
import TestSupport
import Testing

@Suite("Rows of a run in the store")
struct RunDetailTests {
  /// All rows of a list, read in pages of that many.
  private func all<Row, Cursor>(
    _ load: (Cursor?) async throws -> DetailPage<Row, Cursor>
  ) async throws -> [Row] {
    var rows: [Row] = []
    var cursor: Cursor?
    while true {
      let page = try await load(cursor)
      rows += page.rows
      guard let next = page.next else { return rows }
      cursor = next
    }
  }

  @Test("every item is there once, in its chunk, whatever the size of a page", arguments: [1, 3, 7, 40, 500])
  func items(limit: Int) async throws {
    let scene = try await AuditScene()
    let store = scene.store.store
    let items = try await all {
      try await store.items(of: scene.run, matching: RowFilter(), from: $0 ?? 0, limit: limit)
    }
    #expect(items.map(\.sequence) == Array(0..<40))
    #expect(items.map(\.object.rawValue) == (0..<40).map { "s3://bucket/\($0.padded(6)).mp4" })
    #expect(items.allSatisfy { $0.state != .split })
    #expect(items[32].chunk == ChunkNumber(10) && items[32].state == .accepted)
    #expect(items[38].chunk == ChunkNumber(13) && items[38].state == .rejected)
    #expect(items[16].state == .rejected && items[20].state == .failed)
  }

  @Test("a state and a moment choose among items, chunks and attempts")
  func filters() async throws {
    let scene = try await AuditScene()
    let store = scene.store.store
    let rejected = RowFilter(states: [.rejected])
    let items = try await all {
      try await store.items(of: scene.run, matching: rejected, from: $0 ?? 0, limit: 2)
    }
    #expect(items.map(\.sequence) == [16, 17, 18, 19, 36, 37, 38, 39])
    let chunks = try await all {
      try await store.chunks(of: scene.run, matching: rejected, after: $0, limit: 3)
    }
    #expect(chunks.map(\.number.rawValue) == [4, 12, 13])
    let attempts = try await all {
      try await store.attempts(of: scene.run, matching: rejected, after: $0, limit: 2)
    }
    #expect(Set(attempts.map(\.key.chunk.rawValue)).isSubset(of: [4, 12, 13]))
    #expect(attempts.contains { $0.key.chunk == ChunkNumber(4) && $0.outcome == .content })
    let later = RowFilter(since: TestStore.start + .seconds(100_000))
    #expect(
      try await all { try await store.chunks(of: scene.run, matching: later, after: $0, limit: 100) }.isEmpty)
    let any = RowFilter(since: Timestamp(milliseconds: 0))
    let answered = try await all {
      try await store.chunks(of: scene.run, matching: any, after: $0, limit: 100)
    }
    // Pieces that were never sent themselves have no answer, however early the moment.
    #expect(!answered.isEmpty)
    #expect(!answered.contains { $0.attempts == 0 })
  }

  @Test("attempts come in order of chunk and number, all of them", arguments: [1, 2, 500])
  func attempts(limit: Int) async throws {
    let scene = try await AuditScene()
    let attempts = try await all {
      try await scene.store.store.attempts(of: scene.run, matching: RowFilter(), after: $0, limit: limit)
    }
    let stored = try Raw.query(
      "SELECT chunk || '/' || number FROM attempt WHERE run = 1 ORDER BY chunk, number", in: scene.path)
    #expect(attempts.map { "\($0.key.chunk)/\($0.key.number)" } == stored)
  }

  @Test("causes carry states and samples with their videos, and add up to what is not accepted and was tried")
  func causes() async throws {
    let scene = try await AuditScene()
    let causes = try await scene.store.store.causes(of: scene.run)
    #expect(causes.map(\.items) == causes.map(\.items).sorted(by: >))
    let rejected = try #require(causes.first { $0.states.contains(.rejected) })
    #expect(rejected.outcome == .content)
    #expect(
      rejected.samples.first?.object?.rawValue
        == "s3://bucket/\((rejected.samples.first?.item ?? -1).padded(6)).mp4")
    let tried = try Raw.query(
      """
      SELECT sum(item_count) FROM chunk WHERE last_outcome IS NOT NULL
        AND state IN ('pending', 'unknown', 'rejected', 'failed')
      """, in: scene.path)
    #expect([String(causes.reduce(0) { $0 + $1.items })] == tried)
  }

  @Test("messages that differ in numbers are one cause, over more chunks than one read looks at")
  func manyChunks() async throws {
    let store = try await TestStore()
    let run = try await PlannedItems.plan(
      (0..<12_000).map { PlannedItems.source($0) }, chunkSize: 1, in: store.store, at: TestStore.start
    ).run
    try Raw.execute(
      """
      UPDATE chunk SET state = 'rejected', last_outcome = 'content', last_code = 'parameter_invalid',
        last_message = 'element ' || number || ' is not valid', last_at = \(TestStore.start.milliseconds) + number
      """, in: store.path)
    let causes = try await store.store.causes(of: run)
    #expect(causes.count == 1)
    #expect(causes[0].items == 12_000 && causes[0].chunks == 12_000)
    #expect(causes[0].pattern == "element N is not valid")
    #expect(causes[0].lastAt == TestStore.start + .milliseconds(11_999))
    #expect(causes[0].samples.map(\.item) == [0, 1, 2])
  }

  @Test("the timeline is that of the attempts, over more than one read looks at")
  func timeline() async throws {
    let scene = try await AuditScene()
    let timeline = try await scene.store.store.timeline(of: scene.run)
    let stored = try Raw.query(
      "SELECT outcome || count(*) FROM attempt WHERE outcome IS NOT NULL GROUP BY outcome ORDER BY outcome",
      in: scene.path)
    let counted = timeline.outcomes.map { "\($0.key.rawValue)\($0.value)" }.sorted()
    #expect(counted == stored)
    #expect(timeline.firstIntentAt == TestStore.start)
    #expect(timeline.settled > 0)

    let store = try await TestStore()
    let run = try await PlannedItems.plan(
      [PlannedItems.source(0)], chunkSize: 1, in: store.store, at: TestStore.start
    ).run
    try Raw.execute(
      """
      INSERT INTO attempt (run, chunk, number, origin, destination, step, owner, started_at, bytes, timeout_ms, intent,
                           finished_at, took_ms, outcome)
        WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
        SELECT 1, 0, i, 1, 1, 'transfer', 1, \(TestStore.start.milliseconds) + i * 1000, 1, 1, i,
               \(TestStore.start.milliseconds) + i * 1000 + 10, 10, 'throttled' FROM n
      """, in: store.path)
    let long = try await store.store.timeline(of: run)
    #expect(long.outcomes == [.throttled: 12_000])
    #expect(long.throttledTime == .milliseconds(990 * 11_999))
  }
}
