import BatchDomain
import RunStore
import StoreCore
import TestSupport
import Testing

/// Runs with every kind of history, by seed, and all that a store says of a run.
struct CopyScene {
  static let start = TestStore.start

  private final class Dice {
    private let random: SeededRandom
    init(seed: UInt64) { random = SeededRandom(seed: seed) }
    func roll(_ sides: Int) -> Int { Int(random.next() % UInt64(sides)) }
    func oneIn(_ sides: Int) -> Bool { roll(sides) == 0 }
  }

  /// Makes a run that nobody owns any more.
  func tell(_ store: any BatchStore, seed: UInt64) async throws -> RunID {
    let dice = Dice(seed: seed)
    // Numbers of rows are to differ from one store to the other.
    if dice.oneIn(2) {
      let other = try await PlannedItems.plan(
        (900..<903).map { PlannedItems.source($0) }, chunkSize: 2, in: store, at: Self.start - .seconds(100),
        random: 99)
      try await other.end(try await other.next(), .accepted, .accepted)
      try await other.release(as: .paused(.signal, detail: nil), at: Self.start - .seconds(90))
    }
    return seed % 3 == 2 ? try await assets(store, dice) : try await transfers(store, dice)
  }

  private func sources(_ count: Int, _ dice: Dice) -> [String] {
    (0..<count).map { number in
      let index = "629d807aa9e2a3a33a92c00\(dice.roll(3))"
      switch dice.roll(4) {
      case 0: return #"{"index_id":"\#(index)","language":"en","object":"s3://bucket/\#(number).mp4"}"#
      case 1:
        return
          "{\n  \"object\" : \"s3://bücket/名 \(number).mp4\",\n  \"index_id\" : \"\(index)\", \"language\": \"en\" }"
      default: return PlannedItems.source(number, index: index)
      }
    }
  }

  private func transfers(_ store: any BatchStore, _ dice: Dice) async throws -> RunID {
    let items = sources(10 + dice.roll(60), dice)
    var settings = RunSettings()
    settings.maxAttempts = 5 + dice.roll(9)
    let session = try await PlannedItems.plan(
      items, chunkSize: 1 + dice.roll(6), settings: settings, in: store, at: Self.start,
      digest: PlannedItems.digest(of: items))
    var unknown: [ClaimedChunk] = []
    for _ in 0..<(4 + dice.roll(20)) {
      guard case .chunk(let chunk) = try await session.claim(at: Self.start) else { break }
      switch dice.roll(8) {
      case 0: try await session.end(chunk, .throttled, .requeued)
      case 1: try await session.end(chunk, .content, .refused)
      case 2: try await session.end(chunk, .notProcessed, .exhausted, counted: true)
      case 3, 4:
        try await session.end(chunk, .unknown, .answerLost)
        unknown.append(chunk)
      case 5 where chunk.itemCount > 1:
        _ = try await session.record(
          AttemptRecord(
            of: chunk, finishedAt: Self.start + .seconds(2), took: .seconds(2), outcome: .content,
            status: 400,
            code: "video_too_long", message: "item 2 \"of\" it\nüber", isCounted: false, event: .divided,
            division: Division(Piece.halves(of: chunk.items))))
      default: try await session.end(chunk, .accepted, .accepted)
      }
    }
    for (number, chunk) in unknown.enumerated() {
      switch dice.roll(5) {
      case 0: try await session.settle(chunk, .received, .settledReceived)
      case 1: try await session.settle(chunk, .notReceived, .settledNotReceived, counted: true)
      case 2: try await session.settle(chunk, .undecided, nil)
      case 3:
        // As the process said whose run was taken from it.
        var settlement = Settlement(
          chunk: chunk.number, attempt: chunk.attempt, verdict: .received, authority: .answer,
          evidence: Evidence(
            "it came late", firstLookAt: Self.start, witnesses: [ChunkNumber(1), ChunkNumber(2)]),
          decidedAt: Self.start + .seconds(Int64(number)), event: .settledReceived)
        settlement.surplus = ["left-over-\(number)"]
        _ = try await session.settle(settlement)
      default: break
      }
    }
    if dice.oneIn(3) { _ = try await session.retry([.rejected]) }
    if dice.oneIn(2) {
      try await session.remember(
        ListingLag(acceptedAt: Self.start, lag: .seconds(5)), of: "629d807aa9e2a3a33a92c001")
    }
    if dice.oneIn(2) {
      try await session.remember(
        StoredWait(until: Self.start + .seconds(600), reason: "busy", length: .seconds(600)), of: .transfer)
    }
    let counts = try await session.standing().counts
    switch dice.roll(4) {
    case 0 where counts.chunks(in: .pending) == 0:
      try await session.release(as: .finished, at: Self.start + .seconds(9))
    case 1:
      _ = try await session.cancelPending()
      try await session.release(as: .cancelled, at: Self.start + .seconds(9))
    case 2: try await session.release(as: .paused(.detached, detail: nil), at: Self.start + .seconds(9))
    default:
      try await session.release(
        as: .paused(.account, detail: "the key was refused"), at: Self.start + .seconds(9))
    }
    if dice.oneIn(2) { try await track(session.run, in: store) }
    return session.run
  }

