import BatchDomain
import NIOConcurrencyHelpers
import RunStore
import StoreCore
import TestSupport
import Testing

@testable import Dispatcher

@Suite("Following accepted items")
struct TrackerTests {
  private static let index: IndexID = "629d807aa9e2a3a33a92c00b"

  /// A listing that a test fills, newest first, in pages of three.
  private final class Listing: TrackingStrategy {
    struct State {
      var videos: [ListedVideo] = []
      var pages: [Int] = []
      var asked: [String] = []
      /// What comes instead of the next answers.
      var answers: [TrackingAnswer<ListedPage>] = []
      /// Whether every page is the first one.
      var ignoresPages = false
      /// What happens after a page was read.
      var after: (@Sendable (Int, inout State) -> Void)?
    }

    let isByID: Bool
    let state = NIOLockedValueBox(State())

    init(isByID: Bool = true) { self.isByID = isByID }

    func mark(of item: SentItem) -> String? { isByID ? item.externalID : item.object.fileName.rawValue }

    func page(_ page: Int, of index: IndexID, gate: any ReadingGate) async -> TrackingAnswer<ListedPage> {
      guard await gate.enter() else { return .stopped }
      await gate.leave(isThrottled: false, asked: nil)
      return state.withLockedValue { state in
        state.pages.append(page)
        if !state.answers.isEmpty { return state.answers.removeFirst() }
        let rows = Array(state.videos.dropFirst(state.ignoresPages ? 0 : (page - 1) * 3).prefix(3))
        state.after?(page, &state)
        return .value(
          ListedPage(number: page, videos: rows, isLast: rows.count < 3, readAt: TrackerTests.start))
      }
    }

    func reason(of id: String, in index: IndexID, gate: any ReadingGate) async -> TrackingAnswer<String?> {
      state.withLockedValue { $0.asked.append(id) }
      return .value("because of \(id)")
    }
  }

  private static let start = Timestamp(milliseconds: 1_750_000_000_000)

  /// A run of so many accepted items, one a chunk, that nobody owns any more; or one that is being sent, with one item more.
  private struct Stage {
    let folder: TemporaryFolder
    let store: SQLStore
    let run: RunID
    let clock = ManualClock(now: TrackerTests.start)
    let listing: Listing

    init(items: Int, isByID: Bool = true, isBeingSent: Bool = false) async throws {
      folder = try TemporaryFolder()
      store = try await SQLiteStore.open(path: folder.file("store.db"), now: TrackerTests.start)
      listing = Listing(isByID: isByID)
      let session = try await PlannedItems.plan(
        (0..<items + (isBeingSent ? 1 : 0)).map { PlannedItems.source($0) }, chunkSize: 1, in: store,
        at: TrackerTests.start)
      for _ in 0..<items {
        guard case .chunk(let chunk) = try await session.claim(at: TrackerTests.start) else { break }
        _ = try await session.record(
          AttemptRecord(
            of: chunk, finishedAt: TrackerTests.start, took: .seconds(1), outcome: .accepted, status: 200,
            code: nil, message: nil, externalID: "id-\(chunk.firstItem)", isCounted: false, event: .accepted))
      }
      if !isBeingSent { try await session.release(as: .finished, at: TrackerTests.start) }
      run = session.run
    }

    func tracker(gate: (any ReadingGate)? = nil) -> Tracker {
      Tracker(
        run: run, store: store, strategy: listing,
        gate: gate ?? SoloReadingGate(longest: .seconds(60), clock: clock, random: SeededRandom(seed: 1)),
        clock: clock, random: SeededRandom(seed: 1))
    }

    /// Shows all items in some state, the last one first.
    func show(_ count: Int, _ state: TrackedState) {
      listing.state.withLockedValue { listing in
        listing.videos = (0..<count).reversed().map {
          ListedVideo(
            id: "id-\($0)", mark: mark($0), createdAt: TrackerTests.start + .seconds(1), state: state)
        }
      }
    }

