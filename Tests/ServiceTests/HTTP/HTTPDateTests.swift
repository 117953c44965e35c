import BatchDomain
import ServiceHTTP
import Testing

@Suite struct HTTPDateTests {
  static let now = Timestamp(milliseconds: 1_795_447_345_000)
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]
  private static let days = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"]

  /// The three forms of RFC 9110 of a moment in whole seconds since 1970.
  static func forms(_ seconds: Int64) -> (fixed: String, old: String, asctime: String) {
    let time = CivilTime(Timestamp(milliseconds: seconds * 1_000))
    let day = days[Int(seconds / 86_400 % 7)]
    let month = months[time.month - 1]
    let clock = "\(time.hour.padded(2)):\(time.minute.padded(2)):\(time.second.padded(2))"
    return (
      "\(day.prefix(3)), \(time.day.padded(2)) \(month) \(time.year.padded(4)) \(clock) GMT",
      "\(day), \(time.day.padded(2))-\(month)-\((time.year % 100).padded(2)) \(clock) GMT",
      "\(day.prefix(3)) \(month) \(time.day < 10 ? " " : "")\(time.day) \(clock) \(time.year.padded(4))"
    )
  }

  @Test(arguments: [
    "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
  ])
  func `the examples of RFC 9110 are one moment`(text: String) {
    #expect(HTTPDate.parse(text, now: Self.now)?.milliseconds == 784_111_777_000)
  }

  @Test func `every moment comes back from each form`() {
    var random = SeededNumbers(seed: 1)
    for _ in 0..<3_000 {
      // 1970 to 2069: whatever a year of two digits can name, seen from 2026, begins in 1977.
      let seconds = Int64(random.next() % 3_140_000_000)
      let moment = Timestamp(milliseconds: seconds * 1_000)
      let forms = Self.forms(seconds)
      #expect(HTTPDate.parse(forms.fixed, now: Self.now) == moment, "\(forms.fixed)")
      #expect(HTTPDate.parse(forms.asctime, now: Self.now) == moment, "\(forms.asctime)")
      if CivilTime(moment).year >= 1977 {
        #expect(HTTPDate.parse(forms.old, now: Self.now) == moment, "\(forms.old)")
      }
    }
  }

  @Test(arguments: [("Monday, 01-Jan-76 00:00:00 GMT", 2076), ("Monday, 01-Jan-77 00:00:00 GMT", 1977)])
  func `a year of two digits is at most fifty years ahead`(text: String, year: Int) {
    #expect(HTTPDate.parse(text, now: Self.now).map { CivilTime($0).year } == year)
  }

  @Test(arguments: [
    "", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994", "120",
    "Sun, 06 Nov 1994 08:49:37 GMT+1", "2022-06-09T04:50:00Z", "Fri, 31 Dec 9999 23:59:60 GMT",
  ])
  func `anything else is not a date`(text: String) {
    #expect(HTTPDate.parse(text, now: Self.now) == nil)
  }
}
