import BatchDomain
import TestSupport
import Testing

/// How every store shares rate limits among the runs that wait for them at the same time: by the port alone.
///
/// An implementation runs it by handing over a way to make an empty store, and a way to let the process of a run die.
struct SharingConformance {
  let makeStore: () async throws -> any BatchStore
  let kill: (any BatchStore, RunID) async throws -> Void
  let start = Timestamp(milliseconds: 1_750_000_000_000)

  /// A run as a process plays it: it asks when it was told to, and sends until it is held back.
  private struct Player {
    let session: any RunSession
    let step: ChunkStep
    /// How long a request takes, of which there is one at a time; with zero, all that may be sent at a moment is sent.
    let takes: Duration
    var asksAt: Timestamp
    var sent: [(at: Timestamp, items: Int)] = []
    /// How often it gave way.
    var gaveWay = 0
    /// It has nothing left to send, or does not ask any more.
    var isOver = false

    init(_ session: any RunSession, _ step: ChunkStep? = nil, takes: Duration = .zero, from: Timestamp) {
      self.session = session
      self.step = step ?? session.settings.profile.firstStep
      self.takes = takes
      asksAt = from
    }

    func items(from first: Timestamp? = nil, to last: Timestamp? = nil) -> Int {
      sent.filter { request in
        first.map { $0 <= request.at } ?? true && last.map { request.at < $0 } ?? true
      }.reduce(0) { $0 + $1.items }
    }

    mutating func ask(at now: Timestamp) async throws {
      while true {
        switch try await session.claim(step, at: now) {
        case .chunk(let chunk):
          sent.append((now, chunk.itemCount))
          guard takes == .zero else {
            asksAt = now + takes
            return
          }
        case .none:
          isOver = true
          return
        case .notBefore(let moment, let why):
          if case .share(_, let until) = why {
            gaveWay += 1
            // It asks again in time to find out that nobody came for the room.
            #expect(now < moment && moment <= now + .seconds(1) && moment <= until)
          }
          try #require(moment > now)
          asksAt = moment
          return
        }
      }
    }
  }

  /// Plays runs until a moment. Of those that ask at the same moment, the first of them always comes first.
  private func play(_ players: inout [Player], until end: Timestamp) async throws {
    while let now = players.filter({ !$0.isOver }).map(\.asksAt).min(), now < end {
      for place in players.indices where !players[place].isOver && players[place].asksAt <= now {
        try await players[place].ask(at: now)
      }
    }
  }

  private func plan(
    _ items: Int, chunkSize: Int, in store: any BatchStore, random: UInt64,
    _ configure: (inout RunSettings) -> Void
  ) async throws -> any RunSession {
    var settings = RunSettings()
    configure(&settings)
    return try await PlannedItems.plan(
      (0..<items).map { PlannedItems.source($0) }, chunkSize: chunkSize, settings: settings, in: store,
      at: start, random: random)
  }

  private func minutes(_ count: Int) -> Timestamp { start + .seconds(Int64(60 * count)) }

  // MARK: Nobody starves

  func largeChunksBesideSmallOnes() async throws {
    let store = try await makeStore()
    let limit = Rate(count: 60, window: .hour)
    let large = try await plan(600, chunkSize: 20, in: store, random: 1) { $0.itemRates = [limit] }
    let small = try await plan(600, chunkSize: 1, in: store, random: 2) { $0.itemRates = [limit] }
    var players = [Player(small, from: start), Player(large, from: start)]
    try await play(&players, until: minutes(6 * 60))
    // Each has half of it, to two requests of the larger one, and nothing of it is lost.
    #expect(abs(players[0].items() - players[1].items()) <= 40, "\(players.map { $0.items() })")
    #expect(players[0].items() + players[1].items() >= 6 * 60 - 20, "\(players.map { $0.items() })")
  }

  func largeChunksBesideSteadySmallOnes() async throws {
    let store = try await makeStore()
    let limit = Rate(count: 60, window: .hour)
    let large = try await plan(600, chunkSize: 20, in: store, random: 1) { $0.itemRates = [limit] }
    let small = try await plan(600, chunkSize: 1, in: store, random: 2) { $0.itemRates = [limit] }
    var players = [Player(small, takes: .seconds(30), from: start), Player(large, from: start + .seconds(5))]
    try await play(&players, until: minutes(8 * 60))
    // What the one cannot take while it is kept goes to the other.
    #expect(players.map { $0.items() >= 60 } == [true, true], "\(players.map { $0.items() })")
    // The room that a request needs collects for it: of a window less than that is not used.
    #expect(players[0].items() + players[1].items() >= 8 * 40, "\(players.map { $0.items() })")
  }

