package import BatchDomain

/// Reads the service's times: RFC 3339 with any number of fraction digits (cut to milliseconds), any offset, or
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
