import BatchDomain
import NIOConcurrencyHelpers

/// Where the rolling windows of the rates of one step begin: what a claim would otherwise find by counting every intent
/// in the window.
///
/// For each rate the place of the intent is kept that has to be a whole window old, and moved on by as many intents as
/// were added. `budget.intents` tells when something else happened: an intent that was not added at the end, or one that
/// was moved or removed. The place is then looked for anew, and so it is after a transaction that was undone
/// (``Connection/revision``), and after intents of old runs were removed (`budget.removals`), which no window has in it any
/// more, but which are counted from the place to the newest. Nothing that is kept here has to survive the process.
final class RateWindows: Sendable {
  /// The place of an intent in the order of the index `attempt_started`.
  fileprivate struct Place: Equatable {
    var startedAt: Int64
    var run: Int64
    var chunk: Int64
    var number: Int64

    static let first = Place(startedAt: .min, run: .min, chunk: .min, number: .min)
    static let columns = "started_at, run, chunk, number"

    init(startedAt: Int64, run: Int64, chunk: Int64, number: Int64) {
      self.startedAt = startedAt
      self.run = run
      self.chunk = chunk
      self.number = number
    }

    init(_ row: Statement) {
      self.init(
        startedAt: Int64(row.int(0)), run: Int64(row.int(1)), chunk: Int64(row.int(2)),
        number: Int64(row.int(3)))
    }
  }

  private struct Window {
    /// `budget.intents`, `budget.removals` and ``Connection/revision`` that it is of.
    var intents: Int
    var removals: Int
    var revision: Int
    /// The last intent, and the last but `count - 1`; the latter only once there are so many.
    var newest: Place
    var oldest: Place?
    /// How many there are, `count` at most.
    var rows: Int
  }

  /// Intents of a clock that was put back since: when they were first seen to lie ahead, every one of them was made.
  private struct Ahead {
    /// The last of them.
    var newest: Int64
    /// On the clock that never goes back.
    var seenAt: Duration
  }

  private struct State {
    var windows: [Int: Window] = [:]
    var loads: [LoadKey: LoadWindow] = [:]
    var ahead: Ahead?
  }

  /// What is added up, over which time.
  private struct LoadKey: Hashable {
    let unit: LoadUnit
    let window: Rate.Window
  }

  /// `origin.id`.
  private let origin: Int64
  private let step: ChunkStep
  private let clock: (any BatchClock)?
  private let state = NIOLockedValueBox(State())

  /// No window is known yet.
  init(origin: Int64, step: ChunkStep, clock: (any BatchClock)?) {
    self.origin = origin
    self.step = step
    self.clock = clock
  }

  /// An intent further ahead of the clock than this is one of a clock that was put back.
  private static let tolerance: Int64 = 1_000

  /// When the next request of the step is within a limit, judged by the intents of every run of the same service; `nil` when it is
  /// at any time.
  ///
  /// The window is a rolling one: the request `count` before the next has to be a whole window old. Requests leave once
  /// the commit of their intent is on disk, so the longest that a commit of the window took is added. So is one
  /// millisecond, since stored times are cut to milliseconds.
  func whenFree(_ rate: Rate, at now: Timestamp, in connection: Connection) throws -> Timestamp? {
    try state.withLockedValue { state in
      let (intents, removals, newest) = try end(in: connection)
      guard let newest else { return nil }
      if let left = timeLeft(ofThoseAhead: newest, over: rate.window, at: now, &state) {
        if left <= .zero {
          // They are a window old, whatever their times say.
          let oldest = try place(count: rate.count, upTo: now.milliseconds, in: connection)
          return oldest.map { self.end(of: rate, after: $0, at: now, in: connection) }
        }
        guard let oldest = try place(count: rate.count, upTo: .max, in: connection) else { return nil }
        return min(self.end(of: rate, after: oldest, at: now, in: connection), now + left)
      }
      var window: Window
      if let known = state.windows[rate.count], known.revision == connection.revision,
        known.removals == removals,
        let moved = try move(known, count: rate.count, to: intents, in: connection)
      {
        window = moved
      } else {
        window = try count(rate.count, newest: newest, in: connection)
      }
      window.intents = intents
      window.removals = removals
      window.revision = connection.revision
      state.windows[rate.count] = window
      return window.oldest.map { self.end(of: rate, after: $0, at: now, in: connection) }
    }
  }

