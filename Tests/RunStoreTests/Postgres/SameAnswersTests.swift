import BatchDomain
import PostgresStore
import RunStore
import TestSupport
import Testing

@testable import StoreCore

/// The same story, told to a store on SQLite and to one on PostgreSQL: every report has to say the same.
@Suite("The same answers from both stores", .enabled(if: PostgresCluster.isAvailable))
struct SameAnswersTests {
  private let start = TestStore.start

  /// A paused run of forty items in ten chunks with every kind of history, a divided one included, and a run of two steps.
  private func tell(_ store: any BatchStore) async throws -> (transfers: RunID, assets: RunID) {
    let sources = (0..<40).map { PlannedItems.source($0) }
    let session = try await PlannedItems.plan(
      sources, chunkSize: 4, in: store, at: start, digest: AuditScene.manifestDigest(sources))
    var chunks: [ClaimedChunk] = []
    for _ in 0..<9 { chunks.append(try await session.next()) }
    try await session.end(chunks[0], .accepted, .accepted)
    try await session.end(chunks[1], .throttled, .requeued)
    for number in [2, 3, 6] { try await session.end(chunks[number], .unknown, .answerLost) }
    try await session.end(chunks[4], .content, .refused)
    try await session.end(chunks[5], .notProcessed, .exhausted, counted: true)
    try await session.settle(chunks[2], .received, .settledReceived)
    try await session.settle(chunks[3], .notReceived, .settledNotReceived, counted: true)
    try await session.settle(chunks[6], .undecided, nil)
    _ = try await session.record(
      AttemptRecord(
        of: chunks[7], finishedAt: start + .seconds(2), took: .seconds(2), outcome: .content, status: 400,
        code: "video_too_long", message: "item 2 of it", isCounted: false, event: .divided,
        division: Division(Piece.halves(of: chunks[7].items))))
    // One is left under way: its owner dies.
    try await session.remember(StoredWait(until: start + .seconds(60), reason: "busy"), of: .transfer)
    _ = try await store.endWaits(holding: session.run, at: start)
    try await session.end(try await session.next(), .accepted, .accepted)
    try await session.release(as: .paused(.account, detail: "the key was refused"), at: start + .seconds(9))

    var settings = RunSettings()
    settings.profile = .v1_3
    settings.chunkSize = 1
    let steps = try await PlannedItems.plan(
      (100..<106).map { PlannedItems.source($0) }, chunkSize: 1, settings: settings, in: store, at: start,
      random: 2)
    for number in 0..<4 {
      guard case .chunk(let chunk) = try await steps.claim(.upload, at: start) else { continue }
      var upload = AttemptRecord(
        of: chunk, finishedAt: start + .seconds(1), took: .seconds(1), outcome: .accepted, status: 201,
        code: nil,
        message: nil, externalID: "asset-\(number)", isCounted: false, event: .stepAccepted)
      upload.nextStep = nil
      _ = try await steps.record(upload)
    }
    for chunk in try await steps.processingChunks(after: nil, limit: 3) {
      _ = try await steps.record(
        ProcessingResult(
          of: chunk, at: start + .seconds(2), event: .stepDone, nextStep: .index, mediaLength: .seconds(90)))
    }
    if case .chunk(let chunk) = try await steps.claim(.index, at: start) {
      _ = try await steps.record(
        AttemptRecord(
          of: chunk, finishedAt: start + .seconds(3), took: .seconds(1), outcome: .accepted, status: 201,
          code: nil,
          message: nil, externalID: "indexed-0", isCounted: false, event: .accepted))
    }
    if case .chunk(let chunk) = try await steps.claim(.index, at: start) {
      _ = try await steps.record(
        AttemptRecord(
          of: chunk, finishedAt: start + .seconds(3), took: .seconds(1), outcome: .content, status: 400,
          code: "index_cap", message: nil, isCounted: false, event: .refused))
    }
    try await steps.release(as: .paused(.signal, detail: nil), at: start + .seconds(10))
    return (session.run, steps.run)
  }

