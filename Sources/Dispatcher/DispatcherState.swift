import BatchDomain

/// What is under way in this process, and the rules of it: the gates, what is left to send and to settle, who waits for
/// what, and whether to stop.
///
/// A pure machine: it is told what happened and when, and returns what follows. It reads no clock, draws no chance, tells
/// nobody and wakes nobody. ``Dispatcher`` keeps it, one event at a time, and performs the actions.
struct DispatcherState: Sendable {
  private let settings: RunSettings
  private let items: Int
  private var hours: SendingHours
  /// The opening of a window that observers were told of.
  private var announcedOpening: Timestamp?

  private var lanes: Lanes
  private var steps: StepsAhead
  private var rules: PauseRules
  /// Senders with a slot, or with an answer that is not recorded.
  private var working = 0
  private var openUnknowns: Int
  /// Chunks that a lost owner of the run has under way, perhaps.
  private var inherited: Int
  /// Whether it is being looked for what a lost owner of the run left. As long as it is, the run is not done.
  private(set) var isInheriting = false
  /// Refused chunks that wait to be looked up before they are divided.
  private var doubted = 0
  /// Changes that the store refuses for now.
  private var storeTroubles = 0
  private var hasAcceptance = false

  private var waiting = WaitingTasks()
  private var settling = Watch()
  private var polling = Watch()
  private var alarm: Duration?
  /// Whether nothing new leaves because the process is about to be stopped for a while.
  private var isSuspending = false
  private var actions: [DispatcherAction] = []

  /// Whether a person cancelled the run; true from then on, whatever else stops it. A cancelled run sends nothing more
  /// and is still settled.
  private(set) var isCancelled = false
  /// Why nothing more is sent or settled; `nil` while work goes on. A cause is replaced only by a stronger one.
  private(set) var stop: StopCause?
  /// The counts: those at the beginning, and what all changes since moved.
  private(set) var counts: StateCounts
  /// Counts what concerned the settler so far.
  var settlingVersion: Int { settling.version }
  /// Counts what concerned the poller so far.
  var pollingVersion: Int { polling.version }

  /// - Parameters:
  ///   - calendar: when requests that submit may begin; `nil` for any time.
  ///   - firstGoesAlone: whether no other chunk is sent before the first step of one was done.
  init(
    settings: RunSettings, calendar: WindowCalendar? = nil, budgets: Budgets, firstGoesAlone: Bool = false,
    standing: RunSnapshot
  ) {
    self.settings = settings
    hours = SendingHours(calendar, requestsTaking: settings.timeout)
    steps = StepsAhead(budgets, settings: settings, firstGoesAlone: firstGoesAlone, standing: standing)
    items = standing.items
    counts = standing.counts
    openUnknowns = standing.counts.chunks(in: .unknown)
    inherited = standing.counts.chunks(in: .submitting)
    rules = PauseRules(wasResolved: standing.hasReachedService)
    lanes = Lanes(budgets, settings: settings, hasPending: standing.counts.chunks(in: .pending) > 0)
  }

  /// Takes notice of an event.
  ///
  /// - Returns: what follows from it, in this order.
  mutating func handle(_ event: DispatcherEvent, now: Moment) -> [DispatcherAction] {
    followWindows(now: now)
    apply(event, now: now)
    admitReaders(now: now)
    admitSenders(now: now)
    pauseUntilLaterWindow(now: now)
    wakeWatchers(now: now)
    wakeCanceller()
    wakeSuspender()
    setAlarm(now: now)
    defer { actions = [] }
    return actions
  }

