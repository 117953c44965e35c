import BatchDomain
import Testing

@testable import OrchestrateCommands

@Suite("values of options")
struct OptionTextTests {
  @Test(arguments: [
    ("500ms", 500), ("30s", 30_000), ("2h", 7_200_000), ("1h30m", 5_400_000), ("45m", 2_700_000),
    ("1d", 86_400_000), ("1d2h3m4s5ms", 93_784_005), ("90m", 5_400_000), ("007s", 7_000),
  ])
  func durationIsRead(text: String, milliseconds: Int) throws {
    #expect(try DurationText.parse(text, for: "--timeout") == .milliseconds(milliseconds))
  }

  @Test(arguments: [
    "", "30", "s", "30 s", " 30s", "-1s", "+1s", "1.5s", "1m1h", "1s1s", "1S", "1week", "٣s", "1h30", "0s",
    "0d0ms",
    "36501d", "99999999999999999999999d", "1e3s", "1s\n",
  ])
  func durationThatIsNoneIsRefused(text: String) {
    let error = #expect(throws: ConfigurationError.self) { try DurationText.parse(text, for: "--timeout") }
    #expect(error?.code == .badValue)
    #expect(error?.message.hasPrefix("--timeout is \"") == true)
    #expect(error?.message.contains("expected a duration") == true)
  }

  @Test func zeroIsReadWhereItIsAllowed() throws {
    #expect(try DurationText.parse("0s", for: "--settle-delay", allowingZero: true) == .zero)
  }

  @Test(arguments: [0, 1, 999, 1_000, 61_001, 3_600_000, 86_400_000, 90_061_001, 3_153_600_000_000])
  func durationComesBackFromItsText(milliseconds: Int) throws {
    let duration = Duration.milliseconds(milliseconds)
    let text = DurationText.format(duration)
    #expect(try DurationText.parse(text, for: "x", allowingZero: true) == duration)
  }

  @Test(arguments: zip([60_000, 86_400_000, 129_600_000, 180_000_000], ["1m", "24h", "36h", "2d2h"]))
  func durationIsWrittenInWholeUnits(milliseconds: Int, text: String) {
    #expect(DurationText.format(.milliseconds(milliseconds)) == text)
  }

  @Test(arguments: [
    ("0", 0), ("800000", 800_000), ("12B", 12), ("1KiB", 1_024), ("1MiB", 1_048_576), ("1GiB", 1 << 30),
    ("2kB", 2_000), ("3MB", 3_000_000), ("1GB", 1_000_000_000),
  ])
  func sizeIsReadAndComesBack(text: String, bytes: Int) throws {
    #expect(try ByteSizeText.parse(text, for: "--chunk-bytes") == bytes)
    #expect(try ByteSizeText.parse(ByteSizeText.format(bytes), for: "x") == bytes)
  }

  @Test(arguments: ["", "B", "1mb", "1 MiB", "1.5MiB", "-1", "1M", "99999999999999999999", "9999999999GiB"])
  func sizeThatIsNoneIsRefused(text: String) {
    #expect(throws: ConfigurationError.self) { try ByteSizeText.parse(text, for: "--chunk-bytes") }
  }

  @Test(arguments: zip([1 << 20, 1_000_000, 1_001], ["1MiB", "1MB", "1001B"]))
  func sizeIsWrittenWithItsGreatestUnit(bytes: Int, text: String) {
    #expect(ByteSizeText.format(bytes) == text)
  }

  @Test(arguments: zip(["5/s", "50/min", "1000/hour", "1/day"], Rate.Window.allCases))
  func rateIsReadAndComesBack(text: String, window: Rate.Window) throws {
    let rate = try RateText.parse(text, for: "--rate")
    #expect(rate.window == window)
    #expect(rate.description == text)
  }

  @Test(arguments: [
    "", "50", "50/", "/min", "0/min", "-1/s", "1/m", "1/minute", "1/s/s", "1.5/s", "1 /s", "05/s",
  ])
  func rateThatIsNoneIsRefused(text: String) {
    #expect(throws: ConfigurationError.self) { try RateText.parse(text, for: "--rate") }
  }

  @Test(arguments: ["0", "250", "5%", "0%", "100%", "2.5%", "0.001%"])
  func thresholdIsReadAndComesBack(text: String) throws {
    #expect(try ThresholdText.parse(text, for: "--max-failures").text == text)
  }

  @Test(arguments: [
    "", "%", "-1", "+5", "101%", "nan%", "0x1p3%", "1e1%", "0.0001%", "1.2.3%", "5 %", ".5%", "5.%", "1.2",
    "a",
  ])
  func thresholdThatIsNoneIsRefused(text: String) {
    #expect(throws: ConfigurationError.self) { try ThresholdText.parse(text, for: "--max-failures") }
  }

  @Test(arguments: ["", "-1", "+1", "01", "1_000", "1,000", "1.0", "٣", "257", "0", "99999999999999999999"])
  func numberOutOfRangeIsRefused(text: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try WholeNumberText.parse(text, for: "--concurrency", in: 1...256)
    }
    #expect(error?.message == "--concurrency is \"\(text)\", expected a whole number from 1 to 256")
  }

  @Test func choiceThatIsNoneIsRefusedWithTheChoices() {
    let error = #expect(throws: ConfigurationError.self) {
      try ChoiceText.parse("v2", for: "--profile", as: ServiceProfile.self)
    }
    #expect(error?.message == "--profile is \"v2\", expected one of v1, v1.1, v1.2, v1.3")
  }

  @Test(arguments: [
    ("https://api.twelvelabs.io/v1", "https://api.twelvelabs.io", "v1"),
    ("https://api.twelvelabs.io/v1.3/", "https://api.twelvelabs.io", "v1.3"),
    ("HTTPS://API.twelvelabs.io/V1.2//", "https://api.twelvelabs.io", "V1.2"),
    ("https://api.twelvelabs.io/v1/indexes/tasks/transfers", "https://api.twelvelabs.io", "v1"),
    ("https://api.twelvelabs.io/v1.2/tasks", "https://api.twelvelabs.io", "v1.2"),
    ("https://proxy.example/labs/v1", "https://proxy.example/labs", "v1"),
    ("http://127.0.0.1:8080/v1.3", "http://127.0.0.1:8080", "v1.3"),
  ])
  func addressWithAVersionIsRefusedWithTheRightOne(text: String, right: String, version: String) throws {
    for read in [
      { (text: String) in _ = try BaseURLText.parse(text, for: "base-url") },
      { (text: String) in
        var layer = SettingsLayer()
        try layer.read(text, as: setting("base-url"))
      },
      { (text: String) in
        var settings = SubmitSettings()
        settings.run.baseURL = text
        try settings.check()
      },
    ] {
      let error = #expect(throws: ConfigurationError.self) { try read(text) }
      #expect(error?.message.contains("has the version \(version) in it") == true, "\(text)")
      #expect(error?.remedy == "give \(right), and the version with --profile", "\(text)")
    }
  }

  @Test(arguments: [
    "https://gateway.example/v1/twelvelabs", "https://v1.example", "https://host/v1x", "https://host/v",
    "https://host/version1",
  ])
  func versionOfSomethingElseStays(text: String) throws {
    #expect(try BaseURLText.parse(text, for: "--base-url") == text)
  }

  @Test(arguments: ["", "  ", "two\nlines", "\u{1b}[31m"])
  func labelThatCannotBeListedIsRefused(text: String) {
    #expect(throws: ConfigurationError.self) { try LabelText.parse(text, for: "--name") }
  }
}
