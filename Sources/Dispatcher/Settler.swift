import BatchDomain
import KillPoints

/// Finds out what became of unknown chunks, by asking the service, while sending goes on beside it.
///
/// Only the unknown chunk waits, and looks at a chunk are `--settle-delay` apart, later up to a minute. What a look says is the service's own
/// ``SettlingStrategy`` to tell; here is when the next look is due, what `--on-unknown` says, and what a verdict does.
struct Settler {
  let session: any RunSession
  let service: any ServiceModule
  let clock: any BatchClock
  let random: any RandomSource
  let dispatcher: Dispatcher

  /// Chunks looked into at the same time.
  static let batch = 1_000
  /// Looks at a chunk after which it is left to a person, once nothing more is sent that could become a witness.
  static let idleLooks = 10
  /// Looks that say nothing while more is sent, after which each pause is twice the one before: it may be hours until a
  /// window opens or a quota permits another request, and listings are requests, too.
  static let quickLooks = 10
  /// The longest such pause, unless `--settle-delay` is longer.
  static let longestPause: Duration = .seconds(60)
  /// The least time between two looks, whatever `--settle-delay` says: a listing is a request, too.
  static let shortestDelay: Duration = .milliseconds(200)
  /// The longest a process waits for a moment before which nothing can be concluded; later it is for `resume`.
  static let longestWait: Duration = .seconds(15 * 60)

  private struct State {
    var cases: [ChunkNumber: SettlingCase] = [:]
    var strategy: any SettlingStrategy
    /// When it is looked again for what a lost owner of the run left; `nil` where there was none.
    var nextInheriting: Duration?
  }

  private var persistently: StoreRetry { StoreRetry(clock: clock, dispatcher: dispatcher) }
  private var delay: Duration { max(session.settings.settleDelay, Self.shortestDelay) }

  /// Works until no chunk is open, or until the run stops.
  func work() async {
    let settings = session.settings
    var state = State(
      strategy: service.settling(
        SettlingContext(
          evidence: PersistentRecords(session: session, persistently: persistently),
          gate: RunReadingGate(
            session: session, budget: service.readingBudget, clock: clock, dispatcher: dispatcher),
          clock: clock, delay: settings.settleDelay, grace: settings.settleGrace)),
      nextInheriting: session.isHeir ? .zero : nil)
    do {
      while true {
        // Taken before the question, so that a stop between the two is not missed.
        let version = dispatcher.settlingVersion
        // A task that was cancelled does not wait any more, and would look again and again.
        if dispatcher.stopsSettling || Task.isCancelled { return }
        try await inheritIfDue(&state)
        let chunks = try await openChunks(&state)
        if chunks.isEmpty {
          if dispatcher.isSettlingOver { return }
          await dispatcher.waitForSettling(version: version, until: state.nextInheriting)
          continue
        }
        let due = chunks.filter { (state.cases[$0.number]?.nextLook ?? .zero) <= clock.elapsed() }
        if due.isEmpty {
          let looks = chunks.compactMap { state.cases[$0.number]?.nextLook }
          await dispatcher.waitForSettling(
            version: version, until: (looks + [state.nextInheriting].compactMap(\.self)).min())
        } else {
          try await look(at: due, &state)
        }
      }
    } catch {
      dispatcher.stop(for: .store(StoreError(wrapping: error)))
    }
  }

  /// How often a new owner looks for what became of the chunks that a lost one had under way.
  static let inheritingInterval: Duration = .seconds(1)

  private func inheritIfDue(_ state: inout State) async throws {
    guard let next = state.nextInheriting, next <= clock.elapsed() else { return }
    state.nextInheriting = clock.elapsed() + Self.inheritingInterval
    try await dispatcher.inheriting { try await inherit(&state) }
  }