    private func mark(_ number: Int) -> String {
      listing.isByID ? "id-\(number)" : "\(number.padded(6)).mp4"
    }

    func states() async throws -> TrackedCounts {
      try #require(try await store.tracking(of: run)).states
    }
  }

  @Test("one look reads each page once and says what it shows", arguments: [true, false])
  func oneLook(isByID: Bool) async throws {
    let stage = try await Stage(items: 7, isByID: isByID)
    stage.show(5, .indexing)
    #expect(try await stage.tracker().work(patience: nil) == .open(missing: nil))
    #expect(try await stage.states() == [.indexing: 5, .notSeen: 2])
    #expect(stage.listing.state.withLockedValue { $0.pages } == [1, 2])
    stage.show(7, .ready)
    #expect(try await stage.tracker().work(patience: nil) == .final)
    #expect(try await stage.states() == [.ready: 7])
    // What is final is not looked for again.
    #expect(try await stage.tracker().work(patience: nil) == .final)
    #expect(stage.listing.state.withLockedValue { $0.pages } == [1, 2, 1, 2, 3])
  }

  @Test("a walk ends where the listing is older than what is looked for")
  func olderPages() async throws {
    let stage = try await Stage(items: 2)
    stage.show(2, .ready)
    stage.listing.state.withLockedValue { state in
      state.videos += (0..<40).map {
        ListedVideo(
          id: "old-\($0)", mark: "old-\($0)", createdAt: Self.start - .seconds(1_000), state: .ready)
      }
    }
    #expect(try await stage.tracker().work(patience: nil) == .final)
    #expect(stage.listing.state.withLockedValue { $0.pages } == [1, 2])
  }

  @Test("a listing that gives the same rows on every page is left after a few", arguments: [true, false])
  func samePages(isByID: Bool) async throws {
    let stage = try await Stage(items: 5, isByID: isByID)
    stage.show(5, .ready)
    stage.listing.state.withLockedValue { $0.ignoresPages = true }
    guard case .failed(let text) = try await stage.tracker().work(patience: nil) else {
      Issue.record("not failed")
      return
    }
    #expect(text.contains("the same rows on every page"))
    #expect(stage.listing.state.withLockedValue { $0.pages } == [1, 2, 3, 4])
    #expect(try await stage.states()[.ready] <= 3)
  }

  @Test("a walk that was cut off goes on a page before, and nothing is lost", arguments: [true, false])
  func goesOn(isByID: Bool) async throws {
    let stage = try await Stage(items: 10, isByID: isByID)
    stage.show(10, .ready)
    stage.listing.state.withLockedValue { state in
      state.after = { page, state in
        // The third page does not come.
        if page == 2 { state.answers = [.failed("broken", refusal: nil)] }
      }
    }
    #expect(try await stage.tracker().work(patience: nil) == .failed("broken"))
    stage.listing.state.withLockedValue {
      $0.after = nil
      $0.pages = []
    }
    #expect(try await stage.tracker().work(patience: nil) == .final)
    #expect(stage.listing.state.withLockedValue { $0.pages } == [2, 3, 4])
    #expect(try await stage.states() == [.ready: 10])
  }

  @Test("rows that move while pages are read, and rows that come late, are seen in the end")
  func shiftingPages() async throws {
    let stage = try await Stage(items: 6)
    stage.show(6, .ready)
    stage.listing.state.withLockedValue { state in
      state.after = { page, state in
        // Rows go away in front: others move up, past the page that is read next.
        if page == 1 { state.videos.removeFirst(2) }
        state.after = nil
      }
    }
    #expect(try await stage.tracker().work(patience: nil) == .open(missing: nil))
    #expect(try await stage.states()[.notSeen] == 2)
    stage.show(6, .ready)
    #expect(try await stage.tracker().work(patience: nil) == .final)
  }

