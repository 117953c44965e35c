internal import Foundation

/// A time zone: how far its clocks are ahead of UTC at a given moment.
package struct LocalZone: Sendable {
  private let offset: @Sendable (Timestamp) -> Int

  /// A zone whose distance from UTC changes over the year.
  ///
  /// - Parameter offset: seconds that local time is ahead of UTC at that moment, negative when behind.
  package init(_ offset: @escaping @Sendable (Timestamp) -> Int) { self.offset = offset }

  /// A zone that is always that many seconds ahead of UTC.
  package init(offsetSeconds: Int) { self.init { _ in offsetSeconds } }

  /// The zone of a name of the IANA database, for example `Europe/Berlin`, with its rules of daylight-saving time; `nil`
  /// when there is none of that name.
  package init?(named name: String) {
    // Names are those of the database, letter for letter: a text that only looks like one is a mistake.
    guard let zone = TimeZone(identifier: name), name == "UTC" || name == zone.identifier else { return nil }
    self.init(zone)
  }

  /// The zone of this machine, as every program of the C library has it: `TZ` in the environment in any form that tzset(3)
  /// describes, else `/etc/localtime`.
  ///
  /// Foundation's `TimeZone.current` reads only names of the database, and takes UTC for the rest of these forms.
  package static var ofMachine: LocalZone {
    tzset()
    return LocalZone { moment in
      var seconds = time_t(moment.milliseconds.flooredQuotient(1_000))
      var parts = tm()
      // It fails only in a year that does not fit into its field.
      return localtime_r(&seconds, &parts) == nil ? 0 : Int(parts.tm_gmtoff)
    }
  }

  private init(_ zone: TimeZone) {
    self.init { zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double($0.milliseconds) / 1_000)) }
  }

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

  /// The moment at which clocks of this zone show that date and time, the first where they show it twice.
  package func moment(at time: CivilTime) -> Timestamp { moments(at: time).lowerBound }

  /// The first and the last moment at which clocks of this zone show that date and time: two moments where clocks are
  /// set back, and the moment of the change where they are set forward over it.
  package func moments(at time: CivilTime) -> ClosedRange<Timestamp> {
    let shown = time.timestamp
    // No zone is as far from UTC as this, and none changes its clocks twice in so short a time.
    var before = shown - Self.farthest
    var after = shown + Self.farthest
    let (earlier, later) = (offset(before), offset(after))
    guard earlier != later else {
      let moment = shown - .seconds(earlier)
      return moment...moment
    }
    while after.since(before) > .milliseconds(1) {
      let middle = before + .milliseconds(after.since(before).millisecondsRoundedUp / 2)
      if offset(middle) == earlier { before = middle } else { after = middle }
    }
    let first = shown - .seconds(earlier)
    let last = shown - .seconds(later)
    switch (first < after, last >= after) {
    case (true, true): return first...last
    case (true, false): return first...first
    case (false, true): return last...last
    case (false, false): return after...after
    }
  }

  private static let farthest: Duration = .seconds(26 * 3_600)

  /// Date and time of the day that clocks of this zone show.
  package func civil(_ moment: Timestamp) -> CivilTime { CivilTime(moment + .seconds(offset(moment))) }

  private func date(_ time: CivilTime) -> String {
    "\(time.year.padded(4))-\(time.month.padded(2))-\(time.day.padded(2))"
  }

  /// Hours and minutes, for example `03:40`.
  package func clock(_ moment: Timestamp) -> String {
    let time = civil(moment)
    return "\(time.hour.padded(2)):\(time.minute.padded(2))"
  }

  /// Hours, minutes and seconds, for example `03:40:05`.
  package func exactClock(_ moment: Timestamp) -> String {
    "\(clock(moment)):\(civil(moment).second.padded(2))"
  }

  private static func suffix(_ seconds: Int) -> String {
    guard seconds != 0 else { return "Z" }
    let minutes = Int(seconds.magnitude) / 60
    return "\(seconds < 0 ? "-" : "+")\((minutes / 60).padded(2)):\((minutes % 60).padded(2))"
  }
}
