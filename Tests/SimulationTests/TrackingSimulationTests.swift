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
    var settings = RunSettings()
    settings.profile = profile
    var store = try await SQLiteStore.open(path: folder.file("store.db"), now: clock.now())
    let session = try await PlannedItems.plan(
      service.videos.indices.map { PlannedItems.source($0, name: service.videos[$0].name) },
      chunkSize: profile == .v1 ? 7 : 1, settings: settings, in: store, at: clock.now())
    try await Self.accept(session, profile, clock)
    try await session.release(as: .finished, at: clock.now())

    var lives = 0
    var ending: Tracker.Ending?
    while ending == nil {
      lives += 1
      try #require(lives < 200, "seed \(seed) never ends")
      service.live(in: store, mayDie: lives <= 6)
      let module = service.module(profile, run: session.run)
      let tracker = Tracker(
        run: session.run, store: store, strategy: module.tracking(),
        gate: SoloReadingGate(longest: .seconds(3_600), clock: clock, random: service.random), clock: clock,
        random: service.random)
      do {
        ending = try await tracker.work(patience: .seconds(5_000))
        // The last look may have met bad weather.
        if case .failed = ending { ending = nil }
      } catch let error as StoreError {
        // It died: its store was closed under it.
        try #require(service.isDead, "seed \(seed): \(error)")
        store = try await SQLiteStore.open(path: folder.file("store.db"), now: clock.now())
      }
    }
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
    /// When the listing shows it; `nil` for one that it never does.
    var shownAfter: Duration?
    var indexedAfter: Duration
    var endsAfter: Duration
    var fails: Bool
    var reason: String?
  }

  private struct State {
    var store: SQLStore?
    var mayDie = false
    var isDead = false
    var deaths = 0
    var intruders = 0
    var reasonsGiven: [String: Int] = [:]
  }

  let clock = JumpingClock()
  let random: SeededRandom
  let videos: [Video]
  let pageLimit = 5
  private let isByID: Bool
  private let state = NIOLockedValueBox(State())
  private static let index: IndexID = "629d807aa9e2a3a33a92c00b"

  init(seed: UInt64, isByID: Bool) {
    let random = SeededRandom(seed: seed &* 7_919 &+ 13)
    self.random = random
    self.isByID = isByID
    func draw(_ most: Int) -> Int { Int(random.nextUnit() * Double(most)) }
    videos = (0..<8 + draw(16)).map { number in
      let shown = draw(100)
      let fails = draw(10) == 0
      return Video(
        name: !isByID && draw(5) == 0 ? "d\(number)/shared-\(draw(3)).mp4" : "\(number).mp4",
        shownAfter: draw(30) == 0 ? nil : .seconds(shown), indexedAfter: .seconds(shown + draw(300)),
        endsAfter: .seconds(shown + 300 + draw(2_000)), fails: fails,
        reason: fails && draw(2) == 0 ? "reason \(draw(3))" : nil)
    }
  }

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
    // All within a moment: times do not tell those of one name apart.
    return Row(
      number: number, id: "index-\(number)", name: Self.fileName(video.name),
      createdAt: Timestamp(milliseconds: 1_750_000_000_000), status: status)
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
