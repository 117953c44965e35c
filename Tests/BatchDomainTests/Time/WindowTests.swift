import BatchDomain
import Testing

@Suite("Sending windows")
struct WindowTests {
  private static let berlin = LocalZone(named: "Europe/Berlin") ?? .utc

  private func calendar(_ windows: String..., zone: LocalZone = berlin) throws -> WindowCalendar {
    WindowCalendar(windows: try windows.map { try WindowText.parse($0, for: "--window") }, zone: zone)
  }

  private func moment(_ text: String) throws -> Timestamp {
    try #require(LenientTimestamp.parse(text))
  }

  @Test(
    "texts are read, and written in their one form",
    arguments: [
      ("22:00-06:00", "22:00-06:00"), ("mon-sun 00:00-23:59", "00:00-23:59"),
      ("mon,wed 01:30-02:00", "mon,wed 01:30-02:00"), ("Mon-Fri 22:00-06:00", "mon-fri 22:00-06:00"),
      ("fri-mon 08:00-20:00", "mon,fri-sun 08:00-20:00"), ("tue,wed,thu  08:00-07:59", "tue-thu 08:00-07:59"),
      ("sat,sun,sat 08:00-20:00", "sat,sun 08:00-20:00"),
    ])
  func texts(text: String, form: String) throws {
    let window = try WindowText.parse(text, for: "--window")
    #expect(window.description == form)
    #expect(try WindowText.parse(form, for: "--window") == window)
  }

  @Test(
    "what is no window is refused",
    arguments: [
      "", "22:00", "22:00-22:00", "24:00-06:00", "22:00-24:00", "22:60-06:00", "9:00-17:00",
      "22:00-06:00-07:00",
      "mon 22:00", "xyz 22:00-06:00", "mon- 22:00-06:00", "mon-tue-wed 22:00-06:00", ",mon 22:00-06:00",
      "mon tue 22:00-06:00", "22:00 - 06:00", "22:00–06:00",
    ])
  func refused(_ text: String) {
    #expect(throws: ConfigurationError.self) { try WindowText.parse(text, for: "--window") }
  }

  @Test(
    "a window over midnight belongs to the evening on which it opens",
    arguments: [
      // 2026-11-27 is a Friday; Berlin is an hour ahead of UTC.
      ("2026-11-27T20:59:59Z", "2026-11-27T21:00:00Z", "2026-11-28T05:00:00Z"),
      ("2026-11-28T04:59:59Z", "2026-11-27T21:00:00Z", "2026-11-28T05:00:00Z"),
      ("2026-11-28T05:00:00Z", "2026-11-30T21:00:00Z", "2026-12-01T05:00:00Z"),
      ("2026-11-29T22:00:00Z", "2026-11-30T21:00:00Z", "2026-12-01T05:00:00Z"),
    ])
  func overMidnight(at: String, opens: String, closes: String) throws {
    let time = try calendar("mon-fri 22:00-06:00").openTime(at: moment(at))
    #expect(try time == .init(opens: moment(opens), closes: moment(closes)))
  }

