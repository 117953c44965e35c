/// When the sending windows of a run are open, by the clocks of its zone and their changes.
///
/// A window that would open in the hour that clocks leave out opens at the end of that hour; a time that comes twice opens
/// at the first and closes at the last. Windows that overlap or touch are one.
package struct WindowCalendar: Sendable {
  /// A time during which requests may be sent.
  package struct OpenTime: Equatable, Sendable {
    /// When it begins.
    package var opens: Timestamp
    /// When it is over: the first moment that is not part of it.
    package var closes: Timestamp

    /// Takes both ends.
    package init(opens: Timestamp, closes: Timestamp) {
      self.opens = opens
      self.closes = closes
    }

    /// Whether a moment is part of it.
    package func contains(_ moment: Timestamp) -> Bool { opens <= moment && moment < closes }
  }

  private let windows: [SendingWindow]
  /// The zone whose clocks the windows go by.
  package let zone: LocalZone

  /// A calendar of windows; one at least.
  package init(windows: [SendingWindow], zone: LocalZone) {
    self.windows = windows
    self.zone = zone
  }

  /// The open time that a moment is part of, else the next one after it.
  ///
  /// - Parameter least: open times that are shorter are passed over, and so is one of which no more than that is left.
  /// - Returns: `nil` when no window opens within forty days.
  package func openTime(at moment: Timestamp, lasting least: Duration = .zero) -> OpenTime? {
    // Clocks that are changed may take a window away for a day; a window of one day of the week comes after seven.
    for days in [9, 40] {
      let found = openTimes(around: moment, days: days).first {
        $0.closes > moment && $0.closes - least >= max($0.opens, moment)
      }
      if let found { return found }
    }
    return nil
  }

  /// The first moment, from one on, at which something may begin that ends within an open time.
  ///
  /// - Parameter length: how long it takes at most.
  package func start(from moment: Timestamp, taking length: Duration) -> Timestamp? {
    openTime(at: moment, lasting: length).map { max($0.opens, moment) }
  }

  /// The open times of the days around a moment, in order, joined where they touch.
  private func openTimes(around moment: Timestamp, days: Int) -> [OpenTime] {
    var date = zone.civil(moment)
    (date.hour, date.minute, date.second, date.millisecond) = (0, 0, 0, 0)
    let today = date.timestamp
    var times: [OpenTime] = []
    for day in -3...days {
      let opening = CivilTime(today + .seconds(86_400 * day))
      let weekday = Weekday(of: opening)
      for window in windows where window.days.contains(weekday) {
        let start = moments(of: window.opens, on: opening).lowerBound
        let lastDay = window.closes > window.opens ? opening : CivilTime(opening.timestamp + .seconds(86_400))
        let end = moments(of: window.closes, on: lastDay).upperBound
        if start < end { times.append(OpenTime(opens: start, closes: end)) }
      }
    }
    times.sort { ($0.opens, $0.closes) < ($1.opens, $1.closes) }
    var joined: [OpenTime] = []
    for time in times {
      if let last = joined.last, time.opens <= last.closes {
        joined[joined.count - 1].closes = max(last.closes, time.closes)
      } else {
        joined.append(time)
      }
    }
    return joined
  }

  private func moments(of minutes: Int, on date: CivilTime) -> ClosedRange<Timestamp> {
    var time = date
    (time.hour, time.minute) = (minutes / 60, minutes % 60)
    return zone.moments(at: time)
  }
}

/// Follows the windows of a run from moment to moment: most moments need no look at the calendar.
package struct WindowWatch: Sendable {
  private let calendar: WindowCalendar
  /// What is to end within the window from when it begins.
  private let length: Duration
  private var found: (at: Timestamp, time: WindowCalendar.OpenTime)?

  /// A watch over a calendar.
  ///
  /// - Parameter length: how long a request takes at most: one that would not end in the window does not begin.
  package init(_ calendar: WindowCalendar, requestsTaking length: Duration) {
    self.calendar = calendar
    self.length = length
  }

  /// The open time in which a request may next begin, at a moment or after it.
  package mutating func openTime(at moment: Timestamp) -> WindowCalendar.OpenTime {
    if let found, found.at <= moment, moment + length <= found.time.closes { return found.time }
    // A window that never opens is one of a calendar whose only day clocks take away for ever.
    let never = moment + DurationText.longest
    let time =
      calendar.openTime(at: moment, lasting: length)
      ?? WindowCalendar.OpenTime(opens: never, closes: never + length)
    found = (moment, time)
    return time
  }

  /// When a request may next begin; `nil` when it may begin at that moment.
  package mutating func opening(after moment: Timestamp) -> Timestamp? {
    let time = openTime(at: moment)
    return time.opens > moment ? time.opens : nil
  }
}
