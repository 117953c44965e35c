import ArgumentParser
import BatchDomain
import Testing

@testable import OrchestrateCommands

/// Every number that a person can give, at the ends of its range and far behind them: it is taken or refused, and what is
/// taken can be worked with.
@Suite("Numbers at the ends of their ranges")
struct ExtremeValueTests {
  private static let numbers = [
    "", "0", "1", "-1", "+1", "59", "999999999", "1000000000", "1000000001", "2147483647", "2147483648",
    "4294967296", "9007199254740993", "200000000000000000", "9223372036854775806", "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "18446744073709551616",
    "99999999999999999999999999999999999999", "0.5", "1e308", "1e999", "nan", "inf", "0x7fffffffffffffff",
  ]
  private static let units = [
    "", "ms", "s", "m", "h", "d", "d23h59m59s999ms", "B", "kB", "KiB", "MB", "MiB", "GB", "GiB", "%", "/s",
    "/min",
    "/hour", "/day", "min/s", "min/min", "min/hour", "min/day", ":00-06:00",
  ]
  private static let texts: [String] =
    numbers.flatMap { number in units.map { unit in number + unit } } + numbers.map { "upload:\($0)/min" }
  /// What a job file is given: YAML has forms of its own for numbers.
  private static let fewerTexts: [String] = numbers.flatMap { number in
    ["", "d", "GiB", "%", "/day", "min/hour"].map { unit in number + unit }
  }

  /// Whether the values can be shown, given again, stored and sent by.
  private func areUsable(_ values: SubmitSettings, _ setting: Setting<SubmitSettings>) throws {
    try setting.check(values)
    _ = setting.options(values)
    var again = SubmitSettings()
    if !setting.isList, let text = setting.text(values) {
      try setting.read(&again, text, setting.option, { path in path }, false)
      #expect(setting.text(again) == setting.text(values), "\(setting.key)")
    }
    for row in RunSettings.table where row.key == setting.key {
      #expect(row.restore(&again.run, row.store(values.run)), "\(setting.key)")
    }
    guard setting.shape != .text || setting.key == "window" else { return }
    let now = Timestamp(milliseconds: 1_790_000_000_000)
    let used = BudgetUse(
      sent: [.init(at: now, requests: 3, items: 100, media: .milliseconds(1))],
      wait: StoredWait(until: now + values.run.maxWait, reason: "", length: values.run.maxWait))
    var run = values.run
    run.timeout = min(run.timeout, .seconds(60))
    let steps = run.profile.steps.map { RemainingWork.Step($0, requests: 5_000, items: .max, used: used) }
    let forecast = try RemainingWork(steps, settings: run, pace: values.run.timeout).forecast(from: now)
    #expect(forecast.startsAt >= now && !forecast.startsAt.description.isEmpty)
    #expect(!(now + values.run.settleDelay + values.run.settleGrace - values.run.maxWait).description.isEmpty)
  }

  @Test(
    "a setting takes or refuses any number, and what it takes can be used",
    arguments: SubmitSettings.table.map(\.key))
  func settings(key: String) throws {
    let setting = try #require(SubmitSettings.table.first { $0.key == key })
    for text in Self.texts {
      var values = SubmitSettings()
      if key == "media-rate" { (values.run.profile, values.run.chunkSize) = (.v1_3, 1) }
      do throws(ConfigurationError) {
        try setting.read(&values, text, setting.option, { path in path }, false)
      } catch {
        #expect(error.code == .badValue && !error.message.contains("\n"))
        continue
      }
      try areUsable(values, setting)
    }
  }

  @Test(
    "a job file takes or refuses any number, written as one or as a text",
    arguments: SubmitSettings.table.map(\.key))
  func jobFile(key: String) throws {
    for text in Self.fewerTexts {
      for value in [text, "\"\(text)\""] {
        let yaml = "\(key): \(value)\n"
        do throws(ConfigurationError) {
          _ = try JobFile.parse(Array(yaml.utf8), path: "a.yaml", home: "/home/me")
        } catch {
          #expect(error.code == .jobFileInvalid || error.code == .badValue, "\(yaml)")
        }
      }
    }
  }

