import BatchDomain
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

  @Test("a million requests under a limit of a second are played in a moment's time, to the right end")
  func million() throws {
    let forecast = try forecast(requests: 1_000_000) { $0.rates = [Rate(count: 5, window: .second)] }
    #expect(forecast.endsAt == Self.now + .seconds(199_999))
    #expect(forecast.nights == 3)
  }
}
