import BatchDomain

/// What a request takes of the limits of its step.
struct RequestLoad: Equatable {
  /// Items in it, 1 or more.
  var items: Int
  /// Milliseconds of media in it; `nil` where no limit counts them.
  var media: Int?

  /// What a limit counts; `nil` where it does not count the request.
  func of(_ unit: RateWindows.LoadUnit) -> Int? {
    switch unit {
    case .requests: 1
    case .items: items
    case .media: media
    }
  }
}

/// A limit of a run on what is sent in one step.
struct StepLimit {
  /// What is counted.
  let unit: RateWindows.LoadUnit
  /// How much of it a window may have, 1 or more, ``most`` at most.
  let count: Int
  /// The length of the window.
  let window: Rate.Window
  /// As it is told.
  let why: Claim.NotBefore

  /// No window ever has so much: a greater limit holds nothing back, and sums of limits stay in range.
  static let most = 1 << 52
}

extension RunSettings {
  /// The limits on requests of a step.
  func limits(on step: ChunkStep) -> [StepLimit] {
    var limits = rates.filter { $0.limits(step) }.map {
      StepLimit(unit: .requests, count: min($0.count, StepLimit.most), window: $0.window, why: .rate($0))
    }
    limits += itemRates.map {
      StepLimit(unit: .items, count: min($0.count, StepLimit.most), window: $0.window, why: .itemRate($0))
    }
    // How long a video is gets known by the first step.
    guard step != profile.firstStep else { return limits }
    let minute = 60_000
    return limits
      + mediaRates.map {
        StepLimit(
          unit: .media, count: min($0.minutes, StepLimit.most / minute) * minute, window: $0.window,
          why: .mediaRate($0))
      }
  }
}

/// Who goes first of several runs that wait for room in the limits of one step: the one that took least of it.
///
/// A run that is refused by a limit leaves a share: what it took so far, what its next request needs, and when there is
/// room for that. Another run gives way to it, which means that it leaves so much room that the first one can catch up.
/// The order is a total one, so that the first never gives way, and two runs never wait for each other.
///
/// A pure rule: the store says who waits, and what is in the windows of the limits.
struct RateShares {
  /// How soon a run that gives way asks again, at the latest.
  static let interval: Duration = .seconds(1)

  /// How long room of a limit is kept for a run beyond the moment at which it could go: for one that sends little at a
  /// time, long enough to come to its part, and a small part of the window.
  static func patience(_ window: Rate.Window) -> Duration { max(.seconds(1), window.duration / 60) }

  /// What ``Share/taken`` counts: such parts of what a limit permits in a window.
  static let parts = 1_000_000_000

  /// What a run took while others waited, too, and what it waits for.
  struct Share: Equatable {
    /// `run.id`.
    var run: Int64
    /// Of the limit that its requests took most of, in ``RateShares/parts``.
    var taken: Int
    /// When it may go. Where that is long past, it does not wait.
    var due: Timestamp
    /// What its next request takes.
    var load: RequestLoad

    /// Until when room of a limit is kept for it.
    func end(_ limit: StepLimit) -> Timestamp { due + RateShares.patience(limit.window) }

    /// Whether room of some limit is kept for it.
    func waits(at now: Timestamp, _ limits: [StepLimit]) -> Bool { limits.contains { now < end($0) } }
  }

  /// That a run has to give way.
  struct Delay: Equatable {
    /// When it asks again.
    var moment: Timestamp
    /// Until when the room is kept for others, at the latest.
    var until: Timestamp
    /// The limit whose room is kept.
    var why: Claim.NotBefore
  }

  /// The run that asks.
  let run: Int64
  /// What its request takes.
  let load: RequestLoad
  /// The limits that hold for it.
  let limits: [StepLimit]
  /// What it took.
  let taken: Int
  /// Runs that wait and took less.
  private let ahead: [Share]