  /// Takes notice of what a lost owner of the run left.
  private func inherit(_ state: inout State) async throws {
    for move in try await persistently({ try await session.inherit(at: clock.now()) }) {
      var wasHeld = false
      if let chunk = move.chunk, move.wasUnknown {
        wasHeld = state.cases.removeValue(forKey: chunk)?.isHeld ?? false
        let verdict: Settlement.Verdict = move.event == .settledNotReceived ? .notReceived : .received
        dispatcher.tell(.settled(chunk: chunk, verdict: verdict, evidence: move.evidence ?? ""))
      }
      dispatcher.handle(.inherited(move, wasHeld: wasHeld))
    }
  }

  private func openChunks(_ state: inout State) async throws -> [UnknownChunk] {
    var open: [UnknownChunk] = []
    var after: ChunkNumber?
    guard dispatcher.hasOpenUnknowns else { return [] }
    while open.count < Self.batch {
      let page = try await persistently { [after] in
        try await session.unknownChunks(after: after, limit: Self.batch)
      }
      for chunk in page {
        if state.cases[chunk.number]?.attempt != chunk.attempt {
          // Only asking the service needs a delay: its listing has to catch up first.
          let delay = session.settings.onUnknown == .check ? session.settings.settleDelay : .zero
          state.cases[chunk.number] = SettlingCase(
            attempt: chunk.attempt, nextLook: clock.elapsed() + timeLeft(of: delay, since: chunk.endedAt))
        }
        if state.cases[chunk.number]?.isHeld != true { open.append(chunk) }
      }
      guard page.count == Self.batch, let last = page.last else { break }
      after = last.number
    }
    return open
  }

  /// What is left of a delay that began at a moment of the day; never more than all of it, whatever the clock was set to.
  private func timeLeft(of delay: Duration, since moment: Timestamp) -> Duration {
    max(.zero, min(delay, delay - clock.now().since(moment)))
  }

  private func look(at chunks: [UnknownChunk], _ state: inout State) async throws {
    switch session.settings.onUnknown {
    case .check:
      try await check(chunks, &state)
    case .resend:
      for chunk in chunks {
        // Our own death and an outage say nothing about the chunk; whatever else happens again and again does.
        let isCounted = chunk.loss != .ownerDied && !chunk.wasInOutage
        try await conclude(
          chunk, .notReceived,
          Conclusion(
            authority: .policy, evidence: Evidence("--on-unknown resend sends it again without asking")),
          isOwnFault: isCounted, &state)
      }
    case .hold:
      for chunk in chunks {
        try await hold(
          chunk, Evidence("--on-unknown hold leaves it to a person"), authority: .policy, &state)
      }
    }
  }

  private func check(_ chunks: [UnknownChunk], _ state: inout State) async throws {
    let canSendMore = dispatcher.canSendMore
    guard let readings = try await state.strategy.look(at: chunks, canSendMore: canSendMore) else { return }
    for chunk in chunks {
      guard let reading = readings[chunk.number] else { continue }
      try await follow(reading, chunk, canSendMore: canSendMore, &state)
    }
  }

  private func follow(
    _ reading: SettlingReading, _ chunk: UnknownChunk, canSendMore: Bool, _ state: inout State
  ) async throws {
    guard var known = state.cases[chunk.number] else { return }
    known.nextLook = clock.elapsed() + delay
    let conclusion = Conclusion(
      authority: .listing, evidence: reading.evidence, learned: reading.learned,
      externalID: reading.externalID,
      isDone: reading.isDone, surplus: reading.surplus)
    switch reading.finding {
    case .received:
      return try await conclude(chunk, .received, conclusion, &state)
    case .notReceived:
      return try await conclude(chunk, .notReceived, conclusion, isOwnFault: chunk.isOwnFault, &state)
    case .partlyReceived(let isSeen):
      return try await conclude(chunk, .partlyReceived, conclusion, isSeen: isSeen, &state)
    case .unconfirmed: break
    case .open(let notBefore):
      if canSendMore {
        known.openLooks += 1
        known.nextLook = clock.elapsed() + pause(after: known.openLooks)
        break
      }
      if let notBefore, case let left = notBefore.since(clock.now()), left > .zero {
        known.nextLook = max(known.nextLook, clock.elapsed() + left)
        if left <= Self.longestWait { break }
        var evidence = reading.evidence
        evidence.text += ": resume the run after \(notBefore)"
        return try await hold(chunk, evidence, &state)
      }
      known.idleLooks += 1
      if known.idleLooks >= Self.idleLooks { return try await hold(chunk, reading.evidence, &state) }
    case .undecidable:
      return try await hold(chunk, reading.evidence, &state)
    }
    state.cases[chunk.number] = known
  }