  private mutating func apply(_ event: DispatcherEvent, now: Moment) {
    switch event {
    case .started(let standing, let isCancelling):
      start(standing, isCancelling: isCancelling, now: now)
    case .waits(let waiter): waiting.add(waiter)
    case .settlerWaits(let version, let until):
      waiting.add(.settler)
      settling.wait(since: version, until: until)
    case .pollerWaits(let version, let until):
      waiting.add(.poller)
      polling.wait(since: version, until: until)
    // A task that was woken before it was cancelled has its turn.
    case .withdrawn(let waiter): if waiting.remove(waiter) { wake(waiter, .leave) }
    case .alarm: alarm = nil
    case .suspending(let isSuspending): self.isSuspending = isSuspending

    case .foundNothing(let slot):
      lanes.foundNothing(for: slot)
      lanes[lanes.place(of: slot)].endHold(now: now.elapsed)
      giveBack(slot)
    case .foundNothingBefore(let moment, let why, let slot):
      foundNothing(before: moment, why: why, slot, now: now)
    case .claimFailed:
      lanes.notePending()
      changed()
    case .slotUnused(let slot): giveBack(slot)
    case .answered(let answered): take(answered, now: now)
    case .claimed(let chunk): take(chunk, now: now)
    case .recorded(let recorded, let move, let outcome): take(recorded, move, outcome: outcome)
    case .abandoned:
      working -= 1
      changed()

    case .readingEnded(let isThrottled, let asked, let draw):
      if isThrottled { lanes[lanes.reading].excuseHold(now: now.elapsed) }
      let wait = lanes[lanes.reading].gate.leaveReading(
        isThrottled: isThrottled, asked: asked, draw: draw, now: now.elapsed)
      if let wait {
        hold(lane: lanes.reading, wait, now: now)
        actions.append(.reply(GateEffect(wait: Self.stored(wait, now: now), isInOutage: false)))
      }
      changed()
    case .polled(let recorded, let move):
      follow(move)
      take(recorded)
    case .settled(let recorded, let move, let wasRefused):
      decided(wasRefused: wasRefused)
      follow(move)
      take(recorded)
    case .held(let wasRefused):
      decided(wasRefused: wasRefused)
      steps.hold()
      changed()
    case .inheriting(let begins):
      // Senders leave once the run is done, and nobody would send what becomes pending after that.
      isInheriting = begins && !isDone
      if !begins { changed() }
    case .inherited(let move, let wasHeld): take(move, wasHeld: wasHeld)

    case .cancelledPending(let recorded): take(recorded)
    case .requested(let request): follow(request)
    case .stop(let cause): stop(for: cause)
    case .storeInTrouble(let error):
      storeTroubles += 1
      tell(.storeTrouble(error.description))
      changed()
    case .storeRecovered:
      storeTroubles -= 1
      changed()
    }
  }

  private mutating func start(_ standing: RunSnapshot, isCancelling: Bool, now: Moment) {
    tell(.started(standing))
    if isCancelling { stop(for: .cancelled) }
    follow(standing.request)
    for lane in lanes.indices {
      guard let stored = standing.waits[ChunkStep(lanes[lane].budget)],
        case let left = stored.left(at: now.wall),
        left > .zero
      else { continue }
      let wait = lanes[lane].gate.wait(for: left, reason: stored.reason, cause: .recorded, now: now.elapsed)
      lanes[lane].gate.resume(wait)
      pauseIfTooLong(wait, now: now)
    }
  }

  private mutating func tell(_ event: RunEvent) { actions.append(.tell(event)) }

  private mutating func wake(_ waiter: Waiter, _ turn: Turn) { actions.append(.wake(waiter, turn)) }
}

// MARK: - Sending

extension DispatcherState {
  /// What a sender is told.
  private enum Admission {
    case claim(Slot)
    /// Nothing leaves before something changes, or before the alarm.
    case wait
    /// There is nothing left to do, or no new request may leave.
    case leave
  }

  /// Gives slots to the senders that wait, one for each slot that is free.
  private mutating func admitSenders(now: Moment) {
    while let sender = waiting.senders.first {
      switch admitSender(now: now) {
      case .claim(let slot): wake(sender, .claim(slot))
      case .leave: wake(sender, .leave)
      case .wait: return
      }
      waiting.remove(sender)
    }
  }

