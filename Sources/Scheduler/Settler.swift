import BatchDomain

/// Finds out what became of unknown chunks, by asking the service, while sending goes on beside it.
///
/// Only the unknown chunk waits. One sweep per index serves every chunk that is due, looks at a chunk are
/// `--settle-delay` apart, and an absence counts only when two looks agree beside a control.
struct Settler {
  let session: any RunSession
  let service: any TransferService
  let clock: any BatchClock
  let observer: any RunObserver
  let board: RunBoard

  /// Chunks looked into at the same time.
  static let batch = 1_000
  /// Looks at a chunk after which it is left to a person, once nothing more is sent that could bring a control.
  static let idleLooks = 10
  /// Controls of an index that are compared at one look.
  static let controlsPerLook = 5
  /// The least time between two looks, whatever `--settle-delay` says: a listing is a request, too.
  static let shortestDelay: Duration = .milliseconds(200)
  /// The longest a process waits for a moment before which nothing can be concluded; later it is for `resume`.
  static let longestWait: Duration = .seconds(15 * 60)

  /// What is known of one chunk between looks.
  private struct Case {
    let attempt: Int
    var nextLook: Timestamp
    var wasAbsent = false
    var idleLooks = 0
    var isHeld = false
  }

  private struct State {
    var cases: [ChunkNumber: Case] = [:]
    var firstShown: [ChunkNumber: Timestamp] = [:]
  }

  private var persistently: StoreRetry { StoreRetry(clock: clock, board: board) }
  private var delay: Duration { max(session.settings.settleDelay, Self.shortestDelay) }

  /// Works until no chunk is open, or until the run stops.
  func work() async {
    var state = State()
    do {
      while await !board.stopsSettling {
        let version = board.settlingVersion
        let chunks = try await openChunks(&state)
        if chunks.isEmpty {
          if await board.isSettlingOver { return }
          await board.waitForSettling(version: version, until: nil)
          continue
        }
        let due = chunks.filter { (state.cases[$0.number]?.nextLook ?? $0.endedAt) <= clock.now() }
        if due.isEmpty {
          let next = chunks.compactMap { state.cases[$0.number]?.nextLook }.min()
          await board.waitForSettling(version: version, until: next)
        } else {
          try await look(at: due, &state)
        }
      }
    } catch {
      await board.stop(for: .store(StoreError(wrapping: error)))
    }
  }

  private func openChunks(_ state: inout State) async throws -> [UnknownChunk] {
    var open: [UnknownChunk] = []
    var after: ChunkNumber?
    guard await board.hasOpenUnknowns else { return [] }
    while open.count < Self.batch {
      let page = try await persistently { [after] in
        try await session.unknownChunks(after: after, limit: Self.batch)
      }
      for chunk in page {
        if state.cases[chunk.number]?.attempt != chunk.attempt {
          // Only asking the service needs a delay: its listing has to catch up first.
          let delay = session.settings.onUnknown == .check ? session.settings.settleDelay : .zero
          state.cases[chunk.number] = Case(attempt: chunk.attempt, nextLook: chunk.endedAt + delay)
        }
        if state.cases[chunk.number]?.isHeld != true { open.append(chunk) }
      }
      guard page.count == Self.batch, let last = page.last else { break }
      after = last.number
    }
    return open
  }

  private func look(at chunks: [UnknownChunk], _ state: inout State) async throws {
    switch session.settings.onUnknown {
    case .hold:
      for chunk in chunks {
        try await hold(chunk, "--on-unknown hold leaves it to a person", authority: .policy, &state)
      }
    case .resend:
      for chunk in chunks {
        if chunk.wasSentElsewhere {
          try await hold(chunk, "it was sent to another address than the run's present one", &state)
          continue
        }
        try await conclude(
          chunk, .notReceived, authority: .policy, evidence: "--on-unknown resend: it is sent again unasked",
          &state)
      }
    case .check:
      try await check(chunks, &state)
    }
  }

  private func check(_ chunks: [UnknownChunk], _ state: inout State) async throws {
    let canSendMore = await board.canSendMore
    var evidence: [IndexID: IndexEvidence] = [:]
    var trouble: [IndexID: String] = [:]
    for index in Set(chunks.flatMap(\.names.keys)).sorted(by: { $0.rawValue < $1.rawValue }) {
      let concerned = chunks.filter { $0.names[index] != nil }
      guard let earliest = concerned.map(\.startedAt).min(), let latest = concerned.map(\.endedAt).max()
      else { continue }
      let known = try await controls(of: index, earliest: earliest, latest: latest)
      let oldest =
        (known.controls + known.anchors).map(\.startedAt).min().map { min($0, earliest) } ?? earliest
      do throws(ListingSweep.Failure) {
        let sweep = ListingSweep(service: service, board: board, clock: clock)
        let sighting = try await sweep.sighting(of: index, since: oldest - SettlingRule.clockMargin)
        for control in known.controls
        where state.firstShown[control.chunk] == nil && sighting.shows(control) {
          state.firstShown[control.chunk] = clock.now()
        }
        evidence[index] = IndexEvidence(
          sighting: sighting, controls: known.controls, anchors: known.anchors, firstShown: state.firstShown)
      } catch {
        switch error {
        case .stopped: return
        case .unavailable(let why): trouble[index] = why
        }
      }
    }
    for chunk in chunks {
      let own = chunk.names.keys.compactMap { trouble[$0] }.first
      let reading =
        own.map { SettlingRule.Reading.open($0) }
        ?? SettlingRule.read(
          chunk, evidence: evidence, settleDelay: session.settings.settleDelay)
      try await follow(reading, chunk, canSendMore: canSendMore, &state)
    }
  }

