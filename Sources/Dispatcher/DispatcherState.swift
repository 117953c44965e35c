import BatchDomain

/// One moment on both clocks.
struct Moment: Sendable {
  /// The time of day: what records and people are told.
  let wall: Timestamp
  /// Time since some fixed moment, never going back: what waits are measured with.
  let elapsed: Duration

  /// This moment on that clock.
  init(_ clock: any BatchClock) {
    wall = clock.now()
    elapsed = clock.elapsed()
  }

  /// The time of day at another moment, as far as the clock is not set in between.
  func wall(at other: Duration) -> Timestamp { wall + (other - elapsed) }
}

/// What is under way in this process, and the rules of it: the gate, what is left to send and to settle, and whether to
/// stop. ``Dispatcher`` keeps it, one change at a time.
///
/// It reads no clock and tells nobody: each change is handed the moment, and collects what follows from it in
/// ``effects``, which are performed once the lock is released.
struct DispatcherState: Sendable {
  /// What follows from changes, to be performed outside the lock.
  struct Effects: Sendable {
    /// What observers are to be told, in order.
    var events: [RunEvent] = []
    /// Whether tasks that wait for any change are to look again.
    var wakesWaiting = false
    /// Whether the settler is to look again.
    var wakesSettler = false
  }

  private let random: any RandomSource
  private let settings: RunSettings
  private let items: Int

  private var gate: GateState
  private var isPendingKnownEmpty: Bool
  private var lastOrder = 0
  /// No pending chunk is ready before that moment, or the rate limits permit none.
  private var earliestClaim: Duration?
  private var working = 0
  private var openUnknowns: Int
  /// Refused chunks that wait to be looked up before they are divided.
  private var doubted = 0
  private var isStoreInTrouble = 0
  private var hasAcceptance = false
  private var announcedWait: (until: Duration, reason: String)?
  /// What the last request that came to nothing failed with, and when.
  private var lastFailure: (text: String, at: Timestamp)?
  /// Whether the name of the service, or of the proxy, was ever resolved in this run at its present address: if so, that it cannot be is an
  /// outage, else a mistake.
  private var wasResolved: Bool
  /// Requests whose name could not be resolved, as long as none ever was.
  private var unresolved = 0
  /// Counts the times chunks became pending: a claim that began before cannot say that none is.
  private var pendingEpoch = 0
  /// What follows from the changes since it was last taken.
  private var effects = Effects()

  /// Whether a person cancelled the run; true from then on, whatever else stops it. A cancelled run sends nothing more
  /// and is still settled.
  private(set) var isCancelled = false
  /// Why nothing more is sent or settled; `nil` while work goes on. A cause is replaced only by a stronger one.
  private(set) var stop: StopCause?
  /// The counts after the last change.
  private(set) var counts: StateCounts

  init(settings: RunSettings, standing: RunStanding, now: Moment, random: any RandomSource) {
    self.settings = settings
    self.random = random
    items = standing.items
    counts = standing.counts
    openUnknowns = standing.counts.chunks(in: .unknown)
    isPendingKnownEmpty = standing.counts.chunks(in: .pending) == 0
    wasResolved = standing.hasReachedService
    gate = GateState(
      concurrency: settings.concurrency, now: now.elapsed,
      wait: standing.wait.map { ($0.left(at: now.wall), $0.reason) })
  }

  /// What follows from the changes so far, which is from now on the caller's to perform.
  mutating func takeEffects() -> Effects {
    defer { effects = Effects() }
    return effects
  }

  // MARK: Sending

  /// What a worker is to do next.
  enum Next: Sendable {
    /// Claim a chunk; a slot is taken. What the claim finds missing is true of that epoch only.
    case claim(epoch: Int)
    /// Look again when something changes, at the latest at that moment.
    case wait(until: Duration?)
    /// There is nothing left to do, or no new request may leave.
    case leave
  }

