import BatchDomain
import Dispatch
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

/// Random arrivals at the store, over several runs of one service and over restarts.
@Suite("Rate limits in every window", .timeLimit(.minutes(10)))
struct RatePropertyTests {
  /// What two runs of one service are told.
  struct Limits: Sendable, CustomTestStringConvertible {
    let first: [Rate]
    let second: [Rate]

    var testDescription: String { "\(first) and \(second)" }
  }

  private static let limits = [
    Limits(
      first: [Rate(count: 3, window: .second), Rate(count: 20, window: .minute)],
      second: [Rate(count: 3, window: .second), Rate(count: 20, window: .minute)]),
    Limits(
      first: [
        Rate(count: 1, window: .second), Rate(count: 7, window: .minute), Rate(count: 40, window: .hour),
      ],
      second: [Rate(count: 7, window: .minute)]),
    Limits(first: [Rate(count: 5, window: .minute)], second: [Rate(count: 2, window: .minute)]),
  ]

  private static let chunks = 60

  /// One run, and what it is told.
  private struct Sender {
    let run: RunID
    let rates: [Rate]
    var session: any RunSession
  }

  /// A request that was let through.
  private struct Start {
    let at: Timestamp
    let rates: [Rate]
  }

  @Test(
    "no window ever has more requests than its limit, and no request waits without need",
    arguments: limits, [1, 2, 3, 4] as [UInt64])
  func everyWindow(limits: Limits, seed: UInt64) async throws {
    let random = SeededRandom(seed: seed)
    let clock = ManualClock()
    let folder = try TemporaryFolder()
    let storage = try FaultyFolder(folder)
    defer { withExtendedLifetime(storage) {} }
    let path = folder.file("store.db")
    var store = try await SQLiteStore.open(path: path, now: clock.now())
    var senders: [Sender] = []
    for rates in [limits.first, limits.second] {
      var settings = RunSettings()
      settings.rates = rates
      let session = try await PlannedItems.plan(
        (0..<Self.chunks).map { PlannedItems.source($0) }, chunkSize: 1, settings: settings, in: store,
        at: clock.now(), random: random.next())
      senders.append(Sender(run: session.run, rates: rates, session: session))
    }
    var starts: [Start] = []
    var refusals = 0
    /// When runs that were held back were told that they may go.
    var kept: [RunID: Timestamp] = [:]
    while starts.count < Self.chunks {
      clock.advance(by: gap(random))
      if random.next() % 25 == 0 {
        try await restart(&store, &senders, path: path, at: clock.now())
        kept = [:]
      }
      let sender = senders[Int(random.next() % 2)]
      switch try await sender.session.claim(at: clock.now()) {
      case .none:
        Issue.record("nothing left after \(starts.count) requests")
        return
      case .chunk(let chunk):
        #expect(chunk.startedAt == clock.now())
        starts.append(Start(at: clock.now(), rates: sender.rates))
        kept[sender.run] = kept[sender.run].map { min($0, clock.now()) }
        if random.next() % 2 == 0 { try await accept(chunk, in: sender.session, at: clock.now()) }
      case .notBefore(let moment, .rate(let rate)):
        refusals += 1
        // The limit is used up now, and it is not a moment later.
        #expect(sender.rates.contains(rate))
        #expect(count(of: starts, in: rate.window, endingAt: clock.now()) >= rate.count)
        #expect(count(of: starts, in: rate.window, endingAt: moment) < rate.count)
        #expect(count(of: starts, in: rate.window, endingAt: moment - .milliseconds(1)) >= rate.count)
        kept[sender.run] = moment
        // Often the next request comes just then.
        if random.next() % 2 == 0 { clock.advance(by: moment.since(clock.now())) }
      case .notBefore(let moment, .share(.rate(let rate), let until)):
        // The limit has room, which another run was promised.
        #expect(count(of: starts, in: rate.window, endingAt: clock.now()) < rate.count)
        #expect(
          kept.contains {
            $0.key != sender.run && clock.now() < $0.value + RateShares.patience(rate.window)
          })
        #expect(moment <= until && moment <= clock.now() + .seconds(1))
        kept[sender.run] = until
      case .notBefore(_, let why):
        Issue.record("held back for \(why)")
        return
      }
    }
    #expect(refusals > 10)
    try check(starts, in: path)
  }

  /// Bursts, ordinary gaps, and now and then a pause longer than most windows.
  private func gap(_ random: SeededRandom) -> Duration {
    switch random.next() % 10 {
    case 0...5: .milliseconds(Int64(random.next() % 40))
    case 6...8: .milliseconds(Int64(random.next() % 2_000))
    default: .milliseconds(Int64(random.next() % 70_000))
    }
  }

  /// Requests that started in the window that ends at a moment, its first instant included: times are cut to
  /// milliseconds, so that two a window apart may be nearer to each other.
  private func count(of starts: [Start], in window: Rate.Window, endingAt end: Timestamp) -> Int {
    starts.reversed().prefix { end.since($0.at) <= window.duration }.count
  }

  private func accept(_ chunk: ClaimedChunk, in session: any RunSession, at now: Timestamp) async throws {
    _ = try await session.record(
      AttemptRecord(
        of: chunk, finishedAt: now, took: .zero, outcome: .accepted,
        status: 200, code: nil, message: nil, isCounted: false, event: .accepted,
        readyAt: Timestamp(milliseconds: 0)))
  }

  /// The process dies, and another takes both runs over.
  private func restart(
    _ store: inout SQLStore, _ senders: inout [Sender], path: String, at now: Timestamp
  ) async throws {
    try await store.close()
    for row in 1...2 { store.engine.releaseRun(Int64(row)) }
    store = try await SQLiteStore.open(path: path, now: now)
    for place in senders.indices {
      senders[place].session = try await store.take(senders[place].run, isCancelling: false, at: now)
    }
  }

  /// Looks at every window that ends with a request, by what the database says.
  private func check(_ starts: [Start], in path: String) throws {
    let recorded = try Raw.query("SELECT started_at FROM attempt ORDER BY started_at", in: path)
    #expect(recorded == starts.map { "\($0.at.milliseconds)" })
    for (place, start) in starts.enumerated() {
      let before = Array(starts[...place])
      for rate in start.rates {
        #expect(
          count(of: before, in: rate.window, endingAt: start.at) <= rate.count,
          "request \(place) is one too many for \(rate)")
      }
    }
  }

  @Test("as many as a limit permits start at once, and as many again a window later")
  func wholeBudget() async throws {
    let folder = try TemporaryFolder()
    let clock = ManualClock()
    let store = try await SQLiteStore.open(path: folder.file("store.db"), now: clock.now())
    var settings = RunSettings()
    settings.rates = [Rate(count: 5, window: .second), Rate(count: 12, window: .minute)]
    let session = try await PlannedItems.plan(
      (0..<40).map { PlannedItems.source($0) }, chunkSize: 1, settings: settings, in: store, at: clock.now())
    let start = clock.now()
    var starts: [Duration] = []
    while starts.count < 27 {
      switch try await session.claim(at: clock.now()) {
      case .chunk: starts.append(clock.now().since(start))
      case .notBefore(let moment, _): clock.advance(by: moment.since(clock.now()))
      case .none: Issue.record("nothing left")
      }
    }
    // Five at a time, a second and the millisecond that times are cut by apart; then a minute after the first.
    func moment(_ seconds: Int, _ milliseconds: Int) -> Duration {
      .seconds(seconds) + .milliseconds(milliseconds)
    }
    let minute = [moment(0, 0), moment(1, 1), moment(2, 2)]
    let expected = [(5, minute[0]), (5, minute[1]), (2, minute[2])]
    let first = expected.flatMap { Array(repeating: $0.1, count: $0.0) }
    #expect(Array(starts.prefix(12)) == first)
    #expect(Array(starts[12..<24]) == first.map { $0 + moment(60, 1) })
    #expect(Array(starts[24...]) == [Duration](repeating: moment(120, 2), count: 3))
  }

  @Test(
    "no window has more requests leave than its limit, however long commits take",
    arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
  func slowCommits(seed: UInt64) async throws {
    let random = SeededRandom(seed: seed)
    let clock = ManualClock()
    let folder = try TemporaryFolder()
    let store = try await SQLiteStore.open(path: folder.file("store.db"), clock: clock)
    var settings = RunSettings()
    settings.rates = [Rate(count: 3, window: .second), Rate(count: 20, window: .minute)]
    var sessions: [any RunSession] = []
    for _ in 0..<2 {
      sessions.append(
        try await PlannedItems.plan(
          (0..<Self.chunks).map { PlannedItems.source($0) }, chunkSize: 1, settings: settings, in: store,
          at: clock.now(), random: random.next()))
    }
    var left: [Start] = []
    var stalls = 0
    while left.count < Self.chunks {
      // From a disk that is busy to one that does nothing for longer than both windows.
      let stall: Duration =
        switch random.next() % 8 {
        case 0...3: .milliseconds(Int64(random.next() % 20))
        case 4...6: .milliseconds(Int64(random.next() % 5_000))
        default: .milliseconds(Int64(random.next() % 90_000))
        }
      stalls += stall > .seconds(1) ? 1 : 0
      let claims = try await claims(Int(1 + random.next() % 6), of: sessions, in: store.database) {
        clock.advance(by: stall)
      }
      var free: Timestamp?
      for claim in claims {
        switch claim {
        case .chunk: left.append(Start(at: clock.now(), rates: settings.rates))
        case .notBefore(let moment, .rate), .notBefore(let moment, .share): free = min(free ?? moment, moment)
        case .notBefore, .none: Issue.record("\(claim)")
        }
      }
      if let free, free > clock.now(), random.next() % 2 == 0 {
        clock.advance(by: free.since(clock.now()))
      } else {
        clock.advance(by: gap(random))
      }
    }
    #expect(stalls > 5)
    for (place, start) in left.enumerated() {
      for rate in settings.rates {
        let count = left[...place].filter { start.at.since($0.at) < rate.window.duration }.count
        #expect(
          count <= rate.count, "\(count) requests in a window of \(rate) that ends with request \(place)")
      }
    }
  }

  /// Claims that share a commit, which takes some time after they have got their times.
  private func claims(
    _ count: Int, of sessions: [any RunSession], in database: Database,
    during commit: @escaping @Sendable () -> Void
  ) async throws -> [Claim] {
    let gate = DispatchSemaphore(value: 0)
    let (holding, begun) = AsyncStream.makeStream(of: Void.self)
    async let held: Void = database.read { _ in
      begun.yield()
      gate.wait()
    }
    // What comes now waits behind it, and shares a commit.
    for await _ in holding { break }
    async let slow: Void = database.write { $0.beforeCommit { _ in commit() } }
    while database.waitingChanges < 1 { await Task.yield() }
    let claims = try await withThrowingTaskGroup(of: Claim.self) { group in
      for place in 0..<count {
        let session = sessions[place % sessions.count]
        // Without a clock in the store, this would be the time of the intent.
        group.addTask { try await session.claim(at: Timestamp(milliseconds: 0)) }
      }
      while database.waitingChanges < count + 1 { await Task.yield() }
      gate.signal()
      return try await group.reduce(into: []) { $0.append($1) }
    }
    _ = try await (held, slow)
    return claims
  }

  @Test("intents of a clock that was put back hold requests up for a window, and no longer")
  func clockPutBack() async throws {
    let clock = ManualClock()
    let folder = try TemporaryFolder()
    let store = try await SQLiteStore.open(path: folder.file("store.db"), clock: clock)
    var settings = RunSettings()
    settings.rates = [Rate(count: 2, window: .minute)]
    let session = try await PlannedItems.plan(
      (0..<8).map { PlannedItems.source($0) }, chunkSize: 1, settings: settings, in: store, at: clock.now())
    func isClaimed() async throws -> Bool {
      if case .chunk = try await session.claim(at: clock.now()) { true } else { false }
    }
    #expect(try await isClaimed())
    #expect(try await isClaimed())
    clock.setNow(clock.now() - .seconds(86_400))
    #expect(try await !isClaimed())
    clock.advance(by: .seconds(59))
    #expect(try await !isClaimed())
    clock.advance(by: .seconds(2))
    #expect(try await isClaimed())
    #expect(try await isClaimed())
    #expect(try await !isClaimed())
    clock.advance(by: .seconds(61))
    #expect(try await isClaimed())
  }
}