  /// The pause after so many looks that said nothing while more is sent.
  private func pause(after looks: Int) -> Duration {
    // At most sixteen times the delay: who asks for short ones waits no minute once the last chunk was sent.
    let doublings = min(max(0, looks - Self.quickLooks), 4)
    return min(delay * (1 << doublings), max(delay, Self.longestPause))
  }

  /// Who says what became of a chunk, and how that is known.
  private struct Conclusion {
    let authority: Settlement.Authority
    let evidence: Evidence
    /// What refusals of the run are known to mean from now on.
    var learned: RejectionSemantics?
    /// The id that the service has for what the request made.
    var externalID: String?
    /// Whether the step is done.
    var isDone = false
    /// What other requests of the step made.
    var surplus: [String] = []
  }

  private func conclude(
    _ chunk: UnknownChunk, _ verdict: Settlement.Verdict, _ conclusion: Conclusion,
    isOwnFault: Bool = false, isSeen: [Bool] = [], _ state: inout State
  ) async throws {
    let settings = session.settings
    var settlement = Settlement(
      chunk: chunk.number, attempt: chunk.attempt, verdict: verdict, authority: conclusion.authority,
      evidence: conclusion.evidence, decidedAt: clock.now(), event: .settledReceived,
      semantics: conclusion.learned, externalID: conclusion.externalID, surplus: conclusion.surplus)
    switch verdict {
    case .received:
      guard let next = service.step(following: chunk.step) else { break }
      settlement.event = conclusion.isDone ? .stepDone : .stepAccepted
      settlement.nextStep = conclusion.isDone ? next : nil
    case .undecided: break
    case .partlyReceived:
      settlement.event = .divided
      settlement.division = Division(Piece.ranges(from: chunk.firstItem, isSeen: isSeen))
    case .notReceived where chunk.wasRefused && service.steps.count > 1:
      // It was asked because the refusal may have meant that the service has it already; it does not, so it stands.
      settlement.event = .refused
    case .notReceived where chunk.wasRefused:
      settlement.division = settings.bisect ? service.division(of: chunk.range, because: .refused) : nil
      settlement.event = settlement.division == nil ? .settledNotReceived : .divided
    case .notReceived:
      let judgement = RetryContract.judgeNotReceived(
        isChunksOwnFault: isOwnFault,
        AttemptCircumstances(countedAttempts: chunk.countedAttempts, maxAttempts: settings.maxAttempts))
      settlement.event = judgement.event
      settlement.countsAttempt = judgement.isCounted
      if judgement.isCounted {
        settlement.readyAt =
          clock.now()
          + BackOff.chunk.wait(afterFailures: chunk.countedAttempts, unit: random.nextUnit())
      }
      if judgement.event == .exhausted, settings.bisect, dispatcher.othersAreAccepted,
        let pieces = service.division(
          of: chunk.range, because: .exhausted(maxAttempts: settings.maxAttempts))
      {
        settlement.event = .divided
        settlement.division = pieces
      }
    }
    KillPoint.inSettling.reached()
    let recorded = try await persistently { [settlement] in try await session.settle(settlement) }
    state.cases[chunk.number] = nil
    dispatcher.tell(.settled(chunk: chunk.number, verdict: verdict, evidence: conclusion.evidence.text))
    if let division = settlement.division {
      dispatcher.tell(.divided(chunk: chunk.number, pieces: division.pieces.count))
    }
    dispatcher.handle(
      .settled(
        recorded,
        ChunkMove(
          settlement.event ?? .settledReceived, at: chunk.step, to: settlement.nextStep,
          // A refusal that is about the item is never doubted.
          generalRefusal: settlement.event == .refused
            ? chunk.code ?? chunk.status.map { "HTTP \($0)" } : nil),
        wasRefused: chunk.wasRefused))
  }