  /// - Parameters:
  ///   - own: the run's own share, as it was left last.
  ///   - waiting: the shares of others that wait.
  ///   - most: the most that any run took that is known.
  init(
    run: Int64, load: RequestLoad, limits: [StepLimit], own: Share?, waiting: [Share], most: Int,
    at now: Timestamp
  ) {
    self.run = run
    self.load = load
    self.limits = limits
    if let own, own.waits(at: now, limits) {
      taken = own.taken
    } else if let least = waiting.map(\.taken).min() {
      // While it did not wait, it saved up nothing; what it owes it still does.
      taken = max(own?.taken ?? 0, least)
    } else {
      // Nobody waits: all begin anew, from the same mark.
      taken = most
    }
    ahead = waiting.filter { [taken] in ($0.taken, $0.run) < (taken, run) }
  }

  /// What a request takes of the limit that it takes most of.
  static func cost(of load: RequestLoad, _ limits: [StepLimit]) -> Int {
    let parts = limits.map { limit in
      Double(load.of(limit.unit) ?? 0) / Double(limit.count) * Double(Self.parts)
    }
    return Int(max(1, min(parts.max() ?? 0, Double(Self.parts)).rounded()))
  }

  /// What it has taken once its request has left.
  var takenThen: Int { taken + Self.cost(of: load, limits) }

  /// Whether the request leaves those ahead the room that they wait for. The limits themselves permit it now.
  ///
  /// - Parameter use: what is in the window of a limit; `nil` where that cannot be told.
  func delay(
    at now: Timestamp, use: (StepLimit) throws -> RateWindows.Use?
  ) rethrows -> Delay? {
    guard !ahead.isEmpty else { return nil }
    for limit in limits {
      if let delay = try delay(at: now, by: limit, use: use) { return delay }
    }
    return nil
  }

  private func delay(
    at now: Timestamp, by limit: StepLimit, use: (StepLimit) throws -> RateWindows.Use?
  ) rethrows -> Delay? {
    guard let load = load.of(limit.unit) else { return nil }
    // One that goes only when this request has left the window is not in its way.
    let others = ahead.filter {
      $0.due <= now + limit.window.duration && now < $0.end(limit) && ($0.load.of(limit.unit) ?? 0) > 0
    }
    guard let first = others.map(\.due).min(), let use = try use(limit) else { return nil }
    let loads = others.map { min($0.load.of(limit.unit) ?? 0, limit.count) }
    let needed = zip(others, loads).reduce(0) { $0 + requestsToCatchUp($1.0, $1.1, limit) * $1.1 }
    let room = limit.count - use.total
    if load + needed <= room { return nil }
    // Those that can go now, or in a moment, are about to take what is there.
    let isComing = zip(others, loads).contains { $0.due <= now + Self.interval && $1 <= room }
    let next = loads.reduce(0, +)
    if !isComing, load + next <= limit.count {
      // There is no room for them yet: what makes none of them wait for longer may be taken.
      let alone = use.whenFree(for: next, within: limit.count) ?? now
      let both = use.whenFree(for: load + next, within: limit.count) ?? now
      if both <= max(alone, first) { return nil }
    }
    let until = first + Self.patience(limit.window)
    var moment = min(until, now + Self.interval)
    if load + needed <= limit.count, let free = use.whenFree(for: load + needed, within: limit.count),
      now < free
    {
      moment = min(moment, free)
    }
    return Delay(moment: moment, until: until, why: limit.why)
  }

  /// How many requests another run may send before it has taken as much as this one, 1 at least; no more than the limit
  /// has room for.
  private func requestsToCatchUp(_ other: Share, _ load: Int, _ limit: StepLimit) -> Int {
    let cost = Self.cost(of: other.load, limits)
    let requests = (takenThen - other.taken + cost - 1) / cost
    return max(1, min(requests, limit.count / load + 1))
  }
}

// MARK: - In the store

