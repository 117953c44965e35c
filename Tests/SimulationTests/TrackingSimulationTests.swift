import AssetsService
import BatchDomain
import Dispatcher
import Foundation
import NIOConcurrencyHelpers
import RunStore
import ServiceHTTP
import StoreCore
import TestSupport
import Testing
import TransfersService

/// Accepted items are followed to their end through deaths, throttles, broken pages, and listings that lag and move, for
/// both generations of the service. A seed decides everything: one task does all the work.
@Suite("Tracking, simulated from seeds")
struct TrackingSimulationTests {
  private static let seeds: Range<UInt64> = 0..<6

  @Test("v1.3: every item ends in its state", arguments: seeds)
  func byID(seed: UInt64) async throws { try await play(seed, profile: .v1_3) }

  @Test("v1: every item ends in its state, but for those that cannot be told apart", arguments: seeds)
  func byName(seed: UInt64) async throws { try await play(seed, profile: .v1) }

  private func play(_ seed: UInt64, profile: ServiceProfile) async throws {
    let folder = try TemporaryFolder()
    let service = ListedService(seed: seed, isByID: profile == .v1_3)
    let clock = service.clock
    var store = try await SQLiteStore.open(path: folder.file("store.db"), now: clock.now())
    let session = try await Self.send(
      service.videos.map(\.name), chunkSize: profile == .v1 ? 7 : 1, profile, in: store, clock)
    let ending = try await Self.track(
      session.run, profile, service, in: &store, folder.file("store.db"), seed: seed)
    let expected = service.expected
    #expect(ending == (expected.values.allSatisfy(\.isFinal) ? .final : .open(missing: nil)), "seed \(seed)")
    let found = try await store.trackedItems(of: session.run, in: 0..<service.videos.count)
    for item in found {
      #expect(item.finding.state == expected[item.sequence], "seed \(seed), item \(item.sequence)")
      if profile == .v1_3, item.finding.state == .failed {
        #expect(item.finding.detail == service.videos[item.sequence].reason, "seed \(seed)")
      }
    }
    #expect(found.count == service.videos.count)
    let summary = try #require(try await store.tracking(of: session.run))
    #expect(summary.states.total == service.videos.count)
    for state in TrackedState.allCases {
      #expect(summary.states[state] == found.count { $0.finding.state == state }, "seed \(seed)")
    }
    // Each reason was asked for once, but for answers that were lost.
    #expect(service.reasonsGiven.values.allSatisfy { $0 <= 1 + service.deaths }, "seed \(seed)")
    try await store.close()
  }