  @Test("one look at a run that is being sent says how its accepted items are; who follows it waits for more")
  func beingSent() async throws {
    let stage = try await Stage(items: 3, isBeingSent: true)
    stage.show(3, .ready)
    #expect(try await stage.store.summary(of: stage.run).isLive)
    #expect(try await stage.tracker().work(patience: nil) == .final)
    async let ending = stage.tracker().work(patience: .seconds(10))
    await stage.clock.waitForSleepers(1)
    stage.clock.advance(by: .seconds(20))
    #expect(try await ending == .open(missing: nil))
  }

  @Test("it looks again until all is final, and asks why items failed")
  func waiting() async throws {
    let stage = try await Stage(items: 3)
    stage.show(3, .waiting)
    async let ending = stage.tracker().work(patience: .seconds(1_000))
    await stage.clock.waitForSleepers(1)
    #expect(try await stage.states() == [.waiting: 3])
    stage.show(3, .failed)
    stage.clock.advance(by: .seconds(2))
    #expect(try await ending == .final)
    #expect(stage.listing.state.withLockedValue { $0.asked.sorted() } == ["id-0", "id-1", "id-2"])
    #expect(
      try await stage.store.trackedItems(of: stage.run, in: 0..<3).map(\.finding.detail)
        == ["because of id-0", "because of id-1", "because of id-2"])
  }

  @Test("it ends when nothing changes for as long as was said, and fails with the last problem")
  func patience() async throws {
    let stage = try await Stage(items: 1)
    let clock = stage.clock
    async let ending = stage.tracker().work(patience: .seconds(30))
    for _ in 0..<31 {
      await clock.waitForSleepers(1)
      if clock.elapsed() >= .seconds(29) {
        stage.listing.state.withLockedValue { $0.answers = [.failed("no way", refusal: nil)] }
      }
      clock.advance(by: .seconds(1))
      if clock.elapsed() >= .seconds(30) { break }
    }
    #expect(try await ending == .failed("no way"))
  }

  @Test("a webhook makes it look sooner")
  func nudged() async throws {
    let stage = try await Stage(items: 1)
    // A run that is two hours old is looked at every ten minutes.
    stage.clock.advance(by: .seconds(7_200))
    async let ending = stage.tracker().work(patience: .seconds(100_000))
    await stage.clock.waitForSleepers(1)
    stage.show(1, .ready)
    try await stage.store.requestLook(at: stage.clock.now() + .seconds(1))
    for second in 1...5 {
      stage.clock.advance(by: .seconds(1))
      if second < 5 { await stage.clock.waitForSleepers(1) }
    }
    #expect(try await ending == .final)
    #expect(stage.clock.elapsed() == .seconds(7_205))
  }

  @Test("a refusal of the account ends it, and an index that is gone leaves its items")
  func refusals() async throws {
    let stage = try await Stage(items: 1)
    stage.listing.state.withLockedValue {
      $0.answers = [.failed("key", refusal: .account), .missing("gone")]
    }
    #expect(try await stage.tracker().work(patience: .seconds(60)) == .refused(.account, "key"))
    #expect(try await stage.tracker().work(patience: nil) == .open(missing: "gone"))
    #expect(try await stage.states() == [.notSeen: 1])
  }

  @Test("waits of the service are sat out, but for those that are longer than permitted")
  func waits() async throws {
    let clock = ManualClock(now: Self.start)
    let gate = SoloReadingGate(longest: .seconds(60), clock: clock, random: SeededRandom(seed: 1))
    #expect(await gate.enter())
    gate.leave(isThrottled: true, asked: .seconds(30))
    async let second = gate.enter()
    await clock.waitForSleepers(1)
    clock.advance(by: .seconds(30))
    #expect(await second)
    gate.leave(isThrottled: true, asked: .seconds(3_600))
    #expect(await !gate.enter())
    #expect(gate.tooLong == .seconds(3_600))
  }
}