  /// A worker asks for work.
  mutating func next(at now: Moment) -> Next {
    if isSendingOver || isDone { return .leave }
    // As long as it is not known what a refusal means, no more of them are collected than are under way at a time: a
    // manifest of which every chunk is refused would else be sent to its end for nothing.
    if isStoreInTrouble > 0 || isPendingKnownEmpty || doubted > 0 && doubted + working >= settings.concurrency
    {
      return .wait(until: nil)
    }
    if let earliestClaim {
      guard earliestClaim <= now.elapsed else { return .wait(until: earliestClaim) }
      self.earliestClaim = nil
    }
    switch gate.admit(now: now.elapsed) {
    case .go:
      working += 1
      if announcedWait != nil {
        announcedWait = nil
        tell(.waitOver)
      }
      return .claim(epoch: pendingEpoch)
    case .wait(let until):
      announce(until: until, reason: gate.reason, at: now)
      return .wait(until: until)
    case .full:
      return .wait(until: nil)
    }
  }

  /// The store has no pending chunk.
  mutating func foundNothingPending(epoch: Int) {
    if epoch == pendingEpoch { isPendingKnownEmpty = true }
    giveBackSlot()
  }

  /// The store has nothing that may be sent before that moment of the day.
  mutating func foundNothing(before moment: Timestamp, why: Claim.NotBefore, epoch: Int, at now: Moment) {
    let left = max(.zero, moment.since(now.wall))
    let until = now.elapsed + left
    if epoch == pendingEpoch { earliestClaim = until }
    switch why {
    case .ready: break
    case .rate(let rate): announce(until: until, reason: "the rate limit \(rate)", at: now)
    case .wait(let reason):
      announce(until: until, reason: reason, at: now)
      if left > settings.maxWait {
        stop(for: .paused(.throttled, detail: Self.tooLong(reason, until: moment)))
      }
    }
    giveBackSlot()
  }

  /// The sentence for a wait that is longer than the run may wait.
  static func tooLong(_ reason: String, until moment: Timestamp) -> String {
    "\(reason) until \(moment), which is longer than --max-wait"
  }

  /// A slot was taken and nothing was claimed with it.
  mutating func giveBackSlot() {
    gate.leaveUnused()
    working -= 1
    changed()
  }

  /// An answer is there: the gate learns of it before it is recorded.
  ///
  /// - Parameters:
  ///   - failure: what went wrong where nothing came of the request.
  ///   - isSuspect: whether the chunk failed before while others got through.
  ///   - pause: why the run has to stop because of it; set before the slot is free, so that a fault of the account
  ///     seen by the first request is seen by no other.
  mutating func answered(
    _ outcome: Outcome, asked: Duration?, failure: Failure?, isSuspect: Bool, pause: StopCause?,
    at now: Moment
  ) -> GateEffect {
    if let pause { stop(for: pause) }
    let isFailure = outcome == .notProcessed || outcome == .unknown
    if isFailure { lastFailure = failure.map { ($0.text, now.wall) } }
    noteResolving(failure)
    let effect = gate.leave(
      outcome, asked: asked, failure: failure?.text, isSuspect: isSuspect,
      isOutOfFiles: failure?.fault == RetryContract.openFiles, now: now.elapsed,
      backOff: backOff(now: now.elapsed))
    defer { changed() }
    return GateEffect(
      wait: follow(effect, at: now), isInOutage: isFailure && !gate.isOpen)
  }

  /// What went wrong with a request, for the sentences that say why nothing gets through.
  struct Failure: Sendable {
    /// In words.
    let text: String
    /// The transport's word; `nil` where an answer came.
    let fault: String?
  }

  /// Requests in a row whose name cannot be resolved after which the run is paused, if it never could be: the name may
  /// be misspelt, and waiting does not help.
  static let unresolvedLimit = 3

  private mutating func noteResolving(_ failure: Failure?) {
    guard let failure, let fault = failure.fault else {
      // An answer came.
      wasResolved = true
      return
    }
    guard fault == RetryContract.unresolved else {
      if !RetryContract.faultsBeforeResolving.contains(fault) { wasResolved = true }
      return
    }
    guard !wasResolved else { return }
    unresolved += 1
    if unresolved >= Self.unresolvedLimit, hasWorkLeft {
      stop(
        for: .paused(
          .endpoint, detail: "\(failure.text), in \(unresolved) tries and never before in this run"))
    }
  }

  /// What the end of a request meant for everybody.
  struct GateEffect: Sendable {
    /// A wait to be put on disk, if the gate closed.
    let wait: StoredWait?
    /// Whether the request came to nothing while nothing gets through for anyone.
    let isInOutage: Bool
  }