extension SQLRunSession {
  /// Why a request may not be sent now, and when to ask again: a limit is used up, or what is left of it is kept for other
  /// runs; `nil` when it may be sent.
  ///
  /// A run that is alone on its store writes nothing here.
  func delay(
    of load: RequestLoad, _ step: ChunkStep, at now: Timestamp, in connection: Connection
  ) throws -> (moment: Timestamp, why: Claim.NotBefore)? {
    let limits = settings.limits(on: step).filter { load.of($0.unit) != nil }
    guard let windows = windows[step], !limits.isEmpty else { return nil }
    var latest: (moment: Timestamp, why: Claim.NotBefore)?
    for limit in limits {
      guard let free = try windows.whenFree(limit, for: load, at: now, in: connection), now < free else {
        continue
      }
      // A clock that was set back leaves attempts in the future; no window is longer than itself.
      let moment = min(free, now + limit.window.duration + .milliseconds(1))
      if latest.map({ $0.moment < moment }) ?? true { latest = (moment, limit.why) }
    }
    guard try engine.isAnyRunOwned(besides: row, in: connection) else { return latest }
    let known = try shares(of: step, in: connection)
    let own = known.first { $0.run == row }
    let waiting = try known.filter { share in
      try share.run != row && share.waits(at: now, limits) && engine.isRunOwned(share.run, in: connection)
    }
    let order = RateShares(
      run: row, load: load, limits: limits, own: own, waiting: waiting, most: known.map(\.taken).max() ?? 0,
      at: now)
    var share = RateShares.Share(run: row, taken: order.taken, due: now, load: load)
    if let latest {
      share.due = latest.moment
      try leave(share, insteadOf: own, step, in: connection)
      return latest
    }
    let delay = try order.delay(at: now) {
      try windows.use(of: $0.unit, in: $0.window, at: now, in: connection)
    }
    if let delay {
      share.due = delay.until
      try leave(share, insteadOf: own, step, in: connection)
      return (delay.moment, .share(of: delay.why, until: delay.until))
    }
    // What one takes while the other waits is held against what the other takes meanwhile.
    let memory = limits.map(\.window.duration).max() ?? .zero
    guard known.contains(where: { $0.run != row && now < $0.due + memory }) else { return nil }
    share.taken = order.takenThen
    // It waits no longer than it did.
    share.due = own.map { min($0.due, now) } ?? now - memory
    try leave(share, insteadOf: own, step, in: connection)
    return nil
  }

  /// The shares of runs that are being sent, as far as the store knows.
  private func shares(of step: ChunkStep, in connection: Connection) throws -> [RateShares.Share] {
    try connection.rows(
      """
      SELECT share.run, share.taken, share.due, share.items, share.media_ms
      FROM rate_share AS share JOIN run ON run.id = share.run AND run.owner = share.owner AND run.state = 'running'
      WHERE share.origin = ? AND share.step = ?
      """, .integer(origin), .text(step.rawValue)
    ) {
      RateShares.Share(
        run: Int64($0.int(0)), taken: $0.int(1), due: Timestamp(milliseconds: Int64($0.int(2))),
        load: RequestLoad(items: $0.int(3), media: $0.optionalInt(4)))
    }
  }

  /// Writes what others have to know of this run, unless they know it.
  private func leave(
    _ share: RateShares.Share, insteadOf own: RateShares.Share?, _ step: ChunkStep, in connection: Connection
  ) throws {
    guard share != own else { return }
    // No room is kept for a run that will not ask for it, because none of its windows is open then.
    guard settings.windowWait(at: share.due) == nil else { return }
    try connection.run(
      """
      INSERT INTO rate_share (origin, step, run, owner, taken, due, items, media_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (origin, step, run) DO UPDATE
        SET owner = excluded.owner, taken = excluded.taken, due = excluded.due, items = excluded.items,
            media_ms = excluded.media_ms
      """, .integer(origin), .text(step.rawValue), .integer(row), .integer(owner), .integer(share.taken),
      .integer(share.due.milliseconds), .integer(share.load.items), .integer(share.load.media))
  }

  /// Keeps no room for this run any more.
  func endShares(in connection: Connection) throws {
    try connection.run("DELETE FROM rate_share WHERE run = ?", .integer(row))
  }
}

extension RateWindows {
  /// When a request is within a limit; `nil` when it is at any time.
  fileprivate func whenFree(
    _ limit: StepLimit, for load: RequestLoad, at now: Timestamp, in connection: Connection
  ) throws -> Timestamp? {
    guard limit.unit != .requests else {
      return try whenFree(Rate(count: limit.count, window: limit.window), at: now, in: connection)
    }
    return try whenFree(
      limit.count, of: limit.unit, in: limit.window, for: load.of(limit.unit) ?? 0, at: now, in: connection)
  }
}
