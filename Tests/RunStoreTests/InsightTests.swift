import BatchDomain
import RunStore
import StoreCore
import TestSupport
import Testing

@Suite("Insight into a run")
struct InsightTests {
  @Test("every chunk has its cell, every accepted item its slot, every attempt its length")
  func everyChunk() async throws {
    let scene = try await AuditScene()
    let insight = try await SQLiteStore.openForReading(path: scene.path).insight(into: scene.run)
    let cells = insight.map.cells
    #expect(cells.map(\.items.lowerBound) == [0, 4, 8, 12, 16, 20, 24, 28, 32, 34, 36, 38])
    #expect(cells.map(\.items.upperBound) == [4, 8, 12, 16, 20, 24, 28, 32, 34, 36, 38, 40])
    let states = cells.map(\.state)
    #expect(states[..<6] == [.accepted, .accepted, .accepted, .accepted, .rejected, .failed])
    #expect(states[8...] == [.accepted, .pending, .rejected, .rejected])
    // Four whole chunks and the piece that a lost answer left there.
    #expect(insight.throughput.accepted.reduce(0, +) == 18)
    // Of the attempt whose process died nobody knows what it took.
    let lengths = try Raw.query(
      "SELECT count(*) - 1 FROM attempt WHERE took_ms IS NOT NULL", in: scene.path)
    #expect(lengths == [String(insight.latencies.total)])
    #expect(insight.latencies.longest == .seconds(1))
    #expect(insight.slowest.count == RunInsight.slowestCount)
    #expect(insight.slowest.map(\.number.rawValue) == [0, 1, 2, 3, 4, 5, 6, 8, 9, 12])
  }

  @Test("the slowest chunks are those with the longest attempts")
  func slowest() async throws {
    let scene = try await AuditScene()
    try Raw.execute("UPDATE attempt SET took_ms = 5000 + chunk WHERE chunk IN (4, 5)", in: scene.path)
    let insight = try await scene.store.store.insight(into: scene.run)
    #expect(insight.slowest.prefix(2).map(\.number) == [ChunkNumber(5), ChunkNumber(4)])
    #expect(insight.slowest[0].longest == .milliseconds(5_005))
    #expect(insight.slowest[0].items == 20..<24)
    #expect(insight.slowest[0].state == .failed)
    #expect(insight.latencies.longest == .milliseconds(5_005))
  }

  @Test("a large run has no more cells than a page can show, and none of its chunks is left out")
  func largeRun() async throws {
    let store = try await TestStore()
    let run = try await PlannedItems.plan(
      (0..<25_000).map { PlannedItems.source($0) }, chunkSize: 1, in: store.store, at: TestStore.start
    ).run
    try Raw.execute(
      """
      UPDATE chunk SET state = 'accepted', last_at = \(TestStore.start.milliseconds) + number;
      UPDATE chunk SET state = 'rejected' WHERE number = 12345;
      UPDATE run SET first_intent_at = \(TestStore.start.milliseconds),
                     last_outcome_at = \(TestStore.start.milliseconds) + 25000
      """, in: store.path)
    let insight = try await store.store.insight(into: run)
    let cells = insight.map.cells
    #expect(cells.count <= ChunkMap.cellLimit)
    #expect(cells.reduce(0) { $0 + $1.chunkCount } == 25_000)
    #expect(cells.filter { $0.state == .rejected }.count == 1)
    #expect(cells.first { $0.state == .rejected }?.items.contains(12_345) == true)
    #expect(insight.throughput.accepted.reduce(0, +) == 24_999)
    #expect(insight.throughput.step == .seconds(1))
  }

  @Test("a run of which nothing was sent has a map and no charts")
  func nothingSent() async throws {
    let store = try await TestStore()
    let run = try await PlannedItems.plan(
      (0..<10).map { PlannedItems.source($0) }, chunkSize: 4, in: store.store, at: TestStore.start
    ).run
    let insight = try await store.store.insight(into: run)
    #expect(insight.map.cells.map(\.state) == [.pending, .pending, .pending])
    #expect(insight.throughput.accepted.isEmpty)
    #expect(insight.latencies.total == 0)
    #expect(insight.slowest.isEmpty)
  }

  @Test("a run that is not there is said to be missing")
  func missing() async throws {
    let store = try await TestStore()
    let run = try #require(RunID(rawValue: "20261123-201505-042-9222"))
    await #expect(throws: StoreError.self) { try await store.store.insight(into: run) }
  }
}