  /// The limit is no more than a request of the one run: either may have a window for itself.
  func chunksAsLargeAsTheLimit() async throws {
    let store = try await makeStore()
    let limit = Rate(count: 20, window: .minute)
    let large = try await plan(400, chunkSize: 20, in: store, random: 1) { $0.itemRates = [limit] }
    let small = try await plan(400, chunkSize: 1, in: store, random: 2) { $0.itemRates = [limit] }
    var players = [Player(small, from: start), Player(large, from: start)]
    try await play(&players, until: minutes(20))
    #expect(players.map { $0.items() >= 6 * 20 } == [true, true], "\(players.map { $0.items() })")
  }

  func equalRunsShareEqually() async throws {
    let store = try await makeStore()
    let limit = Rate(count: 10, window: .minute)
    let first = try await plan(150, chunkSize: 1, in: store, random: 1) { $0.rates = [limit] }
    let second = try await plan(150, chunkSize: 1, in: store, random: 2) { $0.rates = [limit] }
    var players = [Player(second, from: start), Player(first, from: start)]
    try await play(&players, until: minutes(15))
    #expect(abs(players[0].items() - players[1].items()) <= 10, "\(players.map { $0.items() })")
    #expect(players[0].items() + players[1].items() >= 150 - 10)
  }

  /// Places become free one by one, not all at once.
  func equalRunsShareWhatComesOneByOne() async throws {
    let store = try await makeStore()
    let limit = Rate(count: 12, window: .minute)
    let first = try await plan(300, chunkSize: 1, in: store, random: 1) { $0.rates = [limit] }
    let second = try await plan(300, chunkSize: 1, in: store, random: 2) { $0.rates = [limit] }
    var players = [
      Player(second, takes: .milliseconds(700), from: start),
      Player(first, takes: .milliseconds(700), from: start + .milliseconds(300)),
    ]
    try await play(&players, until: minutes(10))
    #expect(abs(players[0].items() - players[1].items()) <= 12, "\(players.map { $0.items() })")
    #expect(players[0].items() + players[1].items() >= 10 * 12 - 24, "\(players.map { $0.items() })")
  }

  /// The budget is used up when the second run begins.
  func lateRunHasItsShare() async throws {
    let store = try await makeStore()
    let limit = Rate(count: 24, window: .day)
    let first = try await plan(200, chunkSize: 1, in: store, random: 1) { $0.rates = [limit] }
    var players = [Player(first, takes: .seconds(3_600), from: start)]
    let joins = minutes(24 * 60)
    try await play(&players, until: joins)
    #expect(players[0].sent.count == 24)
    let second = try await plan(200, chunkSize: 1, in: store, random: 2) { $0.rates = [limit] }
    players.append(Player(second, from: joins))
    let end = joins + .seconds(86_400)
    try await play(&players, until: end)
    #expect(abs(players[0].items(from: joins) - players[1].items(from: joins)) <= 2)
    #expect(players[0].items(from: joins) + players[1].items(from: joins) >= 23)
    // It does not wait for more than a place.
    let earliest = try #require(players[1].sent.first)
    #expect(earliest.at <= joins + .seconds(2 * 3_600 + 2))
  }

  // MARK: Nobody blocks others

  /// What becomes of the run that waits.
  private enum Fate: CaseIterable { case pauses, dies, keepsSilent }