  /// The accepted chunks an absence is judged by.
  ///
  /// Those soonest after the last of the attempts come first: while sending is fast, the newest are always inside
  /// the listing's lag.
  private func controls(
    of index: IndexID, earliest: Timestamp, latest: Timestamp
  ) async throws -> (controls: [Control], anchors: [Control]) {
    try await persistently {
      let start = Timestamp(milliseconds: .min)
      let end = Timestamp(milliseconds: .max)
      var controls = try await session.controls(
        index: index, startedIn: latest + .milliseconds(1)..<end, newestFirst: false,
        limit: Self.controlsPerLook)
      if controls.isEmpty {
        controls = try await session.controls(
          index: index, startedIn: start..<end, newestFirst: true, limit: 1)
      }
      let anchors = try await session.controls(
        index: index, startedIn: start..<earliest, newestFirst: true, limit: Self.controlsPerLook)
      return (controls, anchors)
    }
  }

  private func follow(
    _ reading: SettlingRule.Reading, _ chunk: UnknownChunk, canSendMore: Bool, _ state: inout State
  ) async throws {
    guard var known = state.cases[chunk.number] else { return }
    known.nextLook = clock.now() + delay
    defer { state.cases[chunk.number]?.nextLook = known.nextLook }
    switch reading {
    case .received:
      try await conclude(
        chunk, .received, authority: .listing, evidence: "the listing shows every item of it", &state)
    case .absent(let controls):
      if known.wasAbsent {
        let shown = controls.map { "\($0)" }.joined(separator: ", ")
        try await conclude(
          chunk, .notReceived, authority: .listing,
          evidence: "two looks showed none of its items, beside chunk \(shown), which the listing shows",
          &state)
      } else {
        state.cases[chunk.number]?.wasAbsent = true
      }
    case .open(let why, let notBefore):
      state.cases[chunk.number]?.wasAbsent = false
      if canSendMore { return }
      if let notBefore, notBefore > clock.now() {
        known.nextLook = max(known.nextLook, notBefore)
        if notBefore.since(clock.now()) <= Self.longestWait { return }
        return try await hold(chunk, "\(why): resume the run after \(notBefore)", &state)
      }
      state.cases[chunk.number]?.idleLooks += 1
      if known.idleLooks + 1 >= Self.idleLooks { try await hold(chunk, why, &state) }
    case .undecidable(let why):
      try await hold(chunk, why, &state)
    }
  }

  private func conclude(
    _ chunk: UnknownChunk, _ verdict: Settlement.Verdict, authority: Settlement.Authority, evidence: String,
    _ state: inout State
  ) async throws {
    let judgement: Judgement =
      verdict == .received
      ? Judgement(event: .foundReceived)
      : RetryContract.judgeNotReceived(
        wasAnswered: chunk.wasAnswered,
        AttemptCircumstances(
          countedAttempts: chunk.countedAttempts, maxAttempts: session.settings.maxAttempts))
    let settlement = Settlement(
      chunk: chunk.number, attempt: chunk.attempt, verdict: verdict, authority: authority,
      evidence: evidence, decidedAt: clock.now(), event: judgement.event,
      countsAttempt: judgement.isCounted)
    let recorded = try await persistently { try await session.settle(settlement) }
    state.cases[chunk.number] = nil
    observer.observe(.settled(chunk: chunk.number, verdict: verdict, evidence: evidence))
    await board.settled(recorded)
  }

  private func hold(
    _ chunk: UnknownChunk, _ why: String, authority: Settlement.Authority = .listing, _ state: inout State
  ) async throws {
    let settlement = Settlement(
      chunk: chunk.number, attempt: chunk.attempt, verdict: .undecided, authority: authority, evidence: why,
      decidedAt: clock.now(), event: nil, countsAttempt: false)
    try await persistently { try await session.settle(settlement) }
    state.cases[chunk.number]?.isHeld = true
    observer.observe(.held(chunk: chunk.number, why: why))
    await board.held()
  }
}
