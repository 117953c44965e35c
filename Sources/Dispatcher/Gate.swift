import BatchDomain

/// What the requests of one budget of the service pass, as a pure value: events go in, permissions come out.
///
/// No clock is read and no chance is drawn in it. Moments are times since some fixed moment that never go back
/// (``BatchClock/elapsed()``): a back-off of ten seconds stays one when somebody sets the machine's clock.
///
/// The first request goes alone; each sign of life then doubles what may be in flight, up to the run's
/// concurrency. A wait the service asks for closes the gate for everybody, and sending starts gradually after
/// it. When nothing gets through, that is a condition of the run: the gate closes and probes with one request
/// at growing intervals.
struct Gate: Equatable, Sendable {
  /// Requests that may be in flight at most, ever.
  let concurrency: Int
  /// How long the run waits without progress, or for a wait the service asks for (`--max-wait`).
  let maxWait: Duration
  /// Whether nothing passes it but requests that read: their answers are then its only signs of progress.
  let isForReadingOnly: Bool
  /// Requests that may be in flight now.
  private(set) var allowed = 1
  /// Requests in flight, those that read included.
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
  /// Requests that this process has room for, where a limit on open files was met; `nil` where none was.
  private(set) var room: Int?
  /// Signs of life since that limit was met last.
  private var signsInRoom = 0

  /// An open gate through which nothing has passed.
  init(concurrency: Int, maxWait: Duration, isForReadingOnly: Bool = false) {
    self.concurrency = concurrency
    self.maxWait = maxWait
    self.isForReadingOnly = isForReadingOnly
  }

  // MARK: Requests

  /// What a request is told.
  enum Admission: Equatable {
    /// It may leave, and counts as in flight.
    case go
    /// Not before that moment.
    case wait(until: Duration)
    /// Not before something changes.
    case full
  }

