/// When a run is likely to end, and what holds it back, judged by its limits, its windows and its pace so far.
///
/// A pure function of what is left, what was sent, and the time: nothing is promised by it.
package struct Forecast: Sendable, Equatable {
  /// What determines when a run ends.
  package enum Binding: Sendable, Equatable, CustomStringConvertible {
    /// A limit, as it is written in options.
    case limit(String)
    /// The sending windows alone.
    case window

    /// The limit, or `window`.
    package var description: String {
      switch self {
      case .limit(let text): text
      case .window: "window"
      }
    }
  }

  /// Requests that submit which are left.
  package var requests: Int
  /// What holds the run back most; `nil` where no limit and no window does.
  package var binding: Binding?
  /// When the first of them may leave.
  package var startsAt: Timestamp
  /// When the last of them may leave; `nil` where neither a limit nor a pace tells.
  package var endsAt: Timestamp?
  /// In how many windows requests leave; in how many days, where the run has no windows; 0 where nothing is left.
  package var nights: Int

  /// A forecast in its parts.
  package init(requests: Int, binding: Binding?, startsAt: Timestamp, endsAt: Timestamp?, nights: Int) {
    self.requests = requests
    self.binding = binding
    self.startsAt = startsAt
    self.endsAt = endsAt
    self.nights = nights
  }
}

/// What requests of a step used of the limits of a service, and how long the service asked to wait.
package struct BudgetUse: Sendable, Equatable {
  /// Requests that began at about the same time.
  package struct Sent: Sendable, Equatable {
    /// When the last of them began.
    package var at: Timestamp
    /// How many.
    package var requests: Int
    /// Items in them.
    package var items: Int
    /// Length of the videos in them, as far as it was known.
    package var media: Duration

    /// Requests in their numbers.
    package init(at: Timestamp, requests: Int, items: Int, media: Duration = .zero) {
      self.at = at
      self.requests = requests
      self.items = items
      self.media = media
    }
  }

  /// What was sent, in order of time.
  package var sent: [Sent]
  /// The wait that the service asked for last.
  package var wait: StoredWait?

  /// A use in its parts.
  package init(sent: [Sent] = [], wait: StoredWait? = nil) {
    self.sent = sent
    self.wait = wait
  }
}