  /// Waits of our own choosing. One ends with `--max-wait` at the latest, so that there is one more try before the
  /// run is paused; after that try it goes beyond, which is what pauses.
  private func backOff(now: Duration) -> (_ waits: Int) -> Duration {
    let since = gate.troubleSince ?? now
    return { [random, maxWait = settings.maxWait] waits in
      let wait = BackOff.gate.wait(afterFailures: waits, unit: random.nextUnit())
      let left = maxWait - (now - since)
      return left > .zero ? min(wait, left) : max(wait, .milliseconds(1))
    }
  }

  /// Tells of a wait and pauses the run where it is too long.
  ///
  /// - Returns: the wait, where it is the service's own: a back-off of ours is not for another process to sit out.
  private mutating func follow(_ effect: GateState.Effect, at now: Moment) -> StoredWait? {
    guard case .closed(let length, let reason, let cause) = effect else { return nil }
    let isOutage = cause == .outage
    let until = now.elapsed + length
    announce(until: until, reason: reason, at: now)
    let wait = StoredWait(until: now.wall + length, reason: reason, length: length)
    // A quota may be used up by a success: then there is no trouble to count from, only the wait itself.
    let since = gate.troubleSince ?? now.elapsed
    if until - since > settings.maxWait, hasWorkLeft {
      stop(
        for: isOutage
          ? .paused(.unreachable, detail: outage(since: now.wall(at: since)))
          : .paused(.throttled, detail: Self.tooLong(reason, until: wait.until)))
    }
    return isOutage ? nil : wait
  }

  private func outage(since moment: Timestamp) -> String {
    "nothing got through since \(moment)"
      + (lastFailure.map { "; the last request failed at \($0.at): \($0.text)" } ?? "")
  }

  /// Whether another request got through since a moment: what makes a failure the chunk's own.
  func othersGotThrough(since moment: Duration) -> Bool {
    guard let last = gate.lastThrough else { return false }
    return last >= moment
  }

  /// A chunk's outcome is durable; its worker is free again.
  mutating func recorded(_ recorded: Recorded, outcome: Outcome, event: ChunkEvent) {
    working -= 1
    if event == .answerLost || event == .doubted {
      openUnknowns += 1
      effects.wakesSettler = true
    }
    if event == .doubted { doubted += 1 }
    if outcome == .accepted, !hasAcceptance {
      hasAcceptance = true
      tell(.firstAccepted(recorded.counts))
    }
    take(recorded)
  }

  /// A worker ends without having recorded its outcome: the store is gone.
  mutating func abandoned() {
    working -= 1
    changed()
  }

  // MARK: Settling

  /// Asks for a listing's request.
  ///
  /// - Parameter isFirstTry: whether it did not have to wait yet.
  mutating func enterListing(isFirstTry: Bool, at now: Moment) -> ListingEntry {
    if stopsSettling {
      if !isFirstTry { gate.withdrawListing() }
      changed()
      return .leave
    }
    switch gate.admitListing(now: now.elapsed, isFirstTry: isFirstTry) {
    case .go: return .go
    case .wait(let until): return .wait(until: until)
    case .full: return .wait(until: nil)
    }
  }

  /// What a listing is told.
  enum ListingEntry: Sendable {
    /// It may be sent.
    case go
    /// Ask again when something changes, at the latest at that moment.
    case wait(until: Duration?)
    /// The run stops.
    case leave
  }

  /// A listing came back.
  mutating func leaveListing(isThrottled: Bool, asked: Duration?, at now: Moment) {
    let effect = gate.leaveListing(
      isThrottled: isThrottled, asked: asked, now: now.elapsed, backOff: backOff(now: now.elapsed))
    _ = follow(effect, at: now)
    changed()
  }

  /// A verdict is durable.
  ///
  /// - Parameter wasRefused: whether it is about a refused chunk.
  mutating func settled(_ recorded: Recorded, wasRefused: Bool) {
    decided(wasRefused: wasRefused)
    take(recorded)
  }

  /// A chunk stays unknown.
  mutating func held(wasRefused: Bool) {
    decided(wasRefused: wasRefused)
    changed()
  }

  private mutating func decided(wasRefused: Bool) {
    openUnknowns -= 1
    // Those that an earlier process left are not counted in.
    if wasRefused { doubted = max(0, doubted - 1) }
  }

  /// Whether any chunk of the run was accepted: what goes wrong beside it is then the chunk's own.
  var othersAreAccepted: Bool { counts.chunks(in: .accepted) > 0 }

