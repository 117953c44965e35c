import BatchDomain
import KillPoints

/// Finds out what became of unknown chunks, by asking the service, while sending goes on beside it.
///
/// Only the unknown chunk waits. One sweep per index serves every chunk that is due, looks at a chunk are
/// `--settle-delay` apart, and an absence counts only when two looks agree beside a control.
struct Settler {
  let session: any RunSession
  let service: any TransferService
  let clock: any BatchClock
  let random: any RandomSource
  let dispatcher: Dispatcher

  /// Chunks looked into at the same time.
  static let batch = 1_000
  /// Looks at a chunk after which it is left to a person, once nothing more is sent that could bring a control.
  static let idleLooks = 10
  /// The least time between two looks, whatever `--settle-delay` says: a listing is a request, too.
  static let shortestDelay: Duration = .milliseconds(200)
  /// The longest a process waits for a moment before which nothing can be concluded; later it is for `resume`.
  static let longestWait: Duration = .seconds(15 * 60)

  private struct State {
    var cases: [ChunkNumber: SettlingCase] = [:]
    var memory = ControlMemory()
  }

  private var persistently: StoreRetry { StoreRetry(clock: clock, dispatcher: dispatcher) }
  private var delay: Duration { max(session.settings.settleDelay, Self.shortestDelay) }

  /// Works until no chunk is open, or until the run stops.
  func work() async {
    var state = State()
    // From here on a clock that is set is noticed.
    _ = state.memory.watch(now: clock.now(), elapsed: clock.elapsed())
    do {
      while true {
        // Taken before the question, so that a stop between the two is not missed.
        let version = dispatcher.settlingVersion
        if dispatcher.stopsSettling { return }
        let chunks = try await openChunks(&state)
        if chunks.isEmpty {
          if dispatcher.isSettlingOver { return }
          await dispatcher.waitForSettling(version: version, until: nil)
          continue
        }
        let due = chunks.filter { (state.cases[$0.number]?.nextLook ?? .zero) <= clock.elapsed() }
        if due.isEmpty {
          let next = chunks.compactMap { state.cases[$0.number]?.nextLook }.min()
          await dispatcher.waitForSettling(version: version, until: next)
        } else {
          try await look(at: due, &state)
        }
      }
    } catch {
      dispatcher.stop(for: .store(StoreError(wrapping: error)))
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
          chunk, .notReceived, authority: .policy, isOwnFault: isCounted,
          evidence: Evidence("--on-unknown resend sends it again without asking"), &state)
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
    let lookedAt = clock.now()
    let gatherer = ListingEvidence(session: session, service: service, clock: clock, dispatcher: dispatcher)
    guard let found = try await gatherer.gather(for: chunks, &state.memory) else { return }
    for chunk in chunks {
      let own = chunk.indexes.compactMap { found.trouble[$0] }.min()
      let reading =
        own.map { SettlingRule.Reading.open($0) }
        ?? SettlingRule.read(
          chunk, evidence: found.evidence, settleDelay: session.settings.settleDelay,
          grace: session.settings.settleGrace)
      let look = Look(startedAt: lookedAt, tasks: found.tasks(of: chunk), canSendMore: canSendMore)
      try await follow(reading, chunk, look, &state)
    }
  }

  /// One look, as the evidence names it.
  private struct Look {
    let startedAt: Timestamp
    let tasks: Int
    let canSendMore: Bool
  }