  /// Of intents that lie ahead of the clock, because it was put back: how long it is until they are a window old at the
  /// latest; `nil` where there are none.
  private func timeLeft(
    ofThoseAhead newest: Place, over window: Rate.Window, at now: Timestamp, _ state: inout State
  ) -> Duration? {
    guard newest.startedAt > now.milliseconds + Self.tolerance, let clock else {
      state.ahead = nil
      return nil
    }
    let ahead =
      state.ahead.flatMap { $0.newest >= newest.startedAt ? $0 : nil }
      ?? Ahead(newest: newest.startedAt, seenAt: clock.elapsed())
    state.ahead = ahead
    return window.duration + .milliseconds(1) - (clock.elapsed() - ahead.seenAt)
  }

  private func end(of rate: Rate, after place: Place, at now: Timestamp, in connection: Connection)
    -> Timestamp
  {
    Timestamp(milliseconds: place.startedAt) + lifetime(rate.window, in: connection)
  }

  /// How long an intent counts.
  private func lifetime(_ window: Rate.Window, in connection: Connection) -> Duration {
    let late =
      clock.map { connection.lateness.longest(within: window.duration, at: $0.elapsed()) } ?? .zero
    return window.duration + late + .milliseconds(1)
  }

  private func end(in connection: Connection) throws -> (intents: Int, removals: Int, newest: Place?) {
    let counts = try connection.first(
      "SELECT intents, removals FROM budget WHERE origin = ? AND step = ?", .integer(origin),
      .text(step.rawValue)
    ) { (intents: $0.int(0), removals: $0.int(1)) }
    let newest = try connection.first(
      """
      SELECT \(Place.columns) FROM attempt INDEXED BY attempt_started WHERE origin = ? AND step = ?
      ORDER BY started_at DESC, run DESC, chunk DESC, number DESC LIMIT 1
      """, .integer(origin), .text(step.rawValue), read: Place.init)
    return (counts?.intents ?? 0, counts?.removals ?? 0, newest)
  }

  /// Moves a window on by what was added behind its newest intent; `nil` when something else happened.
  private func move(_ window: Window, count: Int, to intents: Int, in connection: Connection) throws
    -> Window?
  {
    let added = intents - window.intents
    // Where more were added than it holds, to count them is no more work.
    guard added >= 0, added < count else { return nil }
    var window = window
    let places = try next(added + 1, after: window.newest, in: connection)
    guard places.count == added else { return nil }
    guard let newest = places.last else { return window }
    window.newest = newest
    let rows = window.rows + added
    window.rows = min(rows, count)
    guard rows >= count else { return window }
    let steps = window.oldest == nil ? rows - count + 1 : added
    guard let oldest = try next(steps, after: window.oldest ?? .first, in: connection).last else {
      return nil
    }
    window.oldest = oldest
    return window
  }

  private func next(_ limit: Int, after place: Place, in connection: Connection) throws -> [Place] {
    try connection.rows(
      """
      SELECT \(Place.columns) FROM attempt INDEXED BY attempt_started
      WHERE origin = ? AND step = ? AND (started_at, run, chunk, number) > (?, ?, ?, ?)
      ORDER BY started_at, run, chunk, number LIMIT ?
      """, .integer(origin), .text(step.rawValue), .integer(place.startedAt), .integer(place.run),
      .integer(place.chunk),
      .integer(place.number), .integer(limit), read: Place.init)
  }

  private func count(_ count: Int, newest: Place, in connection: Connection) throws -> Window {
    let oldest = try place(count: count, upTo: .max, in: connection)
    let rows =
      oldest != nil
      ? count
      : try connection.first(
        "SELECT count(*) FROM attempt INDEXED BY attempt_started WHERE origin = ? AND step = ?",
        .integer(origin), .text(step.rawValue)
      ) { $0.int(0) } ?? 0
    return Window(intents: 0, removals: 0, revision: 0, newest: newest, oldest: oldest, rows: rows)
  }

  /// The last intent but `count - 1` of those up to a moment.
  private func place(count: Int, upTo moment: Int64, in connection: Connection) throws -> Place? {
    try connection.first(
      """
      SELECT \(Place.columns) FROM attempt INDEXED BY attempt_started
      WHERE origin = ? AND step = ? AND started_at <= ?
      ORDER BY started_at DESC, run DESC, chunk DESC, number DESC LIMIT 1 OFFSET ?
      """, .integer(origin), .text(step.rawValue), .integer(moment), .integer(count - 1), read: Place.init)
  }
}

