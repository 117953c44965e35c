import BatchDomain

/// The rules of the gate, as a pure value: events go in, permissions come out. No clock is read in it.
///
/// Moments are times since some fixed moment that never go back (``BatchClock/elapsed()``): a back-off of ten seconds
/// stays one when somebody sets the machine's clock.
///
/// The first request goes alone; each sign of life then doubles what may be in flight, up to the run's
/// concurrency. A wait the service asks for closes the gate for everybody, and sending starts gradually after
/// it. When nothing gets through, that is a condition of the run: the gate closes and probes with one request
/// at growing intervals.
struct GateState: Equatable {
  /// Requests that may be in flight at most, ever.
  let concurrency: Int
  /// Requests that may be in flight now.
  private(set) var allowed = 1
  /// Requests in flight, listings included.
  private(set) var inFlight = 0
  /// Nothing is sent before that moment.
  private(set) var closedUntil: Duration?
  /// Why it is closed.
  private(set) var reason = ""
  /// When requests began to come to nothing, or to be told to wait, since the last sign of progress; `nil` while
  /// all is well. `--max-wait` counts from here: a wait of our own choosing is no trouble.
  private(set) var troubleSince: Duration?
  /// Requests in a row that came to nothing: 5xx, time-outs, breaks, refused connections.
  private(set) var failures = 0
  /// Those of them that were not processed at all.
  private(set) var unprocessed = 0
  /// Waits in a row whose length we chose: the exponent of the back-off.
  private(set) var waits = 0
  /// Whether the service said that it is alive since the start or since the gate last closed for want of it.
  private(set) var isOpen = false
  /// When a request last got through, by its end.
  private(set) var lastThrough: Duration?
  /// A listing waits for its turn: it goes before the next chunk.
  private(set) var listingsWaiting = 0
  /// Requests that this process has room for, where a limit on open files was met; `nil` where none was.
  private(set) var room: Int?
  /// Signs of life since that limit was met last.
  private var signsInRoom = 0

  /// A gate.
  ///
  /// - Parameter wait: what is left of a wait that an earlier process was asked for, and why it was.
  init(concurrency: Int, now: Duration, wait: (left: Duration, reason: String)? = nil) {
    self.concurrency = concurrency
    guard let wait, wait.left > .zero else { return }
    closedUntil = now + wait.left
    reason = wait.reason
  }

  /// What a request is told.
  enum Admission: Equatable {
    /// It may leave, and counts as in flight.
    case go
    /// Not before that moment.
    case wait(until: Duration)
    /// Not before something changes.
    case full
  }

  /// Asks for a chunk's request.
  mutating func admit(now: Duration) -> Admission {
    guard listingsWaiting == 0 else { return .full }
    return enter(now: now)
  }

  /// Asks for a listing's request. One that has to wait holds the next chunk back until it had its turn.
  mutating func admitListing(now: Duration, isFirstTry: Bool) -> Admission {
    let admission = enter(now: now)
    if admission == .go, !isFirstTry { listingsWaiting -= 1 }
    if admission != .go, isFirstTry { listingsWaiting += 1 }
    return admission
  }

  /// A listing that was waiting gives up.
  mutating func withdrawListing() { listingsWaiting -= 1 }

  private mutating func enter(now: Duration) -> Admission {
    if let closedUntil {
      guard closedUntil <= now else { return .wait(until: closedUntil) }
      self.closedUntil = nil
    }
    guard inFlight < allowed else { return .full }
    inFlight += 1
    return .go
  }

  /// A request that was admitted did not leave after all.
  mutating func leaveUnused() { inFlight -= 1 }

  /// A listing came back. Being told to wait holds back everybody, as with a chunk; anything else says nothing
  /// about chunks.
  mutating func leaveListing(
    isThrottled: Bool, asked: Duration?, now: Duration, backOff: (_ waits: Int) -> Duration
  ) -> Effect {
    inFlight -= 1
    return isThrottled ? throttled(asked, now: now, backOff: backOff) : .none
  }

  /// What the end of a request makes of the gate.
  enum Effect: Equatable {
    /// Nothing that others have to know.
    case none
    /// The gate is closed for that long from now on.
    case closed(for: Duration, reason: String, cause: Cause)
  }

  /// Why the gate is closed.
  enum Cause: Equatable {
    /// The service asked to wait or to slow down, whatever became of the request.
    case service
    /// Nothing gets through.
    case outage
  }

