import BatchDomain
import TestSupport
import Testing

/// Runs that are over, for tests of their removal.
struct RemovalScene {
  static let start = TestStore.start
  static let day = Duration.seconds(86_400)

  /// When old runs are removed, and how old they are at least.
  let now = start + .seconds(100 * 86_400)
  var before: Timestamp { now - .seconds(90 * 86_400) }

  enum Answer { case accept, refuse, lose }

  func sources(_ numbers: Range<Int>, index: String = "i1") -> [String] {
    numbers.map { PlannedItems.source($0, index: index) }
  }

  /// Plans a run and answers its chunks, or some of them.
  func sent(
    _ sources: [String], in store: any BatchStore, random: UInt64, chunkSize: Int = 1,
    at moment: Timestamp = start,
    settings: RunSettings = RunSettings(), stoppingAfter limit: Int = .max,
    answers: (Int) -> Answer = { _ in .accept }
  ) async throws -> any RunSession {
    let session = try await PlannedItems.plan(
      sources, chunkSize: chunkSize, settings: settings, in: store, at: moment, random: random,
      digest: PlannedItems.digest(of: sources))
    var sent = 0
    while sent < limit, case .chunk(let chunk) = try await session.claim(at: moment) {
      sent += 1
      let (outcome, code, event): (Outcome, String?, ChunkEvent)
      switch answers(chunk.firstItem) {
      case .accept: (outcome, code, event) = (.accepted, nil, .accepted)
      case .refuse: (outcome, code, event) = (.content, "video_too_short", .refused)
      case .lose: (outcome, code, event) = (.unknown, "reset", .answerLost)
      }
      _ = try await session.record(
        AttemptRecord(
          of: chunk, finishedAt: moment, took: .zero, outcome: outcome, status: nil, code: code, message: nil,
          isCounted: false, event: event))
    }
    return session
  }

  /// A run that is over.
  func over(
    _ sources: [String], in store: any BatchStore, random: UInt64, chunkSize: Int = 1,
    at moment: Timestamp = start,
    settings: RunSettings = RunSettings(), answers: (Int) -> Answer = { _ in .accept }
  ) async throws -> RunID {
    let session = try await sent(
      sources, in: store, random: random, chunkSize: chunkSize, at: moment, settings: settings,
      answers: answers)
    try await session.release(as: .finished, at: moment)
    return session.run
  }

  /// Removes what can be removed, as the command does.
  ///
  /// - Returns: what became of each run.
  @discardableResult
  func prune(_ store: any BatchStore, at moment: Timestamp? = nil) async throws -> [RunID: RunRemoval] {
    let now = moment ?? now
    #expect(try await store.indexKnownItems(isStopped: { false }))
    try await store.checkKnownItems()
    var found: [RunID: RunRemoval] = [:]
    for run in try await store.oldRuns(before: now - .seconds(90 * 86_400)) {
      found[run.run] = try await store.remove(run, at: now)
    }
    return found
  }

  /// What is known of items.
  func known(_ sources: [String], in store: any BatchStore) async throws -> KnownResult {
    let comparison = try await store.comparison(KnownScope(RunSettings(), except: nil))
    var maker = FingerprintMaker()
    try await comparison.add(
      sources.map { Array($0.utf8).withUnsafeBufferPointer { maker.fingerprint(of: $0) } })
    let result = try #require(try await comparison.result(isStopped: { false }))
    try await comparison.close()
    return result
  }
}

/// What every store has to do when old runs are removed, whatever it is made of.
struct RunRemovalConformance {
  let makeStore: () async throws -> any BatchStore
  let scene = RemovalScene()

  /// The rules, by name.
  static let all: [(name: String, check: @Sendable (RunRemovalConformance) async throws -> Void)] = [
    ("a run that was removed is gone for everybody, and others are not", { try await $0.gone() }),
    ("what it had accepted, and what was rejected for good, stays known", { try await $0.known() }),
    ("its manifest stays submitted, where some of it was accepted", { try await $0.submitted() }),
    ("runs that are live, unfinished, not settled or young are left alone", { try await $0.leftAlone() }),
    ("a run whose names a lost answer may stand for is left alone", { try await $0.needed() }),
    ("a run whose items are not in the index is not removed", { try await $0.notKnown() }),
    ("a run that was resumed since it was looked at is not removed", { try await $0.resumed() }),
    ("a look says what the removal comes to, and changes nothing", { try await $0.dryRun() }),
    ("requests count as long as rates say, also when their run is gone", { try await $0.rates() }),
    ("a run that somebody tracks is as young as the last look", { try await $0.tracked() }),
    ("a new run sorts after one that was removed", { try await $0.order() }),
  ]

