import BatchDomain
import TestSupport
import Testing

@testable import RunStore

@Suite("Rows of items")
struct ItemRowsTests {
  private static let sources = (0..<13).map { PlannedItems.source($0) }
  private let rows = ItemRows(run: 1)

  /// A store with the items in two batches, of which chunks of four are made.
  private func store() async throws -> TestStore {
    let store = try await TestStore()
    var planner = ChunkPlanner(maxItems: 4, maxBytes: 10_000)
    for batch in [
      PlannedItems.batch(Array(Self.sources[..<10])),
      PlannedItems.batch(Array(Self.sources[10...]), firstSequence: 10),
    ] {
      let chunks = planner.add(batch)
      try await store.store.database.write { [rows] in try rows.insert(batch, chunks: chunks, in: $0) }
    }
    return store
  }

  @Test("a row has the items of a chunk, or those of them that came in one batch")
  func cuts() async throws {
    let store = try await store()
    #expect(
      try Raw.query(
        """
        SELECT (position - (1 << 40)) || ':' || item_count || ':' || json_array_length(sources) FROM item_block
        """, in: store.path) == ["0:4:4", "4:4:4", "8:2:2", "10:2:2", "12:1:1"])
  }

  @Test("items are found in order, wherever their rows begin and end")
  func ranges() async throws {
    let store = try await store()
    for lower in 0..<13 {
      for upper in lower...13 {
        let found = try await store.store.database.read { [rows] connection in
          var found: [String] = []
          try rows.forEach(lower..<upper, in: connection) {
            found.append("\($0) \(String(decoding: $1, as: UTF8.self))")
          }
          return found
        }
        #expect(found == (lower..<upper).map { "\($0) \(Self.sources[$0])" })
      }
    }
  }

  @Test("single items are found in any order; what is not there is left out")
  func single() async throws {
    let store = try await store()
    let found = try await store.store.database.read { [rows] in
      try rows.sources(of: [12, 0, 5, 6, 13, 99], in: $0)
    }
    #expect(
      found.mapValues { String(decoding: $0, as: UTF8.self) }
        == [0: Self.sources[0], 5: Self.sources[5], 6: Self.sources[6], 12: Self.sources[12]])
  }

  @Test("a run without items has none, whatever its neighbours have")
  func neighbours() async throws {
    let store = try await store()
    let found = try await store.store.database.read { connection in
      try [Int64(0), 2].map { run in
        let rows = ItemRows(run: run)
        return try rows.texts(of: 0..<20, in: connection).count
          + rows.sources(of: [0, 3], in: connection).count
          + (rows.nextBlock(from: 0, in: connection) == nil ? 0 : 1)
      }
    }
    #expect(found == [0, 0])
  }
}
