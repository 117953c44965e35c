import BatchDomain
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

@Suite("Looking up a video")
struct ObjectLookUpTests {
  @Test("it is found in every run, however its text is written, and nothing else is")
  func everyRun() async throws {
    let store = try await TestStore()
    let plain = #"{"index_id":"a","language":"en","object":"s3://media/it's.mp4"}"#
    let escaped = #"{"index_id":"b","language":"en","object":"s3:\/\/media\/it\u0027s.mp4"}"#
    let longer = #"{"index_id":"a","language":"en","object":"s3://media/it's.mp4.bak"}"#
    let mentioned =
      #"{"index_id":"a","language":"en","object":"s3://media/x.mp4","note":"s3://media/it's.mp4"}"#
    var runs: [RunID] = []
    for (place, sources) in [[longer, plain], [mentioned, escaped, plain]].enumerated() {
      let session = try await PlannedItems.plan(
        sources, chunkSize: 1, in: store.store, at: TestStore.start + .seconds(Int64(place)))
      runs.append(session.run)
      try await session.release(as: .paused(.signal, detail: nil), at: TestStore.start)
    }
    let found = try await store.store.appearances(of: "s3://media/it's.mp4")
    #expect(found.map(\.run) == [runs[1], runs[1], runs[0]])
    #expect(found.map(\.item) == [1, 2, 1])
    #expect(found.map(\.index) == ["b", "a", "a"])
    #expect(found.map(\.chunk.number.rawValue) == [1, 2, 1])
    #expect(try await store.store.appearances(of: "s3://media/it").isEmpty)
    #expect(try await store.store.appearances(of: "").isEmpty)
  }

  @Test("in a divided chunk the piece that has it now is named")
  func divided() async throws {
    let store = try await TestStore()
    let session = try await PlannedItems.plan(
      (0..<4).map { PlannedItems.source($0) }, chunkSize: 4, in: store.store, at: TestStore.start)
    guard case .chunk(let chunk) = try await session.claim(at: TestStore.start) else {
      Issue.record("nothing to claim")
      return
    }
    _ = try await session.record(
      AttemptRecord(
        of: chunk, finishedAt: TestStore.start, took: .seconds(1), outcome: .content,
        status: 400, code: "parameter_invalid", message: nil, isCounted: false, event: .divided,
        division: Division(Piece.halves(of: chunk.items))))
    let object = Item(PlannedItems.source(3).utf8).object
    let found = try #require(try await store.store.appearances(of: object).first)
    #expect(found.chunk.state == .pending)
    #expect(found.chunk.firstItem == 2)
    #expect(found.chunk.itemCount == 2)
  }
}
