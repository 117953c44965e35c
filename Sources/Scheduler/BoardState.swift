import BatchDomain

/// What is under way in this process, and the rules of it: the gate, what is left to send and to settle, and whether to
/// stop. ``RunBoard`` keeps it, one change at a time.
struct BoardState: Sendable {
  private let clock: any BatchClock
  private let random: any RandomSource
  private let observer: any RunObserver
  private let settings: RunSettings
  private let items: Int

  private var gate: GateState
  private var isPendingKnownEmpty: Bool
  private var lastOrder = 0
  /// No pending chunk is ready before that moment, or the rate limits permit none.
  private var nothingBefore: Timestamp?
  private var working = 0
  private var openUnknowns: Int
  /// Refused chunks that wait to be looked up before they are divided.
  private var doubted = 0
  private var isStoreInTrouble = 0
  private var hasAcceptance = false
  private var announcedWait: StoredWait?
  /// Counts the times chunks became pending: a claim that began before cannot say that none is.
  private var pendingEpoch = 0
  /// Raised at every change.
  let signal = ChangeSignal()
  /// Raised only for what concerns the settler, which would else wake at every answer.
  let settlingSignal = ChangeSignal()

  /// Whether the user gives the run up; true from then on, whatever else stops it.
  private(set) var isGivenUp = false
  /// Why no new request leaves; `nil` while sending goes on.
  private(set) var stop: StopCause?
  /// The counts after the last change.
  private(set) var counts: StateCounts

  init(
    settings: RunSettings, standing: RunStanding, clock: any BatchClock, random: any RandomSource,
    observer: any RunObserver
  ) {
    self.settings = settings
    self.clock = clock
    self.random = random
    self.observer = observer
    items = standing.items
    counts = standing.counts
    openUnknowns = standing.counts.chunks(in: .unknown)
    isPendingKnownEmpty = standing.counts.chunks(in: .pending) == 0
    gate = GateState(concurrency: settings.concurrency, now: clock.now(), wait: standing.wait)
  }

  // MARK: Sending

  /// What a worker is to do next.
  enum Next: Sendable {
    /// Claim a chunk; a slot is taken. What the claim finds missing is true of that epoch only.
    case claim(epoch: Int)
    /// Look again when something changes, at the latest at that moment.
    case wait(version: Int, until: Timestamp?)
    /// There is nothing left to do, or no new request may leave.
    case leave
  }

  /// A worker asks for work.
  mutating func next() -> Next {
    if stop != nil || isDone { return .leave }
    // As long as it is not known what a refusal means, no more of them are collected than are under way at a time: a
    // manifest of which every chunk is refused would else be sent to its end for nothing.
    if isStoreInTrouble > 0 || isPendingKnownEmpty || doubted > 0 && doubted + working >= settings.concurrency
    {
      return .wait(version: signal.version, until: nil)
    }
    let now = clock.now()
    if let nothingBefore {
      guard nothingBefore <= now else { return .wait(version: signal.version, until: nothingBefore) }
      self.nothingBefore = nil
    }
    switch gate.admit(now: now) {
    case .go:
      working += 1
      if announcedWait != nil {
        announcedWait = nil
        observer.observe(.waitOver)
      }
      return .claim(epoch: pendingEpoch)
    case .wait(let until):
      announce(StoredWait(until: until, reason: gate.reason))
      return .wait(version: signal.version, until: until)
    case .full:
      return .wait(version: signal.version, until: nil)
    }
  }

  /// The store has no pending chunk.
  mutating func foundNothingPending(epoch: Int) {
    if epoch == pendingEpoch { isPendingKnownEmpty = true }
    giveBackSlot()
  }