  @Test(
    "v1: an item that failed and is sent again at once gets its own video", arguments: 0..<12 as Range<UInt64>
  )
  func again(seed: UInt64) async throws {
    let folder = try TemporaryFolder()
    let service = ListedService(hastySeed: seed)
    var store = try await SQLiteStore.open(path: folder.file("store.db"), now: service.clock.now())
    let file = folder.file("store.db")
    let names = service.videos.map(\.name)
    let first = try await Self.send(names, chunkSize: 4, .v1, in: store, service.clock)
    _ = try await Self.track(first.run, .v1, service, in: &store, file, seed: seed)
    let before = try await store.trackedItems(of: first.run, in: 0..<names.count)
    #expect(before.map(\.finding.state) == service.videos.map { $0.fails ? .failed : .ready }, "seed \(seed)")
    let failed = service.videos.indices.filter { service.videos[$0].fails }
    try #require(!failed.isEmpty)
    let second = try await Self.send(
      failed.map { names[$0] }, chunkSize: 4, .v1, in: store, service.clock, random: 2)
    service.receiveAgain(failed)
    _ = try await Self.track(second.run, .v1, service, in: &store, file, seed: seed)
    let after = try await store.trackedItems(of: second.run, in: 0..<failed.count)
    #expect(
      after.map(\.finding.state) == service.videos.suffix(failed.count).map { $0.fails ? .failed : .ready })
    #expect(
      after.map(\.finding.externalID) == failed.indices.map { "index-\(names.count + $0)" }, "seed \(seed)")
    #expect(try await store.trackedItems(of: first.run, in: 0..<names.count) == before, "seed \(seed)")
    try await store.close()
  }

  /// A run whose items were all accepted, and that nobody owns any more.
  private static func send(
    _ names: [String], chunkSize: Int, _ profile: ServiceProfile, in store: SQLStore, _ clock: JumpingClock,
    random: UInt64 = 1
  ) async throws -> any RunSession {
    var settings = RunSettings()
    settings.profile = profile
    let session = try await PlannedItems.plan(
      names.enumerated().map { PlannedItems.source($0.offset, name: $0.element) }, chunkSize: chunkSize,
      settings: settings, in: store, at: clock.now(), random: random)
    try await accept(session, profile, clock)
    try await session.release(as: .finished, at: clock.now())
    return session
  }

  /// Follows a run to its end, through the deaths of the process.
  private static func track(
    _ run: RunID, _ profile: ServiceProfile, _ service: ListedService, in store: inout SQLStore,
    _ path: String, seed: UInt64
  ) async throws -> Tracker.Ending {
    let clock = service.clock
    for life in 1..<200 {
      service.live(in: store, mayDie: life <= 6)
      let module = service.module(profile, run: run)
      let tracker = Tracker(
        run: run, store: store, strategy: module.tracking(),
        gate: SoloReadingGate(longest: .seconds(3_600), clock: clock, random: service.random), clock: clock,
        random: service.random)
      do {
        let ending = try await tracker.work(patience: .seconds(5_000))
        // The last look may have met bad weather.
        if case .failed = ending { continue }
        return ending
      } catch let error as StoreError {
        // It died: its store was closed under it.
        try #require(service.isDead, "seed \(seed): \(error)")
        store = try await SQLiteStore.open(path: path, now: clock.now())
      }
    }
    throw StoreError(.conflict, "seed \(seed) never ends")
  }

  private static func accept(
    _ session: any RunSession, _ profile: ServiceProfile, _ clock: JumpingClock
  ) async throws {
    for (number, step) in profile.steps.enumerated() {
      while case .chunk(let chunk) = try await session.claim(step, at: clock.now()) {
        let isLast = number + 1 == profile.steps.count
        _ = try await session.record(
          AttemptRecord(
            of: chunk, finishedAt: clock.now(), took: .zero, outcome: .accepted, status: 200, code: nil,
            message: nil, externalID: profile == .v1_3 ? "\(step)-\(chunk.firstItem)" : nil, isCounted: false,
            event: isLast ? .accepted : .stepDone, nextStep: isLast ? nil : profile.steps[number + 1]))
      }
    }
  }
}

/// Time that passes only when somebody sleeps, at once.
private final class JumpingClock: BatchClock {
  private let passed = NIOLockedValueBox(Duration.zero)

  func now() -> Timestamp { Timestamp(milliseconds: 1_750_000_000_000) + elapsed() }
  func elapsed() -> Duration { passed.withLockedValue { $0 } }
  func sleep(for duration: Duration) async throws {
    try Task.checkCancellation()
    passed.withLockedValue { $0 += max(.milliseconds(1), duration) }
  }
}

/// What both generations list of the videos of a run, with weather.
private final class ListedService: TransfersAPI, AssetsAPI {
  struct Video: Sendable {
    var name: String
    /// When it was made: times of the first ones do not tell those of one name apart.
    var madeAfter: Duration = .zero
    /// When the listing shows it; `nil` for one that it never does.
    var shownAfter: Duration?
    var indexedAfter: Duration
    var endsAfter: Duration
    var fails: Bool
    var reason: String?
  }

  private struct State {
    var videos: [Video]
    var store: SQLStore?
    var mayDie = false
    var isDead = false
    var deaths = 0
    var intruders = 0
    var reasonsGiven: [String: Int] = [:]
  }

  let clock = JumpingClock()
  let random: SeededRandom
  let pageLimit = 5
  private let isByID: Bool
  private let state: NIOLockedValueBox<State>
  private static let index: IndexID = "629d807aa9e2a3a33a92c00b"

  init(seed: UInt64, isByID: Bool) {
    let random = SeededRandom(seed: seed &* 7_919 &+ 13)
    self.random = random
    self.isByID = isByID
    func draw(_ most: Int) -> Int { Int(random.nextUnit() * Double(most)) }
    let videos = (0..<8 + draw(16)).map { number in
      let shown = draw(100)
      let fails = draw(10) == 0
      return Video(
        name: !isByID && draw(5) == 0 ? "d\(number)/shared-\(draw(3)).mp4" : "\(number).mp4",
        shownAfter: draw(30) == 0 ? nil : .seconds(shown), indexedAfter: .seconds(shown + draw(300)),
        endsAfter: .seconds(shown + 300 + draw(2_000)), fails: fails,
        reason: fails && draw(2) == 0 ? "reason \(draw(3))" : nil)
    }
    state = NIOLockedValueBox(State(videos: videos))
  }