  private static let askedToWait = "the service asks to wait"

  /// A chunk's request came back.
  ///
  /// - Parameters:
  ///   - outcome: what it came to.
  ///   - asked: the wait the service asked for.
  ///   - failure: what went wrong, in words, where nothing came of it.
  ///   - isSuspect: whether the chunk failed before while others got through: that it is answered with a 5xx once
  ///     more says nothing about the others.
  ///   - isOutOfFiles: whether it did not leave because this process may open no more files.
  ///   - backOff: a wait drawn for the case that the gate has to choose one, from the number of waits so far.
  mutating func leave(
    _ outcome: Outcome, asked: Duration?, failure: String? = nil, isSuspect: Bool = false,
    isOutOfFiles: Bool = false, now: Duration, backOff: (_ waits: Int) -> Duration
  ) -> Effect {
    inFlight -= 1
    if isOutOfFiles, inFlight > 0 {
      // Those under way have all the room there is. Where there are none, it is an outage like any other.
      room = inFlight
      signsInRoom = 0
      allowed = min(allowed, inFlight)
      return .none
    }
    switch outcome {
    case .accepted, .content, .index:
      signOfLife(now: now)
      // A service may say with a success that the quota is used up.
      guard let asked, asked > .zero else { return .none }
      return close(
        for: asked, now: now, reason: "the service says that the quota is used up", cause: .service)
    case .throttled:
      lastThrough = now
      failures = 0
      unprocessed = 0
      return throttled(asked, now: now, backOff: backOff)
    case .account, .endpoint:
      return .none
    case .notProcessed:
      troubleSince = troubleSince ?? now
      failures += 1
      unprocessed += 1
      return closeWhenNothingGetsThrough(failure, now: now, backOff: backOff)
    case .unknown:
      if let asked, asked > .zero {
        troubleSince = troubleSince ?? now
        return close(for: asked, now: now, reason: Self.askedToWait, cause: .service)
      }
      if isSuspect && isOpen { return .none }
      troubleSince = troubleSince ?? now
      failures += 1
      unprocessed = 0
      return closeWhenNothingGetsThrough(failure, now: now, backOff: backOff)
    }
  }

  /// A wait of no length is as good as none: the gate then chooses one itself, longer each time.
  private mutating func throttled(
    _ asked: Duration?, now: Duration, backOff: (_ waits: Int) -> Duration
  ) -> Effect {
    troubleSince = troubleSince ?? now
    if let asked, asked > .zero {
      return close(for: asked, now: now, reason: Self.askedToWait, cause: .service)
    }
    defer { waits += 1 }
    return close(for: backOff(waits), now: now, reason: "the service asks to slow down", cause: .service)
  }

  private mutating func signOfLife(now: Duration) {
    troubleSince = nil
    lastThrough = now
    failures = 0
    unprocessed = 0
    waits = 0
    isOpen = true
    allowed = min(concurrency, allowed * 2)
    guard let room else { return }
    // What took the files may be gone; one more request in a while finds out.
    signsInRoom += 1
    if signsInRoom > 10 * room {
      self.room = room < concurrency ? room + 1 : nil
      signsInRoom = 0
    }
    allowed = min(allowed, self.room ?? concurrency)
  }

  private mutating func close(for wait: Duration, now: Duration, reason: String, cause: Cause) -> Effect {
    allowed = 1
    let until = now + wait
    if let closedUntil, closedUntil >= until { return .none }
    closedUntil = until
    self.reason = reason
    return .closed(for: wait, reason: reason, cause: cause)
  }

  /// The most of a failure's words that a reason has, in characters.
  private static let longestFailure = 300

  private mutating func closeWhenNothingGetsThrough(
    _ failure: String?, now: Duration, backOff: (_ waits: Int) -> Duration
  ) -> Effect {
    let isCondition = !isOpen || unprocessed >= concurrency || failures >= 2 * concurrency
    guard isCondition else { return .none }
    isOpen = false
    allowed = 1
    // Requests that were under way when it closed come back one by one; they are one failure, not many.
    if let closedUntil, closedUntil > now { return .none }
    defer { waits += 1 }
    var reason = unprocessed > 0 ? "nothing gets through to the service" : "the service fails every request"
    if let failure {
      reason +=
        ": \(failure.count <= Self.longestFailure ? failure : failure.prefix(Self.longestFailure) + "…")"
    }
    return close(for: backOff(waits), now: now, reason: reason, cause: .outage)
  }
}