  private func hold(
    _ chunk: UnknownChunk, _ evidence: Evidence, authority: Settlement.Authority = .listing,
    _ state: inout State
  ) async throws {
    let settlement = Settlement(
      chunk: chunk.number, attempt: chunk.attempt, verdict: .undecided, authority: authority,
      evidence: evidence, decidedAt: clock.now(), event: nil)
    try await persistently { try await session.settle(settlement) }
    state.cases[chunk.number]?.isHeld = true
    dispatcher.tell(.held(chunk: chunk.number, why: evidence.text))
    dispatcher.handle(.held(wasRefused: chunk.wasRefused))
  }
}

/// What the store knows, asked again and again while it fails for a reason that may pass.
private struct PersistentRecords: SettlingRecords {
  let session: any RunSession
  let persistently: StoreRetry

  func witnesses(
    index: IndexID, intents: Range<Int>, begunAfter moment: Timestamp?, newestFirst: Bool, limit: Int
  ) async throws -> [Witness] {
    try await persistently {
      try await session.witnesses(
        index: index, intents: intents, begunAfter: moment, newestFirst: newestFirst, limit: limit)
    }
  }

  func sends(of names: [IndexID: Set<FileName>], since moment: Timestamp) async throws -> [NamedSend] {
    try await persistently { try await session.sends(of: names, since: moment) }
  }

  func listingLag(of index: IndexID) async throws -> ListingLag? {
    try await persistently { try await session.listingLag(of: index) }
  }

  func remember(_ lag: ListingLag, of index: IndexID) async throws {
    try await persistently { try await session.remember(lag, of: index) }
  }

  func intents() async throws -> Int { try await persistently { try await session.intents() } }

  func acceptance(of step: ChunkStep, after intents: Int) async throws -> StepAcceptance? {
    try await persistently { try await session.acceptance(of: step, after: intents) }
  }

  func recorded(among ids: Set<String>) async throws -> RecordedIDs {
    try await persistently { try await session.recorded(among: ids) }
  }
}

/// What the requests of a run that read pass. A wait that the service asks for is durable before the next of them, so that a
/// restart keeps to it.
struct RunReadingGate: ReadingGate {
  let session: any RunSession
  let budget: Budget
  let clock: any BatchClock
  let dispatcher: Dispatcher

  func enter() async -> Bool { await dispatcher.enterListing() }

  func leave(isThrottled: Bool, asked: Duration?) async {
    guard let wait = dispatcher.leaveListing(isThrottled: isThrottled, asked: asked) else { return }
    do {
      try await StoreRetry(clock: clock, dispatcher: dispatcher)({
        try await session.remember(wait, of: ChunkStep(budget))
      })
    } catch {
      dispatcher.stop(for: .store(StoreError(wrapping: error)))
    }
  }
}

/// What is known of one unknown chunk between two looks.
struct SettlingCase {
  /// The attempt whose answer was lost.
  let attempt: Int
  /// The chunk is not looked at before that moment of ``BatchClock/elapsed()``.
  var nextLook: Duration
  /// Looks that said nothing while more was sent that could become a witness.
  var openLooks = 0
  /// Looks that said nothing since nothing more was sent that could become a witness.
  var idleLooks = 0
  /// Whether it is left to a person.
  var isHeld = false

  /// A case that was not looked at.
  init(attempt: Int, nextLook: Duration) {
    self.attempt = attempt
    self.nextLook = nextLook
  }
}