  private func track(_ run: RunID, in store: any BatchStore) async throws {
    var after: Int?
    repeat {
      after = try await store.follow(of: run, after: after, limit: 1_000) { $0.object.rawValue }.next
    } while after != nil
    for (number, listing) in try await store.openListings(of: run).enumerated() {
      let video = ListedVideo(
        id: "v\(number)", mark: "s3://bucket/000001.mp4", createdAt: Self.start + .seconds(1),
        state: .indexing)
      _ = try await store.record(
        ListedPage(number: 1, videos: [video], isLast: number == 0, readAt: Self.start), of: listing,
        isByID: number == 0)
      if number == 0 { try await store.endWalk(of: listing) }
    }
    try await store.endLook(of: run, at: Self.start + .seconds(30))
  }

  private func assets(_ store: any BatchStore, _ dice: Dice) async throws -> RunID {
    var settings = RunSettings()
    settings.profile = .v1_3
    settings.chunkSize = 1
    let items = (100..<(106 + dice.roll(9))).map { PlannedItems.source($0) }
    let session = try await PlannedItems.plan(
      items, chunkSize: 1, settings: settings, in: store, at: Self.start, random: 2,
      digest: PlannedItems.digest(of: items))
    for number in 0..<(2 + dice.roll(6)) {
      guard case .chunk(let chunk) = try await session.claim(.upload, at: Self.start) else { break }
      if dice.oneIn(4) {
        try await session.end(chunk, .unknown, .answerLost)
        continue
      }
      _ = try await session.record(
        AttemptRecord(
          of: chunk, finishedAt: Self.start + .seconds(1), took: .seconds(1), outcome: .accepted, status: 201,
          code: nil, message: nil, externalID: "asset-\(number)", isCounted: false, event: .stepAccepted,
          urlEndsAt: Self.start + .seconds(600 + number)))
    }
    for chunk in try await session.processingChunks(after: nil, limit: 3) {
      _ = try await session.record(
        ProcessingResult(
          of: chunk, at: Self.start + .seconds(2), event: .stepDone, nextStep: .index,
          mediaLength: .seconds(90)))
    }
    if case .chunk(let chunk) = try await session.claim(.index, at: Self.start) {
      _ = try await session.record(
        AttemptRecord(
          of: chunk, finishedAt: Self.start + .seconds(3), took: .seconds(1), outcome: .accepted, status: 201,
          code: nil, message: nil, externalID: "indexed-0", isCounted: false, event: .accepted))
    }
    if case .chunk(let chunk) = try await session.claim(.index, at: Self.start) {
      _ = try await session.record(
        AttemptRecord(
          of: chunk, finishedAt: Self.start + .seconds(3), took: .seconds(1), outcome: .content, status: 400,
          code: "index_cap", message: nil, isCounted: false, event: .refused))
    }
    try await session.remember(StoredWait(until: Self.start + .seconds(90), reason: "index"), of: .index)
    // The longer one is what reports show.
    try await session.remember(
      StoredWait(until: Self.start + .seconds(120), reason: "reading"),
      of: ChunkStep(ServiceProfile.v1_3.readingBudget))
    try await session.release(as: .paused(.signal, detail: nil), at: Self.start + .seconds(10))
    return session.run
  }