extension RateWindows {
  /// What a limit adds up of the requests in its window.
  enum LoadUnit: Hashable {
    /// Requests.
    case requests
    /// Items in a request.
    case items
    /// Milliseconds of media in a request.
    case media

    /// Of the attempt `a`.
    fileprivate var column: String {
      switch self {
      case .requests: "1"
      case .items: "(SELECT c.item_count FROM chunk AS c WHERE c.run = a.run AND c.number = a.chunk)"
      case .media: "coalesce(a.media_ms, 0)"
      }
    }
  }

  /// When a request with so much in it is within a limit, judged by what every run of the same service sent in the step;
  /// `nil` when it is at any time. One with more in it than the limit permits in a window goes when the window is empty.
  func whenFree(
    _ limit: Int, of unit: LoadUnit, in window: Rate.Window, for load: Int, at now: Timestamp,
    in connection: Connection
  ) throws -> Timestamp? {
    try state.withLockedValue { state in
      guard let found = try look(unit, window, at: now, &state, in: connection) else { return nil }
      // Those ahead of a clock that was put back are a window old once a window has passed, whatever their times say.
      let areOld = found.left.map { $0 <= .zero } ?? false
      guard let last = found.loads.lastToLeave(for: load, within: limit, upTo: areOld ? now : nil) else {
        return nil
      }
      guard let left = found.left, !areOld else { return last + found.loads.lifetime }
      return min(last + found.loads.lifetime, now + left)
    }
  }

  /// What is in a window now, as it is at the time of the call.
  struct Use {
    /// `nil` where nothing was ever sent.
    fileprivate let loads: LoadWindow?

    /// How much all of it comes to.
    var total: Int { loads?.total ?? 0 }

    /// When so much more would be within a limit if nothing else were sent; `nil` when it is at any time.
    func whenFree(for load: Int, within limit: Int) -> Timestamp? {
      guard let loads else { return nil }
      return loads.lastToLeave(for: load, within: limit, upTo: nil).map { $0 + loads.lifetime }
    }
  }

  /// What every run of the same service sent in the step, as far as it is in the window of a limit; `nil` while that cannot
  /// be told by the times of requests, since the clock was put back.
  func use(
    of unit: LoadUnit, in window: Rate.Window, at now: Timestamp, in connection: Connection
  ) throws -> Use? {
    try state.withLockedValue { state in
      guard let found = try look(unit, window, at: now, &state, in: connection) else {
        return Use(loads: nil)
      }
      return found.left == nil ? Use(loads: found.loads) : nil
    }
  }

  /// Brings what is known of a window up to date; `nil` where nothing was ever sent.
  ///
  /// - Returns: what is in it, and of requests that lie ahead of a clock that was put back, how long it is until they are a
  ///   window old at the latest.
  private func look(
    _ unit: LoadUnit, _ window: Rate.Window, at now: Timestamp, _ state: inout State,
    in connection: Connection
  ) throws -> (loads: LoadWindow, left: Duration?)? {
    let (intents, _, newest) = try end(in: connection)
    guard let newest else { return nil }
    let left = timeLeft(ofThoseAhead: newest, over: window, at: now, &state)
    let lifetime = lifetime(window, in: connection)
    let key = LoadKey(unit: unit, window: window)
    var loads: LoadWindow
    if let known = state.loads[key], known.revision == connection.revision, known.lookedAt <= now,
      known.lifetime >= lifetime, let moved = try move(known, unit, to: intents, in: connection)
    {
      loads = moved
    } else {
      loads = try read(unit, from: now - lifetime, newest: newest, in: connection)
    }
    loads.intents = intents
    loads.revision = connection.revision
    loads.lookedAt = now
    loads.lifetime = lifetime
    loads.dropThose(upTo: now - lifetime)
    state.loads[key] = loads
    return (loads, left)
  }

  private func move(
    _ loads: LoadWindow, _ unit: LoadUnit, to intents: Int, in connection: Connection
  ) throws -> LoadWindow? {
    let added = intents - loads.intents
    guard added >= 0 else { return nil }
    var loads = loads
    guard added > 0 else { return loads }
    var rows = 0
    try connection.forEach(
      """
      SELECT \(Place.columns), \(unit.column) FROM attempt AS a INDEXED BY attempt_started
      WHERE origin = ? AND step = ? AND (started_at, run, chunk, number) > (?, ?, ?, ?)
      ORDER BY started_at, run, chunk, number LIMIT ?
      """, .integer(origin), .text(step.rawValue), .integer(loads.newest.startedAt),
      .integer(loads.newest.run),
      .integer(loads.newest.chunk), .integer(loads.newest.number), .integer(added + 1)
    ) { row in
      loads.add(row.int(4), Place(row))
      rows += 1
    }
    return rows == added ? loads : nil
  }

