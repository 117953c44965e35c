import BatchDomain
import Testing

@testable import Reporting

@Suite("text for people")
struct HumanTests {
  @Test(arguments: [
    (0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567"),
    (Int.max, "9,223,372,036,854,775,807"),
    (Int.min, "-9,223,372,036,854,775,808"),
  ])
  func numberHasSeparators(number: Int, text: String) { #expect(HumanNumber.text(number) == text) }

  @Test(arguments: [
    (0, "0"), (0.0001, "less than 0.001"), (0.035, "0.035"), (3.5, "3.5"), (4.04, "4"), (99.95, "100"),
    (1_249.6, "1,250"),
    (.nan, "0"), (.infinity, "0"), (-1, "0"), (1e300, "more than 1,000,000,000,000,000"),
  ])
  func paceHasFewDecimals(pace: Double, text: String) { #expect(HumanNumber.pace(pace) == text) }

  @Test(arguments: [
    (-5, "0ms", "1s", "1 s"), (0, "0ms", "1s", "1 s"), (350, "350ms", "1s", "1 s"),
    (2_400, "2.4s", "3s", "3 s"),
    (59_949, "59.9s", "60s", "60 s"), (59_960, "1m", "60s", "60 s"), (125_000, "2m 5s", "2m", "2 min"),
    (3_599_600, "1h", "1h", "60 min"), (5_400_000, "1h 30m", "1h 30m", "2 h"),
    (86_399_000, "1d", "24h", "24 h"),
    (18_000_000, "5h", "5h", "5 h"), (259_200_000, "3d", "3d", "3 days"),
    (93_600_000, "1d 2h", "26h", "26 h"),
  ])
  func durationIsShort(milliseconds: Int, text: String, rough: String, spoken: String) {
    let duration = Duration.milliseconds(milliseconds)
    #expect(HumanDuration.text(duration) == text)
    #expect(HumanDuration.rough(duration) == rough)
    #expect(HumanDuration.spoken(duration) == spoken)
  }

  @Test func longestDurationDoesNotTrap() {
    let longest = Duration.seconds(Int64.max)
    #expect(!HumanDuration.text(longest).isEmpty)
    #expect(!HumanDuration.rough(longest).isEmpty)
    #expect(!HumanDuration.spoken(longest).isEmpty)
  }

  @Test(arguments: [
    (0, "2026-11-23 20:15:05Z"), (-12_600, "2026-11-23 16:45:05-03:30"),
    (36_000, "2026-11-24 06:15:05+10:00"),
  ])
  func timeIsOfItsZone(offset: Int, text: String) {
    #expect(LocalZone(offsetSeconds: offset).text(Samples.created) == text)
  }

  @Test func zoneMayChangeOverTheYear() {
    let zone = LocalZone { $0 < Samples.created ? 7_200 : 3_600 }
    #expect(zone.brief(Samples.created) == "2026-11-23 21:15")
    #expect(zone.brief(Samples.created - .seconds(60)) == "2026-11-23 22:14")
  }
}