  private func isNoSuchRun(_ run: RunID, _ error: any Error) -> Bool {
    guard let error = error as? StoreError, error.code == .noSuchRun else { return false }
    return error.message.contains("run \(run) was removed") && error.remedy != nil
  }

  func gone() async throws {
    let store = try await makeStore()
    let old = try await scene.over(scene.sources(0..<5), in: store, random: 1)
    let young = try await scene.over(
      scene.sources(5..<8), in: store, random: 2, at: scene.now - .seconds(60))
    let before = try await store.summary(of: young)
    let found = try await scene.prune(store)
    #expect(found[old]?.kept == nil)
    #expect((found[old]?.bytes ?? 0) > 0)
    #expect(found[young] == RunRemoval(kept: .recent))
    #expect(try await store.summaries(before: nil, limit: 9) == [before])
    #expect(try await store.resolve("latest") == young)
    #expect(try await !store.exists(old))
    #expect(try await store.removal(of: old) == scene.now)
    #expect(try await store.removal(of: young) == nil)
    #expect(try await store.appearances(of: "s3://bucket/000001.mp4").isEmpty)
    #expect(try await store.oldRuns(before: scene.before).map(\.run) == [young])
    let calls: [(String, () async throws -> Void)] = [
      ("resolve", { _ = try await store.resolve(old.rawValue) }),
      ("the beginning of the id", { _ = try await store.resolve(String(old.rawValue.dropLast(2))) }),
      ("summary", { _ = try await store.summary(of: old) }),
      ("settings", { _ = try await store.settings(of: old) }),
      ("manifest", { _ = try await store.manifestFile(of: old) }),
      ("causes", { _ = try await store.causes(of: old) }),
      ("chunks", { _ = try await store.chunks(of: old, after: nil, limit: 9) }),
      ("settlements", { _ = try await store.settlements(of: old, limit: 9) }),
      ("items", { _ = try await store.items(of: old, in: [.accepted], after: nil, limit: 9) }),
      ("timeline", { _ = try await store.timeline(of: old) }),
      ("surplus", { _ = try await store.surplus(of: old) }),
      ("skips", { _ = try await store.skips(of: old) }),
      ("left-overs", { _ = try await store.leftOvers(of: old, limit: 9) }),
      ("attempts", { _ = try await store.attempts(of: old, matching: RowFilter(), after: nil, limit: 9) }),
      ("insight", { _ = try await store.insight(into: old) }),
      ("audit", { _ = try await store.audit(old, listing: 9) }),
      ("tracking", { _ = try await store.tracking(of: old) }),
      ("take", { _ = try await store.take(old, isCancelling: false, at: scene.now) }),
      ("change", { _ = try await store.change(RunSettings(), of: old) }),
      ("cancel", { _ = try await store.requestCancel(of: old) }),
    ]
    for (name, call) in calls {
      await #expect("\(name)") { try await call() } throws: { isNoSuchRun(old, $0) }
    }
    #expect(try await store.audit(young, listing: 9).problems == [])
    // Nothing is left to do.
    #expect(try await scene.prune(store) == [young: RunRemoval(kept: .recent)])
  }