/// What is left to do of a run, and what a forecast needs to know beside.
package struct RemainingWork: Sendable {
  /// Requests of one step that are left.
  package struct Step: Sendable {
    /// The step.
    package var step: ChunkStep
    /// How many requests.
    package var requests: Int
    /// Items in them.
    package var items: Int
    /// What earlier requests of it used of the service's limits, in any run.
    package var used: BudgetUse

    /// Requests of a step.
    package init(_ step: ChunkStep, requests: Int, items: Int, used: BudgetUse = BudgetUse()) {
      self.step = step
      self.requests = requests
      self.items = items
      self.used = used
    }
  }

  private let steps: [Step]
  private let settings: RunSettings
  private let calendar: WindowCalendar?
  /// The time from one request of a step to the next, as it was of late; `nil` while that is not known.
  private let pace: Duration?

  /// What is left of a run.
  ///
  /// - Parameters:
  ///   - pace: the time from one request of a step to the next where nothing holds them back; `nil` where it is not known.
  /// - Throws: ``ConfigurationError`` when the windows cannot be followed.
  package init(_ steps: [Step], settings: RunSettings, pace: Duration? = nil) throws(ConfigurationError) {
    self.steps = steps
    self.settings = settings
    self.pace = pace
    calendar = try settings.calendar()
  }

  /// What is left of a run, by its open chunks.
  ///
  /// - Parameters:
  ///   - open: its chunks that are still to be decided.
  ///   - uses: what earlier requests used of the service's limits, in any run.
  ///   - pace: as of ``init(_:settings:pace:)``.
  /// - Throws: ``ConfigurationError`` when the windows cannot be followed.
  package init(
    of open: [OpenChunks], uses: [ChunkStep: BudgetUse] = [:], settings: RunSettings,
    pace: Duration? = nil
  ) throws(ConfigurationError) {
    let steps = settings.profile.steps.map { step in
      let left = open.filter { $0.needs(step, settings) }
      return Step(
        step, requests: left.reduce(0) { $0 + $1.chunks }, items: left.reduce(0) { $0 + $1.items },
        used: uses[step] ?? BudgetUse())
    }
    try self.init(steps, settings: settings, pace: pace)
  }

  /// What is left of a run of that many chunks and items of which nothing was sent, with what earlier requests used of the
  /// service's limits.
  ///
  /// - Parameter catalog: where runs are recorded; `nil` where none are.
  /// - Returns: `nil` where neither a limit nor a window holds the run back.
  /// - Throws: ``ConfigurationError`` when the windows cannot be followed, ``StoreError``.
  package static func of(
    chunks: Int, items: Int, settings: RunSettings, in catalog: (any RunCatalog)?, at now: Timestamp
  ) async throws -> RemainingWork? {
    guard isHeldBack(settings) else { return nil }
    return try RemainingWork(
      of: [OpenChunks(.pending, at: settings.profile.firstStep, chunks: chunks, items: items)],
      uses: try await uses(settings, in: catalog, at: now), settings: settings)
  }

  /// What is left of a recorded run, by the steps that its open chunks have reached, with what earlier requests used of the
  /// service's limits.
  ///
  /// - Returns: `nil` where neither a limit nor a window holds the run back.
  /// - Throws: ``ConfigurationError`` when the windows cannot be followed, ``StoreError``.
  package static func of(
    _ run: RunID, settings: RunSettings, in catalog: any RunCatalog, at now: Timestamp,
    pace: Duration? = nil
  ) async throws -> RemainingWork? {
    guard isHeldBack(settings) else { return nil }
    return try RemainingWork(
      of: try await catalog.openChunks(of: run),
      uses: try await uses(settings, in: catalog, at: now),
      settings: settings, pace: pace)
  }

  /// Whether a limit or a window may hold a run back.
  package static func isHeldBack(_ settings: RunSettings) -> Bool {
    memory(of: settings) != nil || !settings.windows.isEmpty
  }

  private static func uses(
    _ settings: RunSettings, in catalog: (any RunCatalog)?, at now: Timestamp
  ) async throws -> [ChunkStep: BudgetUse] {
    try await catalog?.budgetUse(
      of: settings.baseURL, from: now - (memory(of: settings) ?? .zero), to: now) ?? [:]
  }

  /// How far back what was sent may count: the longest window of a limit; `nil` where there is none.
  package static func memory(of settings: RunSettings) -> Duration? {
    (settings.rates.map(\.window) + settings.itemRates.map(\.window) + settings.mediaRates.map(\.window))
      .map(\.duration).max()
  }

  /// Plays what is left, beginning at a moment.
  package func forecast(from now: Timestamp) -> Forecast {
    var played: [Played] = []
    for step in steps { played.append(play(step, behind: played.last, from: now)) }
    let requests = steps.reduce(0) { $0 + $1.requests }
    guard requests > 0, let last = played.max(by: { $0.end < $1.end }) else {
      return Forecast(requests: 0, binding: nil, startsAt: now, endsAt: now, nights: 0)
    }
    let start = played.filter(\.hasRequests).map(\.start).min() ?? now
    let isBound = played.contains(where: \.isLimited) || calendar != nil || pace != nil
    return Forecast(
      requests: requests, binding: last.binding, startsAt: start, endsAt: isBound ? last.end : nil,
      nights: nights(played, from: start, to: last.end))
  }

  private func nights(_ played: [Played], from start: Timestamp, to end: Timestamp) -> Int {
    guard calendar == nil else { return Set(played.flatMap(\.openings)).count }
    return Int(end.since(start).millisecondsRoundedUp / Rate.Window.day.duration.millisecondsRoundedUp) + 1
  }

  /// How the requests of one step go.
  private struct Played {
    var start: Timestamp
    var end: Timestamp
    var hasRequests = false
    var isLimited = false
    /// By how much each limit put requests off, in all.
    var delays: [String: Duration] = [:]
    var windowDelay: Duration = .zero
    /// When the windows opened in which requests leave.
    var openings: Set<Timestamp> = []
    /// At which moment how many requests had left, in order; where there are many, not after each of them.
    var departures: [(requests: Int, at: Timestamp)] = []

    /// What put requests off most.
    var binding: Forecast.Binding? {
      let limit = delays.max { ($0.value, $1.key) < ($1.value, $0.key) }
      return limit.map { .limit($0.key) } ?? (windowDelay > .zero ? .window : nil)
    }

    /// Takes note of what requests were put off by.
    mutating func putOff(by delay: Duration, _ cause: Forecast.Binding?) {
      switch cause {
      case .limit(let name): delays[name, default: .zero] += delay
      case .window: windowDelay += delay
      case nil: break
      }
    }
  }

  /// The number of groups that requests are played in, about: one by one, a million would take too long.
  private static let groups = 4_000

  /// Plays the requests of a step. Those of chunks that need the step before first leave after it.
  private func play(_ step: Step, behind earlier: Played?, from now: Timestamp) -> Played {
    var played = Played(start: now, end: now)
    guard step.requests > 0 else { return played }
    let itemsEach = Double(step.items) / Double(step.requests)
    var limits = limits(of: step, itemsEach: itemsEach)
    played.hasRequests = true
    played.isLimited = !limits.isEmpty
    // A group has to fit into each limit.
    let room = limits.map { $0.capacity / $0.loadEach }.min() ?? .infinity
    let most = step.requests / Self.groups
    // Compared as they are: a great limit that little is taken of has room for more requests than an integer counts.
    let size = max(1, room < Double(most) ? Int(room) : most)
    var watch = calendar.map { WindowWatch($0, requestsTaking: settings.timeout) }
    var cursor = now
    if let wait = step.used.wait, case let left = wait.left(at: now), left > .zero { cursor = now + left }
    var isFirst = true
    var left = step.requests
    let passed = max(0, step.requests - (earlier?.departures.last?.requests ?? 0))
    var arrivals = (earlier?.departures ?? [])[...]
    while left > 0 {
      let count = min(size, left)
      left -= count
      if !isFirst, let pace { cursor = cursor + pace * count }
      let sent = step.requests - left
      while let next = arrivals.first, next.requests < sent - passed {
        arrivals = arrivals.dropFirst()
      }
      if sent > passed, let arrival = arrivals.first?.at, arrival > cursor {
        played.putOff(by: arrival.since(cursor), earlier?.binding)
        cursor = arrival
      }
      var isSettled = false
      while !isSettled {
        isSettled = true
        for place in limits.indices {
          guard let free = limits[place].whenFree(for: count, at: cursor), free > cursor else {
            continue
          }
          played.putOff(by: free.since(cursor), .limit(limits[place].name))
          cursor = free
          isSettled = false
        }
        if let opening = watch?.opening(after: cursor) {
          played.putOff(by: opening.since(cursor), .window)
          cursor = opening
          isSettled = false
        }
      }
      for place in limits.indices { limits[place].send(count, at: cursor) }
      if let opening = watch?.openTime(at: cursor).opens { played.openings.insert(opening) }
      if isFirst { played.start = cursor }
      isFirst = false
      let isNoted =
        sent - (played.departures.last?.requests ?? 0) > step.requests / (2 * Self.groups)
      if isNoted || left == 0 { played.departures.append((sent, cursor)) }
    }
    played.end = cursor
    return played
  }

  private func limits(of step: Step, itemsEach: Double) -> [PlayedLimit] {
    var limits: [PlayedLimit] = []
    for rate in settings.rates where rate.limits(step.step) {
      limits.append(
        PlayedLimit(
          name: rate.description, capacity: Double(rate.count), window: rate.window.duration, loadEach: 1,
          sent: step.used.sent.map { ($0.at, Double($0.requests)) }))
    }
    for rate in settings.itemRates {
      limits.append(
        PlayedLimit(
          name: rate.description, capacity: Double(rate.count), window: rate.window.duration,
          loadEach: max(itemsEach, 1), sent: step.used.sent.map { ($0.at, Double($0.items)) }))
    }
    // Minutes of media are known once the service has looked at a video: they are judged by those that it saw.
    guard step.step != settings.profile.firstStep else { return limits }
    let seen = step.used.sent.reduce((items: 0, media: Duration.zero)) {
      ($0.items + $1.items, $0.media + $1.media)
    }
    guard seen.media > .zero, seen.items > 0 else { return limits }
    for rate in settings.mediaRates {
      limits.append(
        PlayedLimit(
          name: rate.description, capacity: Double(rate.minutes) * 60, window: rate.window.duration,
          loadEach: seen.media.inSeconds / Double(seen.items) * max(itemsEach, 1),
          sent: step.used.sent.map { ($0.at, $0.media.inSeconds) }))
    }
    return limits
  }
}