  /// The store has nothing that may be sent before that moment.
  mutating func foundNothing(before moment: Timestamp, why: Claim.NotBefore, epoch: Int) {
    if epoch == pendingEpoch { nothingBefore = moment }
    switch why {
    case .ready: break
    case .rate(let rate): announce(StoredWait(until: moment, reason: "the rate limit \(rate)"))
    case .wait(let reason):
      announce(StoredWait(until: moment, reason: reason))
      if moment.since(clock.now()) > settings.maxWait {
        stop(
          for: .parked(.throttled, detail: "\(reason) until \(moment), which is longer than --max-wait"))
      }
    }
    giveBackSlot()
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
  ///   - isSuspect: whether the chunk failed before while others got through.
  ///   - park: why the run has to stop because of it; set before the slot is free, so that a fault of the account
  ///     seen by the first request is seen by no other.
  mutating func answered(_ outcome: Outcome, asked: Duration?, isSuspect: Bool, park: StopCause?) -> Passage {
    if let park { stop(for: park) }
    let now = clock.now()
    let since = gate.troubleSince ?? now
    let effect = gate.leave(
      outcome, asked: asked, isSuspect: isSuspect, now: now, backOff: backOff(since: since, now: now))
    defer { changed() }
    let isFailure = outcome == .notProcessed || outcome == .unknown
    return Passage(
      wait: follow(effect, isOutage: isFailure), isInOutage: isFailure && !gate.isOpen)
  }

  /// What the end of a request meant for everybody.
  struct Passage: Sendable {
    /// A wait to be put on disk, if the gate closed.
    let wait: StoredWait?
    /// Whether the request came to nothing while nothing gets through for anyone.
    let isInOutage: Bool
  }

  /// Waits of our own choosing. One ends with `--max-wait` at the latest, so that there is one more try before the
  /// run is parked; after that try it goes beyond, which is what parks.
  private func backOff(since: Timestamp, now: Timestamp) -> (_ waits: Int) -> Duration {
    { [random, maxWait = settings.maxWait] waits in
      let wait = BackOff.gate.wait(afterFailures: waits, unit: random.nextUnit())
      let left = maxWait - now.since(since)
      return left > .zero ? min(wait, left) : max(wait, .milliseconds(1))
    }
  }

  /// Tells of a wait and parks where it is too long.
  ///
  /// - Returns: the wait, where it is the service's own: a back-off of ours is not for another process to sit out.
  private mutating func follow(_ effect: GateState.Effect, isOutage: Bool) -> StoredWait? {
    guard case .closed(let wait) = effect else { return nil }
    announce(wait)
    // A quota may be used up by a success: then there is no trouble to count from, only the wait itself.
    let since = gate.troubleSince ?? clock.now()
    if wait.until.since(since) > settings.maxWait, hasWorkLeft {
      stop(
        for: .parked(
          isOutage ? .unreachable : .throttled,
          detail: isOutage
            ? "nothing got through since \(since)"
            : "\(wait.reason) until \(wait.until), which is longer than --max-wait"))
    }
    return isOutage ? nil : wait
  }

  /// Whether another request got through since a moment: what makes a failure the chunk's own.
  func othersGotThrough(since moment: Timestamp) -> Bool {
    guard let last = gate.lastThrough else { return false }
    return last >= moment
  }

  /// A chunk's outcome is durable; its worker is free again.
  mutating func recorded(_ recorded: Recorded, outcome: Outcome, event: ChunkEvent) {
    working -= 1
    if event == .answerLost || event == .doubted {
      openUnknowns += 1
      settlingSignal.raise()
    }
    if event == .doubted { doubted += 1 }
    if outcome == .accepted, !hasAcceptance {
      hasAcceptance = true
      observer.observe(.firstAccepted(recorded.counts))
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
  mutating func enterListing(isFirstTry: Bool) -> ListingEntry {
    if stopsSettling {
      if !isFirstTry { gate.withdrawListing() }
      changed()
      return .leave
    }
    switch gate.admitListing(now: clock.now(), isFirstTry: isFirstTry) {
    case .go: return .go
    case .wait(let until): return .wait(version: signal.version, until: until)
    case .full: return .wait(version: signal.version, until: nil)
    }
  }

  /// What a listing is told.
  enum ListingEntry: Sendable {
    /// It may be sent.
    case go
    /// Ask again when something changes, at the latest at that moment.
    case wait(version: Int, until: Timestamp?)
    /// The run stops.
    case leave
  }

  /// A listing came back.
  mutating func leaveListing(isThrottled: Bool, asked: Duration?) {
    let now = clock.now()
    let since = gate.troubleSince ?? now
    let effect = gate.leaveListing(
      isThrottled: isThrottled, asked: asked, now: now, backOff: backOff(since: since, now: now))
    _ = follow(effect, isOutage: false)
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
    openUnknowns == 0 && working == 0 && (isPendingKnownEmpty || stop == .cancelled)
  }

  /// Whether later acceptances can still bring a control.
  var canSendMore: Bool {
    stop == nil && (working > 0 || !isPendingKnownEmpty && doubted < settings.concurrency)
  }

  /// Whether settling has to end now; a run that is given up is still settled.
  var stopsSettling: Bool {
    switch stop {
    case nil, .cancelled: false
    case .asked, .parked, .store: true
    }
  }

  /// What was pending is given up.
  mutating func gaveUpPending(_ recorded: Recorded) { take(recorded) }

  // MARK: Stopping

  /// Asks the run to stop. The first cause stands, except that nothing outweighs a store that is gone, and
  /// giving up outweighs a pause.
  mutating func stop(for cause: StopCause) {
    if cause == .cancelled { isGivenUp = true }
    switch (stop, cause) {
    case (nil, _), (.asked, .cancelled), (.asked, .parked), (.asked, .store), (.parked, .cancelled),
      (.parked, .store), (.cancelled, .store):
      stop = cause
      observer.observe(.stopping(cause))
      changed()
    case (.cancelled, .asked):
      // Asked to stop while unknown chunks of a cancelled run are being settled.
      stop = cause
      observer.observe(.stopping(cause))
      changed()
    default:
      break
    }
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
    observer.observe(.storeTrouble(error.description))
    changed()
  }

  /// The store takes changes again.
  mutating func storeRecovered() {
    isStoreInTrouble -= 1
    changed()
  }

  private func changed() {
    signal.raise()
    if stop != nil || isDone { settlingSignal.raise() }
  }

  /// Whether anything is left to send or to settle: where nothing is, there is nothing to park.
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
      if counts.chunks(in: .pending) > wasPending { nothingBefore = nil }
    }
    observer.observe(.progress(counts))
    if hasWorkLeft,
      settings.maxFailures.isExceeded(
        lost: counts.lostItems, decided: counts.decidedItems + counts.openPieceItems, total: items)
    {
      stop(
        for: .parked(
          .failures,
          detail: "\(counts.lostItems) of \(counts.decidedItems) decided items were rejected or failed, "
            + "more than --max-failures \(settings.maxFailures.text)"))
    }
    changed()
  }

  private mutating func announce(_ wait: StoredWait) {
    guard announcedWait != wait else { return }
    announcedWait = wait
    observer.observe(.waiting(wait))
  }
}
