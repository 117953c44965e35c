import BatchDomain
import Foundation
import RunStore
import StoreCore
import TestSupport
import Testing

@Suite("What the store keeps of items at the service")
struct TrackingTests {
  private static let index: IndexID = "629d807aa9e2a3a33a92c00b"
  private let start = TestStore.start

  /// A run whose items, in chunks of one, have their numbers as file names or the names given.
  private func run(
    _ sources: [String], in store: SQLStore, chunkSize: Int = 1, accepting: Int? = nil,
    random: UInt64 = 1
  ) async throws -> any RunSession {
    let session = try await PlannedItems.plan(
      sources, chunkSize: chunkSize, in: store, at: start, random: random)
    try await accept(accepting ?? .max, in: session)
    return session
  }

  private func accept(_ chunks: Int, in session: any RunSession) async throws {
    for _ in 0..<chunks {
      guard case .chunk(let chunk) = try await session.claim(at: start) else { return }
      _ = try await session.record(
        AttemptRecord(
          of: chunk, finishedAt: start + .seconds(1), took: .seconds(1), outcome: .accepted, status: 200,
          code: nil, message: nil, externalID: chunk.itemCount == 1 ? "id-\(chunk.firstItem)" : nil,
          isCounted: false, event: .accepted))
    }
  }

  private func follow(
    _ run: RunID, in store: SQLStore, limit: Int = 2,
    mark: @escaping @Sendable (SentItem) -> String? = { $0.object.fileName.rawValue }
  ) async throws -> Int {
    var followed = 0
    var after: Int?
    repeat {
      let page = try await store.follow(of: run, after: after, limit: limit, mark: mark)
      followed += page.followed
      after = page.next
    } while after != nil
    return followed
  }

  private func video(
    _ mark: String, _ state: TrackedState, id: String? = nil, after seconds: Int = 1, _ detail: String? = nil
  ) -> ListedVideo {
    ListedVideo(
      id: id ?? "v-\(mark)", mark: mark, createdAt: start + .seconds(seconds), state: state, detail: detail)
  }

  private func page(_ number: Int = 1, isLast: Bool = true, _ videos: ListedVideo...) -> ListedPage {
    ListedPage(number: number, videos: videos, isLast: isLast, readAt: start + .seconds(60))
  }

  private func judge(_ listing: OpenListing, in store: SQLStore, limit: Int = 2) async throws -> Int {
    var changed = 0
    var after: TrackingCursor?
    repeat {
      let part = try await store.judge(listing, after: after, limit: limit, at: start + .seconds(60))
      changed += part.changed
      after = part.next
    } while after != nil
    return changed
  }

  private func states(_ run: RunID, in store: SQLStore) async throws -> TrackedCounts {
    try #require(try await store.tracking(of: run)).states
  }

