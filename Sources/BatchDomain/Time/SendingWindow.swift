/// A day of the week.
package enum Weekday: String, Sendable, CaseIterable, Comparable {
  /// Monday, with which weeks begin.
  case monday = "mon"
  /// Tuesday.
  case tuesday = "tue"
  /// Wednesday.
  case wednesday = "wed"
  /// Thursday.
  case thursday = "thu"
  /// Friday.
  case friday = "fri"
  /// Saturday.
  case saturday = "sat"
  /// Sunday.
  case sunday = "sun"

  /// Its place in the week, from 0.
  fileprivate var number: Int { Self.allCases.firstIndex(of: self) ?? 0 }

  /// The day of the week of a date; the time of day is not looked at.
  package init(of date: CivilTime) {
    var midnight = date
    (midnight.hour, midnight.minute, midnight.second, midnight.millisecond) = (0, 0, 0, 0)
    // 1970-01-01 was a Thursday.
    let days = Int(midnight.timestamp.milliseconds / 86_400_000)
    self = Self.allCases[((days + 3) % 7 + 7) % 7]
  }

  /// Orders days within a week.
  package static func < (left: Weekday, right: Weekday) -> Bool { left.number < right.number }
}

/// A time of each day, or of some days of the week, at which requests may be sent, by the clocks of some zone.
package struct SendingWindow: Hashable, Sendable, CustomStringConvertible {
  /// The days on which it opens, one at least.
  package var days: Set<Weekday>
  /// When it opens, in minutes since midnight, 0 to 1439.
  package var opens: Int
  /// When it closes, in minutes since midnight, 0 to 1439: on the same day where that is later than ``opens``, else on the
  /// day after.
  package var closes: Int

  /// A window; `closes` is not `opens`.
  package init(days: Set<Weekday> = Set(Weekday.allCases), opens: Int, closes: Int) {
    self.days = days
    self.opens = opens
    self.closes = closes
  }

  /// How long it is open where clocks are not changed meanwhile.
  package var length: Duration {
    .seconds(60 * (closes > opens ? closes - opens : closes + 1_440 - opens))
  }

  /// As it is written in options and job files, for example `mon-fri 22:00-06:00`.
  package var description: String {
    let time = "\(Self.text(opens))-\(Self.text(closes))"
    return days.count == Weekday.allCases.count ? time : "\(Self.text(days)) \(time)"
  }

  private static func text(_ minutes: Int) -> String {
    "\((minutes / 60).padded(2)):\((minutes % 60).padded(2))"
  }

  /// The days in the order of the week, three or more in a row as a range.
  private static func text(_ days: Set<Weekday>) -> String {
    var rows: [[Weekday]] = []
    for day in days.sorted() {
      if let last = rows.last?.last, day.number == last.number + 1 {
        rows[rows.count - 1].append(day)
      } else {
        rows.append([day])
      }
    }
    return rows.flatMap { row in
      row.count > 2 ? ["\(row[0].rawValue)-\(row[row.count - 1].rawValue)"] : row.map(\.rawValue)
    }.joined(separator: ",")
  }
}

/// Windows as options and job files have them: `22:00-06:00`, `mon-fri 22:00-06:00`, `sat,sun 00:00-12:00`.
package enum WindowText {
  /// What is expected, for messages.
  package static let expectation =
    "a window such as 22:00-06:00, mon-fri 22:00-06:00 or sat,sun 08:00-20:00"

  /// Reads days, which may be left out, and two times of day.
  ///
  /// - Parameter thing: what the value is of, for messages, for example `--window`.
  /// - Throws: ``ConfigurationError`` with code `bad_value`.
  package static func parse(_ text: String, for thing: String) throws(ConfigurationError) -> SendingWindow {
    let words = text.split(separator: " ", omittingEmptySubsequences: true)
    guard (1...2).contains(words.count), let times = words.last,
      case let ends = times.split(separator: "-", omittingEmptySubsequences: false), ends.count == 2,
      let opens = minutes(ends[0]), let closes = minutes(ends[1])
    else {
      throw .badValue(thing, text, expected: expectation)
    }
    var days = Set(Weekday.allCases)
    if words.count == 2 {
      guard let named = self.days(words[0]) else {
        throw .badValue(
          thing, text,
          expected: "\(expectation), with days of "
            + Weekday.allCases.map(\.rawValue).joined(separator: ", "))
      }
      days = named
    }
    guard opens != closes else {
      throw .badValue(
        thing, text,
        expected: "a window that closes at another time than it opens; leave \(thing) out to send at any time"
      )
    }
    return SendingWindow(days: days, opens: opens, closes: closes)
  }

  /// Hours 00 to 23 and minutes, two digits each.
  private static func minutes(_ text: Substring) -> Int? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 && WholeNumberText.isDigits($0) }),
      let hour = Int(parts[0]), let minute = Int(parts[1]), hour < 24, minute < 60
    else { return nil }
    return hour * 60 + minute
  }

  /// Days and ranges of days; a range may go over the end of the week.
  private static func days(_ text: Substring) -> Set<Weekday>? {
    var days: Set<Weekday> = []
    for part in text.lowercased().split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false)
      guard let first = ends.first.flatMap({ Weekday(rawValue: String($0)) }) else { return nil }
      switch ends.count {
      case 1: days.insert(first)
      case 2:
        guard let last = Weekday(rawValue: String(ends[1])) else { return nil }
        let length = (last.number - first.number + 7) % 7
        for step in 0...length { days.insert(Weekday.allCases[(first.number + step) % 7]) }
      default: return nil
      }
    }
    return days
  }
}
