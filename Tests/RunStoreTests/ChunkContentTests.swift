import BatchDomain
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

/// What is sent is what was planned, whatever its items look like and however their rows came about.
@Suite("Contents of chunks")
struct ChunkContentTests {
  private static let compact = (0..<4).map { #"{"index_id":"i","object":"s3://b/\#($0).mp4"}"# }
  private static let spaced = (0..<4).map {
    "{ \"index_id\" : \"i\",\n \"object\": \"s3://b/\($0).mp4\", \"transcription\": \"\" }"
  }

  private func plan(_ sources: [String], chunkSize: Int) async throws -> (TestStore, any RunSession) {
    let store = try await TestStore()
    let session = try await PlannedItems.plan(
      sources, chunkSize: chunkSize, in: store.store, at: TestStore.start)
    return (store, session)
  }

  private func content(of session: any RunSession) async throws -> String {
    guard case .chunk(let chunk) = try await session.claim(at: TestStore.start) else { return "nothing" }
    return String(decoding: chunk.filePart, as: UTF8.self)
  }

  @Test("it is the wire forms of the items, compact or not", arguments: [1, 3, 4])
  func wireForms(chunkSize: Int) async throws {
    let expected = "[\(Self.compact[..<chunkSize].joined(separator: ","))]"
    for sources in [Self.compact, Self.spaced, [Self.compact[0], Self.spaced[1]] + Self.compact[2...]] {
      let (_, session) = try await plan(sources, chunkSize: chunkSize)
      #expect(try await content(of: session) == expected)
    }
  }

  /// What was done to the rows behind the store, and whether what is planned can still be sent.
  struct Change: Sendable, CustomTestStringConvertible {
    let sql: String
    let isHarmless: Bool
    var testDescription: String { sql }
  }

  @Test("a chunk that came in several batches is put together", arguments: [1, 2, 3])
  func severalRows(batchSize: Int) async throws {
    for sources in [Self.compact, Self.spaced] {
      let store = try await TestStore()
      let planning = try await store.store.plan(
        RunDraft(
          createdAt: TestStore.start, random: 1, name: nil, job: nil, manifest: "m", manifestFile: nil,
          settings: RunSettings()))
      var planner = ChunkPlanner(maxItems: 4, maxBytes: 10_000)
      for first in stride(from: 0, to: 4, by: batchSize) {
        let batch = PlannedItems.batch(
          Array(sources[first..<min(4, first + batchSize)]), firstSequence: first)
        try await planning.append(batch, chunks: planner.add(batch))
      }
      try await planning.add([try #require(planner.finish())])
      let completion = try await planning.complete(
        PlanTotals(items: 4, repeated: 0, digest: Array(repeating: 7, count: 32)), at: TestStore.start)
      guard case .planned(let session) = completion else { continue }
      #expect(try await content(of: session) == "[\(Self.compact.joined(separator: ","))]")
    }
  }

  @Test("a chunk whose items were damaged is not divided: its pieces would be planned with the damage")
  func dividingDamage() async throws {
    let (store, session) = try await plan(Self.compact, chunkSize: 4)
    guard case .chunk(let chunk) = try await session.claim(at: TestStore.start) else { return }
    try Raw.execute("UPDATE item_block SET sources = replace(sources, '1.mp4', '7.mp4')", in: store.path)
    let refused = AttemptRecord(
      of: chunk, finishedAt: TestStore.start, took: .seconds(1), outcome: .content, status: 400, code: "x",
      message: nil, isCounted: false, event: .divided, division: Division(Piece.halves(of: chunk.items)))
    await #expect { _ = try await session.record(refused) } throws: {
      ($0 as? StoreError)?.code == .damaged
    }
    #expect(try Raw.query("SELECT count(*) FROM chunk", in: store.path) == ["1"])
  }

  @Test("rows that changed places are not sent, though each is whole")
  func exchanged() async throws {
    let (store, session) = try await plan(Self.compact, chunkSize: 2)
    try Raw.execute(
      """
      UPDATE item_block SET position = position + 100;
      UPDATE item_block SET position = (1 << 40) + (102 - (position - (1 << 40)));
      """, in: store.path)
    await #expect { _ = try await session.claim(at: TestStore.start) } throws: {
      ($0 as? StoreError)?.code == .damaged
    }
  }

  @Test(
    "what is not what was planned is not sent",
    arguments: [
      // As in rows that came from an older schema.
      Change(sql: "checksum = NULL, in_wire_form = 0", isHarmless: true),
      Change(sql: "checksum = NULL", isHarmless: true),
      // Only the checksum is damaged: the digest of the plan vouches for the items.
      Change(sql: "checksum = checksum + 1", isHarmless: true),
      // The flag goes into the checksum.
      Change(sql: "in_wire_form = 1 - in_wire_form", isHarmless: true),
      Change(sql: "sources = replace(sources, '1.mp4', '7.mp4')", isHarmless: false),
      Change(sql: "sources = replace(sources, '1.mp4', '7.mp4'), checksum = NULL", isHarmless: false),
      Change(
        sql: "sources = replace(sources, '1.mp4', '7.mp4'), checksum = NULL, in_wire_form = 0",
        isHarmless: false),
      Change(sql: "sources = json_remove(sources, '$[1]')", isHarmless: false),
      Change(sql: "item_count = 3", isHarmless: false),
      Change(sql: "position = position + 1", isHarmless: false),
      Change(sql: "position = position + 1, checksum = NULL", isHarmless: false),
      Change(sql: "sources = ''", isHarmless: false),
    ])
  func damage(change: Change) async throws {
    for sources in [Self.compact, Self.spaced] {
      let (store, session) = try await plan(sources, chunkSize: 4)
      try Raw.execute("UPDATE item_block SET \(change.sql)", in: store.path)
      if change.isHarmless {
        #expect(try await content(of: session) == "[\(Self.compact.joined(separator: ","))]")
      } else {
        await #expect { _ = try await session.claim(at: TestStore.start) } throws: {
          ($0 as? StoreError)?.code == .damaged
        }
        #expect(try Raw.query("SELECT state FROM chunk", in: store.path) == ["pending"])
        #expect(try Raw.query("SELECT count(*) FROM attempt", in: store.path) == ["0"])
      }
    }
  }
}
