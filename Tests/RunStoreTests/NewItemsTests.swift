import BatchDomain
import TestSupport
import Testing

@testable import RunStore

/// What a store knows of items, by kind, over several runs.
@Suite("Known items by kind")
struct NewItemsTests {
  private static func settings(_ profile: ServiceProfile = .v1) -> RunSettings {
    var settings = RunSettings()
    settings.baseURL = "http://127.0.0.1:8080"
    settings.profile = profile
    if let items = profile.itemsPerRequest { settings.chunkSize = items }
    return settings
  }

  private func source(_ number: Int, content: Int = 0) -> String {
    let transcription = content == 0 ? "null" : "\"s3://bucket/\(content).srt\""
    return
      #"{"index_id":"i","language":"en","object":"s3://bucket/\#(number).mp4","transcription":\#(transcription)}"#
  }

  /// What is known of items.
  private func known(
    _ sources: [String], in store: SQLiteStore, profile: ServiceProfile = .v1, except run: RunID? = nil
  ) async throws -> KnownResult {
    let comparison = try await store.comparison(KnownScope(Self.settings(profile), except: run))
    var maker = FingerprintMaker()
    try await comparison.add(
      sources.map { Array($0.utf8).withUnsafeBufferPointer { maker.fingerprint(of: $0) } })
    let result = try #require(try await comparison.result(isStopped: { false }))
    try await comparison.close()
    return result
  }

  private enum Answer { case accept, refuse(String), lose, nothing }

  /// Plans a run of single items and answers them.
  private func run(
    _ sources: [String], in store: SQLiteStore, random: UInt64, profile: ServiceProfile = .v1,
    answers: (Int) -> Answer
  ) async throws -> any RunSession {
    let session = try await PlannedItems.plan(
      sources, chunkSize: 1, settings: Self.settings(profile), in: store, at: TestStore.start, random: random)
    try await answer(session, answers: answers)
    return session
  }

  private func answer(_ session: any RunSession, answers: (Int) -> Answer) async throws {
    while case .chunk(let chunk) = try await session.claim(at: TestStore.start) {
      switch answers(chunk.firstItem) {
      case .nothing: return
      case .accept: try await end(chunk, .accepted, 200, nil, .accepted, in: session)
      case .refuse(let code): try await end(chunk, .content, 400, code, .refused, in: session)
      case .lose: try await end(chunk, .unknown, nil, "reset", .answerLost, in: session)
      }
    }
  }

  private func end(
    _ chunk: ClaimedChunk, _ outcome: Outcome, _ status: Int?, _ code: String?, _ event: ChunkEvent,
    in session: any RunSession
  ) async throws {
    _ = try await session.record(
      AttemptRecord(
        of: chunk, finishedAt: TestStore.start, took: .zero, outcome: outcome, status: status, code: code,
        message: nil, isCounted: false, event: event))
  }

