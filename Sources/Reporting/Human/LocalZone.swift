package import BatchDomain

/// The time zone that reports show times in: how far local time is ahead of UTC at a given moment.
package struct LocalZone: Sendable {
  private let offset: @Sendable (Timestamp) -> Int

  /// A zone whose distance from UTC changes over the year.
  ///
  /// - Parameter offset: seconds that local time is ahead of UTC at that moment, negative when behind.
  package init(_ offset: @escaping @Sendable (Timestamp) -> Int) { self.offset = offset }

  /// A zone that is always that many seconds ahead of UTC.
  package init(offsetSeconds: Int) { self.init { _ in offsetSeconds } }

  /// UTC itself.
  package static let utc = LocalZone(offsetSeconds: 0)

  /// Date, time and distance from UTC, for example `2026-11-24 03:40:00+01:00`; `Z` for UTC.
  package func text(_ moment: Timestamp) -> String {
    let ahead = offset(moment)
    let time = civil(moment)
    return "\(date(time)) \(time.hour.padded(2)):\(time.minute.padded(2)):\(time.second.padded(2))"
      + Self.suffix(ahead)
  }

  /// Date and time to the minute, for tables, for example `2026-11-24 03:40`.
  package func brief(_ moment: Timestamp) -> String { "\(date(civil(moment))) \(clock(moment))" }

  /// Two moments to the minute, or one where that is the same: `2026-11-24 03:40 to 2026-11-24 05:10`.
  package func brief(_ first: Timestamp, to last: Timestamp) -> String {
    let (from, until) = (brief(first), brief(last))
    return from == until ? from : "\(from) to \(until)"
  }

  /// Hours and minutes, with the date before it unless it is within 20 hours of `now`, so that `03:40` can
  /// only mean one moment.
  package func text(_ moment: Timestamp, from now: Timestamp) -> String {
    let distance = moment.since(now)
    return distance < .seconds(20 * 3_600) && distance > .seconds(-20 * 3_600) ? clock(moment) : brief(moment)
  }

  /// The moment at which clocks of this zone show that date and time.
  package func moment(at time: CivilTime) -> Timestamp {
    let guess = time.timestamp - .seconds(offset(time.timestamp))
    // The guess took the distance of a moment some hours off; near a change of the clocks it is another.
    return time.timestamp - .seconds(offset(guess))
  }

  private func civil(_ moment: Timestamp) -> CivilTime { CivilTime(moment + .seconds(offset(moment))) }

  private func date(_ time: CivilTime) -> String {
    "\(time.year.padded(4))-\(time.month.padded(2))-\(time.day.padded(2))"
  }

  /// Hours and minutes, for example `03:40`.
  func clock(_ moment: Timestamp) -> String {
    let time = civil(moment)
    return "\(time.hour.padded(2)):\(time.minute.padded(2))"
  }

  /// Hours, minutes and seconds, for example `03:40:05`.
  func exactClock(_ moment: Timestamp) -> String { "\(clock(moment)):\(civil(moment).second.padded(2))" }

  private static func suffix(_ seconds: Int) -> String {
    guard seconds != 0 else { return "Z" }
    let minutes = Int(seconds.magnitude) / 60
    return "\(seconds < 0 ? "-" : "+")\((minutes / 60).padded(2)):\((minutes % 60).padded(2))"
  }
}