  /// Everything that reports ask of a store about a run, as text in no certain order.
  func answers(_ run: RunID, in store: any BatchStore) async throws -> [String: [Substring]] {
    var found: [String: [Substring]] = [:]
    func ask<T>(_ question: String, _ answer: () async throws -> T) async throws {
      found[question] = String(describing: try await answer()).split { " ,()[]".contains($0) }.sorted()
    }
    try await ask("summary") { try await store.summary(of: run) }
    try await ask("settings") { try await store.settings(of: run) }
    try await ask("manifest") { try await store.manifestFile(of: run) }
    try await ask("causes") { try await store.causes(of: run) }
    try await ask("chunks") { try await store.chunks(of: run, after: nil, limit: 1_000) }
    try await ask("settlements") { try await store.settlements(of: run, limit: 1_000) }
    try await ask("sources") {
      try await store.items(of: run, in: Set(ChunkState.allCases), after: nil, limit: 1_000)
    }
    try await ask("timeline") { try await store.timeline(of: run) }
    try await ask("items") { try await store.items(of: run, matching: RowFilter(), from: 0, limit: 1_000) }
    try await ask("attempts") {
      try await store.attempts(of: run, matching: RowFilter(), after: nil, limit: 1_000)
    }
    try await ask("surplus") { try await store.surplus(of: run) }
    try await ask("skips") { try await store.skips(of: run) }
    try await ask("left over") { try await store.leftOvers(of: run, limit: 1_000) }
    try await ask("insight") { try await store.insight(into: run) }
    try await ask("audit") { try await store.audit(run, listing: 100) }
    try await ask("tracking") { try await store.tracking(of: run) }
    try await ask("tracked") { try await store.trackedItems(of: run, in: 0..<100) }
    // No report shows them, and whoever goes on with the run needs them.
    try await ask("ends of URLs") {
      let store = try #require(store as? SQLStore)
      return try await store.database.read { connection in
        try connection.rows(
          """
          SELECT a.chunk, a.number, a.url_ends_at FROM attempt AS a JOIN run AS r ON r.id = a.run
          WHERE r.run_id = ? AND a.url_ends_at IS NOT NULL ORDER BY a.chunk, a.number
          """, .text(run.rawValue)
        ) { "\($0.int(0))/\($0.int(1))/\($0.int(2))" }
      }
    }
    try await ask("listings") {
      try await store.openListings(of: run).map { "\($0.index) \($0.open) \($0.since)" }
    }
    #expect(try await store.audit(run, listing: 9).problems == [])
    return found
  }

  /// Copies a run as the command does.
  func copy(
    _ run: RunID, from source: any BatchStore, _ sourceName: String = "one.db",
    to destination: any BatchStore,
    _ destinationName: String = "two.db"
  ) async throws {
    try await RunCopier(
      from: source, called: sourceName, to: destination, called: destinationName, clock: CopyClock(),
      note: { _ in }
    ).copy(run)
  }
}

/// A clock that stands some minutes after the history of the runs.
struct CopyClock: BatchClock {
  func now() -> Timestamp { TestStore.start + .seconds(120) }
  func elapsed() -> Duration { .zero }
  func sleep(for duration: Duration) async throws { await Task.yield() }
}
