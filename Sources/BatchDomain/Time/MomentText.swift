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

/// Reads times as services write them: RFC 3339 with any number of fraction digits (cut to milliseconds), any offset, or
/// none at all, which means UTC.
///
/// Source: samples in the service's documentation and webhook pages (`...:08.885Z`, `...:41.62Z`, `...:29Z`,
/// six digits with `+09:00`, and one without zone).
package enum LenientTimestamp {
  /// The moment a text names; `nil` when it is not a date and time.
  package static func parse(_ text: String) -> Timestamp? {
    var scanner = ByteScanner(text)
    guard let year = scanner.number(digits: 4), scanner.take("-") != nil,
      let month = scanner.number(digits: 2), scanner.take("-") != nil,
      let day = scanner.number(digits: 2), scanner.take("Tt ") != nil,
      let hour = scanner.number(digits: 2), scanner.take(":") != nil,
      let minute = scanner.number(digits: 2), scanner.take(":") != nil,
      let second = scanner.number(digits: 2)
    else { return nil }
    var millisecond = 0
    if scanner.take(".,") != nil {
      guard let part = scanner.thousandths() else { return nil }
      millisecond = part
    }
    guard let offset = offset(&scanner), scanner.isAtEnd else { return nil }
    let local = CivilTime(
      year: year, month: month, day: day, hour: hour, minute: minute, second: second,
      millisecond: millisecond)
    return local.checkedTimestamp.flatMap { ($0 - offset).ifWritable }
  }

  /// How far the zone is ahead of UTC.
  private static func offset(_ scanner: inout ByteScanner) -> Duration? {
    if scanner.isAtEnd || scanner.take("Zz") != nil { return .zero }
    guard let sign = scanner.take("+-"), let hours = scanner.number(digits: 2) else { return nil }
    var minutes = 0
    if !scanner.isAtEnd {
      _ = scanner.take(":")
      guard let part = scanner.number(digits: 2) else { return nil }
      minutes = part
    }
    guard hours < 24, minutes < 60 else { return nil }
    let ahead = Duration.seconds((hours * 60 + minutes) * 60)
    return sign == UInt8(ascii: "-") ? .zero - ahead : ahead
  }
}

/// Reads the parts of a date from ASCII, left to right; every step either takes something or leaves the
/// position and returns `nil` or `false`.
struct ByteScanner {
  private let bytes: [UInt8]
  private var position = 0

  /// A scanner at the beginning of a text, white space around it left out.
  init(_ text: String) {
    var part = Array(text.utf8)[...]
    while let last = part.last, last <= 0x20 { part.removeLast() }
    while let first = part.first, first <= 0x20 { part.removeFirst() }
    bytes = Array(part)
  }

  /// Whether everything was taken.
  var isAtEnd: Bool { position == bytes.count }

  /// The next byte, not taken.
  var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// Takes exactly that many digits.
  mutating func number(digits count: Int) -> Int? {
    let digits = digits
    guard digits.count >= count else { return nil }
    position += count
    return digits.prefix(count).reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }

  /// Takes all digits that follow, at least one; beyond the first three only their presence counts.
  ///
  /// - Returns: the digits as a fraction of 1, in thousandths, the rest cut off.
  mutating func thousandths() -> Int? {
    let digits = digits
    guard !digits.isEmpty else { return nil }
    position += digits.count
    return (digits.prefix(3) + [0x30, 0x30, 0x30]).prefix(3).reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }

  /// Takes one of these bytes.
  mutating func take(_ choices: String) -> UInt8? {
    guard let next, choices.utf8.contains(next) else { return nil }
    position += 1
    return next
  }

  /// Takes letters up to the next other byte, in lower case.
  mutating func word() -> String {
    let start = position
    while let next, (0x61...0x7A).contains(Self.lowerCased(next)) { position += 1 }
    return String(decoding: bytes[start..<position].map(Self.lowerCased), as: UTF8.self)
  }

  private var digits: ArraySlice<UInt8> {
    bytes[position...].prefix { (0x30...0x39).contains($0) }
  }

  /// The byte with an ASCII capital letter made small.
  private static func lowerCased(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte + 0x20 : byte }
}