  /// Whether any unknown chunk is still being looked into.
  var hasOpenUnknowns: Bool { openUnknowns > 0 }

  /// Whether no chunk is open and none can become so.
  var isSettlingOver: Bool {
    openUnknowns == 0 && working == 0 && (isPendingKnownEmpty || isCancelled)
  }

  /// Whether later acceptances can still bring a control.
  var canSendMore: Bool {
    !isSendingOver && (working > 0 || !isPendingKnownEmpty && doubted < settings.concurrency)
  }

  /// Whether settling has to end now; a run that is cancelled is still settled.
  var stopsSettling: Bool { stop != nil }

  /// Whether no new request to submit may leave.
  var isSendingOver: Bool { isCancelled || stop != nil }

  /// What was pending is cancelled.
  mutating func cancelledPending(_ recorded: Recorded) { take(recorded) }

  // MARK: Stopping

  /// Asks the run to stop. That it is cancelled and that its work stops are two facts: the one does not undo the other.
  /// Of the causes to stop, a weaker one never replaces a stronger one.
  mutating func stop(for cause: StopCause) {
    if case .cancelled = cause {
      guard !isCancelled else { return }
      isCancelled = true
    } else {
      guard cause.strength > stop?.strength ?? 0 else { return }
      stop = cause
    }
    tell(.stopping(cause))
    changed()
  }

  /// Follows what another process asked of the run.
  mutating func follow(_ request: RunRequest?) {
    switch request {
    case nil: break
    case .pause: stop(for: .asked)
    case .cancel: stop(for: .cancelled)
    }
  }

  /// The store refuses changes: nothing new is sent until `storeRecovered()`.
  mutating func storeInTrouble(_ error: StoreError) {
    isStoreInTrouble += 1
    tell(.storeTrouble(error.description))
    changed()
  }

  /// The store takes changes again.
  mutating func storeRecovered() {
    isStoreInTrouble -= 1
    changed()
  }

  private mutating func changed() {
    effects.wakesWaiting = true
    if isSendingOver || isDone { effects.wakesSettler = true }
  }

  private mutating func tell(_ event: RunEvent) { effects.events.append(event) }

  /// Whether anything is left to send or to settle: where nothing is, there is nothing to pause.
  private var hasWorkLeft: Bool { counts.chunks(in: .pending, .submitting, .unknown) > 0 }

  private var isDone: Bool { isPendingKnownEmpty && working == 0 && openUnknowns == 0 }

  private mutating func take(_ recorded: Recorded) {
    follow(recorded.request)
    // Commits are told in any order; only the latest counts.
    guard recorded.order > lastOrder else { return changed() }
    lastOrder = recorded.order
    let wasPending = counts.chunks(in: .pending)
    counts = recorded.counts
    isPendingKnownEmpty = counts.chunks(in: .pending) == 0
    if !isPendingKnownEmpty {
      pendingEpoch += 1
      if counts.chunks(in: .pending) > wasPending { earliestClaim = nil }
    }
    tell(.progress(counts))
    // Where nothing waits to be sent, a pause would hold nothing back: what is under way decides the run.
    if counts.chunks(in: .pending) > 0, !isCancelled,
      settings.maxFailures.isExceeded(
        lost: counts.lostItems, decided: counts.decidedItems + counts.openPieceItems, total: items)
    {
      stop(
        for: .paused(
          .failures,
          detail: "\(counts.lostItems) of \(counts.decidedItems) decided items were rejected or failed, "
            + "more than --max-failures \(settings.maxFailures.text)"))
    }
    changed()
  }

  /// Two readings of the clocks give one moment of the day as two times that differ by no more than this.
  private static let readingError: Duration = .milliseconds(100)

  private mutating func announce(until: Duration, reason: String, at now: Moment) {
    if let announcedWait, announcedWait.reason == reason,
      abs((announcedWait.until - until).inSeconds) < Self.readingError.inSeconds
    {
      return
    }
    announcedWait = (until, reason)
    tell(.waiting(StoredWait(until: now.wall(at: until), reason: reason)))
  }
}

extension StopCause {
  /// The order of the causes; a cancelled run goes on settling, so that being cancelled is none of them.
  fileprivate var strength: Int {
    switch self {
    case .cancelled: 0
    case .asked: 1
    case .paused: 2
    case .store: 3
    }
  }
}