  @Test(
    "a limit has a largest value, which the message names",
    arguments: [("rate", "/day"), ("rate", "/s"), ("item-rate", "/hour"), ("media-rate", "min/day")])
  func largest(key: String, unit: String) throws {
    let setting = try #require(SubmitSettings.table.first { $0.key == key })
    var values = SubmitSettings()
    try setting.read(&values, "1000000000\(unit)", setting.option, { path in path }, false)
    for number in ["1000000001", "200000000000000000", "9223372036854775807", "9223372036854775808"] {
      let error = try #require(throws: ConfigurationError.self) {
        var other = SubmitSettings()
        try setting.read(&other, number + unit, setting.option, { path in path }, false)
      }
      #expect(error.message.hasPrefix("--\(key) is \"\(number)\(unit)\", expected "))
      #expect(error.message.hasSuffix("with a whole number from 1 to 1000000000"))
    }
  }

  @Test("a run that has a greater limit stored is resumed with it")
  func storedLimits() throws {
    var stored = RunSettings()
    stored.rates = [Rate(count: .max, window: .day), Rate(count: .max, window: .second)]
    stored.itemRates = [Rate(count: .max, window: .day)]
    #expect(try SettingsLayer().applied(to: stored) == stored)
    stored.profile = .v1_3
    stored.chunkSize = 1
    stored.mediaRates = [MediaRate(minutes: .max, window: .hour)]
    #expect(try SettingsLayer().applied(to: stored) == stored)
  }

  @Test("a URL lives no longer than S3 permits; a run that has more stored is resumed with that")
  func lifetime() throws {
    let setting = try #require(SubmitSettings.table.first { $0.key == "url-lifetime" })
    var values = SubmitSettings()
    try setting.read(&values, "7d", setting.option, { path in path }, false)
    #expect(values.run.objects.urlLifetime == ObjectAccess.longestLifetime)
    for text in ["7d1ms", "8d", "36500d"] {
      let error = try #require(throws: ConfigurationError.self) {
        try setting.read(&values, text, setting.option, { path in path }, false)
      }
      #expect(error.message == "--url-lifetime is \"\(text)\", expected a duration from 1s to 7d")
    }
    values.run.objects.urlLifetime = .seconds(8 * 86_400)
    #expect(throws: ConfigurationError.self) { try setting.check(values) }

    let row = try #require(RunSettings.table.first { $0.key == "url-lifetime" })
    var stored = RunSettings()
    #expect(row.restore(&stored, .number(8 * 86_400_000)))
    #expect(stored.objects.urlLifetime == ObjectAccess.longestLifetime)
    #expect(try SettingsLayer().applied(to: stored) == stored)
  }

  @Test("a stored number that no version took is damage")
  func storedNumbers() throws {
    let defaults = RunSettings()
    for row in RunSettings.table {
      guard case .number = row.store(defaults) else { continue }
      var settings = defaults
      #expect(!row.restore(&settings, .number(-1)), "\(row.key)")
    }
    let concurrency = try #require(RunSettings.table.first { $0.key == "concurrency" })
    var settings = defaults
    #expect(!concurrency.restore(&settings, .number(0)))
    #expect(concurrency.restore(&settings, .number(1)) && settings.concurrency == 1)
  }

  @Test("a stored length of time that no version took is damage, not a trap")
  func storedDurations() {
    for row in RunSettings.table where row.storedKey?.hasSuffix("_milliseconds") ?? false {
      var settings = RunSettings()
      for number in [Int64.min, -1, 3_153_600_000_001, .max] {
        #expect(!row.restore(&settings, .number(number)), "\(row.key)")
      }
      #expect(row.restore(&settings, .number(3_153_600_000_000)), "\(row.key)")
    }
  }

  /// An option that is a number, with the least and the greatest value that it takes, and one that is too great.
  private struct NumberOption {
    let command: any ParsableCommand.Type
    let words: [String]
    let least: String
    let greatest: String
    let tooGreat: String

    func parses(_ value: String) -> Bool {
      do {
        _ = try command.parse(words.dropLast() + ["\(words.last ?? "")=\(value)"])
        return true
      } catch {
        return false
      }
    }
  }

  @Test("an option of a command takes its least and its greatest value, and parses or refuses any other")
  func everyOption() {
    let (most, tooMuch) = ("9223372036854775807", "9223372036854775808")
    let options = [
      NumberOption(
        command: ReportCommand.self, words: ["latest", "--limit"], least: "1", greatest: most,
        tooGreat: tooMuch),
      NumberOption(
        command: SettleCommand.self, words: ["latest", "--as", "received", "--chunk"], least: "-\(tooMuch)",
        greatest: most, tooGreat: tooMuch),
      NumberOption(
        command: DashboardCommand.self, words: ["--port"], least: "0", greatest: "65535", tooGreat: "65536"),
      NumberOption(
        command: WorkerCommand.self, words: ["--health-port"], least: "0", greatest: "65535",
        tooGreat: "65536"),
      NumberOption(
        command: WorkerCommand.self, words: ["--idle-exit"], least: "1ms", greatest: "36500d",
        tooGreat: "36500d1ms"),
      NumberOption(
        command: TrackCommand.self, words: ["latest", "--wait", "--max-wait"], least: "0s",
        greatest: "36500d",
        tooGreat: "36501d"),
      NumberOption(
        command: PruneCommand.self, words: ["--older-than"], least: "1ms", greatest: "36500d",
        tooGreat: "\(most)d"),
      NumberOption(
        command: DrillCommand.self, words: ["--minutes"], least: "0.001", greatest: "10080",
        tooGreat: "10080.001"),
      NumberOption(
        command: DrillCommand.self, words: ["--seed"], least: "0", greatest: most, tooGreat: tooMuch),
      NumberOption(
        command: SubmitCommand.self, words: ["m.json", "--limit"], least: "1", greatest: most,
        tooGreat: tooMuch),
    ]
    for option in options {
      #expect(option.parses(option.least), "\(option.words) \(option.least)")
      #expect(option.parses(option.greatest), "\(option.words) \(option.greatest)")
      #expect(!option.parses(option.tooGreat), "\(option.words) \(option.tooGreat)")
      for number in Self.numbers { _ = option.parses(number) }
    }
    for text in ["1e3", "0x10", "+5", "-5", "inf", "."] {
      #expect(throws: (any Error).self) { try DrillCommand.parse(["--minutes=\(text)"]) }
    }
  }

  @Test("a moment of --since is one that can be shown, or is refused")
  func moments() {
    let now = Timestamp(milliseconds: 1_790_000_000_000)
    for text in Self.texts + [
      "9999-12-31", "9999-12-31T23:59:59-23:59", "1970-01-01T00:00+23:59", "0000-01-01",
    ] {
      do throws(ConfigurationError) {
        let moment = try MomentText.parse(text, for: "--since", now: now, zone: .utc)
        #expect(!moment.description.isEmpty)
      } catch {
        #expect(error.code == .badValue)
      }
    }
  }
}