  @Test("an audit holds the counts of tracked items against the rows")
  func audit() async throws {
    let place = try await TestStore()
    let session = try await run((0..<5).map { PlannedItems.source($0) }, in: place.store)
    func problems() async throws -> [String] {
      let audit = try await SQLiteStore.openForReading(path: place.path).audit(session.run, listing: 10)
      return audit.problems.filter { $0.check == .totals }.map { "\($0.row) \($0.message)" }
    }
    #expect(try await problems().isEmpty)
    #expect(try await follow(session.run, in: place.store) == 5)
    #expect(try await problems().isEmpty)
    try Raw.execute(
      "UPDATE tracked_tally SET items = 4 WHERE state = 'not_seen'; INSERT INTO tracked_tally VALUES (1, 'ready', 1)",
      in: place.path)
    #expect(
      try await problems() == [
        "the tally of tracked items that are not_seen of run \(session.run) says 4 items, expected 5",
        "the tally of tracked items that are ready of run \(session.run) says 1 item, expected 0",
      ])
    try Raw.execute("DELETE FROM tracked_tally", in: place.path)
    #expect(try await problems().count == 1)
  }

  @Test("a run that nobody tracks has no rows and no summary")
  func untracked() async throws {
    let place = try await TestStore()
    let session = try await run((0..<3).map { PlannedItems.source($0) }, in: place.store)
    #expect(try await place.store.tracking(of: session.run) == nil)
    #expect(try await place.store.trackedItems(of: session.run, in: 0..<10).isEmpty)
    #expect(try await place.store.openListings(of: session.run).isEmpty)
  }

  @Test("accepted items are followed, page by page, once, and those accepted later, too")
  func following() async throws {
    let place = try await TestStore()
    let session = try await run(
      (0..<7).map { PlannedItems.source($0) }, in: place.store, accepting: 3)
    #expect(try await follow(session.run, in: place.store) == 3)
    #expect(try await follow(session.run, in: place.store) == 0)
    #expect(try await states(session.run, in: place.store) == [.notSeen: 3])
    try await accept(2, in: session)
    // What was accepted and not looked at is not seen.
    #expect(try await states(session.run, in: place.store) == [.notSeen: 5])
    #expect(try await follow(session.run, in: place.store) == 2)
    #expect(
      try await place.store.trackedItems(of: session.run, in: 0..<7).map(\.sequence) == [0, 1, 2, 3, 4])
    let listing = try #require(try await place.store.openListings(of: session.run).first)
    #expect((listing.open, listing.index, listing.since) == (5, Self.index, start))
  }

  @Test("a larger chunk is followed item by item, with its index and its times")
  func chunks() async throws {
    let place = try await TestStore()
    let sources = (0..<10).map { PlannedItems.source($0, index: $0 < 6 ? "i1" : "i2") }
    let session = try await run(sources, in: place.store, chunkSize: 4)
    #expect(try await follow(session.run, in: place.store, limit: 3) == 10)
    let listings = try await place.store.openListings(of: session.run)
    #expect(listings.map(\.index) == ["i1", "i2"])
    #expect(listings.map(\.open) == [6, 4])
  }

  @Test("by id: a page moves its items in one change, a final state stays, and a look goes on at its page")
  func byID() async throws {
    let place = try await TestStore()
    let session = try await run((0..<4).map { PlannedItems.source($0) }, in: place.store)
    _ = try await follow(session.run, in: place.store) { $0.externalID ?? "id-\($0.sequence)" }
    var listing = try #require(try await place.store.openListings(of: session.run).first)
    let changed = try await place.store.record(
      page(
        1, isLast: false, video("id-0", .ready), video("id-1", .failed, "no audio"), video("other", .ready)),
      of: listing, isByID: true)
    #expect(changed == 2)
    // Another process goes on where this one stops.
    let other = try await place.another()
    listing = try #require(try await other.openListings(of: session.run).first)
    #expect((listing.nextPage, listing.open) == (2, 2))
    #expect(
      try await other.record(
        page(2, video("id-0", .waiting), video("id-2", .indexing)), of: listing, isByID: true)
        == 1)
    #expect(
      try await states(session.run, in: place.store) == [.ready: 1, .failed: 1, .indexing: 1, .notSeen: 1])
    #expect(try await other.openListings(of: session.run).first?.nextPage == nil)
    let summary = try #require(try await other.tracking(of: session.run))
    #expect(summary.reasons == [TrackingSummary.Reason("no audio", items: 1)])
    #expect((summary.lookedAt, summary.changedAt) == (nil, start + .seconds(60)))
    try await other.endLook(of: session.run, at: start + .seconds(61))
    #expect(try await place.store.tracking(of: session.run)?.lookedAt == start + .seconds(61))
    // Looks that show nothing new change nothing.
    #expect(try await other.record(page(1, video("id-2", .indexing)), of: listing, isByID: true) == 0)
  }

  @Test("by name: videos are counted when the listing was read, not before")
  func byName() async throws {
    let place = try await TestStore()
    let sources = ["a.mp4", "b.mp4", "dir/b.mp4", "c.mp4", "d.mp4"].enumerated().map {
      PlannedItems.source($0.offset, name: $0.element)
    }
    let session = try await run(sources, in: place.store, chunkSize: 5)
    _ = try await follow(session.run, in: place.store)
    let listing = try #require(try await place.store.openListings(of: session.run).first)
    let store = place.store
    // Rows come twice, and of somebody else's names.
    _ = try await store.record(
      page(
        1, isLast: false, video("a.mp4", .ready), video("x.mp4", .ready), video("b.mp4", .ready, id: "b1")),
      of: listing, isByID: false)
    #expect(try await states(session.run, in: store) == [.notSeen: 5])
    _ = try await store.record(
      page(
        2, video("b.mp4", .failed, id: "b2"), video("c.mp4", .waiting, id: "c1"),
        video("c.mp4", .waiting, id: "c2"),
        video("a.mp4", .ready)), of: listing, isByID: false)
    #expect(try await judge(listing, in: store) == 4)
    #expect(try await states(session.run, in: store) == [.ready: 1, .ambiguous: 3, .notSeen: 1])
    // The one that failed becomes ready in the end: they need not be told apart.
    _ = try await store.record(page(1, video("b.mp4", .ready, id: "b2")), of: listing, isByID: false)
    #expect(try await judge(listing, in: store) == 2)
    #expect(try await states(session.run, in: store) == [.ready: 3, .ambiguous: 1, .notSeen: 1])
    let items = try await store.trackedItems(of: session.run, in: 0..<5)
    #expect(items.map(\.finding.state) == [.ready, .ready, .ready, .ambiguous, .notSeen])
    #expect(items.map(\.finding.externalID) == ["v-a.mp4", "b1", "b2", nil, nil])
  }

  @Test("reasons are asked for once, and kept by later looks")
  func reasons() async throws {
    let place = try await TestStore()
    let session = try await run(
      ["a.mp4", "b.mp4", "b/b.mp4"].enumerated().map { PlannedItems.source($0.offset, name: $0.element) },
      in: place.store)
    let store = place.store
    _ = try await follow(session.run, in: store)
    let listing = try #require(try await store.openListings(of: session.run).first)
    _ = try await store.record(
      page(1, video("a.mp4", .failed), video("b.mp4", .failed, id: "b1")), of: listing, isByID: false)
    _ = try await judge(listing, in: store)
    let unexplained = try await store.unexplained(of: session.run, limit: 10)
    #expect(unexplained.map(\.externalID).sorted() == ["b1", "v-a.mp4"])
    for item in unexplained { try await store.explain(item, reason: item.sequence == 0 ? nil : "broken") }
    #expect(try await store.unexplained(of: session.run, limit: 10).isEmpty)
    // The name of the second stands for a third that is not seen, so that it is judged again.
    #expect(try await judge(listing, in: store) == 0)
    #expect(try await store.unexplained(of: session.run, limit: 10).isEmpty)
    #expect(
      try await store.tracking(of: session.run)?.reasons.map(\.text).sorted { ($0 ?? "") < ($1 ?? "") }
        == [nil, "broken"])
  }

  @Test("an item without a mark is ambiguous, and nobody looks for it")
  func unmarked() async throws {
    let place = try await TestStore()
    let session = try await run([PlannedItems.source(0)], in: place.store)
    _ = try await follow(session.run, in: place.store) { _ in nil }
    #expect(try await states(session.run, in: place.store) == [.ambiguous: 1])
    #expect(try await place.store.openListings(of: session.run).isEmpty)
  }

  @Test("runs are apart, and names are compared by their bytes")
  func apart() async throws {
    let place = try await TestStore()
    let composed = PlannedItems.source(0, name: "\u{E9}.mp4")
    let decomposed = PlannedItems.source(1, name: "e\u{301}.mp4")
    let first = try await run([composed, decomposed], in: place.store)
    let second = try await run([composed], in: place.store, random: 2)
    for run in [first.run, second.run] { _ = try await follow(run, in: place.store) }
    let listing = try #require(try await place.store.openListings(of: first.run).first)
    _ = try await place.store.record(page(1, video("\u{E9}.mp4", .ready)), of: listing, isByID: false)
    _ = try await judge(listing, in: place.store)
    #expect(try await states(first.run, in: place.store) == [.ready: 1, .notSeen: 1])
    #expect(try await states(second.run, in: place.store) == [.notSeen: 1])
  }

  @Test("a look that is asked for is seen by others, and never goes back")
  func requests() async throws {
    let place = try await TestStore()
    #expect(try await place.store.lookRequestedAt() == nil)
    try await place.store.requestLook(at: start + .seconds(5))
    try await place.store.requestLook(at: start)
    #expect(try await place.another().lookRequestedAt() == start + .seconds(5))
  }
}