  /// Names that occur once, and a service that decides within half a minute.
  init(hastySeed seed: UInt64) {
    let random = SeededRandom(seed: seed &* 6_007 &+ 5)
    self.random = random
    isByID = false
    let videos = (0..<6 + Int(random.nextUnit() * 10)).map { number in
      Self.hasty("\(number).mp4", fails: number == 0 || random.nextUnit() < 0.4, madeAfter: .zero, random)
    }
    state = NIOLockedValueBox(State(videos: videos))
  }

  private static func hasty(
    _ name: String, fails: Bool, madeAfter: Duration, _ random: SeededRandom
  ) -> Video {
    let shown = madeAfter + .seconds(20 * random.nextUnit())
    let indexed = shown + .seconds(5 * random.nextUnit())
    return Video(
      name: name, madeAfter: madeAfter, shownAfter: shown, indexedAfter: indexed,
      endsAfter: indexed + .seconds(5 * random.nextUnit()), fails: fails, reason: nil)
  }

  /// Items that were sent before come again: each gets a video of its own, some of which fail, too.
  func receiveAgain(_ numbers: [Int]) {
    let now = clock.elapsed()
    state.withLockedValue { state in
      for number in numbers {
        state.videos.append(
          Self.hasty(
            state.videos[number].name, fails: random.nextUnit() < 0.3, madeAfter: now + .milliseconds(300),
            random))
      }
    }
  }

  var videos: [Video] { state.withLockedValue { $0.videos } }
  var isDead: Bool { state.withLockedValue { $0.isDead } }
  var deaths: Int { state.withLockedValue { $0.deaths } }
  var reasonsGiven: [String: Int] { state.withLockedValue { $0.reasonsGiven } }

  /// A process begins to work with a store.
  func live(in store: SQLStore, mayDie: Bool) {
    state.withLockedValue {
      $0.store = store
      $0.mayDie = mayDie
      $0.isDead = false
    }
  }

  func module(_ profile: ServiceProfile, run: RunID) -> any ServiceModule {
    profile == .v1_3
      ? AssetsService(
        self, urls: SimulatedURLs(), run: run, urlLifetime: .seconds(1), clock: clock, destination: "x")
      : TransfersService(self, profile: profile, clock: clock, destination: "x")
  }

  /// The state that each item has to end in.
  var expected: [Int: TrackedState] {
    var states: [Int: TrackedState] = [:]
    let groups = Dictionary(grouping: videos.indices) { isByID ? "\($0)" : Self.fileName(videos[$0].name) }
    for group in groups.values {
      let shown = group.filter { videos[$0].shownAfter != nil }
      let isMixed = Set(shown.map { videos[$0].fails }).count > 1
      for (place, number) in group.sorted().enumerated() {
        guard place < shown.count else {
          states[number] = .notSeen
          continue
        }
        states[number] = isMixed ? .ambiguous : videos[shown[0]].fails ? .failed : .ready
      }
    }
    return states
  }

  private static func fileName(_ name: String) -> String {
    ObjectName("s3://bucket/\(name)").fileName.rawValue
  }

  // MARK: Weather

  /// May fail, and may close the store of the process, as its death does.
  private func weather() async throws(ListingFailure) {
    try? await clock.sleep(for: .milliseconds(50))
    let draw = random.nextUnit()
    let dying: SQLStore? = state.withLockedValue { state in
      guard state.mayDie, draw < 0.04 else { return nil }
      state.isDead = true
      state.deaths += 1
      return state.store
    }
    if let dying { try? await dying.close() }
    switch draw {
    case 0.05..<0.08: throw .refused(Answer(status: 500))
    case 0.08..<0.11: throw .refused(Answer(status: 429, wait: .seconds(30)))
    case 0.11..<0.13: throw .refused(Answer(status: 429))
    case 0.13..<0.16:
      throw .transport(TransportFailure(progress: .maybeWritten, code: "timeout", message: "time-out"))
    // Rows of somebody else appear in front: all others move.
    case 0.16..<0.3: state.withLockedValue { $0.intruders += 1 }
    default: break
    }
  }

