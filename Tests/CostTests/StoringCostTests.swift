import BatchDomain
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

/// What one chunk and one item cost the store, in counts that are the same on every machine.
@Suite("Cost of storing")
struct StoringCostTests {
  let start = Timestamp(milliseconds: 1_750_000_000_000)

  struct Planned {
    let folder: TemporaryFolder
    let watched: FaultyFolder
    let session: any RunSession
    let database: Database
  }

  func plan(chunks: Int) async throws -> Planned {
    let folder = try TemporaryFolder()
    let watched = try FaultyFolder(folder)
    let store = try await SQLiteStore.open(path: folder.file("store.db"), now: start)
    let session = try await PlannedItems.plan(
      (0..<chunks * 2).map { PlannedItems.source($0) }, chunkSize: 2, in: store, at: start)
    return Planned(folder: folder, watched: watched, session: session, database: store.database)
  }

  func claim(_ session: any RunSession) async throws -> ClaimedChunk {
    guard case .chunk(let chunk) = try await session.claim(at: start) else {
      throw StoreError(.conflict, "nothing to claim")
    }
    return chunk
  }

  func accepted(_ chunk: ClaimedChunk) -> AttemptRecord {
    AttemptRecord(
      of: chunk, finishedAt: start + .seconds(1), took: .seconds(1),
      outcome: .accepted, status: 200, code: nil, message: nil, isCounted: false, event: .accepted)
  }

  func accept(_ chunk: ClaimedChunk, _ session: any RunSession) async throws {
    _ = try await session.record(accepted(chunk))
  }

  @Test("one at a time, a chunk costs two commits, two syncs, and the same statements in a run of any size")
  func oneAtATime() async throws {
    var statements: [Int] = []
    for chunks in [60, 600] {
      let planned = try await plan(chunks: chunks)
      let before = (
        try await planned.database.commits, try await planned.database.statements, planned.watched.counts
      )
      for _ in 0..<50 { try await accept(claim(planned.session), planned.session) }
      #expect(try await planned.database.commits - before.0 == 100)
      // One more: the log begins anew after the plan was moved into the database.
      #expect(planned.watched.counts.syncs - before.2.syncs == 101)
      statements.append(try await planned.database.statements - before.1)
    }
    #expect(statements[0] == statements[1])
    #expect(statements[0] <= 50 * 25, "\(statements[0] / 50) statements a chunk")
  }

  @Test("an acceptance and the claim of the next chunk are one commit and one sync")
  func acceptanceAndClaim() async throws {
    let planned = try await plan(chunks: 60)
    var chunk = try await claim(planned.session)
    let before = (try await planned.database.commits, planned.watched.counts.syncs)
    for _ in 0..<50 {
      let claim = try await planned.session.record(accepted(chunk), claimingAt: start).claim
      guard case .success(.chunk(let next)) = claim else { throw StoreError(.conflict, "nothing to claim") }
      chunk = next
    }
    #expect(try await planned.database.commits - before.0 == 50)
    #expect(planned.watched.counts.syncs - before.1 == 50)
  }

  @Test(
    "sixteen changes that wait for the database share two commits and two syncs, and what they have in common"
  )
  func sixteenAtATime() async throws {
    let planned = try await plan(chunks: 16)
    let (session, database) = (planned.session, planned.database)
    let before = (try await database.commits, planned.watched.counts.syncs)
    let statements = try await database.statements
    let chunks = try await database.together(16) { _ in try await claim(session) }
    #expect(Set(chunks.map(\.number)).count == 16)
    #expect(try await database.commits - before.0 == 2)
    _ = try await database.together(16) { try await accept(chunks[$0], session) }
    #expect(try await database.commits - before.0 == 4)
    let perChunk = Double(try await database.statements - statements) / 16
    #expect(perChunk <= 13, "\(perChunk) statements a chunk")
    // One more: the log begins anew after the plan was moved into the database.
    #expect(planned.watched.counts.syncs - before.1 == 5)
  }

  @Test("an item is written to the log and to the database, and hardly more")
  func bytesPerItem() async throws {
    let folder = try TemporaryFolder()
    let watched = try FaultyFolder(folder)
    let store = try await SQLiteStore.open(path: folder.file("store.db"), now: start)
    let before = watched.counts
    let items = 20_000
    let sources = (0..<items).map { number in
      let name = "s3://media-west/episode-\(number.padded(9))"
      return
        #"{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"\#(name).mp4","transcription":"\#(name).srt"}"#
    }
    _ = try await PlannedItems.plan(sources, chunkSize: 100, in: store, at: start)
    let text = sources.reduce(0) { $0 + $1.utf8.count }
    let bytes = watched.counts.bytes - before.bytes
    let ratio = Double(bytes) / Double(text)
    #expect(ratio < 2.6, "\(ratio) bytes written for one of the manifest")
  }