  private mutating func admitSender(now: Moment) -> Admission {
    if isSendingOver || isDone { return .leave }
    // As long as it is not known what a refusal means, no more of them are collected than are under way at a time: a
    // manifest of which every chunk is refused would else be sent to its end for nothing.
    if isSuspending || storeTroubles > 0 || doubted > 0 && doubted + working >= settings.concurrency {
      return .wait
    }
    if let opening = hours.opening { return waitForWindow(until: opening) }
    var closed: [(lane: Int, until: Duration)] = []
    for lane in lanes.indices {
      guard let step = lanes[lane].step, canClaim(step, lane, now: now) else { continue }
      switch lanes[lane].gate.enter(now: now.elapsed) {
      case .go:
        working += 1
        steps.take(step)
        // One that asks before the end of its wait may have to go on waiting.
        if let announced = lanes[lane].announcedWait, announced.until <= now.elapsed { endWait(lane) }
        return .claim(Slot(step: step, epoch: lanes.epoch))
      case .wait(let until): closed.append((lane, until))
      case .full: break
      }
    }
    for (lane, until) in closed { announce(lane, until: until, reason: lanes[lane].gate.reason, now: now) }
    return .wait
  }

  /// Whether there may be a chunk to claim in a lane, and no request that reads goes before it.
  private mutating func canClaim(_ step: ChunkStep, _ lane: Int, now: Moment) -> Bool {
    steps.permits(step) && lanes[lane].mayHaveClaims(now: now.elapsed)
      && (lane != lanes.reading || waiting.readers.isEmpty)
  }

  private mutating func giveBack(_ slot: Slot) {
    lanes[lanes.place(of: slot)].gate.leaveUnused()
    working -= 1
    steps.giveBack(slot.step)
    changed()
  }

  private mutating func foundNothing(
    before moment: Timestamp, why: Claim.NotBefore, _ slot: Slot, now: Moment
  ) {
    let lane = lanes.place(of: slot)
    let left = max(.zero, moment.since(now.wall))
    let until = now.elapsed + left
    lanes.foundNothing(before: until, for: slot)
    switch why {
    case .ready: lanes[lane].endHold(now: now.elapsed)
    case .rate, .itemRate, .mediaRate:
      lanes[lane].holdForRate(now: now.elapsed)
      announce(lane, until: until, reason: why.text, now: now)
    case .share(let limit, let end):
      lanes[lane].holdForRate(now: now.elapsed)
      // It asks again before that; told once, it is not told each time.
      let end = now.elapsed + max(left, end.since(now.wall))
      announce(lane, until: end, reason: "other runs go first within \(limit.text)", now: now)
    case .wait(let reason):
      lanes[lane].endHold(now: now.elapsed)
      let wait = lanes[lane].gate.wait(for: left, reason: reason, cause: .recorded, now: now.elapsed)
      // As if the service had told this process: at its end, requests do not leave all at once.
      lanes[lane].gate.resume(wait)
      hold(lane: lane, wait, now: now)
    }
    giveBack(slot)
  }

  private mutating func take(_ answered: Answered, now: Moment) {
    if let pause = answered.pause { stop(for: pause) }
    let ending = answered.ending
    let isFailure =
      (ending.outcome == .notProcessed || ending.outcome == .unknown) && !ending.isUnsent
    if isFailure { rules.noteFailure(ending.failure, at: now.wall) }
    if let cause = rules.resolving(answered), hasWorkLeft { stop(for: cause) }
    let lane = lanes.place(of: answered.slot)
    lanes[lane].noteReturn(now: now.elapsed)
    let wait = lanes[lane].gate.leave(ending, now: now.elapsed)
    var effect = GateEffect(isInOutage: isFailure && !lanes[lane].gate.isOpen)
    if let wait {
      // From here on it is the service, not a limit of ours, that holds requests back.
      lanes[lane].endHold(now: now.elapsed)
      hold(lane: lane, wait, now: now)
      effect.wait = Self.stored(wait, now: now)
    }
    if answered.claimsNext {
      admitReaders(now: now)
      if case .claim(let slot) = admitSender(now: now) { effect.next = slot }
    }
    actions.append(.reply(effect))
    changed()
  }