  private struct Row {
    var number: Int?
    var id: String
    var name: String
    var createdAt: Timestamp
    var status: String
  }

  private func rows(_ page: Int) -> [Row] {
    let elapsed = clock.elapsed()
    let shown = videos.indices.filter { videos[$0].shownAfter.map { $0 <= elapsed } ?? false }
      .sorted { (videos[$0].shownAfter ?? .zero, $0) > (videos[$1].shownAfter ?? .zero, $1) }
    let intruders = (0..<state.withLockedValue { $0.intruders }).map {
      Row(
        number: nil, id: "intruder-\($0)", name: "intruder-\($0).mp4", createdAt: clock.now(), status: "odd")
    }
    let old = (0..<8).map {
      Row(
        number: nil, id: "old-\($0)", name: "\($0).mp4",
        createdAt: Timestamp(milliseconds: 1_749_000_000_000),
        status: "ready")
    }
    let all = intruders.reversed() + shown.map { row($0) } + old
    return Array(all.dropFirst((page - 1) * pageLimit).prefix(pageLimit))
  }

  private func row(_ number: Int) -> Row {
    let video = videos[number]
    let elapsed = clock.elapsed()
    let status =
      elapsed >= video.endsAfter
      ? video.fails ? "failed" : "ready" : elapsed >= video.indexedAfter ? "indexing" : "pending"
    return Row(
      number: number, id: "index-\(number)", name: Self.fileName(video.name),
      createdAt: Timestamp(milliseconds: 1_750_000_000_000) + video.madeAfter, status: status)
  }

  // MARK: Transfers

  func submit(_ unit: SendUnit) async -> Result<Answer, TransportFailure> { .success(Answer(status: 500)) }

  func listTasks(index: IndexID?, page: Int) async throws(ListingFailure) -> TaskListPage {
    try await weather()
    return TaskListPage(
      rows(page).map {
        TaskRow(id: $0.id, fileName: FileName($0.name), createdAt: $0.createdAt, status: $0.status)
      })
  }

  func task(_ id: String) async throws(ListingFailure) -> TaskRow {
    TaskRow(id: id, fileName: nil, createdAt: nil, status: "failed", reason: try await reason(of: id))
  }

  private func reason(of id: String) async throws(ListingFailure) -> String? {
    try await weather()
    state.withLockedValue { $0.reasonsGiven[id, default: 0] += 1 }
    return videos.indices.first { "index-\($0)" == id }.flatMap { videos[$0].reason }
  }

  // MARK: Assets

  func create(_ asset: NewAsset, timeout: Duration) async -> Result<CreationAnswer, TransportFailure> {
    .success(CreationAnswer(Answer(status: 500)))
  }

  func add(_ asset: NewIndexedAsset, timeout: Duration) async -> Result<CreationAnswer, TransportFailure> {
    .success(CreationAnswer(Answer(status: 500)))
  }

  func assets(ids: [String]) async throws(ListingFailure) -> [AssetRow] { [] }
  func asset(_ id: String) async throws(ListingFailure) -> AssetRow { throw .refused(Answer(status: 404)) }
  func assets(page: Int, limit: Int, fileName: FileName?) async throws(ListingFailure) -> ListPage<AssetRow> {
    ListPage([])
  }
  func indexedAssets(of asset: String, page: Int) async throws(ListingFailure) -> ListPage<IndexedAssetRow> {
    ListPage([])
  }

  func indexedAssets(in index: IndexID, page: Int) async throws(ListingFailure) -> ListPage<IndexedAssetRow> {
    try await weather()
    return ListPage(
      rows(page).map {
        IndexedAssetRow(id: $0.id, asset: "a", createdAt: $0.createdAt, status: $0.status)
      })
  }

  func indexedAsset(_ id: String, in index: IndexID) async throws(ListingFailure) -> IndexedAssetRow {
    IndexedAssetRow(id: id, status: "failed", reason: try await reason(of: id))
  }

  func index(_ id: IndexID) async throws(ListingFailure) -> IndexDescription {
    throw .refused(Answer(status: 404))
  }
}