  @Test("windows that overlap or touch are one")
  func joined() throws {
    let time = try calendar("22:00-00:00", "00:00-06:00", "05:00-07:00")
      .openTime(at: moment("2026-11-27T22:30:00Z"))
    #expect(
      try time == .init(opens: moment("2026-11-27T21:00:00Z"), closes: moment("2026-11-28T06:00:00Z")))
    // Windows that leave no gap are always open.
    let always = try calendar("00:00-12:00", "12:00-00:00")
    #expect(
      try #require(always.openTime(at: moment("2026-11-27T22:30:00Z"))).contains(
        moment("2026-12-02T00:00:00Z")))
  }

  @Test(
    "clocks that are set forward: the hour that does not exist is left out",
    arguments: [
      // On 2026-03-29 clocks in Berlin go from 02:00 to 03:00, at 01:00 UTC.
      ("22:00-06:00", "2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z"),
      ("02:30-06:00", "2026-03-29T01:00:00Z", "2026-03-29T04:00:00Z"),
      ("22:00-02:30", "2026-03-28T21:00:00Z", "2026-03-29T01:00:00Z"),
      // It is not open at all on that day.
      ("02:15-02:45", "2026-03-30T00:15:00Z", "2026-03-30T00:45:00Z"),
    ])
  func setForward(window: String, opens: String, closes: String) throws {
    let time = try calendar(window).openTime(
      at: moment(window.hasPrefix("02") ? "2026-03-28T23:00:00Z" : opens))
    #expect(try time == .init(opens: moment(opens), closes: moment(closes)))
  }

  @Test(
    "clocks that are set back: a time that comes twice opens at the first and closes at the last",
    arguments: [
      // On 2026-10-25 clocks in Berlin go from 03:00 to 02:00, at 01:00 UTC.
      ("22:00-06:00", "2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z"),
      ("02:30-06:00", "2026-10-25T00:30:00Z", "2026-10-25T05:00:00Z"),
      ("22:00-02:30", "2026-10-24T20:00:00Z", "2026-10-25T01:30:00Z"),
      ("02:15-02:45", "2026-10-25T00:15:00Z", "2026-10-25T01:45:00Z"),
    ])
  func setBack(window: String, opens: String, closes: String) throws {
    let time = try calendar(window).openTime(at: moment("2026-10-24T20:00:00Z"))
    #expect(try time == .init(opens: moment(opens), closes: moment(closes)))
  }

  @Test("something that takes its time begins early enough to end inside, or in the next window")
  func ending() throws {
    let nightly = try calendar("22:00-06:00")
    let minute = Duration.seconds(60)
    #expect(
      try nightly.start(from: moment("2026-11-28T04:59:00Z"), taking: minute)
        == moment("2026-11-28T04:59:00Z"))
    #expect(
      try nightly.start(from: moment("2026-11-28T04:59:00.001Z"), taking: minute)
        == moment("2026-11-28T21:00:00Z"))
    #expect(
      try nightly.start(from: moment("2026-11-28T12:00:00Z"), taking: minute)
        == moment("2026-11-28T21:00:00Z"))
  }

  @Test("half-hour zones, zones with half an hour of daylight saving, and a day that was left out")
  func oddZones() throws {
    let lord = try #require(LocalZone(named: "Australia/Lord_Howe"))
    // On 2026-04-05 clocks go from 02:00 back to 01:30, at 15:00 UTC of the day before.
    let time = try calendar("01:45-03:00", zone: lord).openTime(at: moment("2026-04-04T14:00:00Z"))
    #expect(
      try time == .init(opens: moment("2026-04-04T14:45:00Z"), closes: moment("2026-04-04T16:30:00Z")))
    let apia = try #require(LocalZone(named: "Pacific/Apia"))
    // 2011-12-30, a Friday, does not exist there.
    let skipped = try calendar("fri 10:00-12:00", zone: apia).openTime(at: moment("2011-12-29T12:00:00Z"))
    #expect(
      try skipped == .init(opens: moment("2012-01-05T20:00:00Z"), closes: moment("2012-01-05T22:00:00Z")))
  }

  @Test("each minute of two years is inside or outside as clocks on the wall say")
  func everyMinute() throws {
    let window = try WindowText.parse("mon-fri 22:30-05:15", for: "--window")
    for name in ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"] {
      let zone = try #require(LocalZone(named: name))
      var watch = WindowWatch(WindowCalendar(windows: [window], zone: zone), requestsTaking: .zero)
      var moment = try self.moment("2026-01-01T00:00:30Z")
      for _ in 0..<(2 * 366 * 24 * 4) {
        let time = zone.civil(moment)
        let minutes = time.hour * 60 + time.minute
        let day = Weekday(of: time)
        let eve = Weekday(of: CivilTime(time.timestamp - .seconds(86_400)))
        let isInside =
          minutes >= window.opens && window.days.contains(day)
          || minutes < window.closes && window.days.contains(eve)
        #expect((watch.opening(after: moment) == nil) == isInside, "\(name) \(moment)")
        moment = moment + .seconds(15 * 60)
      }
    }
  }

  @Test("a zone is known by its exact name")
  func zoneNames() {
    #expect(LocalZone(named: "Europe/Berlin") != nil && LocalZone(named: "UTC") != nil)
    for name in ["europe/berlin", "Berlin", "GMT+3", "", "Mars/Olympus"] {
      #expect(LocalZone(named: name) == nil, "\(name)")
    }
  }

  @Test("a window that no request fits into is refused, as is a zone that is not known here")
  func settings() throws {
    var settings = RunSettings()
    #expect(try settings.calendar() == nil)
    settings.windows = [try WindowText.parse("22:00-22:01", for: "--window")]
    settings.timeout = .seconds(60)
    #expect(try settings.calendar() != nil)
    settings.timeout = .seconds(61)
    #expect(throws: ConfigurationError.self) { try settings.calendar() }
    settings.timeout = .seconds(60)
    settings.zone = "Mars/Olympus"
    #expect(throws: ConfigurationError.self) { try settings.calendar() }
  }
}