  /// Whether another request got through since a moment: what makes a failure the chunk's own.
  func othersGotThrough(since moment: Duration) -> Bool {
    lanes.gotThrough(since: moment)
  }

  /// What an answer came to is durable; its sender is free again.
  private mutating func take(_ recorded: Recorded, _ move: ChunkMove, outcome: Outcome) {
    working -= 1
    if move.event == .answerLost || move.event == .doubted {
      openUnknowns += 1
      settling.note()
    }
    if move.event == .doubted { doubted += 1 }
    follow(move)
    if outcome == .accepted, move.event == .accepted, !hasAcceptance {
      hasAcceptance = true
      var accepted = counts
      accepted += recorded.moved
      tell(.firstAccepted(accepted))
    }
    take(recorded)
  }
}

// MARK: - Waits

extension DispatcherState {
  /// Tells of a wait, and pauses the run where it is too long to be sat out.
  private mutating func hold(lane: Int, _ wait: Gate.Wait, now: Moment) {
    announce(lane, until: wait.until, reason: wait.reason, now: now)
    pauseIfTooLong(wait, now: now)
  }

  /// A wait as it is put on disk; `nil` for a back-off of ours, which is not for another process to sit out.
  private static func stored(_ wait: Gate.Wait, now: Moment) -> StoredWait? {
    guard wait.cause == .service else { return nil }
    return StoredWait(until: now.wall + wait.length, reason: wait.reason, length: wait.length)
  }

  private mutating func pauseIfTooLong(_ wait: Gate.Wait, now: Moment) {
    if let cause = rules.waiting(wait, now: now), hasWorkLeft { stop(for: cause) }
  }

  private mutating func endWait(_ lane: Int) {
    if lanes[lane].endWait() { tell(.waitOver) }
  }

  private mutating func announce(_ lane: Int, until: Duration, reason: String, now: Moment) {
    guard lanes[lane].announce(until: until, reason: reason) else { return }
    tell(.waiting(StoredWait(until: now.wall(at: until), reason: reason)))
  }

  /// Asks to be woken at the first moment at which somebody who waits may go on.
  private mutating func setAlarm(now: Moment) {
    var moments: [Duration] = []
    if !waiting.senders.isEmpty, hasPending, let opening = hours.opening {
      moments.append(now.elapsed + min(opening.since(now.wall), SendingHours.lookInterval))
    } else if !waiting.senders.isEmpty {
      moments += lanes.withPending.compactMap(\.earliestRequest)
    }
    if !waiting.readers.isEmpty, let until = lanes[lanes.reading].gate.closedUntil { moments.append(until) }
    if waiting.contains(.settler), let until = settling.until { moments.append(until) }
    if waiting.contains(.poller), let until = polling.until { moments.append(until) }
    let next = moments.filter { $0 > now.elapsed }.min()
    guard next != alarm else { return }
    alarm = next
    actions.append(.setAlarm(next))
  }
}

// MARK: - Windows

extension DispatcherState {
  /// Whether a request may begin at a moment of the day.
  func isWindowOpen(at moment: Timestamp) -> Bool { hours.isOpen(at: moment) }

  private var hasPending: Bool { !isPendingKnownEmpty }

  private mutating func followWindows(now: Moment) {
    if let closed = hours.look(at: now) { lanes.excuse(closed) }
    guard hours.opening == nil, announcedOpening != nil else { return }
    announcedOpening = nil
    tell(.waitOver)
    // Observers know one wait at a time, and one that lasts longer than the closed hours goes on.
    for lane in lanes.indices {
      guard let announced = lanes[lane].announcedWait, announced.until > now.elapsed else { continue }
      tell(.waiting(StoredWait(until: now.wall(at: announced.until), reason: announced.reason)))
    }
  }

  /// Gives no slot before a window opens; with `--exit-outside`, pauses the run instead.
  private mutating func waitForWindow(until opening: Timestamp) -> Admission {
    guard hasPending else { return .wait }
    if settings.exitsOutside {
      stop(for: .paused(.window, detail: "the next sending window opens at \(hours.text(opening))"))
      return .leave
    }
    if announcedOpening != opening {
      announcedOpening = opening
      tell(.waiting(StoredWait(until: opening, reason: RunSettings.noWindow)))
    }
    return .wait
  }