  private func follow(
    _ reading: SettlingRule.Reading, _ chunk: UnknownChunk, _ look: Look, _ state: inout State
  ) async throws {
    guard var known = state.cases[chunk.number] else { return }
    known.nextLook = clock.elapsed() + delay
    var evidence = Evidence("", lastLookAt: look.startedAt, tasksListed: look.tasks)
    switch reading {
    case .received:
      evidence.text = "the listing shows every item of it"
      evidence.firstLookAt = look.startedAt
      evidence.itemsSeen = chunk.items.count
      return try await conclude(chunk, .received, authority: .listing, evidence: evidence, &state)
    case .absent(let controls) where controls.isEmpty && look.canSendMore:
      // An acceptance may still come and be a control.
      known.disagree()
    case .absent(let controls):
      let first = known.agree(on: chunk.items.map { _ in false }, at: look.startedAt)
      guard let first else { break }
      evidence.text =
        controls.isEmpty
        ? "the service refused it, and two looks showed none of its items; nothing was accepted yet"
        : "two looks showed none of its items, beside chunk \(list(controls)), which the listing shows"
      evidence.firstLookAt = first
      evidence.itemsSeen = 0
      evidence.controls = controls
      return try await conclude(
        chunk, .notReceived, authority: .listing, isOwnFault: chunk.isOwnFault, evidence: evidence, &state)
    case .partial(let isSeen, let controls):
      let first = known.agree(on: isSeen, at: look.startedAt)
      guard let first else { break }
      let seen = isSeen.count { $0 }
      evidence.text =
        "two looks showed the same \(seen) of its \(isSeen.count) items, beside chunk \(list(controls)), "
        + "which the listing shows"
      evidence.firstLookAt = first
      evidence.itemsSeen = seen
      evidence.controls = controls
      return try await conclude(
        chunk, .partlyReceived, authority: .listing, isSeen: isSeen, evidence: evidence, &state)
    case .open(let why, let notBefore):
      known.disagree()
      evidence.text = why
      if look.canSendMore { break }
      if let notBefore, case let left = notBefore.since(clock.now()), left > .zero {
        known.nextLook = max(known.nextLook, clock.elapsed() + left)
        if left <= Self.longestWait { break }
        evidence.text += ": resume the run after \(notBefore)"
        return try await hold(chunk, evidence, &state)
      }
      known.idleLooks += 1
      if known.idleLooks >= Self.idleLooks { return try await hold(chunk, evidence, &state) }
    case .undecidable(let why):
      evidence.text = why
      return try await hold(chunk, evidence, &state)
    }
    state.cases[chunk.number] = known
  }

  private func list(_ chunks: [ChunkNumber]) -> String {
    chunks.map { "\($0)" }.joined(separator: ", ")
  }

  private func conclude(
    _ chunk: UnknownChunk, _ verdict: Settlement.Verdict, authority: Settlement.Authority,
    isOwnFault: Bool = false, isSeen: [Bool] = [], evidence: Evidence, _ state: inout State
  ) async throws {
    var settlement = Settlement(
      chunk: chunk.number, attempt: chunk.attempt, verdict: verdict, authority: authority,
      evidence: evidence, decidedAt: clock.now(), event: .settledReceived)
    switch verdict {
    case .received, .undecided:
      if chunk.wasRefused { settlement.trust = .partial }
    case .partlyReceived:
      settlement.event = .divided
      settlement.division = Division(Piece.ranges(from: chunk.firstItem, isSeen: isSeen))
      // A service that takes a part of a request whose answer was lost may have refused it: the answer is not known.
      settlement.trust = .partial
    case .notReceived where chunk.wasRefused:
      settlement.event = session.settings.bisect ? .divided : .settledNotReceived
      settlement.division = session.settings.bisect ? Division(Piece.halves(of: chunk.range)) : nil
      // Without a control the chunk is divided on the service's word; what refusals mean is not known by that.
      if !evidence.controls.isEmpty, chunk.loss == .refused { settlement.trust = .whole }
    case .notReceived:
      let judgement = RetryContract.judgeNotReceived(
        isChunksOwnFault: isOwnFault,
        AttemptCircumstances(
          countedAttempts: chunk.countedAttempts, maxAttempts: session.settings.maxAttempts))
      settlement.event = judgement.event
      settlement.countsAttempt = judgement.isCounted
      if judgement.isCounted {
        settlement.readyAt =
          clock.now()
          + BackOff.chunk.wait(afterFailures: chunk.countedAttempts, unit: random.nextUnit())
      }
      if judgement.event == .exhausted, session.settings.bisect, dispatcher.othersAreAccepted,
        let halves = Bisection.halvesOfExhausted(
          chunk.range, maxAttempts: session.settings.maxAttempts)
      {
        settlement.event = .divided
        settlement.division = halves
      }
    }
    KillPoint.inSettling.reached()
    let recorded = try await persistently { [settlement] in try await session.settle(settlement) }
    state.cases[chunk.number] = nil
    dispatcher.tell(.settled(chunk: chunk.number, verdict: verdict, evidence: evidence.text))
    if let division = settlement.division {
      dispatcher.tell(.divided(chunk: chunk.number, pieces: division.pieces.count))
    }
    dispatcher.handle(.settled(recorded, wasRefused: chunk.wasRefused))
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
