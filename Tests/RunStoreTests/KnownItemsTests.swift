import BatchDomain
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

@Suite("Items that were accepted before")
struct KnownItemsTests {
  /// Items by their source texts.
  private struct Items: FingerprintedItems {
    let sources: [String]

    func fingerprints(from first: Int, limit: Int) async throws -> [ItemFingerprint] {
      var maker = FingerprintMaker()
      return sources.dropFirst(first).prefix(limit).map { source in
        Array(source.utf8).withUnsafeBufferPointer { maker.fingerprint(of: $0) }
      }
    }
  }

  private static func scope(_ address: String = address, except run: RunID? = nil) -> KnownScope {
    KnownScope(settings(address), except: run)
  }

  private static let address = "http://127.0.0.1:8080"

  private static func settings(_ address: String = address) -> RunSettings {
    var settings = RunSettings()
    settings.baseURL = address
    return settings
  }

  /// Plans a run and has some of its chunks accepted, and the others refused.
  @discardableResult
  private func run(
    _ sources: [String], in store: TestStore, random: UInt64 = 1, chunkSize: Int = 1,
    at address: String = address,
    accepting: (Int) -> Bool = { _ in true }
  ) async throws -> any RunSession {
    let session = try await PlannedItems.plan(
      sources, chunkSize: chunkSize, settings: Self.settings(address), in: store.store, at: TestStore.start,
      random: random)
    try await answer(session, accepting: accepting)
    return session
  }

  private func answer(
    _ session: any RunSession, at now: Timestamp = TestStore.start, accepting: (Int) -> Bool
  ) async throws {
    while case .chunk(let chunk) = try await session.claim(at: now) {
      let isAccepted = accepting(chunk.firstItem)
      _ = try await session.record(
        AttemptRecord(
          of: chunk, finishedAt: now, took: .zero, outcome: isAccepted ? .accepted : .content,
          status: isAccepted ? 200 : 400, code: nil, message: nil, isCounted: false,
          event: isAccepted ? .accepted : .refused))
    }
  }

  private func found(
    _ sources: [String], in store: SQLStore, at address: String = address
  ) async throws -> AcceptedBefore? {
    try await store.acceptedBefore(Items(sources: sources), in: Self.scope(address), isStopped: { false })
  }

  @Test("of a list that grew, the old part is known, and the run that had it is named")
  func listThatGrew() async throws {
    let store = try await TestStore()
    let sources = (0..<6).map { PlannedItems.source($0) }
    #expect(try await found(sources, in: store.store) == nil)
    let first = try await run(Array(sources[..<5]), in: store, chunkSize: 2)
    let before = AcceptedBefore(items: 5, runs: 1, newest: first.run)
    // The same before and after it was noted.
    #expect(try await found(sources, in: store.store) == before)
    #expect(try await found(sources, in: store.store) == before)
    #expect(try Raw.query("SELECT accepted FROM known_run", in: store.path) == ["5"])
    #expect(try await found([sources[5]], in: store.store) == nil)
  }