  /// With `--exit-outside`, pauses the run once every request that is left can only leave in a later window.
  private mutating func pauseUntilLaterWindow(now: Moment) {
    guard settings.exitsOutside, hours.opening == nil, !isSendingOver, hasPending, working == 0,
      openUnknowns == 0, inherited == 0, !isProcessing, !waiting.senders.isEmpty
    else { return }
    var first: (start: Timestamp, reason: String)?
    for lane in lanes.withPending {
      guard steps.permits(lane.step) else { continue }
      guard let until = lane.earliestRequest,
        let start = hours.laterWindow(for: now.wall(at: until), now: now.wall)
      else { return }
      if first.map({ start < $0.start }) ?? true {
        first = (start, lane.announcedWait?.reason ?? lane.gate.reason)
      }
    }
    guard let first else { return }
    stop(
      for: .paused(
        .window,
        detail:
          "the next request can leave at \(hours.text(first.start)), after this sending window (\(first.reason))"
      ))
  }
}

// MARK: - Settling

extension DispatcherState {
  /// Lets requests that read leave; one that has to wait goes before the next chunk of its budget.
  private mutating func admitReaders(now: Moment) {
    while let reader = waiting.readers.first {
      if stopsSettling {
        wake(reader, .leave)
      } else if isSuspending {
        return
      } else {
        switch lanes[lanes.reading].gate.enter(now: now.elapsed) {
        case .go: wake(reader, .read)
        case .wait(let until):
          // A wait that was on record when the run began holds back nobody else, who would tell of it.
          if lanes[lanes.reading].step == nil {
            announce(lanes.reading, until: until, reason: lanes[lanes.reading].gate.reason, now: now)
          }
          return
        case .full: return
        }
      }
      waiting.remove(reader)
    }
  }

  private mutating func wakeWatchers(now: Moment) {
    if settling.isTime(at: now.elapsed), waiting.remove(.settler) { wake(.settler, .look) }
    if polling.isTime(at: now.elapsed), waiting.remove(.poller) { wake(.poller, .look) }
  }

  private mutating func decided(wasRefused: Bool) {
    openUnknowns -= 1
    // Those that an earlier process left are not counted in.
    if wasRefused { doubted = max(0, doubted - 1) }
  }

  /// What became of chunks that a lost owner had under way.
  private mutating func take(_ move: InheritedMove, wasHeld: Bool) {
    if !move.wasUnknown {
      inherited += move.recorded.moved.chunks(in: .submitting)
      let unknown = move.recorded.moved.chunks(in: .unknown)
      openUnknowns += unknown
      if unknown > 0 { settling.note() }
    } else if wasHeld {
      steps.holdNoMore()
    } else {
      openUnknowns -= 1
    }
    if move.chunk != nil { follow(ChunkMove(move.event, at: move.step)) }
    take(move.recorded)
  }

  /// Whether any chunk of the run was accepted: what goes wrong beside it is then the chunk's own.
  var othersAreAccepted: Bool { counts.chunks(in: .accepted) > 0 }

  /// Whether any unknown chunk is still being looked into.
  var hasOpenUnknowns: Bool { openUnknowns > 0 }

  /// Whether no chunk is open and none can become so.
  var isSettlingOver: Bool {
    openUnknowns == 0 && inherited == 0 && !isInheriting && working == 0
      && (isPendingKnownEmpty && !isProcessing || isCancelled)
  }

  /// Whether later acceptances can still become witnesses.
  var canSendMore: Bool {
    guard !isSendingOver else { return false }
    if working > 0 || isProcessing { return true }
    // Where as many have begun as may, nothing is sent before one of them is settled.
    return doubted < settings.concurrency
      && lanes.withPending.contains { steps.permits($0.step) }
  }

  /// Whether settling has to end now; a run that is cancelled is still settled.
  var stopsSettling: Bool { stop != nil }
}

