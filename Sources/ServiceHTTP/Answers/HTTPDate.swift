package import BatchDomain

/// Reads the dates of HTTP headers in all three forms of RFC 9110 section 5.6.7; all mean UTC:
///
///     Sun, 06 Nov 1994 08:49:37 GMT    IMF-fixdate, the one to be sent
///     Sunday, 06-Nov-94 08:49:37 GMT   RFC 850
///     Sun Nov  6 08:49:37 1994         asctime
package enum HTTPDate {
  /// The moment a text names; `nil` when it is in none of the forms.
  ///
  /// - Parameter now: settles the century of a year of two digits: RFC 9110 takes one that would lie more
  ///   than 50 years ahead as in the past.
  package static func parse(_ text: String, now: Timestamp) -> Timestamp? {
    var scanner = ByteScanner(text)
    guard weekdays.contains(String(scanner.word().prefix(3))) else { return nil }
    let parts = scanner.take(",") == nil ? asctime(&scanner) : dated(&scanner, now: now)
    guard let parts, scanner.isAtEnd else { return nil }
    return parts.checkedTimestamp
  }

  private static let weekdays: Set<String> = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
  private static let months = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
  ]

  /// ` 06 Nov 1994 08:49:37 GMT` or ` 06-Nov-94 08:49:37 GMT`.
  private static func dated(_ scanner: inout ByteScanner, now: Timestamp) -> CivilTime? {
    guard scanner.take(" ") != nil, let day = scanner.number(digits: 2), let mark = scanner.take(" -"),
      let month = month(&scanner), scanner.take(mark == 0x2D ? "-" : " ") != nil,
      let year = mark == 0x2D ? shortYear(&scanner, now: now) : scanner.number(digits: 4),
      scanner.take(" ") != nil, let (hour, minute, second) = time(&scanner), scanner.take(" ") != nil
    else { return nil }
    guard ["gmt", "utc"].contains(scanner.word()) else { return nil }
    return CivilTime(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
  }

  /// ` Nov  6 08:49:37 1994`.
  private static func asctime(_ scanner: inout ByteScanner) -> CivilTime? {
    guard scanner.take(" ") != nil, let month = month(&scanner), scanner.take(" ") != nil,
      let day = scanner.take(" ") != nil ? scanner.number(digits: 1) : scanner.number(digits: 2),
      scanner.take(" ") != nil, let (hour, minute, second) = time(&scanner), scanner.take(" ") != nil,
      let year = scanner.number(digits: 4)
    else { return nil }
    return CivilTime(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
  }

  private static func month(_ scanner: inout ByteScanner) -> Int? {
    months.firstIndex(of: scanner.word()).map { $0 + 1 }
  }

  private static func time(_ scanner: inout ByteScanner) -> (Int, Int, Int)? {
    guard let hour = scanner.number(digits: 2), scanner.take(":") != nil,
      let minute = scanner.number(digits: 2), scanner.take(":") != nil,
      let second = scanner.number(digits: 2)
    else { return nil }
    return (hour, minute, second)
  }

  private static func shortYear(_ scanner: inout ByteScanner, now: Timestamp) -> Int? {
    guard let digits = scanner.number(digits: 2) else { return nil }
    let thisYear = CivilTime(now).year
    let year = thisYear / 100 * 100 + digits
    if year > thisYear + 50 { return year - 100 }
    return year + 100 <= thisYear + 50 ? year + 100 : year
  }
}