  @Test("accepted, rejected with its reason, open and unknown items are told apart, with their run")
  func kinds() async throws {
    let store = try await TestStore()
    let sources = (0..<6).map { source($0) }
    let session = try await run(Array(sources[..<5]), in: store.store, random: 1) {
      [.accept, .refuse("video_too_short"), .lose, .accept, .nothing][$0]
    }
    for reader in [try await SQLiteStore.openForReading(path: store.path), store.store] {
      let result = try await known(sources, in: reader)
      #expect(result.classes == [.accepted, .rejected, .open, .accepted, .open, .new])
      #expect(
        result.groups == [
          KnownGroup(kind: .accepted, run: session.run, items: 2),
          KnownGroup(kind: .open, run: session.run, items: 2),
          KnownGroup(kind: .rejected, run: session.run, code: "video_too_short", items: 1),
        ])
      #expect(result.skipped == 5)
    }
  }

  @Test("what was put back is open again, and what failed or was cancelled then is new")
  func putBack() async throws {
    let store = try await TestStore()
    let sources = (0..<3).map { source($0) }
    let session = try await run(sources, in: store.store, random: 1) { _ in .refuse("no") }
    #expect(try await known(sources, in: store.store).classes == [.rejected, .rejected, .rejected])
    _ = try await session.retry([.rejected])
    #expect(try await known(sources, in: store.store).classes == [.open, .open, .open])
    guard case .chunk(let chunk) = try await session.claim(at: TestStore.start) else {
      Issue.record("nothing to claim")
      return
    }
    try await end(chunk, .accepted, 200, nil, .accepted, in: session)
    _ = try await session.cancelPending()
    #expect(try await known(sources, in: store.store).classes == [.accepted, .new, .new])
  }

  @Test("other content is a change, and the same content in any earlier run is none")
  func contents() async throws {
    let store = try await TestStore()
    let first = try await run([source(0), source(1)], in: store.store, random: 1) { _ in .accept }
    let second = try await run([source(0, content: 1)], in: store.store, random: 2) { _ in .accept }
    let result = try await known(
      [source(0), source(0, content: 1), source(0, content: 2), source(1, content: 1)], in: store.store)
    #expect(result.classes == [.accepted, .accepted, .changed, .changed])
    #expect(
      result.changes == [
        ChangedItem(sequence: 2, run: max(first.run, second.run)), ChangedItem(sequence: 3, run: first.run),
      ])
    #expect(result.counts == [.accepted: 2, .changed: 2])
  }

  @Test("versions 1 to 1.2 have one set of videos, and version 1.3 another")
  func families() async throws {
    let store = try await TestStore()
    _ = try await run([source(0)], in: store.store, random: 1) { _ in .accept }
    for profile in [ServiceProfile.v1, .v1_1, .v1_2] {
      #expect(try await known([source(0)], in: store.store, profile: profile).classes == [.accepted])
    }
    #expect(try await known([source(0)], in: store.store, profile: .v1_3).classes == [.new])
  }

  @Test("what is known stays known when the runs are removed")
  func removed() async throws {
    let store = try await TestStore()
    let session = try await run([source(0), source(1)], in: store.store, random: 1) {
      $0 == 0 ? .accept : .refuse("no")
    }
    try await session.release(as: .finished, at: TestStore.start)
    #expect(try await store.store.indexKnownItems(isStopped: { false }))
    try await store.store.close()
    try Raw.execute(
      """
      DELETE FROM attempt; DELETE FROM chunk; DELETE FROM tally; DELETE FROM item_block; DELETE FROM run;
      """, in: store.path)
    let result = try await known([source(0), source(1), source(2)], in: try await store.another())
    #expect(result.classes == [.accepted, .rejected, .new])
    #expect(Set(result.groups.map(\.run)) == [session.run])
  }

  @Test("a plan that was compared before another was completed is outdated, and is planned again")
  func twoAtOnce() async throws {
    let store = try await TestStore()
    let sources = [source(0), source(1)]
    func plan(_ random: UInt64) async throws -> any PlanningSession {
      try await store.store.plan(
        RunDraft(
          createdAt: TestStore.start, random: random, name: nil, job: nil, manifest: "-", manifestFile: nil,
          settings: Self.settings()))
    }
    func totals(_ result: KnownResult) -> PlanTotals {
      PlanTotals(
        items: result.classes.count - result.skipped, repeated: 0, digest: Array(repeating: 1, count: 32),
        skips: PlanTotals.Skips(
          groups: result.groups, revision: result.revision, itemsDigest: ContentDigest().finished()))
    }
    let (one, other) = (try await plan(1), try await plan(2))
    let (mine, theirs) = (
      try await known(sources, in: store.store, except: one.run),
      try await known(sources, in: store.store, except: other.run)
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
    let again = try await known(sources, in: store.store, except: other.run)
    #expect(again.groups == [KnownGroup(kind: .open, run: one.run, items: 2)])
    guard case .nothingNew = try await other.complete(totals(again), at: TestStore.start) else {
      Issue.record("nothing was new")
      return
    }
    let summary = try await store.store.summary(of: other.run)
    #expect((summary.state, summary.items, summary.skipped) == (.finished, 0, 2))
    #expect(try await store.store.skips(of: other.run) == again.groups)
    #expect(try await store.store.audit(other.run, listing: 10).problems == [])
  }

  @Test("segments stay few, and nothing is lost when they become one")
  func segments() async throws {
    let store = try await TestStore()
    var all: [String] = []
    for night in 0..<20 {
      let sources = (0..<3).map { source(night * 3 + $0) }
      _ = try await run(sources, in: store.store, random: UInt64(night)) { _ in .accept }
      #expect(try await store.store.indexKnownItems(isStopped: { false }))
      all += sources
    }
    let count = try #require(
      Int(try Raw.query("SELECT count(*) FROM known_segment WHERE is_complete = 1", in: store.path)[0]))
    #expect(count <= 6)
    let result = try await known(all, in: store.store)
    #expect(result.counts == [.accepted: 60])
    #expect(result.groups.count == 20)
    // Nothing of the segments that became one is left.
    #expect(
      try Raw.query(
        "SELECT count(*) FROM known_page WHERE position >> 24 NOT IN (SELECT id FROM known_segment)",
        in: store.path)
        == ["0"])
  }

  @Test("what a process left that died while it wrote counts for nothing, and is removed")
  func leftovers() async throws {
    let store = try await TestStore()
    _ = try await run([source(0)], in: store.store, random: 1) { _ in .accept }
    try Raw.execute(
      """
      INSERT INTO known_segment (id, family, origin, items, is_complete) VALUES (7, 'transfers', 1, 5000, 0);
      INSERT INTO known_page (position, checksum, entries) VALUES (7 << 24, 0, zeroblob(32));
      """, in: store.path)
    #expect(try await known([source(0), source(1)], in: store.store).classes == [.accepted, .new])
    #expect(
      try Raw.query("SELECT count(*) FROM known_segment WHERE is_complete = 0", in: store.path) == ["0"])
    #expect(try Raw.query("SELECT count(*) FROM known_page", in: store.path) == ["1"])
  }

  @Test("a page that is damaged is found")
  func damage() async throws {
    let store = try await TestStore()
    _ = try await run([source(0)], in: store.store, random: 1) { _ in .accept }
    _ = try await known([source(0)], in: store.store)
    try Raw.execute("UPDATE known_page SET entries = zeroblob(32)", in: store.path)
    await #expect { try await known([source(0)], in: store.store) } throws: {
      ($0 as? StoreError)?.code == .damaged
    }
  }

  @Test(
    "over several nights, what is found is what a model says, also read-only and before it is in the index",
    arguments: 1...12 as ClosedRange<UInt64>)
  func model(seed: UInt64) async throws {
    let random = SeededRandom(seed: seed)
    let store = try await TestStore()
    // For each item and content: the best of what became of it.
    var model: [[Int]: KnownClass] = [:]
    for night in 0..<6 {
      let numbers = (0..<40).filter { _ in random.next() % 2 == 0 }.shuffled(random)
      let items = numbers.map { [$0, random.next() % 5 == 0 ? 1 : 0] }
      guard !items.isEmpty else { continue }
      let sources = items.map { source($0[0], content: $0[1]) }
      let reading = random.next() % 2 == 0
      let result = try await known(
        sources, in: reading ? try await SQLiteStore.openForReading(path: store.path) : store.store)
      for (place, item) in items.enumerated() {
        let other = model[[item[0], 1 - item[1]]]
        let expected = model[item] ?? (other == nil ? .new : .changed)
        #expect(result.classes[place] == expected, "item \(item) in night \(night)")
      }
      let sent = items.enumerated().filter { !result.isSkipped($0.offset) }.map(\.element)
      guard !sent.isEmpty else { continue }
      let fates = sent.map { _ in random.next() % 8 }
      _ = try await run(
        sent.map { source($0[0], content: $0[1]) }, in: store.store, random: UInt64(night)
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
      if random.next() % 2 == 0 { try await store.store.indexKnownItems(isStopped: { false }) }
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
