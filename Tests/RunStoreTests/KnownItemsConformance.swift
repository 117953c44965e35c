import BatchDomain
import TestSupport
import Testing

/// Runs of single items, answered as a test has it, and what a store knows of items then.
struct KnownScene {
  static func settings(_ profile: ServiceProfile = .v1) -> RunSettings {
    var settings = RunSettings()
    settings.baseURL = "http://127.0.0.1:8080"
    settings.profile = profile
    if let items = profile.itemsPerRequest { settings.chunkSize = items }
    return settings
  }

  func source(_ number: Int, content: Int = 0) -> String {
    let transcription = content == 0 ? "null" : "\"s3://bucket/\(content).srt\""
    return
      #"{"index_id":"i","language":"en","object":"s3://bucket/\#(number).mp4","transcription":\#(transcription)}"#
  }

  /// What is known of items.
  func known(
    _ sources: [String], in store: any KnownItems, profile: ServiceProfile = .v1, except run: RunID? = nil
  ) async throws -> KnownResult {
    let comparison = try await store.comparison(KnownScope(Self.settings(profile), except: run))
    var maker = FingerprintMaker()
    try await comparison.add(
      sources.map { Array($0.utf8).withUnsafeBufferPointer { maker.fingerprint(of: $0) } })
    let result = try #require(try await comparison.result(isStopped: { false }))
    try await comparison.close()
    return result
  }

  enum Answer { case accept, refuse(String), lose, nothing }

  /// Plans a run of single items and answers them.
  func run(
    _ sources: [String], in store: any BatchStore, random: UInt64, profile: ServiceProfile = .v1,
    answers: (Int) -> Answer
  ) async throws -> any RunSession {
    let session = try await PlannedItems.plan(
      sources, chunkSize: 1, settings: Self.settings(profile), in: store, at: TestStore.start, random: random)
    try await answer(session, answers: answers)
    return session
  }

  func answer(_ session: any RunSession, answers: (Int) -> Answer) async throws {
    while case .chunk(let chunk) = try await session.claim(at: TestStore.start) {
      switch answers(chunk.firstItem) {
      case .nothing: return
      case .accept: try await end(chunk, .accepted, 200, nil, .accepted, in: session)
      case .refuse(let code): try await end(chunk, .content, 400, code, .refused, in: session)
      case .lose: try await end(chunk, .unknown, nil, "reset", .answerLost, in: session)
      }
    }
  }

  func end(
    _ chunk: ClaimedChunk, _ outcome: Outcome, _ status: Int?, _ code: String?, _ event: ChunkEvent,
    in session: any RunSession
  ) async throws {
    _ = try await session.record(
      AttemptRecord(
        of: chunk, finishedAt: TestStore.start, took: .zero, outcome: outcome, status: status, code: code,
        message: nil, isCounted: false, event: event))
  }
}

/// What every store has to know of items, whatever it is made of.
struct KnownItemsConformance {
  let makeStore: () async throws -> any BatchStore
  let scene = KnownScene()

  /// The rules, by name.
  /// Of a manifest that is one of several, and was submitted before.
  func repeatsOfNothingNew() async throws {
    let store = try await makeStore()
    func plan(_ random: UInt64) async throws -> any PlanningSession {
      try await store.plan(
        RunDraft(
          createdAt: TestStore.start, random: random, name: nil, job: nil, manifest: "-", manifestFile: nil,
          settings: KnownScene.settings()))
    }
    func totals(_ digest: UInt8, refusesRepeats: Bool, _ planning: any PlanningSession) async throws
      -> PlanTotals
    {
      let known = try await scene.known([scene.source(0)], in: store, except: planning.run)
      return PlanTotals(
        items: 0, repeated: 0, digest: Array(repeating: digest, count: 32),
        skips: PlanTotals.Skips(
          groups: known.groups, revision: known.revision, itemsDigest: ContentDigest().finished(),
          refusesRepeats: refusesRepeats))
    }
    _ = try await scene.run([scene.source(0)], in: store, random: 1) { _ in .accept }
    let first = try await plan(2)
    guard
      case .nothingNew = try await first.complete(
        totals(9, refusesRepeats: true, first), at: TestStore.start)
    else {
      Issue.record("a manifest that was not submitted before makes no run")
      return
    }
    let again = try await plan(3)
    guard
      case .repeats(first.run) = try await again.complete(
        totals(9, refusesRepeats: true, again), at: TestStore.start)
    else {
      Issue.record("a manifest that was submitted before makes a run")
      return
    }
    guard
      case .nothingNew = try await again.complete(
        totals(9, refusesRepeats: false, again), at: TestStore.start)
    else {
      Issue.record("it makes none although it is to make one")
      return
    }
  }