  func runThatDoesNotComeBlocksNobody() async throws {
    for fate in Fate.allCases {
      let store = try await makeStore()
      let limit = Rate(count: 60, window: .hour)
      let large = try await plan(600, chunkSize: 20, in: store, random: 1) { $0.itemRates = [limit] }
      let small = try await plan(600, chunkSize: 1, in: store, random: 2) { $0.itemRates = [limit] }
      var players = [
        Player(small, takes: .seconds(50), from: start), Player(large, from: start + .seconds(1)),
      ]
      try await play(&players, until: minutes(30))
      #expect(players[1].items() > 0)
      players[1].isOver = true
      switch fate {
      case .pauses: try await large.release(as: .paused(.signal, detail: nil), at: minutes(30))
      case .dies: try await kill(store, large.run)
      case .keepsSilent: break
      }
      // A run that is not there any more is noticed at once, another when it does not come in its time.
      let noticed = fate == .keepsSilent ? minutes(60 + 2) : minutes(30) + .seconds(2)
      try await play(&players, until: noticed)
      let gaveWay = players[0].gaveWay
      try await play(&players, until: minutes(4 * 60))
      #expect(players[0].gaveWay == gaveWay, "\(fate)")
      // From then on all of the limit is the other's.
      #expect(players[0].items(from: minutes(120)) >= 117, "\(fate): \(players[0].items(from: minutes(120)))")
    }
  }

  func runOutsideItsWindowBlocksNobody() async throws {
    for closes in [15 * 60 + 40, 20 * 60] {
      let store = try await makeStore()
      let limit = Rate(count: 60, window: .hour)
      let large = try await plan(600, chunkSize: 20, in: store, random: 1) {
        $0.itemRates = [limit]
        // It is 15:06 now.
        $0.windows = [SendingWindow(opens: 15 * 60, closes: closes)]
        $0.zone = "UTC"
      }
      let small = try await plan(600, chunkSize: 1, in: store, random: 2) { $0.itemRates = [limit] }
      var players = [Player(small, from: start + .seconds(1)), Player(large, from: start)]
      try await play(&players, until: minutes(20))
      players[1].isOver = true
      try await play(&players, until: minutes(120))
      // It could go at 16:06: only where its window is open then, room is kept for it.
      #expect((players[0].gaveWay > 0) == (closes == 20 * 60), "\(closes): \(players[0].gaveWay)")
    }
  }

  /// A chunk waits for its own next try, and the service asked all to wait: neither is a wait for room.
  func otherWaitsKeepNoRoom() async throws {
    let store = try await makeStore()
    let limit = Rate(count: 1, window: .minute)
    let first = try await plan(1, chunkSize: 1, in: store, random: 1) { $0.rates = [limit] }
    let second = try await plan(10, chunkSize: 1, in: store, random: 2) { $0.rates = [limit] }
    guard case .chunk(let chunk) = try await first.claim(at: start) else {
      Issue.record("nothing claimed")
      return
    }
    _ = try await first.record(
      AttemptRecord(
        of: chunk, finishedAt: start, took: .zero, outcome: .notProcessed, status: 503, code: nil,
        message: nil,
        isCounted: true, event: .requeued, readyAt: start + .seconds(90)))
    guard case .notBefore(start + .seconds(90), .ready) = try await first.claim(at: start + .seconds(1))
    else {
      Issue.record("a chunk that is not ready waits for room")
      return
    }
    var players = [Player(second, from: start)]
    try await play(&players, until: minutes(5))
    #expect(players[0].gaveWay == 0)
    #expect(players[0].sent.count == 4)
  }

  func otherBudgetIsNoMatter() async throws {
    let store = try await makeStore()
    let limits = [
      Rate(count: 6, window: .minute, step: .index), Rate(count: 4, window: .minute, step: .upload),
    ]
    var sessions: [any RunSession] = []
    var now = start
    for number in 1...3 {
      let session = try await plan(number < 3 ? 12 : 60, chunkSize: 1, in: store, random: UInt64(number)) {
        $0.profile = .v1_3
        $0.rates = limits
      }
      sessions.append(session)
      // The first two have no step left but the second.
      while number < 3 {
        switch try await session.claim(.upload, at: now) {
        case .chunk(let chunk):
          _ = try await session.record(
            AttemptRecord(
              of: chunk, finishedAt: now, took: .zero, outcome: .accepted, status: 201, code: nil,
              message: nil,
              externalID: "asset-\(number)-\(chunk.number)", isCounted: false, event: .stepDone,
              nextStep: .index))
          continue
        case .notBefore(let moment, _):
          now = moment
          continue
        case .none: break
        }
        break
      }
    }
    now = now + .seconds(120)
    var players = [
      Player(sessions[1], .index, from: now), Player(sessions[0], .index, from: now),
      Player(sessions[2], .upload, from: now),
    ]
    try await play(&players, until: now + .seconds(125))
    #expect(abs(players[0].items() - players[1].items()) <= 6, "\(players.map { $0.items() })")
    #expect(players[0].items() + players[1].items() == 18)
    #expect(players[2].items() == 12)
    #expect(players[2].gaveWay == 0)
  }