  func known() async throws {
    let store = try await makeStore()
    let sources = scene.sources(0..<6)
    let old = try await scene.over(Array(sources[..<5]), in: store, random: 1) {
      $0 == 3 ? .refuse : .accept
    }
    let young = try await scene.over(
      scene.sources(6..<8), in: store, random: 2, at: scene.now - .seconds(60))
    let before = try await scene.known(sources, in: store)
    #expect(before.groups.allSatisfy { $0.run == old && !$0.isRemoved })
    #expect(try await scene.prune(store)[old]?.kept == nil)
    let after = try await scene.known(sources + scene.sources(6..<8), in: store)
    #expect(
      after.classes == [.accepted, .accepted, .accepted, .rejected, .accepted, .new, .accepted, .accepted])
    #expect(
      Set(after.groups) == [
        KnownGroup(kind: .accepted, run: old, isRemoved: true, items: 4),
        KnownGroup(kind: .rejected, run: old, isRemoved: true, code: "video_too_short", items: 1),
        KnownGroup(kind: .accepted, run: young, items: 2),
      ])
    let scope = KnownScope(RunSettings(), except: nil)
    let comparison = try await store.comparison(
      KnownScope(address: scope.address, family: .transfers, side: .accepted))
    var maker = FingerprintMaker()
    let changed = Array(PlannedItems.source(0, index: "i1").replacing("\"en\"", with: "\"de\"").utf8)
    try await comparison.add(
      [Array(sources[0].utf8), changed].map { $0.withUnsafeBufferPointer { maker.fingerprint(of: $0) } })
    let result = try #require(try await comparison.result(isStopped: { false }))
    #expect(result.classes == [.accepted, .changed])
    #expect(result.changes == [ChangedItem(sequence: 1, run: old, isRemoved: true)])
    #expect(
      result.acceptedBefore == AcceptedBefore(items: 2, runs: 1, newest: old, isNewestRemoved: true))
    try await comparison.close()
  }

  func submitted() async throws {
    let store = try await makeStore()
    let sources = scene.sources(0..<3)
    let old = try await scene.over(sources, in: store, random: 1)
    let refused = try await scene.over(scene.sources(3..<5), in: store, random: 2) { _ in .refuse }
    let found = try await scene.prune(store)
    #expect(found[old]?.kept == nil && found[refused]?.kept == nil)
    for (list, earlier) in [(sources, old), (scene.sources(3..<5), nil)] {
      let plan = try await store.plan(
        RunDraft(
          createdAt: scene.now, random: 7, name: nil, job: nil, manifest: "m.json", manifestFile: nil,
          settings: RunSettings()))
      var planner = ChunkPlanner(maxItems: 100, maxBytes: 1 << 20)
      try await plan.append(
        PlannedItems.batch(list), chunks: planner.add(PlannedItems.batch(list)))
      if let last = planner.finish() { try await plan.add([last]) }
      let totals = PlanTotals(items: list.count, repeated: 0, digest: PlannedItems.digest(of: list))
      switch try await plan.complete(totals, at: scene.now) {
      case .repeats(let run): #expect(run == earlier)
      case .planned(let session):
        #expect(earlier == nil)
        try await session.release(as: .paused(.signal, detail: nil), at: scene.now)
      case .nothingNew, .outdated: Issue.record("it was planned as if something were left out")
      }
    }
  }

  func leftAlone() async throws {
    let store = try await makeStore()
    let live = try await scene.sent(scene.sources(0..<2), in: store, random: 1) { _ in .accept }
    let paused = try await scene.sent(scene.sources(2..<4), in: store, random: 2, stoppingAfter: 1)
    try await paused.release(as: .paused(.signal, detail: nil), at: RemovalScene.start)
    let held = try await scene.over(scene.sources(4..<6), in: store, random: 3) { $0 == 0 ? .accept : .lose }
    let young = try await scene.over(
      scene.sources(6..<8), in: store, random: 4, at: scene.now - .seconds(89 * 86_400))
    let planning = try await store.plan(
      RunDraft(
        createdAt: RemovalScene.start, random: 5, name: nil, job: nil, manifest: "m.json", manifestFile: nil,
        settings: RunSettings()))
    let before = try await store.summaries(before: nil, limit: 9)
    let found = try await scene.prune(store)
    #expect(
      found.mapValues(\.kept) == [
        live.run: .live, paused.run: .unfinished, held: .unknown, young: .recent, planning.run: .live,
      ])
    #expect(try await store.summaries(before: nil, limit: 9) == before)
    #expect(try await live.standing().items == 2)
  }

  func needed() async throws {
    let store = try await makeStore()
    let old = try await scene.over(scene.sources(0..<3), in: store, random: 1)
    let other = try await scene.over(scene.sources(10..<13), in: store, random: 2)
    let elsewhere = try await scene.over(scene.sources(0..<3, index: "i2"), in: store, random: 3)
    // The same file name in another folder, and its answer is lost.
    let lost = try await scene.over(
      [PlannedItems.source(0, index: "i1", name: "folder/000001.mp4")], in: store, random: 4
    ) { _ in .lose }
    let found = try await scene.prune(store)
    #expect(
      found.mapValues(\.kept) == [
        old: .needed(by: lost), other: .none, elsewhere: .none, lost: .unknown,
      ])
    #expect(try await store.exists(old))
  }

  func notKnown() async throws {
    let store = try await makeStore()
    let old = try await scene.over(scene.sources(0..<3), in: store, random: 1)
    let run = try #require(try await store.oldRuns(before: scene.before).first)
    await #expect { try await store.remove(run, at: scene.now) } throws: {
      ($0 as? StoreError)?.code == .conflict
    }
    #expect(try await store.summary(of: old).items == 3)
    #expect(try await store.audit(old, listing: 9).problems == [])
    #expect(try await scene.prune(store)[old]?.kept == nil)
  }

  func resumed() async throws {
    let store = try await makeStore()
    let old = try await scene.over(scene.sources(0..<3), in: store, random: 1) { $0 == 0 ? .refuse : .accept }
    #expect(try await store.indexKnownItems(isStopped: { false }))
    let run = try #require(try await store.oldRuns(before: scene.before).first)
    let session = try await store.take(old, isCancelling: false, at: scene.now)
    _ = try await session.retry([.rejected])
    #expect(try await store.remove(run, at: scene.now).kept == .live)
    try await session.release(as: .paused(.signal, detail: nil), at: scene.now)
    #expect(try await store.remove(run, at: scene.now).kept == .recent)
    #expect(try await store.summary(of: old).counts.items(in: .pending) == 1)
    #expect(try await store.audit(old, listing: 9).problems == [])
  }

  func dryRun() async throws {
    let store = try await makeStore()
    let old = try await scene.over(scene.sources(0..<3), in: store, random: 1)
    let before = try await store.summaries(before: nil, limit: 9)
    let run = try #require(try await store.oldRuns(before: scene.before).first)
    #expect((run.run, run.items, run.kept) == (old, 3, nil))
    let look = try await store.examine(run, at: scene.now)
    #expect(look.kept == nil && look.bytes > 3 * 80)
    #expect(try await store.summaries(before: nil, limit: 9) == before)
    #expect(try await scene.prune(store)[old] == look)
  }

  func rates() async throws {
    let store = try await makeStore()
    var settings = RunSettings()
    settings.rates = [Rate(count: 3, window: .day)]
    let first = scene.now - .seconds(3_600)
    let old = try await scene.over(
      scene.sources(0..<3), in: store, random: 1, at: first, settings: settings)
    let open = try await PlannedItems.plan(
      scene.sources(3..<5), chunkSize: 1, settings: settings, in: store, at: scene.now, random: 2)
    #expect(try await store.indexKnownItems(isStopped: { false }))
    // Whoever prunes so early does not get a budget back.
    let run = try #require(try await store.oldRuns(before: scene.now).first { $0.run == old })
    #expect(try await store.remove(run, at: scene.now).kept == nil)
    #expect(try await !store.exists(old))
    guard case .notBefore(let moment, _) = try await open.claim(at: scene.now) else {
      Issue.record("the budget was used up")
      return
    }
    #expect(moment >= first + RemovalScene.day)
    // Once they do not count any more, the next removal takes them.
    let later = scene.now + .seconds(2 * 86_400)
    let rest = try #require(try await store.oldRuns(before: scene.now).first { $0.run == old })
    #expect(rest.isBegun)
    #expect(try await store.remove(rest, at: later).bytes > 0)
    #expect(try await store.oldRuns(before: scene.now).map(\.run) == [open.run])
    guard case .chunk = try await open.claim(at: later) else {
      Issue.record("nothing counts any more")
      return
    }
  }

  func tracked() async throws {
    let store = try await makeStore()
    let old = try await scene.over(scene.sources(0..<3), in: store, random: 1)
    _ = try await store.follow(of: old, after: nil, limit: 9) { $0.object.fileName.rawValue }
    let listing = try #require(try await store.openListings(of: old).first)
    _ = try await store.record(
      ListedPage(
        number: 1,
        videos: [
          ListedVideo(id: "v", mark: "000001.mp4", createdAt: RemovalScene.start, state: .indexing)
        ], isLast: true, readAt: RemovalScene.start), of: listing, isByID: false)
    try await store.endLook(of: old, at: scene.now - .seconds(60))
    #expect(try await scene.prune(store)[old]?.kept == .recent)
    #expect(try await scene.prune(store, at: scene.now + .seconds(100 * 86_400))[old]?.kept == nil)
    #expect(try await store.summaries(before: nil, limit: 9).isEmpty)
    // Whoever was tracking it finds nothing, and does no harm.
    #expect(try await store.judge(listing, after: nil, limit: 9, at: scene.now).changed == 0)
  }

  func order() async throws {
    let store = try await makeStore()
    let old = try await scene.over(scene.sources(0..<2), in: store, random: 1)
    #expect(try await scene.prune(store)[old]?.kept == nil)
    // The clock was set back.
    let next = try await scene.over(
      scene.sources(2..<4), in: store, random: 1, at: RemovalScene.start - .seconds(3_600))
    #expect(next > old)
  }
}