  static let all: [(name: String, check: @Sendable (KnownItemsConformance) async throws -> Void)] = [
    (
      "accepted, rejected with its reason, open and unknown items are told apart, with their run",
      { try await $0.kinds() }
    ),
    (
      "what was put back is open again, and what failed or was cancelled then is new",
      { try await $0.putBack() }
    ),
    (
      "what is not new and was submitted before makes a run of its own only where it is to",
      { try await $0.repeatsOfNothingNew() }
    ),
    (
      "other content is a change, and the same content in any earlier run is none",
      { try await $0.contents() }
    ),
    ("versions 1 to 1.2 have one set of videos, and version 1.3 another", { try await $0.families() }),
    (
      "a plan that was compared before another was completed is outdated, and is planned again",
      { try await $0.twoAtOnce() }
    ),
    ("over several nights, what is found is what a model says", { try await $0.nights() }),
  ]

  func kinds() async throws {
    let store = try await makeStore()
    let sources = (0..<6).map { scene.source($0) }
    let session = try await scene.run(Array(sources[..<5]), in: store, random: 1) {
      [.accept, .refuse("video_too_short"), .lose, .accept, .nothing][$0]
    }
    let result = try await scene.known(sources, in: store)
    #expect(result.classes == [.accepted, .rejected, .open, .accepted, .open, .new])
    #expect(
      result.groups == [
        KnownGroup(kind: .accepted, run: session.run, items: 2),
        KnownGroup(kind: .open, run: session.run, items: 2),
        KnownGroup(kind: .rejected, run: session.run, code: "video_too_short", items: 1),
      ])
    #expect(result.skipped == 5)
  }

  func putBack() async throws {
    let store = try await makeStore()
    let sources = (0..<3).map { scene.source($0) }
    let session = try await scene.run(sources, in: store, random: 1) { _ in .refuse("no") }
    #expect(try await scene.known(sources, in: store).classes == [.rejected, .rejected, .rejected])
    _ = try await session.retry([.rejected])
    #expect(try await scene.known(sources, in: store).classes == [.open, .open, .open])
    guard case .chunk(let chunk) = try await session.claim(at: TestStore.start) else {
      Issue.record("nothing to claim")
      return
    }
    try await scene.end(chunk, .accepted, 200, nil, .accepted, in: session)
    _ = try await session.cancelPending()
    #expect(try await scene.known(sources, in: store).classes == [.accepted, .new, .new])
  }

  func contents() async throws {
    let store = try await makeStore()
    let first = try await scene.run([scene.source(0), scene.source(1)], in: store, random: 1) { _ in .accept }
    let second = try await scene.run([scene.source(0, content: 1)], in: store, random: 2) { _ in .accept }
    let result = try await scene.known(
      [
        scene.source(0), scene.source(0, content: 1), scene.source(0, content: 2),
        scene.source(1, content: 1),
      ], in: store)
    #expect(result.classes == [.accepted, .accepted, .changed, .changed])
    #expect(
      result.changes == [
        ChangedItem(sequence: 2, run: max(first.run, second.run)), ChangedItem(sequence: 3, run: first.run),
      ])
    #expect(result.counts == [.accepted: 2, .changed: 2])
  }

  func families() async throws {
    let store = try await makeStore()
    _ = try await scene.run([scene.source(0)], in: store, random: 1) { _ in .accept }
    for profile in [ServiceProfile.v1, .v1_1, .v1_2] {
      #expect(try await scene.known([scene.source(0)], in: store, profile: profile).classes == [.accepted])
    }
    #expect(try await scene.known([scene.source(0)], in: store, profile: .v1_3).classes == [.new])
  }

  func twoAtOnce() async throws {
    let store = try await makeStore()
    let sources = [scene.source(0), scene.source(1)]
    func plan(_ random: UInt64) async throws -> any PlanningSession {
      try await store.plan(
        RunDraft(
          createdAt: TestStore.start, random: random, name: nil, job: nil, manifest: "-", manifestFile: nil,
          settings: KnownScene.settings()))
    }
    func totals(_ result: KnownResult) -> PlanTotals {
      PlanTotals(
        items: result.classes.count - result.skipped, repeated: 0, digest: Array(repeating: 1, count: 32),
        skips: PlanTotals.Skips(
          groups: result.groups, revision: result.revision, itemsDigest: ContentDigest().finished()))
    }
    let (one, other) = (try await plan(1), try await plan(2))
    let (mine, theirs) = (
      try await scene.known(sources, in: store, except: one.run),
      try await scene.known(sources, in: store, except: other.run)
    )
    for session in [one, other] {
      var planner = ChunkPlanner(maxItems: 1, maxBytes: 1 << 20)
      let batch = PlannedItems.batch(sources)
      try await session.append(batch, chunks: planner.add(batch))
      if let last = planner.finish() { try await session.add([last]) }
    }
    guard case .planned = try await one.complete(totals(mine), at: TestStore.start) else {
      Issue.record("the first was not planned")
      return
    }
    guard case .outdated = try await other.complete(totals(theirs), at: TestStore.start) else {
      Issue.record("the second did not notice the first")
      return
    }
    try await other.clear()
    let again = try await scene.known(sources, in: store, except: other.run)
    #expect(again.groups == [KnownGroup(kind: .open, run: one.run, items: 2)])
    guard case .nothingNew = try await other.complete(totals(again), at: TestStore.start) else {
      Issue.record("nothing was new")
      return
    }
    let summary = try await store.summary(of: other.run)
    #expect((summary.state, summary.items, summary.skipped) == (.finished, 0, 2))
    #expect(try await store.skips(of: other.run) == again.groups)
    #expect(try await store.audit(other.run, listing: 10).problems == [])
  }

  func nights() async throws {
    for seed in 1...8 as ClosedRange<UInt64> { try await nights(seed: seed) }
  }

  private func nights(seed: UInt64) async throws {
    let random = SeededRandom(seed: seed)
    let store = try await makeStore()
    // For each item and content: the best of what became of it.
    var model: [[Int]: KnownClass] = [:]
    for night in 0..<6 {
      let numbers = (0..<40).filter { _ in random.next() % 2 == 0 }.shuffled(random)
      let items = numbers.map { [$0, random.next() % 5 == 0 ? 1 : 0] }
      guard !items.isEmpty else { continue }
      let sources = items.map { scene.source($0[0], content: $0[1]) }
      let result = try await scene.known(sources, in: store)
      for (place, item) in items.enumerated() {
        let other = model[[item[0], 1 - item[1]]]
        let expected = model[item] ?? (other == nil ? .new : .changed)
        #expect(result.classes[place] == expected, "item \(item) in night \(night)")
      }
      let sent = items.enumerated().filter { !result.isSkipped($0.offset) }.map(\.element)
      guard !sent.isEmpty else { continue }
      let fates = sent.map { _ in random.next() % 8 }
      _ = try await scene.run(
        sent.map { scene.source($0[0], content: $0[1]) }, in: store, random: UInt64(night)
      ) {
        switch fates[$0] {
        case 0: .refuse("no")
        case 1: .lose
        default: .accept
        }
      }
      for (item, fate) in zip(sent, fates) {
        model[item] = fate == 0 ? .rejected : fate == 1 ? .open : .accepted
      }
      if random.next() % 2 == 0 { try await store.indexKnownItems(isStopped: { false }) }
    }
  }
}

extension Array {
  /// The elements in another order.
  fileprivate func shuffled(_ random: SeededRandom) -> [Element] {
    var rest = self
    var result: [Element] = []
    while !rest.isEmpty { result.append(rest.remove(at: Int(random.next() % UInt64(rest.count)))) }
    return result
  }
}
