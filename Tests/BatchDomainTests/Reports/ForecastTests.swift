import BatchDomain
import TestSupport
import Testing

@Suite("Forecast")
struct ForecastTests {
  /// A Friday, 15:00 in UTC.
  private static let now = LenientTimestamp.parse("2026-11-27T15:00:00Z") ?? Timestamp(milliseconds: 0)

  private func forecast(
    requests: Int, items: Int? = nil, used: BudgetUse = BudgetUse(), pace: Duration? = nil,
    _ configure: (inout RunSettings) throws -> Void = { _ in }
  ) throws -> Forecast {
    var settings = RunSettings()
    settings.chunkSize = 1
    settings.zone = "UTC"
    try configure(&settings)
    return try RemainingWork(
      [.init(.transfer, requests: requests, items: items ?? requests, used: used)], settings: settings,
      pace: pace
    ).forecast(from: Self.now)
  }

  private func moment(_ text: String) throws -> Timestamp { try #require(LenientTimestamp.parse(text)) }

  @Test("without limits nothing tells when it ends")
  func nothing() throws {
    #expect(
      try forecast(requests: 20_000)
        == Forecast(requests: 20_000, binding: nil, startsAt: Self.now, endsAt: nil, nights: 1))
    #expect(
      try forecast(requests: 0)
        == Forecast(requests: 0, binding: nil, startsAt: Self.now, endsAt: Self.now, nights: 0))
  }

  @Test("a limit of a day takes as many days as it is used up")
  func days() throws {
    let forecast = try forecast(requests: 3_500) { $0.rates = [Rate(count: 1_000, window: .day)] }
    #expect(
      forecast
        == Forecast(
          requests: 3_500, binding: .limit("1000/day"), startsAt: Self.now,
          endsAt: Self.now + .seconds(3 * 86_400), nights: 4))
    // Just what fits.
    #expect(try self.forecast(requests: 1_000) { $0.rates = [Rate(count: 1_000, window: .day)] }.nights == 1)
    #expect(
      try self.forecast(requests: 1_000) { $0.rates = [Rate(count: 1_000, window: .day)] }.binding == nil)
  }

  @Test("a limit greater than anything that is sent holds nothing back, however little a request takes of it")
  func greatLimits() throws {
    for count in [RateText.largest, 9_000_000_000_000_000_000, .max] {
      let forecast = try forecast(requests: 9_000) {
        $0.rates = [Rate(count: count, window: .day)]
        $0.itemRates = [Rate(count: count, window: .second)]
      }
      #expect(forecast.binding == nil && forecast.endsAt == Self.now)
      var settings = RunSettings()
      settings.profile = .v1_3
      settings.mediaRates = [MediaRate(minutes: count, window: .day)]
      for (requests, items) in [(900, 1), (900, .max), (.max, 1), (.max, .max)] {
        let used = BudgetUse(sent: [
          .init(at: Self.now - .seconds(1), requests: 1, items: items, media: .milliseconds(1))
        ])
        let steps = [RemainingWork.Step(.index, requests: requests, items: requests, used: used)]
        let media = try RemainingWork(steps, settings: settings).forecast(from: Self.now)
        #expect(media.requests == requests)
        #expect(media.binding == nil || requests == .max)
      }
    }
  }

  @Test("what earlier runs used of a limit counts, until it is a window old")
  func used() throws {
    let used = BudgetUse(sent: [
      .init(at: Self.now - .seconds(10 * 3_600), requests: 600, items: 600),
      .init(at: Self.now - .seconds(3_600), requests: 300, items: 300),
    ])
    let forecast = try forecast(requests: 700, used: used) { $0.rates = [Rate(count: 1_000, window: .day)] }
    #expect(forecast.startsAt == Self.now)
    #expect(forecast.endsAt == Self.now + .seconds(14 * 3_600))
    let later = try self.forecast(requests: 701, used: used) { $0.rates = [Rate(count: 1_000, window: .day)] }
    #expect(later.endsAt == Self.now + .seconds(23 * 3_600))
  }

  @Test("the limit that puts off most is the one that binds")
  func binding() throws {
    let forecast = try forecast(requests: 100, items: 5_000) {
      $0.rates = [Rate(count: 50, window: .minute), Rate(count: 1_000, window: .day)]
      $0.itemRates = [Rate(count: 1_000, window: .day)]
    }
    #expect(forecast.binding == .limit("1000/day"))
    #expect(forecast.nights == 5)
    let paced = try self.forecast(requests: 3_000) {
      $0.rates = [Rate(count: 50, window: .minute), Rate(count: 10_000, window: .day)]
    }
    #expect(paced.binding == .limit("50/min"))
    #expect(paced.endsAt == Self.now + .seconds(59 * 60))
  }

  @Test("windows: it starts when one opens, and takes as many of them as requests leave in")
  func windows() throws {
    let nightly = [SendingWindow(opens: 22 * 60, closes: 6 * 60)]
    let alone = try forecast(requests: 100) { $0.windows = nightly }
    let opening = try moment("2026-11-27T22:00:00Z")
    #expect(alone == Forecast(requests: 100, binding: .window, startsAt: opening, endsAt: opening, nights: 1))
    // 8 hours at 60 an hour are 480 a night; the last starts where its minute fits in.
    let limited = try forecast(requests: 1_000) {
      $0.windows = nightly
      $0.rates = [Rate(count: 60, window: .hour)]
    }
    #expect(limited.binding == .limit("60/hour"))
    #expect(limited.nights == 3)
    #expect(limited.startsAt == opening)
    #expect(try limited.endsAt == moment("2026-11-29T22:00:00Z"))
    let weekend = try forecast(requests: 2_000) {
      $0.windows = [SendingWindow(days: [.saturday, .sunday], opens: 8 * 60, closes: 20 * 60)]
      $0.rates = [Rate(count: 1_000, window: .day)]
    }
    #expect(try weekend.endsAt == moment("2026-11-29T08:00:00Z"))
    #expect(weekend.nights == 2)
  }

  @Test("the pace so far, and a wait that the service asked for, correct it")
  func corrected() throws {
    let paced = try forecast(requests: 3_601, pace: .seconds(1))
    #expect(paced.binding == nil)
    #expect(paced.endsAt == Self.now + .seconds(3_600))
    let waiting = try forecast(
      requests: 10, used: BudgetUse(wait: StoredWait(until: Self.now + .seconds(600), reason: "quota"))
    ) { $0.rates = [Rate(count: 5, window: .minute)] }
    #expect(waiting.startsAt == Self.now + .seconds(600))
    #expect(waiting.endsAt == Self.now + .seconds(660))
  }

  @Test("two steps: the slower one tells the end")
  func steps() throws {
    var settings = RunSettings()
    settings.profile = .v1_3
    settings.chunkSize = 1
    settings.rates = [
      Rate(count: 60, window: .minute, step: .upload), Rate(count: 10, window: .minute, step: .index),
    ]
    let forecast = try RemainingWork(
      [.init(.upload, requests: 100, items: 100), .init(.index, requests: 120, items: 120)],
      settings: settings
    ).forecast(from: Self.now)
    #expect(forecast.requests == 220)
    #expect(forecast.binding == .limit("index:10/min"))
    #expect(forecast.endsAt == Self.now + .seconds(11 * 60))
  }

  private static let stepped: RunSettings = {
    var settings = RunSettings()
    settings.profile = .v1_3
    settings.chunkSize = 1
    return settings
  }()

  @Test(
    "a step that was sent is not left; one whose answer was lost is, where it is sent again unasked"
  )
  func stepsReached() throws {
    var settings = Self.stepped
    settings.rates = [
      Rate(count: 3, window: .day, step: .upload), Rate(count: 1, window: .hour, step: .index),
    ]
    func forecast(_ open: OpenChunks...) throws -> Forecast {
      try RemainingWork(of: open, settings: settings).forecast(from: Self.now)
    }
    let uploaded = try forecast(OpenChunks(.pending, at: .index, chunks: 2, items: 2))
    #expect((uploaded.requests, uploaded.binding) == (2, .limit("index:1/hour")))
    #expect(uploaded.endsAt == Self.now + .seconds(3_600))
    // Both steps of one, the second of three, and none of what is on its way in the second.
    let mixed = try forecast(
      OpenChunks(.pending, at: .upload, chunks: 1, items: 1),
      OpenChunks(.submitting, at: .upload, chunks: 1, items: 1),
      OpenChunks(.processing, at: .upload, chunks: 1, items: 1),
      OpenChunks(.unknown, at: .upload, chunks: 1, items: 1),
      OpenChunks(.submitting, at: .index, chunks: 1, items: 1),
      OpenChunks(.unknown, at: .index, chunks: 1, items: 1))
    #expect(mixed.requests == 5)
    let sent = try forecast(OpenChunks(.unknown, at: .index, chunks: 4, items: 4))
    #expect((sent.requests, sent.binding, sent.nights) == (0, nil, 0))
    settings.onUnknown = .resend
    #expect(try forecast(OpenChunks(.unknown, at: .index, chunks: 4, items: 4)).requests == 4)
  }

  @Test("the second step of an item waits for its first, and is held back by what holds that back")
  func stepsInOrder() throws {
    var settings = Self.stepped
    settings.rates = [
      Rate(count: 2, window: .day, step: .upload), Rate(count: 1, window: .hour, step: .index),
    ]
    let forecast = try RemainingWork(
      of: [OpenChunks(.pending, at: .upload, chunks: 4, items: 4)], settings: settings
    ).forecast(from: Self.now)
    #expect(forecast.requests == 8)
    // Two are uploaded a day later; the second of them waits for the first one's hour.
    #expect(forecast.endsAt == Self.now + .seconds(25 * 3_600))
    #expect(forecast.binding == .limit("upload:2/day"))
    #expect(forecast.nights == 2)
  }

  @Test("whatever the chunks have reached, the end is that of requests sent one by one")
  func oneByOne() throws {
    for seed in 0..<UInt64(300) { try playOneByOne(seed: seed) }
  }

  private func playOneByOne(seed: UInt64) throws {
    let random = SeededRandom(seed: seed)
    func draw(_ most: Int) -> Int { Int(random.next() % UInt64(most)) }
    var settings = Self.stepped
    settings.onUnknown = draw(2) == 0 ? .check : .resend
    for _ in 0..<draw(4) {
      settings.rates.append(
        Rate(
          count: 1 + draw(9), window: [.second, .minute, .hour, .day][draw(4)],
          step: [nil, .upload, .index][draw(3)]))
    }
    var open: [OpenChunks] = []
    for step in settings.profile.steps {
      for state in [ChunkState.pending, .submitting, .processing, .unknown] {
        let count = draw(30)
        if count > 0 { open.append(OpenChunks(state, at: step, chunks: count, items: count)) }
      }
    }
    let forecast = try RemainingWork(of: open, settings: settings).forecast(from: Self.now)
    func count(_ states: ChunkState..., at step: ChunkStep) -> Int {
      open.reduce(0) { $0 + ($1.step == step && states.contains($1.state) ? $1.chunks : 0) }
    }
    let again = settings.onUnknown == .resend
    let uploads = count(.pending, at: .upload) + (again ? count(.unknown, at: .upload) : 0)
    let passed =
      count(.submitting, .processing, at: .upload) + (again ? 0 : count(.unknown, at: .upload))
      + count(.pending, at: .index) + (again ? count(.unknown, at: .index) : 0)
    let uploaded = Self.leave(
      after: Array(repeating: Self.now, count: uploads),
      settings.rates.filter { $0.limits(.upload) })
    let indexed = Self.leave(
      after: Array(repeating: Self.now, count: passed) + uploaded,
      settings.rates.filter { $0.limits(.index) })
    #expect(forecast.requests == uploaded.count + indexed.count, "seed \(seed)")
    let end = indexed.last ?? Self.now
    let isLimited =
      !indexed.isEmpty
      && settings.rates.contains { $0.limits(.index) || $0.limits(.upload) && !uploaded.isEmpty }
    #expect(forecast.endsAt == (isLimited || indexed.isEmpty ? end : nil), "seed \(seed)")
    #expect((forecast.binding != nil) == (end > Self.now), "seed \(seed)")
    if case .limit(let name) = forecast.binding {
      let rate = try #require(settings.rates.first { $0.description == name })
      #expect(
        rate.limits(.index) || !uploaded.isEmpty,
        "seed \(seed): \(name) limits nothing that is left")
    }
  }

  /// When requests leave that may not leave before these moments.
  private static func leave(after moments: [Timestamp], _ rates: [Rate]) -> [Timestamp] {
    var left: [Timestamp] = []
    for moment in moments {
      let earliest = max(moment, left.last ?? moment)
      left.append(
        rates.reduce(earliest) { earliest, rate in
          guard left.count >= rate.count else { return earliest }
          return max(earliest, left[left.count - rate.count] + rate.window.duration)
        })
    }
    return left
  }

  @Test(
    "a million requests under a limit of a second are played in a moment's time, to the right end")
  func million() throws {
    let forecast = try forecast(requests: 1_000_000) { $0.rates = [Rate(count: 5, window: .second)] }
    #expect(forecast.endsAt == Self.now + .seconds(199_999))
    #expect(forecast.nights == 3)
  }
}