  /// Everything that reports ask of a store, as text.
  private func answers(_ store: any BatchStore) async throws -> [(question: String, answer: String)] {
    let (transfers, assets) = try await tell(store)
    var found: [(String, String)] = []
    func ask<T>(_ question: String, _ answer: () async throws -> T) async throws {
      found.append((question, String(describing: try await answer())))
    }
    try await ask("resolve") { try await store.resolve("latest") }
    try await ask("summaries") { try await store.summaries(before: nil, limit: 10) }
    try await ask("use of budgets") {
      let use = try await store.budgetUse(
        of: "https://api.twelvelabs.io", from: start + .seconds(-1), to: start + .seconds(60))
      return use.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0)" }
    }
    for run in [transfers, assets] {
      try await ask("summary") { try await store.summary(of: run) }
      try await ask("settings") { try await store.settings(of: run) }
      try await ask("causes") { try await store.causes(of: run) }
      try await ask("chunks") { try await store.chunks(of: run, after: nil, limit: 100) }
      try await ask("settlements") { try await store.settlements(of: run, limit: 10) }
      try await ask("sources") {
        try await store.items(of: run, in: Set(ChunkState.allCases), after: 2, limit: 30)
      }
      try await ask("timeline") { try await store.timeline(of: run) }
      try await ask("items") { try await store.items(of: run, matching: RowFilter(), from: 0, limit: 100) }
      try await ask("attempts") {
        try await store.attempts(of: run, matching: RowFilter(), after: nil, limit: 100)
      }
      try await ask("surplus") { try await store.surplus(of: run) }
      try await ask("skips") { try await store.skips(of: run) }
      try await ask("left over") { try await store.leftOvers(of: run, limit: 10) }
      try await ask("insight") { try await store.insight(into: run) }
      try await ask("audit") { try await store.audit(run, listing: 10) }
      try await ask("tracking, never asked") { try await store.tracking(of: run) }
    }
    try await ask("appearances") { try await store.appearances(of: ObjectName("s3://bucket/000033.mp4")) }
    try await ask("followed") {
      try await store.follow(of: transfers, after: nil, limit: 100) { $0.object.rawValue }
    }
    let listings = try await store.openListings(of: transfers)
    try await ask("listings") { listings.map { "\($0.index) \($0.open) \($0.since)" } }
    for listing in listings {
      let video = ListedVideo(
        id: "v1", mark: "s3://bucket/000001.mp4", createdAt: start + .seconds(1), state: .ready)
      try await ask("page by id") {
        try await store.record(
          ListedPage(number: 1, videos: [video], isLast: true, readAt: start), of: listing, isByID: true)
      }
      try await store.endWalk(of: listing)
    }
    try await store.endLook(of: transfers, at: start + .seconds(30))
    try await ask("tracking") { try await store.tracking(of: transfers) }
    try await ask("tracked") { try await store.trackedItems(of: transfers, in: 0..<40) }
    try await store.requestLook(at: start)
    try await ask("look") { try await store.lookRequestedAt() }
    try await ask("request") { try await store.requestPause(of: transfers) }
    let taken = try await store.take(transfers, isCancelling: false, at: start + .seconds(40))
    try await ask("standing") { try await taken.standing() }
    try await ask("unknown") { try await taken.unknownChunks(after: nil, limit: 10) }
    try await ask("next object") { try await taken.nextObject() }
    try await ask("first never sent") { try await taken.firstNeverSent() }
    try await ask("pending indexes") { try await taken.pendingIndexes(limit: nil) }
    try await ask("witnesses") {
      try await taken.witnesses(
        index: IndexID("629d807aa9e2a3a33a92c000"), intents: 0..<100, begunAfter: nil,
        newestFirst: true, limit: 5)
    }
    try await ask("refusals") { try await taken.refusals(of: ChunkNumber(10)) }
    try await ask("cancelled") { try await taken.cancelPending() }
    try await taken.release(as: .cancelled, at: start + .seconds(50))
    try await ask("audit at the end") { try await store.audit(transfers, listing: 10) }
    try await ask("known") { try await store.indexKnownItems(isStopped: { false }) }
    return found
  }

  private func words(_ text: String) -> [Substring] {
    text.split { " ,()[]".contains($0) }.sorted()
  }

  @Test("each report")
  func reports() async throws {
    let folder = try TemporaryFolder()
    let sqlite = try await SQLiteStore.open(path: folder.file("store.db"), now: start)
    let expected = try await answers(sqlite)
    let cluster = try #require(PostgresCluster.shared)
    let postgres = try await PostgresStore.open(
      cluster.makeTarget(), createsSchema: true, stampsIntents: false, cluster.surroundings(StillClock()))
    let found = try await answers(postgres)
    #expect(expected.map(\.question) == found.map(\.question))
    for (expected, found) in zip(expected, found) {
      // Dictionaries and sets are written in no certain order.
      #expect(
        words(expected.answer) == words(found.answer),
        "\(expected.question): \(expected.answer) and \(found.answer)")
    }
    try await postgres.close()
  }
}
