import BatchDomain

/// Follows the sending windows of a run, as a pure value: whether requests that submit may begin, and when they may again.
///
/// Settling, polling and other requests that only read go on while no window is open.
struct SendingHours: Sendable {
  private var watch: WindowWatch?
  private let zone: LocalZone
  /// What was seen last, and when.
  private var seen: (opening: Timestamp?, closes: Timestamp?, at: Duration)?
  /// When the next window opens; `nil` while one is open.
  private(set) var opening: Timestamp?

  /// The longest time that a look at the clock is put off while no window is open: it may have been set, and the machine
  /// may have slept.
  static let lookInterval: Duration = .seconds(60)

  /// - Parameters:
  ///   - calendar: `nil` where requests may begin at any time.
  ///   - length: how long a request takes at most.
  init(_ calendar: WindowCalendar?, requestsTaking length: Duration) {
    watch = calendar.map { WindowWatch($0, requestsTaking: length) }
    zone = calendar?.zone ?? .utc
  }

  /// Takes notice of the time.
  ///
  /// - Returns: the time since the last look during which no window was open, if there was such a time.
  mutating func look(at now: Moment) -> Range<Duration>? {
    guard let time = watch?.openTime(at: now.wall) else {
      opening = nil
      return nil
    }
    opening = time.opens > now.wall ? time.opens : nil
    defer { seen = (opening, opening == nil ? time.closes : nil, now.elapsed) }
    guard let seen, seen.at < now.elapsed else { return nil }
    if seen.opening != nil { return seen.at..<now.elapsed }
    guard opening != nil, let closed = seen.closes else { return nil }
    let sinceThen = now.wall.since(closed)
    let from = max(seen.at, now.elapsed - sinceThen)
    return from < now.elapsed ? from..<now.elapsed : nil
  }

  /// Whether a request may begin at a moment.
  func isOpen(at moment: Timestamp) -> Bool {
    guard var watch else { return true }
    return watch.opening(after: moment) == nil
  }

  /// When a request may begin that cannot begin before a moment, where that is not in the window that is open now; `nil`
  /// where it is.
  func laterWindow(for moment: Timestamp, now: Timestamp) -> Timestamp? {
    guard var watch else { return nil }
    let (current, then) = (watch.openTime(at: now), watch.openTime(at: moment))
    guard then != current else { return nil }
    return max(then.opens, moment)
  }

  /// A moment by the clocks of the windows, with date and distance from UTC.
  func text(_ moment: Timestamp) -> String { zone.text(moment) }
}