  @Test("a claim under a rate costs the same, however many intents are in its window")
  func rateOfALargeWindow() async throws {
    var steps: [Int] = []
    for earlier in [50, 20_000] {
      let folder = try TemporaryFolder()
      let path = folder.file("store.db")
      let store = try await SQLiteStore.open(path: path, now: start)
      var settings = RunSettings()
      settings.rates = [Rate(count: 10_000, window: .hour), Rate(count: 30_000, window: .day)]
      let session = try await PlannedItems.plan(
        (0..<200).map { PlannedItems.source($0) }, chunkSize: 1, settings: settings, in: store, at: start)
      // Sent by another run, two hours before.
      try Raw.execute(
        """
        WITH RECURSIVE sent (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM sent WHERE n < \(earlier))
        INSERT INTO attempt (run, chunk, number, origin, destination, step, owner, started_at, bytes, timeout_ms, intent)
        SELECT 99, n, 1, 1, 1, 'transfer', 1, \((start - .seconds(7_200)).milliseconds), 1, 1, n FROM sent
        """, in: path)
      _ = try await claim(session)
      let before = try await store.database.read { $0.machineSteps }
      for _ in 0..<100 { _ = try await claim(session) }
      steps.append((try await store.database.read { $0.machineSteps } - before) / 100)
    }
    #expect(steps[1] <= steps[0] + 200, "\(steps)")
    #expect(steps[1] < 2_000, "\(steps)")
  }

  @Test("a claim that a rate refuses writes nothing for a run alone, and once where another run goes on")
  func refusedClaims() async throws {
    let folder = try TemporaryFolder()
    let watched = try FaultyFolder(folder)
    let store = try await SQLiteStore.open(path: folder.file("store.db"), now: start)
    var settings = RunSettings()
    settings.rates = [Rate(count: 5, window: .hour)]
    var sessions: [any RunSession] = []
    func plan() async throws {
      sessions.append(
        try await PlannedItems.plan(
          (0..<20).map { PlannedItems.source($0) }, chunkSize: 1, settings: settings, in: store, at: start,
          random: UInt64(sessions.count)))
    }
    func syncsOfRefusals(_ session: any RunSession) async throws -> [Int] {
      var syncs: [Int] = []
      for _ in 0..<3 {
        let before = watched.counts.syncs
        guard case .notBefore(_, .rate) = try await session.claim(at: start) else {
          throw StoreError(.conflict, "not refused")
        }
        syncs.append(watched.counts.syncs - before)
      }
      return syncs
    }
    try await plan()
    var statements = try await store.database.statements
    for _ in 0..<5 { _ = try await claim(sessions[0]) }
    let alone = try await store.database.statements - statements
    #expect(try await syncsOfRefusals(sessions[0]) == [0, 0, 0])
    try await plan()
    #expect(try await syncsOfRefusals(sessions[1]).dropFirst() == [0, 0])
    #expect(try Raw.query("SELECT run FROM rate_share", in: folder.file("store.db")) == ["2"])
    try await sessions[1].release(as: .paused(.signal, detail: nil), at: start)
    #expect(try Raw.query("SELECT run FROM rate_share", in: folder.file("store.db")).isEmpty)
    // Beside a run that does not wait, a claim costs two statements more at most.
    try await plan()
    settings.rates = [Rate(count: 15, window: .hour)]
    try await plan()
    statements = try await store.database.statements
    for _ in 0..<5 { _ = try await claim(sessions[3]) }
    #expect(try await store.database.statements - statements <= alone + 2 * 5)
  }

  @Test("to follow a chunk costs the same in a run of any size, and of a look only the end is synced")
  func following() async throws {
    var steps: [Int] = []
    for chunks in [50, 400] {
      let folder = try TemporaryFolder()
      let watched = try FaultyFolder(folder)
      let store = try await SQLiteStore.open(path: folder.file("store.db"), now: start)
      let session = try await PlannedItems.plan(
        (0..<chunks * 2).map { PlannedItems.source($0) }, chunkSize: 2, in: store, at: start)
      for _ in 0..<chunks { try await accept(claim(session), session) }
      let before = (try await store.reader.read { $0.machineSteps }, watched.counts.syncs)
      var followed = 0
      var after: Int?
      repeat {
        let page = try await store.follow(of: session.run, after: after, limit: 2) {
          $0.object.fileName.rawValue
        }
        followed += page.followed
        after = page.next
      } while after != nil
      #expect(followed == chunks * 2)
      steps.append((try await store.reader.read { $0.machineSteps } - before.0) / chunks)
      let listing = try #require(try await store.openListings(of: session.run).first)
      #expect(listing.open == chunks * 2)
      let video = ListedVideo(id: "v", mark: "000001.mp4", createdAt: start, state: .ready, detail: nil)
      _ = try await store.record(
        ListedPage(number: 1, videos: [video], isLast: true, readAt: start), of: listing, isByID: false)
      _ = try await store.judge(listing, after: nil, limit: 10, at: start)
      try await store.endWalk(of: listing)
      // What is written in between may fill the log, which is then moved into the database.
      #expect(watched.counts.syncs - before.1 < chunks / 10)
      let syncs = watched.counts.syncs
      try await store.endLook(of: session.run, at: start)
      #expect(watched.counts.syncs == syncs + 1)
    }
    #expect(steps[1] <= steps[0] + steps[0] / 4, "\(steps)")
  }

