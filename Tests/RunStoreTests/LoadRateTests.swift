import BatchDomain
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

/// Limits on what requests have in them: items, and minutes of media.
@Suite("Limits on items", .timeLimit(.minutes(10)))
struct LoadRateTests {
  private struct Start {
    let at: Timestamp
    let items: Int
  }

  @Test(
    "no window has more items than its limit, over two runs and restarts, and no request waits without need",
    arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
  func everyWindow(seed: UInt64) async throws {
    let random = SeededRandom(seed: seed)
    let clock = ManualClock()
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    var store = try await SQLiteStore.open(path: path, now: clock.now())
    var settings = RunSettings()
    settings.itemRates = [Rate(count: 20, window: .second), Rate(count: 100, window: .minute)]
    var sessions: [any RunSession] = []
    for chunkSize in [3, 7] {
      sessions.append(
        try await PlannedItems.plan(
          (0..<300).map { PlannedItems.source($0) }, chunkSize: chunkSize, settings: settings, in: store,
          at: clock.now(), random: random.next()))
    }
    var starts: [Start] = []
    var refusals = 0
    /// When runs that were held back were told that they may go.
    var kept: [RunID: Timestamp] = [:]
    func items(_ window: Rate.Window, endingAt end: Timestamp) -> Int {
      starts.reversed().prefix { end.since($0.at) <= window.duration }.reduce(0) { $0 + $1.items }
    }
    while starts.count < 120 {
      clock.advance(by: .milliseconds(Int64(random.next() % (random.next() % 10 < 8 ? 300 : 20_000))))
      if random.next() % 20 == 0 {
        try await store.close()
        for row in 1...2 { store.engine.releaseRun(Int64(row)) }
        store = try await SQLiteStore.open(path: path, now: clock.now())
        for place in sessions.indices {
          sessions[place] = try await store.take(sessions[place].run, isCancelling: false, at: clock.now())
        }
        kept = [:]
      }
      let session = sessions[Int(random.next() % 2)]
      switch try await session.claim(at: clock.now()) {
      case .none: continue
      case .chunk(let chunk):
        starts.append(Start(at: clock.now(), items: chunk.itemCount))
        kept[session.run] = kept[session.run].map { min($0, clock.now()) }
        for rate in settings.itemRates {
          #expect(items(rate.window, endingAt: clock.now()) <= rate.count, "request \(starts.count)")
        }
      case .notBefore(let moment, .itemRate(let rate)):
        refusals += 1
        let next = session.run == sessions[0].run ? 3 : 7
        #expect(items(rate.window, endingAt: moment - .milliseconds(1)) + next > rate.count)
        kept[session.run] = moment
        if random.next() % 2 == 0 { clock.advance(by: moment.since(clock.now())) }
      case .notBefore(let moment, .share(.itemRate(let rate), let until)):
        let next = session.run == sessions[0].run ? 3 : 7
        #expect(items(rate.window, endingAt: clock.now()) + next <= rate.count)
        #expect(
          kept.contains {
            $0.key != session.run && clock.now() < $0.value + RateShares.patience(rate.window)
          })
        #expect(moment <= until && moment <= clock.now() + .seconds(1))
        kept[session.run] = until
      case .notBefore(_, let why):
        Issue.record("held back for \(why)")
        return
      }
    }
    #expect(refusals > 10)
  }

  @Test(
    "a day's budget of more requests than are kept one by one is never exceeded, and nearly all of it is used"
  )
  func manyRequests() async throws {
    let clock = ManualClock()
    let folder = try TemporaryFolder()
    let store = try await SQLiteStore.open(path: folder.file("store.db"), now: clock.now())
    var settings = RunSettings()
    settings.itemRates = [Rate(count: 10_000, window: .day)]
    let session = try await PlannedItems.plan(
      (0..<10_400).map { PlannedItems.source($0) }, chunkSize: 1, settings: settings, in: store,
      at: clock.now())
    let begin = clock.now()
    var sent = 0
    while sent < 10_400 {
      switch try await session.claim(at: clock.now()) {
      case .chunk:
        sent += 1
        if sent <= 10_000 { clock.advance(by: .seconds(1)) }
        // Of the second day: each follows one of the first by a day at least.
        if sent > 10_000 { #expect(clock.now() >= begin + .seconds(86_400) + .seconds(Int64(sent - 10_001))) }
      case .notBefore(let moment, .itemRate):
        #expect(sent >= 10_000)
        clock.advance(by: moment.since(clock.now()))
      default:
        Issue.record("held back")
        return
      }
    }
    // It is at most some seconds late, since requests are kept by groups.
    #expect(clock.now() <= begin + .seconds(86_400 + 399 + 10))
  }

  @Test("after the clock was put back, the wait is no longer than a window")
  func clockPutBack() async throws {
    let clock = ManualClock()
    let folder = try TemporaryFolder()
    let store = try await SQLiteStore.open(path: folder.file("store.db"), clock: clock)
    var settings = RunSettings()
    settings.itemRates = [Rate(count: 10, window: .hour)]
    let session = try await PlannedItems.plan(
      (0..<40).map { PlannedItems.source($0) }, chunkSize: 10, settings: settings, in: store, at: clock.now())
    guard case .chunk = try await session.claim(at: clock.now()) else {
      Issue.record("nothing claimed")
      return
    }
    clock.setNow(clock.now() - .seconds(86_400))
    guard case .notBefore(let moment, .itemRate) = try await session.claim(at: clock.now()) else {
      Issue.record("not held back")
      return
    }
    #expect(moment <= clock.now() + .seconds(3_601))
    clock.advance(by: moment.since(clock.now()))
    guard case .chunk = try await session.claim(at: clock.now()) else {
      Issue.record("held back for longer than a window")
      return
    }
  }

  @Test(
    "limits of any size are kept by several runs at once, and hold nothing back",
    arguments: [1_000_000_000, .max])
  func greatLimits(count: Int) async throws {
    let clock = ManualClock()
    let folder = try TemporaryFolder()
    let store = try await SQLiteStore.open(path: folder.file("store.db"), now: clock.now())
    var settings = RunSettings()
    settings.rates = [Rate(count: count, window: .day)]
    settings.itemRates = [Rate(count: count, window: .second)]
    settings.mediaRates = [MediaRate(minutes: count, window: .hour)]
    settings.profile = .v1_3
    var sessions: [any RunSession] = []
    for random in 1...2 {
      sessions.append(
        try await PlannedItems.plan(
          (0..<4).map { PlannedItems.source($0) }, chunkSize: 1, settings: settings, in: store,
          at: clock.now(), random: UInt64(random)))
    }
    for step in [ChunkStep.upload, .index] {
      for limit in settings.limits(on: step) {
        #expect(limit.count >= 1_000_000_000)
        let load = RequestLoad(items: 1, media: 1)
        let ahead = RateShares.Share(run: 1, taken: 0, due: clock.now(), load: load)
        let order = RateShares(
          run: 2, load: load, limits: [limit], own: nil, waiting: [ahead], most: 0, at: clock.now())
        let windows = RateWindows(origin: 1, step: step, clock: clock)
        #expect(
          try await store.reader.read { connection in
            try order.delay(at: clock.now()) {
              try windows.use(of: $0.unit, in: $0.window, at: clock.now(), in: connection)
            } == nil
          })
      }
    }
    for _ in 0..<4 {
      for session in sessions {
        guard case .chunk = try await session.claim(.upload, at: clock.now()) else {
          Issue.record("a request was held back")
          continue
        }
      }
    }
  }
}