// MARK: - Steps

extension DispatcherState {
  /// Whether other chunks may be sent: the first step of one was done, where that has to be seen first.
  var firstStepIsProven: Bool { steps.isProven }

  /// Whether nothing is polled any more.
  var isPollingOver: Bool { isSendingOver || isDone }

  /// Items whose first step was taken and that are not decided, where an item takes several. What is being sent and what is
  /// unknown is left out, whichever step it is at: these may still be lost.
  private var underWay: Int? {
    steps.areSeveral ? max(0, steps.begun - working - openUnknowns - inherited) : nil
  }

  /// What a move means beyond the counts.
  private mutating func follow(_ move: ChunkMove) {
    guard steps.areSeveral else { return }
    steps.follow(move)
    if move.event == .stepAccepted || move.event == .stepReopened { polling.note() }
    if let cause = rules.refusing(move) { stop(for: cause) }
  }
}

// MARK: - Stopping

extension DispatcherState {
  /// Whether no new request to submit may leave.
  var isSendingOver: Bool { isCancelled || stop != nil }

  /// Asks the run to stop. That it is cancelled and that its work stops are two facts: the one does not undo the other.
  /// Of the causes to stop, a weaker one never replaces a stronger one.
  private mutating func stop(for cause: StopCause) {
    if cause == .cancelled {
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
  private mutating func follow(_ request: RunRequest?) {
    switch request {
    case nil: break
    case .pause: stop(for: .asked)
    case .cancel: stop(for: .cancelled)
    }
  }

  private mutating func wakeCanceller() {
    guard isCancelled || stop != nil || isSettlingOver, waiting.remove(.canceller) else { return }
    wake(.canceller, isCancelled ? .cancelPending : .leave)
  }
}

// MARK: - Suspending

extension DispatcherState {
  /// Lets the process be stopped once no request is under way and everything is recorded.
  private mutating func wakeSuspender() {
    guard isSuspending, working == 0, waiting.remove(.suspender) else { return }
    wake(.suspender, .suspend)
  }
}

// MARK: - Counts

extension DispatcherState {
  /// Whether anything is left to send or to settle: where nothing is, there is nothing to pause.
  private var hasWorkLeft: Bool { counts.openChunks > 0 }

  private var isPendingKnownEmpty: Bool { lanes.arePendingKnownEmpty }

  private var isProcessing: Bool { counts.chunks(in: .processing) > 0 }

  private var isDone: Bool {
    isPendingKnownEmpty && working == 0 && openUnknowns == 0 && inherited == 0 && !isInheriting
      && !isProcessing
  }

  /// The settler would wake at every change; what concerns it is a new unknown chunk, and the end.
  private mutating func changed() {
    guard isSendingOver || isDone else { return }
    settling.note()
    polling.note()
  }

  /// A chunk is no longer pending.
  private mutating func take(_ claimed: ClaimedChunk, now: Moment) {
    // Its slot may be older than a wait that has begun meanwhile, and that is not over by it.
    if let lane = lanes.place(of: claimed.step) {
      lanes[lane].endHold(now: now.elapsed)
      if lanes[lane].earliestRequest.map({ $0 <= now.elapsed }) ?? true { endWait(lane) }
    }
    counts += claimed.moved
    guard counts.chunks(in: .pending) == 0 else { return }
    lanes.noteNothingPending()
    changed()
  }

  private mutating func take(_ recorded: Recorded) {
    follow(recorded.request)
    counts += recorded.moved
    let isPendingEmpty = counts.chunks(in: .pending) == 0
    if recorded.moved.chunks(in: .pending) > 0 { lanes.notePending() }
    if isPendingEmpty { lanes.noteNothingPending() }
    tell(.progress(counts))
    // Where nothing waits to be sent, a pause would hold nothing back: what is under way decides the run.
    if !isPendingEmpty, !isCancelled,
      let cause = PauseRules.losing(
        counts, of: items, permitting: settings.maxFailures, underWay: underWay)
    {
      stop(for: cause)
    }
    changed()
  }
}