/// A limit over a rolling window, while requests are played.
private struct PlayedLimit {
  let name: String
  let capacity: Double
  let window: Duration
  /// What one request takes of it.
  let loadEach: Double
  private var sent: [(at: Timestamp, load: Double)]
  /// The first that is in the window.
  private var first = 0
  private var used: Double

  init(
    name: String, capacity: Double, window: Duration, loadEach: Double, sent: [(at: Timestamp, load: Double)]
  ) {
    self.name = name
    self.capacity = capacity
    self.window = window
    self.loadEach = loadEach
    self.sent = sent
    used = sent.reduce(0) { $0 + $1.load }
  }

  /// When that many requests are within the limit, at a moment or after it; `nil` at that moment.
  mutating func whenFree(for requests: Int, at moment: Timestamp) -> Timestamp? {
    while first < sent.count, sent[first].at + window <= moment {
      used -= sent[first].load
      first += 1
    }
    var used = used
    var free: Timestamp?
    for earlier in sent[first...] {
      // Sums of parts are not exact.
      guard used + Double(requests) * loadEach > capacity + 1e-6, used > 1e-6 else { break }
      used -= earlier.load
      free = earlier.at + window
    }
    return free
  }

  mutating func send(_ requests: Int, at moment: Timestamp) {
    sent.append((moment, Double(requests) * loadEach))
    used += Double(requests) * loadEach
    guard first > 4_096, first * 2 > sent.count else { return }
    sent.removeFirst(first)
    first = 0
  }
}