  @Test("an item is known to the service that accepted it, whatever service its run went to later")
  func creditedToTheAcceptingService() async throws {
    let store = try await TestStore()
    let other = "http://127.0.0.1:9090"
    let sources = (0..<4).map { PlannedItems.source($0) }
    let session = try await PlannedItems.plan(
      sources, chunkSize: 1, settings: Self.settings(), in: store.store, at: TestStore.start)
    for _ in 0..<3 {
      guard case .chunk(let chunk) = try await session.claim(at: TestStore.start) else {
        throw StoreError(.conflict, "nothing to claim")
      }
      _ = try await session.record(
        AttemptRecord(
          of: chunk, finishedAt: TestStore.start, took: .zero, outcome: .accepted, status: 200, code: nil,
          message: nil, isCounted: false, event: .accepted))
    }
    try await session.release(as: .paused(.signal, detail: nil), at: TestStore.start)
    try await store.store.change(Self.settings(other), of: session.run)
    let moved = try await store.store.take(session.run, isCancelling: false, at: TestStore.start)
    try await answer(moved) { _ in true }
    let reading = try await SQLiteStore.openForReading(path: store.path)
    // The same from the chunks and from the table.
    for store in [reading, store.store, reading] {
      #expect(try await found(sources, in: store) == AcceptedBefore(items: 3, runs: 1, newest: session.run))
      #expect(
        try await found(sources, in: store, at: other)
          == AcceptedBefore(items: 1, runs: 1, newest: session.run))
    }
  }

  @Test("a run does not count for itself, and planned items are found where they are recorded")
  func ownRun() async throws {
    let store = try await TestStore()
    let sources = (0..<3).map { PlannedItems.source($0) }
    let first = try await run(sources, in: store)
    let planning = try await store.store.plan(
      RunDraft(
        createdAt: TestStore.start, random: 2, name: nil, job: nil, manifest: "-", manifestFile: nil,
        settings: Self.settings()))
    try await planning.append(PlannedItems.batch(sources), chunks: [])
    let before = try await store.store.acceptedBefore(
      planning, in: Self.scope(except: planning.run), isStopped: { false })
    #expect(before == AcceptedBefore(items: 3, runs: 1, newest: first.run))
    let own = try await store.store.acceptedBefore(
      planning, in: Self.scope(except: first.run), isStopped: { false })
    #expect(own == nil)
    #expect(
      try await store.store.acceptedBefore(
        planning, in: Self.scope(except: planning.run), isStopped: { true }) == nil)
  }

  @Test("an item is known by index and object, byte for byte, however its text is written")
  func identity() async throws {
    let store = try await TestStore()
    let known = [
      #"{"index_id":"a","language":"en","object":"s3://b/x.mp4"}"#,
      #"{"index_id":"a","language":"en","object":"s3://b/caf\#u{e9}.mp4"}"#,
    ]
    try await run(known, in: store)
    let same = [
      #"{ "object" : "s3:\/\/b\/\u0078.mp4", "language": "de", "transcription": "s3://b/x.srt", "index_id" : "\u0061" }"#,
      #"{"index_id":"a","language":"en","object":"s3://b/caf\u00e9.mp4"}"#,
    ]
    #expect(try await found(same, in: store.store)?.items == 2)
    let others = [
      #"{"index_id":"b","language":"en","object":"s3://b/x.mp4"}"#,
      #"{"index_id":"as3://b/","language":"en","object":"x.mp4"}"#,
      #"{"index_id":"a","language":"en","object":"s3://b/X.mp4"}"#,
      // The same letters to the eye, other bytes.
      "{\"index_id\":\"a\",\"language\":\"en\",\"object\":\"s3://b/cafe\u{301}.mp4\"}",
    ]
    #expect(try await found(others, in: store.store) == nil)
  }

  @Test("only what was accepted is known, and what is accepted later is found then")
  func acceptedLater() async throws {
    let store = try await TestStore()
    let sources = (0..<6).map { PlannedItems.source($0) }
    let session = try await run(sources, in: store) { $0 % 2 == 0 }
    #expect(try await found(sources, in: store.store)?.items == 3)
    _ = try await session.retry([.rejected])
    try await answer(session) { _ in true }
    #expect(try await found(sources, in: store.store)?.items == 6)
    #expect(try Raw.query("SELECT accepted FROM known_run", in: store.path) == ["6"])
  }

  @Test("another service has its own items, and one service has several spellings")
  func services() async throws {
    let store = try await TestStore()
    let sources = (0..<2).map { PlannedItems.source($0) }
    try await run(sources, in: store)
    #expect(try await found(sources, in: store.store, at: "http://127.0.0.1:8081") == nil)
    #expect(try await found(sources, in: store.store, at: "https://api.twelvelabs.io") == nil)
    for address in ["http://localhost:8080", "http://[::1]:8080", "HTTP://LocalHost:8080/v1"] {
      #expect(try await found(sources, in: store.store, at: address)?.items == 2)
    }
  }

  @Test("runs that an older version kept under two spellings of one service are one service")
  func olderRows() async throws {
    let store = try await TestStore()
    let first = try await run([PlannedItems.source(0)], in: store)
    let second = try await run([PlannedItems.source(1)], in: store, random: 2)
    try Raw.execute(
      """
      UPDATE origin SET url = 'http://127.0.0.1:8080';
      INSERT INTO origin (id, url) VALUES (9, 'http://localhost:8080');
      UPDATE run SET origin = 9 WHERE run_id = '\(second.run)';
      """, in: store.path)
    let both = try await found([PlannedItems.source(0), PlannedItems.source(1)], in: store.store)
    #expect(both?.items == 2)
    #expect(both?.runs == 2)
    #expect(both?.newest == max(first.run, second.run))
    // Taken again, it shares rates and waits with the runs of the other spelling.
    try await second.release(as: .finished, at: TestStore.start)
    _ = try await store.store.take(second.run, isCancelling: false, at: TestStore.start)
    #expect(try Raw.query("SELECT DISTINCT origin FROM run", in: store.path) == ["1"])
  }

  @Test("a store that is open for reading finds the same, and changes nothing")
  func reading() async throws {
    let store = try await TestStore()
    let sources = (0..<40).map { PlannedItems.source($0) }
    let first = try await run(Array(sources[..<30]), in: store, chunkSize: 7)
    let reader = try await SQLiteStore.openForReading(path: store.path)
    let before = AcceptedBefore(items: 30, runs: 1, newest: first.run)
    #expect(try await found(sources, in: reader) == before)
    #expect(try Raw.query("SELECT count(*) FROM known_page", in: store.path) == ["0"])
    // Half of it noted, the rest not.
    #expect(try await found(sources, in: store.store) == before)
    let second = try await run(Array(sources[20...]), in: store, random: 2, chunkSize: 7)
    #expect(
      try await found(sources, in: reader)
        == AcceptedBefore(items: 40, runs: 2, newest: max(first.run, second.run)))
  }

  @Test(
    "what is found is what a set would say, looked up or walked along",
    arguments: 1...6 as ClosedRange<UInt64>)
  func model(seed: UInt64) async throws {
    let random = SeededRandom(seed: seed)
    let store = try await TestStore()
    var accepted: [Int: Set<Int>] = [:]
    var runs: [RunID] = []
    for run in 0..<3 {
      let numbers = (0..<120).filter { _ in random.next() % 3 == 0 }
      guard !numbers.isEmpty else { continue }
      let isAccepted = numbers.map { _ in random.next() % 4 != 0 }
      let session = try await self.run(
        numbers.map { PlannedItems.source($0) }, in: store, random: UInt64(run)
      ) { isAccepted[$0] }
      runs.append(session.run)
      accepted[run] = Set(zip(numbers, isAccepted).filter(\.1).map(\.0))
      for size in [1, 3, 200] {
        let asked = (0..<size).map { _ in Int(random.next() % 150) }
        let known = Set(accepted.values.joined())
        let before = try await found(asked.map { PlannedItems.source($0) }, in: store.store)
        #expect((before?.items ?? 0) == asked.filter(known.contains).count)
        let having = accepted.values.filter { !$0.isDisjoint(with: asked) }.count
        #expect((before?.runs ?? 0) == having)
      }
    }
  }
}
