import BatchDomain

/// One budget of the service, and what is known of the chunks whose next request is counted by it.
struct Lane: Sendable {
  /// By its name a wait is recorded.
  let budget: Budget
  /// The step whose chunks are sent through it; `nil` where it is only read through.
  let step: ChunkStep?
  /// What its requests pass.
  var gate: Gate
  /// Whether no chunk is pending.
  fileprivate(set) var isPendingKnownEmpty: Bool
  /// The moment before which no pending chunk is ready, or the rate limits permit none.
  fileprivate(set) var earliestClaim: Duration?
  /// Since when a rate limit of ours holds its requests back, or since the last one under way came back after that; `nil`
  /// where none does.
  fileprivate var heldSince: Duration?
  /// The wait that observers were told of last, until it is over.
  fileprivate(set) var announcedWait: (until: Duration, reason: String)?

  /// When a chunk may be sent through it at the earliest: rate limits and the gate both have to permit it. `nil` where
  /// neither holds it back.
  var earliestRequest: Duration? { [earliestClaim, gate.closedUntil].compactMap(\.self).max() }

  /// Whether something may be claimed now, as far as is known.
  ///
  /// A moment before which nothing could be is forgotten once it has come.
  mutating func mayHaveClaims(now: Duration) -> Bool {
    guard !isPendingKnownEmpty else { return false }
    guard let earliestClaim else { return true }
    guard earliestClaim <= now else { return false }
    self.earliestClaim = nil
    return true
  }

  /// A rate limit holds its requests back, or still does.
  mutating func holdForRate(now: Duration) { heldSince = heldSince ?? now }

  /// One of its requests came back: until now one was under way.
  mutating func noteReturn(now: Duration) {
    if heldSince != nil { heldSince = now }
  }

  /// Leaves the time for which a rate limit has held its requests back out of what counts as time without progress.
  mutating func excuseHold(now: Duration) {
    guard let since = heldSince else { return }
    gate.excuse(since..<max(since, now))
    heldSince = now
  }

  /// No rate limit holds its requests back any more.
  mutating func endHold(now: Duration) {
    excuseHold(now: now)
    heldSince = nil
  }

  /// Leaves a time out of what counts as time without progress; nothing is left out twice.
  fileprivate mutating func excuse(_ time: Range<Duration>) {
    if let since = heldSince, since < time.upperBound {
      if since < time.lowerBound { gate.excuse(since..<time.lowerBound) }
      heldSince = time.upperBound
    }
    gate.excuse(time)
  }

  /// Two readings of the clocks give one moment of the day as two times that differ by no more than this.
  private static let readingError: Duration = .milliseconds(100)

  /// Takes note of a wait.
  ///
  /// - Returns: whether observers have to be told: the same wait is told once.
  mutating func announce(until: Duration, reason: String) -> Bool {
    if let announcedWait, announcedWait.reason == reason,
      abs((announcedWait.until - until).inSeconds) < Self.readingError.inSeconds
    {
      return false
    }
    announcedWait = (until, reason)
    return true
  }

  /// The wait is over.
  ///
  /// - Returns: whether there was one, so that observers have to be told.
  mutating func endWait() -> Bool {
    defer { announcedWait = nil }
    return announcedWait != nil
  }
}

/// The budgets of the service in the order in which they are asked for a slot, and the one that requests that read pass.
struct Lanes: Sendable {
  private var lanes: [Lane]
  /// The place of the lane that requests that read pass; it may be one that sends, too.
  let reading: Int
  /// Counts the times chunks became pending: a claim that began before cannot say that none is.
  private(set) var epoch = 0

  /// - Parameter hasPending: whether any chunk is pending at the beginning.
  init(_ budgets: Budgets, settings: RunSettings, hasPending: Bool) {
    let gate = Gate(concurrency: settings.concurrency, maxWait: settings.maxWait)
    lanes = budgets.sending.map {
      Lane(budget: $0, step: ChunkStep($0), gate: gate, isPendingKnownEmpty: !hasPending)
    }
    if let shared = budgets.sending.firstIndex(of: budgets.reading) {
      reading = shared
    } else {
      reading = lanes.count
      let gate = Gate(
        concurrency: settings.concurrency, maxWait: settings.maxWait, isForReadingOnly: true)
      lanes.append(Lane(budget: budgets.reading, step: nil, gate: gate, isPendingKnownEmpty: true))
    }
  }

  var indices: Range<Int> { lanes.indices }

  subscript(place: Int) -> Lane {
    get { lanes[place] }
    set { lanes[place] = newValue }
  }

  /// Those that send, and may have a pending chunk.
  var withPending: some Sequence<Lane> { lanes.lazy.filter { $0.step != nil && !$0.isPendingKnownEmpty } }

  /// Whether no chunk is pending at any step.
  var arePendingKnownEmpty: Bool { lanes.allSatisfy { $0.step == nil || $0.isPendingKnownEmpty } }

  /// The place of the lane that sends a step; `nil` for a step of another service.
  func place(of step: ChunkStep) -> Int? { lanes.firstIndex { $0.step == step } }

  /// The place of the lane by whose budget a slot is counted.
  func place(of slot: Slot) -> Int {
    // Slots are made of lanes, which never change.
    place(of: slot.step) ?? 0
  }

  /// A claim found no pending chunk for a slot, or none before a moment.
  mutating func foundNothing(before moment: Duration? = nil, for slot: Slot) {
    guard slot.epoch == epoch else { return }
    if let moment {
      lanes[place(of: slot)].earliestClaim = moment
    } else {
      lanes[place(of: slot)].isPendingKnownEmpty = true
    }
  }

  /// Chunks became pending, at whatever step.
  mutating func notePending() {
    epoch += 1
    for lane in lanes.indices {
      lanes[lane].isPendingKnownEmpty = false
      lanes[lane].earliestClaim = nil
    }
  }

  /// No chunk of the run is pending.
  mutating func noteNothingPending() {
    for lane in lanes.indices { lanes[lane].isPendingKnownEmpty = true }
  }

  /// Leaves a time out of what counts as time without progress.
  mutating func excuse(_ time: Range<Duration>) {
    for lane in lanes.indices { lanes[lane].excuse(time) }
  }

  /// Whether a request got through since a moment.
  func gotThrough(since moment: Duration) -> Bool {
    lanes.contains { $0.gate.lastThrough.map { $0 >= moment } == true }
  }
}

extension Claim.NotBefore {
  /// What holds a request back, in words.
  var text: String {
    switch self {
    case .rate(let rate): "the rate limit \(rate)"
    case .itemRate(let rate): "the limit on items \(rate)"
    case .mediaRate(let rate): "the limit on media \(rate)"
    case .share(let limit, _): limit.text
    case .wait(let reason): reason
    case .ready: "the time of the next try"
    }
  }
}