  // MARK: Whatever comes

  /// Up to four runs of any chunk sizes and paces, some of which end or die: no window has more than its limits, nobody
  /// that waits for long has much less than any other, and the room is used.
  func anyRuns() async throws {
    for seed in 1...8 {
      let random = SeededRandom(seed: UInt64(seed))
      func draw(_ most: Int) -> Int { Int(random.next() % UInt64(most)) }
      let store = try await makeStore()
      let itemRate = Rate(count: 30 + draw(30), window: .minute)
      let rates = draw(2) == 0 ? [Rate(count: 12 + draw(20), window: .minute)] : []
      var players: [Player] = []
      var largest = 1
      for number in 0..<2 + draw(3) {
        let chunkSize = 1 + draw(draw(2) == 0 ? 3 : 12)
        largest = max(largest, chunkSize)
        let session = try await plan(
          2_000, chunkSize: chunkSize, in: store, random: UInt64(100 * seed + number)
        ) {
          $0.itemRates = [itemRate]
          $0.rates = rates
        }
        players.append(
          Player(
            session, takes: draw(2) == 0 ? .zero : .milliseconds(Int64(20 + draw(40))),
            from: start + .milliseconds(Int64(draw(20_000)))))
      }
      players.reverse()
      let runs = players.count
      try await play(&players, until: minutes(12))
      if draw(2) == 0, runs > 2 {
        try await kill(store, players[0].session.run)
        players[0].isOver = true
      }
      try await play(&players, until: minutes(20))
      let starts = players.flatMap(\.sent).sorted { $0.at < $1.at }
      for (place, request) in starts.enumerated() {
        let window = starts[...place].reversed().prefix { request.at.since($0.at) < .seconds(60) }
        #expect(window.reduce(0) { $0 + $1.items } <= itemRate.count, "seed \(seed)")
        for rate in rates { #expect(window.count <= rate.count, "seed \(seed)") }
      }
      // Judged by the part of the limit that they took most of, while all of them were there.
      let parts = players.map { player in
        let items = Double(player.items(from: minutes(2), to: minutes(12))) / Double(itemRate.count)
        let requests = player.sent.count { minutes(2) <= $0.at && $0.at < minutes(12) }
        return max(items, rates.first.map { Double(requests) / Double($0.count) } ?? 0)
      }
      let (least, most) = (parts.min() ?? 0, parts.max() ?? 0)
      let slack = 3 * Double(largest) / Double(itemRate.count) + 1
      #expect(least >= most - slack, "seed \(seed): \(parts) of \(itemRate), \(rates)")
      #expect(least > 0.5, "seed \(seed): \(parts)")
    }
  }

  /// Every rule of the port, by name.
  static let all: [(name: String, check: @Sendable (SharingConformance) async throws -> Void)] = [
    ("large chunks beside small ones", { try await $0.largeChunksBesideSmallOnes() }),
    (
      "large chunks beside small ones that come steadily", { try await $0.largeChunksBesideSteadySmallOnes() }
    ),
    ("chunks as large as the limit", { try await $0.chunksAsLargeAsTheLimit() }),
    ("equal runs share equally", { try await $0.equalRunsShareEqually() }),
    ("equal runs share what comes one by one", { try await $0.equalRunsShareWhatComesOneByOne() }),
    ("a late run has its share", { try await $0.lateRunHasItsShare() }),
    ("a run that does not come blocks nobody", { try await $0.runThatDoesNotComeBlocksNobody() }),
    ("a run outside its window blocks nobody", { try await $0.runOutsideItsWindowBlocksNobody() }),
    ("other waits keep no room", { try await $0.otherWaitsKeepNoRoom() }),
    ("a wait for another budget is no matter", { try await $0.otherBudgetIsNoMatter() }),
    ("any runs at all", { try await $0.anyRuns() }),
  ]
}