  @Test("names that clash cost planning a walk along the chunks, and no change for each")
  func clashes() async throws {
    var statements: [Int] = []
    for isClashing in [false, true] {
      let folder = try TemporaryFolder()
      let store = try await SQLiteStore.open(path: folder.file("store.db"), now: start)
      let sources = (0..<2_000).map {
        PlannedItems.source($0, name: isClashing ? "\($0 % 1_000)/same-\($0 % 1_000).mp4" : nil)
      }
      _ = try await PlannedItems.plan(sources, chunkSize: 2, in: store, at: start)
      statements.append(try await store.database.statements)
      let marked = try Raw.query("SELECT sum(names_clash) FROM chunk", in: folder.file("store.db"))
      #expect(marked == [isClashing ? "1000" : "0"])
    }
    #expect(statements[1] <= statements[0] + 3, "\(statements)")
  }

  @Test("reports of a run do not wait for those who commit", .timeLimit(.minutes(10)))
  func reportsBesideCommits() async throws {
    let folder = try TemporaryFolder()
    let store = try await SQLiteStore.open(path: folder.file("store.db"), clock: ManualClock(now: start))
    let session = try await PlannedItems.plan(
      (0..<10).map { PlannedItems.source($0) }, chunkSize: 2, in: store, at: start)
    try await accept(claim(session), session)
    let gate = DispatchGate()
    async let held: Void = store.database.read { _ in gate.wait() }
    let run = try await store.resolve("latest")
    #expect(try await store.summary(of: run).counts.chunks(in: .accepted) == 1)
    #expect(try await store.causes(of: run).isEmpty)
    #expect(try await store.items(of: run, in: [.accepted], after: nil, limit: 10).count == 2)
    #expect(try await store.insight(into: run).latencies.total == 1)
    #expect(try await store.audit(run, listing: 10).checked.chunks == 5)
    gate.open()
    try await held
  }

  @Test("what settling reads of other runs does not hold up those who commit")
  func sendsOfOthers() async throws {
    let folder = try TemporaryFolder()
    let clock = ManualClock(now: start)
    let store = try await SQLiteStore.open(path: folder.file("store.db"), clock: clock)
    var sessions: [any RunSession] = []
    for random in 1...2 {
      let session = try await PlannedItems.plan(
        (0..<100).map { PlannedItems.source($0) }, chunkSize: 10, in: store, at: start, random: UInt64(random)
      )
      while case .chunk(let chunk) = try await session.claim(at: start) { try await accept(chunk, session) }
      sessions.append(session)
    }
    let statements = try await store.database.statements
    let index = IndexID("629d807aa9e2a3a33a92c00b")
    let sends = try await sessions[0].sends(of: [index: ["000007.mp4", "none"]], since: start)
    #expect(sends.map(\.name) == ["000007.mp4"])
    #expect(
      try await sessions[0].witnesses(
        index: index, intents: 0..<Int.max, begunAfter: nil, newestFirst: true, limit: 5
      ).count
        == 5)
    #expect(try await store.database.statements == statements)
  }
}

extension Database {
  /// Lets that many changes wait for the database, then lets them go.
  fileprivate func together<T: Sendable>(
    _ count: Int, _ change: @escaping @Sendable (Int) async throws -> T
  ) async throws -> [T] {
    let gate = DispatchGate()
    async let held: Void = read { _ in gate.wait() }
    let results = try await withThrowingTaskGroup(of: (Int, T).self) { group in
      for number in 0..<count { group.addTask { (number, try await change(number)) } }
      while waitingChanges < count { await Task.yield() }
      gate.open()
      return try await group.reduce(into: [(Int, T)]()) { $0.append($1) }
    }
    try await held
    return results.sorted { $0.0 < $1.0 }.map(\.1)
  }
}