  /// Asks for a request.
  mutating func enter(now: Duration) -> Admission {
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

  /// How a request that submits came back.
  struct Ending: Equatable, Sendable {
    /// What it came to.
    var outcome: Outcome
    /// The wait the service asked for.
    var asked: Duration?
    /// What went wrong, in words, where nothing came of it.
    var failure: String?
    /// Whether the chunk failed before while others got through: that it is answered with a 5xx once more says nothing
    /// about the others.
    var isSuspect = false
    /// Whether it did not leave because this process may open no more files.
    var isOutOfFiles = false
    /// Whether it did not leave, for a reason that says nothing about the service: the sending window closed, the item cannot be
    /// sent, or it may have been done already and the service is asked first.
    var isUnsent = false
    /// A number in `0..<1` that was drawn for the case that the gate has to choose a wait.
    var draw: Double = 0
  }

  /// A request that submits came back.
  ///
  /// - Returns: the wait that begins with it, if one does.
  mutating func leave(_ ending: Ending, now: Duration) -> Wait? {
    inFlight -= 1
    if ending.isOutOfFiles, inFlight > 0 {
      // Those under way have all the room there is. Where there are none, it is an outage like any other.
      room = inFlight
      signsInRoom = 0
      allowed = min(allowed, inFlight)
      return nil
    }
    if ending.isUnsent { return nil }
    let asked = ending.asked.flatMap { $0 > .zero ? $0 : nil }
    switch ending.outcome {
    case .accepted, .content, .index:
      signOfLife(now: now)
      // A service may say with a success that the quota is used up.
      guard let asked else { return nil }
      return close(
        for: asked, reason: "the service says that the quota is used up", cause: .service, now: now)
    case .throttled:
      lastThrough = now
      failures = 0
      unprocessed = 0
      return throttled(asked, draw: ending.draw, now: now)
    case .account, .endpoint:
      return nil
    case .notProcessed:
      troubleSince = troubleSince ?? now
      failures += 1
      unprocessed += 1
      return closeWhenNothingGetsThrough(ending, now: now)
    case .unknown:
      if let asked {
        troubleSince = troubleSince ?? now
        return close(for: asked, reason: Self.askedToWait, cause: .service, now: now)
      }
      if ending.isSuspect, isOpen { return nil }
      troubleSince = troubleSince ?? now
      failures += 1
      unprocessed = 0
      return closeWhenNothingGetsThrough(ending, now: now)
    }
  }

  /// A request that reads came back. Being told to wait holds back everybody, as with one that submits; anything else
  /// says nothing about those, and is progress where nothing but reading passes the gate.
  ///
  /// - Parameter draw: a number in `0..<1` that was drawn for the case that the gate has to choose a wait.
  /// - Returns: the wait that begins with it, if one does.
  mutating func leaveReading(isThrottled: Bool, asked: Duration?, draw: Double, now: Duration) -> Wait? {
    inFlight -= 1
    guard isThrottled else {
      if isForReadingOnly {
        troubleSince = nil
        waits = 0
      }
      return nil
    }
    return throttled(asked.flatMap { $0 > .zero ? $0 : nil }, draw: draw, now: now)
  }

  // MARK: Waits

  /// A wait of everybody, and whether it is sat out.
  struct Wait: Equatable, Sendable {
    /// Why the gate is closed.
    enum Cause: Equatable, Sendable {
      /// The service asked to wait or to slow down, whatever became of the request.
      case service
      /// Nothing gets through.
      case outage
      /// It is on record: the service asked an earlier process, or another run, to wait.
      case recorded
    }

    /// When it is over.
    let until: Duration
    /// How long it is from now on.
    let length: Duration
    /// Why, as a short sentence.
    let reason: String
    /// Who wants it.
    let cause: Cause
    /// Since when there was no progress.
    let since: Duration
    /// Whether it is longer than `--max-wait` permits.
    let isTooLong: Bool
  }

  /// A wait from now on, held against `--max-wait`: the one place that knows what that means.
  ///
  /// What counts is the whole time without progress until the end of the wait. Where there was progress until now, as with
  /// a quota that a success used up, only the wait itself counts; so it does with one that is on record.
  func wait(for length: Duration, reason: String, cause: Wait.Cause, now: Duration) -> Wait {
    let since = cause == .recorded ? now : troubleSince ?? now
    let until = now + length
    return Wait(
      until: until, length: length, reason: reason, cause: cause, since: since,
      isTooLong: until - since > maxWait)
  }

  /// A wait of our own choosing. It ends with `--max-wait` at the latest, so that there is one more try before the run is
  /// paused; after that try it goes beyond, which is what pauses.
  private func backOff(draw: Double, now: Duration) -> Duration {
    let wait = BackOff.gate.wait(afterFailures: waits, unit: draw)
    let left = maxWait - (now - (troubleSince ?? now))
    return left > .zero ? min(wait, left) : max(wait, .milliseconds(1))
  }

  /// Leaves a time out of the count of time without progress: nothing was sent in it by our own wish.
  mutating func excuse(_ time: Range<Duration>) {
    guard let since = troubleSince, since < time.upperBound else { return }
    troubleSince =
      max(since, time.lowerBound) == since ? time.upperBound : since + (time.upperBound - time.lowerBound)
  }

  /// Closes for a wait that another process was asked for, earlier or just now. As after one's own, sending starts gradually.
  mutating func resume(_ wait: Wait) {
    allowed = 1
    if let closedUntil, closedUntil >= wait.until { return }
    closedUntil = wait.until
    reason = wait.reason
  }

  private static let askedToWait = "the service asks to wait"

  /// A wait of no length is as good as none: the gate then chooses one itself, longer each time.
  private mutating func throttled(_ asked: Duration?, draw: Double, now: Duration) -> Wait? {
    troubleSince = troubleSince ?? now
    if let asked { return close(for: asked, reason: Self.askedToWait, cause: .service, now: now) }
    defer { waits += 1 }
    return close(
      for: backOff(draw: draw, now: now), reason: "the service asks to slow down", cause: .service, now: now)
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

  private mutating func close(
    for length: Duration, reason: String, cause: Wait.Cause, now: Duration
  ) -> Wait? {
    allowed = 1
    let wait = wait(for: length, reason: reason, cause: cause, now: now)
    if let closedUntil, closedUntil >= wait.until { return nil }
    closedUntil = wait.until
    self.reason = reason
    return wait
  }

  /// The most of a failure's words that a reason has, in characters.
  private static let longestFailure = 300

  private mutating func closeWhenNothingGetsThrough(_ ending: Ending, now: Duration) -> Wait? {
    let isCondition = !isOpen || unprocessed >= concurrency || failures >= 2 * concurrency
    guard isCondition else { return nil }
    isOpen = false
    allowed = 1
    // Requests that were under way when it closed come back one by one; they are one failure, not many.
    if let closedUntil, closedUntil > now { return nil }
    defer { waits += 1 }
    var reason = unprocessed > 0 ? "nothing gets through to the service" : "the service fails every request"
    if let failure = ending.failure {
      reason +=
        ": \(failure.count <= Self.longestFailure ? failure : failure.prefix(Self.longestFailure) + "…")"
    }
    return close(for: backOff(draw: ending.draw, now: now), reason: reason, cause: .outage, now: now)
  }
}
