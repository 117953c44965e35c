import BatchDomain
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

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
          try rows.forEachSource(lower..<upper, limit: 13, in: connection) {
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
      try rows.texts(of: [12, 0, 5, 6, 13, 99], in: $0)
    }
    #expect(
      found.mapValues { String(decoding: $0, as: UTF8.self) }
        == Dictionary(
          uniqueKeysWithValues: [0, 5, 6, 12].map {
            ($0, String(decoding: WireForm.bytes(of: Self.sources[$0].utf8), as: UTF8.self))
          }))
  }

  @Test("a large chunk has rows of 256 items")
  func largeChunk() async throws {
    let store = try await TestStore()
    let batch = PlannedItems.batch((0..<600).map { PlannedItems.source($0) })
    try await store.store.database.write { [rows] in try rows.insert(batch, chunks: [], in: $0) }
    #expect(
      try Raw.query("SELECT (position - (1 << 40)) || ':' || item_count FROM item_block", in: store.path)
        == ["0:256", "256:256", "512:88"])
  }

  @Test("what is concluded from items needs all of them, from rows that are as they were recorded")
  func strictness() async throws {
    for change in [
      "DELETE FROM item_block WHERE position = (1 << 40) + 4",
      "UPDATE item_block SET sources = '[}' WHERE position = (1 << 40) + 4",
      "UPDATE item_block SET sources = replace(sources, 'en', 'de') WHERE position = (1 << 40) + 4",
      "UPDATE item_block SET checksum = NULL, sources = '[{}]' WHERE position = (1 << 40) + 4",
    ] {
      let store = try await store()
      try Raw.execute(change, in: store.path)
      let before = try await store.store.database.read { [rows] in try rows.texts(of: 0..<4, in: $0) }
      #expect(before.count == 4)
      await #expect {
        try await store.store.database.read { [rows] in _ = try rows.texts(of: 2..<9, in: $0) }
      } throws: {
        ($0 as? StoreError)?.code == .damaged
      }
    }
  }

  @Test("a page of items goes on behind those that are missing", arguments: [1, 3, 5, 100])
  func pagesOverGaps(limit: Int) async throws {
    let store = try await store()
    try Raw.execute("DELETE FROM item_block WHERE position = (1 << 40) + 4", in: store.path)
    let found = try await store.store.database.read { [rows] connection in
      var found: [Int] = []
      try rows.forEach(2..<13, limit: limit, in: connection) { sequence, _ in found.append(sequence) }
      return found
    }
    #expect(found == Array([2, 3, 8, 9, 10, 11, 12].prefix(limit)))
  }

  @Test("a run without items has none, whatever its neighbours have")
  func neighbours() async throws {
    let store = try await store()
    let found = try await store.store.database.read { connection in
      try [Int64(0), 2].map { run in
        let rows = ItemRows(run: run)
        var found = 0
        try rows.forEach(0..<20, in: connection) { _, _ in found += 1 }
        return try found + rows.texts(of: [0, 3], in: connection).count
          + (rows.nextBlock(from: 0, in: connection) == nil ? 0 : 1)
      }
    }
    #expect(found == [0, 0])
  }

  @Test("rows have items as they are sent, and give them back as they came")
  func layouts() async throws {
    let store = try await TestStore()
    let sources =
      (0..<40).map { PlannedItems.source($0) }
      + (0..<3).map { #"{"index_id":"i","object":"s3://b/\#($0).mp4"}"# }
      + ["{\n\"index_id\":\"i\",\"object\":\"s3://b/x\", \"transcription\":null}"]
    let batch = PlannedItems.batch(sources)
    try await store.store.database.write { [rows] in try rows.insert(batch, chunks: [], in: $0) }
    #expect(
      try Raw.query("SELECT in_wire_form || ':' || instr(sources, ' ') FROM item_block", in: store.path) == [
        "1:0"
      ])
    func found() async throws -> [String] {
      try await store.store.database.read { [rows] connection in
        var found: [String] = []
        try rows.forEachSource(0..<44, limit: 100, in: connection) {
          found.append(String(decoding: $1, as: UTF8.self))
        }
        return found
      }
    }
    #expect(try await found() == sources)
    for change in ["x'00'", "substr(layouts, 1, length(layouts) - 1)", "zeroblob(length(layouts))", "''"] {
      try Raw.execute("UPDATE item_block SET layouts = CAST(\(change) AS BLOB)", in: store.path)
      await #expect { _ = try await found() } throws: { ($0 as? StoreError)?.code == .damaged }
    }
    // Rows that older formats made have the source texts themselves.
    try Raw.execute(
      "UPDATE item_block SET layouts = NULL, in_wire_form = 0, sources = '[{ },{}]'", in: store.path)
    #expect(try await found() == ["{ }", "{}"])
  }
}