  private func read(
    _ unit: LoadUnit, from moment: Timestamp, newest: Place, in connection: Connection
  ) throws -> LoadWindow {
    var loads = LoadWindow(newest: newest)
    try connection.forEach(
      """
      SELECT \(Place.columns), \(unit.column) FROM attempt AS a INDEXED BY attempt_started
      WHERE origin = ? AND step = ? AND started_at >= ? ORDER BY started_at, run, chunk, number
      """, .integer(origin), .text(step.rawValue), .integer(moment.milliseconds)
    ) { loads.add($0.int(4), Place($0)) }
    loads.newest = newest
    return loads
  }

  /// What requests of a window had in them, in the order in which they began: up to some thousands one by one, more of
  /// them by groups, of which each counts as long as its last request.
  fileprivate struct LoadWindow {
    private struct Entry {
      var startedAt: Int64
      var load: Int
    }

    /// `budget.intents` and ``Connection/revision`` that it is of.
    var intents = 0
    var revision = 0
    /// The last intent.
    var newest: Place
    /// When it was last asked for, and how long an intent counted then.
    var lookedAt = Timestamp(milliseconds: .min)
    var lifetime: Duration = .zero
    private var entries: [Entry] = []
    private(set) var total = 0

    private static let mostEntries = 1 << 13
    /// No request has more in it; a greater number in a damaged row does not end the program.
    private static let mostLoad = 1 << 42

    init(newest: Place) { self.newest = newest }

    mutating func add(_ load: Int, _ place: Place) {
      newest = place
      guard load > 0 else { return }
      let load = min(load, Self.mostLoad)
      total += load
      entries.append(Entry(startedAt: place.startedAt, load: load))
      guard entries.count > Self.mostEntries else { return }
      var groups: [Entry] = []
      for (number, entry) in entries.enumerated() {
        if number.isMultiple(of: 2) {
          groups.append(entry)
        } else {
          groups[groups.count - 1].startedAt = entry.startedAt
          groups[groups.count - 1].load += entry.load
        }
      }
      entries = groups
    }

    mutating func dropThose(upTo moment: Timestamp) {
      let gone = entries.prefix { $0.startedAt <= moment.milliseconds }
      total -= gone.reduce(0) { $0 + $1.load }
      entries.removeFirst(gone.count)
    }

    /// The last request that has to leave the window before one with so much in it may begin.
    ///
    /// - Parameter end: requests after that moment do not count; `nil` counts all.
    func lastToLeave(for load: Int, within limit: Int, upTo end: Timestamp?) -> Timestamp? {
      let counted = end.map { end in entries.prefix { $0.startedAt <= end.milliseconds } } ?? entries[...]
      var used = end == nil ? total : counted.reduce(0) { $0 + $1.load }
      var last: Timestamp?
      for entry in counted where used > 0 && used + load > limit {
        used -= entry.load
        last = Timestamp(milliseconds: entry.startedAt)
      }
      return last
    }
  }
}

/// How long commits of intents took, from the times of the intents to the moment they were known to be on disk: by so
/// much requests leave later than their intents say.
struct Lateness {
  private struct Entry {
    /// When the requests could leave, on the clock that never goes back.
    let leftAt: Duration
    let late: Duration
  }

  /// In the order of time; the later, the shorter. What is both earlier and shorter than another says nothing.
  private var entries: [Entry] = []

  /// Longer windows than a day are not known.
  private static let longestWindow: Duration = .seconds(24 * 3_600)

  /// Notes a commit that is known to be on disk now.
  mutating func note(_ late: Duration, at elapsed: Duration) {
    // Rounded up, as times of intents are cut.
    let late = Duration.milliseconds(late.millisecondsRoundedUp)
    entries.removeAll { $0.late <= late || $0.leftAt + Self.longestWindow < elapsed }
    if late > .zero { entries.append(Entry(leftAt: elapsed, late: late)) }
  }

  /// The longest of those commits that ended within a window that ends now.
  func longest(within window: Duration, at elapsed: Duration) -> Duration {
    entries.first { $0.leftAt + window >= elapsed }?.late ?? .zero
  }
}
