/// A moment as the store and the reports have it: milliseconds since 1970-01-01T00:00:00Z.
package struct Timestamp: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
  package let milliseconds: Int64

  /// Takes milliseconds since 1970-01-01T00:00:00Z.
  package init(milliseconds: Int64) { self.milliseconds = milliseconds }

  /// Orders moments in time.
  package static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.milliseconds < right.milliseconds
  }

  /// The moment that much later; parts of a millisecond are rounded up, so that a wait is never too short.
  package static func + (moment: Timestamp, duration: Duration) -> Timestamp {
    Timestamp(milliseconds: moment.milliseconds.addingWithSaturation(duration.millisecondsRoundedUp))
  }

  /// The moment that much earlier.
  package static func - (moment: Timestamp, duration: Duration) -> Timestamp {
    Timestamp(milliseconds: moment.milliseconds.subtractingWithSaturation(duration.millisecondsRoundedUp))
  }

  /// How long after `earlier` this moment is; negative when it is before.
  package func since(_ earlier: Timestamp) -> Duration {
    .milliseconds(milliseconds.subtractingWithSaturation(earlier.milliseconds))
  }

  /// RFC 3339 in UTC with milliseconds and `Z`, for example `2026-11-23T15:04:05.042Z`.
  package var description: String {
    let time = CivilTime(self)
    return "\(time.year.padded(4))-\(time.month.padded(2))-\(time.day.padded(2))T"
      + "\(time.hour.padded(2)):\(time.minute.padded(2)):\(time.second.padded(2))"
      + ".\(time.millisecond.padded(3))Z"
  }
}

extension Int64 {
  /// The sum, limited to the range of the type instead of trapping.
  package func addingWithSaturation(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    guard overflow else { return sum }
    return other < 0 ? .min / 2 : .max / 2
  }
  /// The difference, limited to the range of the type instead of trapping.
  package func subtractingWithSaturation(_ other: Int64) -> Int64 {
    let (difference, overflow) = subtractingReportingOverflow(other)
    guard overflow else { return difference }
    return other < 0 ? .max / 2 : .min / 2
  }
}
