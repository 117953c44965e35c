import BatchDomain

/// Finds out how far the service is with chunks that it works on, by asking for many of them at a time.
///
/// Here is when a chunk is looked at next and what a reading does to it; how the service is asked and what its answer
/// says is the ``ServiceModule``'s.
struct Poller {
  let session: any RunSession
  let service: any ServiceModule
  let clock: any BatchClock
  let random: any RandomSource
  let dispatcher: Dispatcher

  /// Chunks that are read from the store at a time.
  static let batch = 1_000
  /// The longest a new chunk waits for its first look; one request's worth of them does not wait.
  static let firstDelay: Duration = .milliseconds(500)
  /// The longest time between two looks at a chunk.
  static let longestDelay: Duration = .seconds(30)
  /// Looks in a row that find nothing of a chunk after which it is taken to be gone.
  static let absencesUntilGone = 2
  /// How often a refused step is sent again although the one before it is done: the part of the service that refused it may
  /// not know that yet.
  static let repeatsOfRefused = 2
  /// Characters of the service's word for how far it is that are shown.
  static let longestStatus = 40
  /// Such words that a pause names at most.
  static let statusesNamed = 3
  /// Words that nobody knows of which observers are told at most: a service may give each video one of its own.
  static let unknownStatusesTold = 20

  /// What is known of a chunk between two looks.
  private struct Watched {
    let attempt: Int
    /// Since when it is looked at, on the clock that never goes back.
    let since: Duration
    var nextLook: Duration
    var looks = 0
    var absences = 0
    /// The service's last word for how far it is, as it can be shown.
    var status: String?
  }

  private struct State {
    var watched: [ChunkNumber: Watched] = [:]
    /// When any of them moved last.
    var lastMove: Duration
    /// Why the last look said nothing; `nil` when it said something.
    var failure: String?
    /// Words that nobody knows and that observers were told of.
    var unknownStatuses: Set<String> = []
  }

  private var persistently: StoreRetry { StoreRetry(clock: clock, dispatcher: dispatcher) }

  /// Works until nothing is left that the service works on, or until the run stops.
  func work() async {
    var state = State(lastMove: clock.elapsed())
    do {
      while true {
        // Taken before the question, so that a change between the two is not missed.
        let version = dispatcher.pollingVersion
        if dispatcher.isPollingOver || Task.isCancelled { return }
        let chunks = try await processingChunks(&state)
        let now = clock.elapsed()
        let due = chunks.filter { (state.watched[$0.number]?.nextLook ?? now) <= now }
        let fresh = chunks.filter { state.watched[$0.number]?.looks == 0 }
        if fresh.count >= service.pollLimit {
          try await look(at: Array(fresh.prefix(service.pollLimit)), &state)
        } else if !due.isEmpty {
          // Whatever else is about to be due goes along: a request asks about as many chunks as it can.
          let rest = chunks.filter { chunk in !due.contains { $0.number == chunk.number } }
            .sorted { nextLook(of: $0, state) < nextLook(of: $1, state) }
          try await look(at: Array((due + rest).prefix(service.pollLimit)), &state)
        } else {
          await dispatcher.waitForPolling(
            version: version, until: chunks.map { nextLook(of: $0, state) }.min())
        }
      }
    } catch {
      dispatcher.stop(for: .store(StoreError(wrapping: error)))
    }
  }

  private func nextLook(of chunk: ProcessingChunk, _ state: State) -> Duration {
    state.watched[chunk.number]?.nextLook ?? .zero
  }

  private func processingChunks(_ state: inout State) async throws -> [ProcessingChunk] {
    var found: [ProcessingChunk] = []
    var after: ChunkNumber?
    while true {
      let page = try await persistently { [after] in
        try await session.processingChunks(after: after, limit: Self.batch)
      }
      found += page
      guard page.count == Self.batch, let last = page.last else { break }
      after = last.number
    }
    let now = clock.elapsed()
    var watched: [ChunkNumber: Watched] = [:]
    for chunk in found {
      if let known = state.watched[chunk.number], known.attempt == chunk.attempt {
        watched[chunk.number] = known
      } else {
        // What an earlier process left may be done long since.
        let age = max(.zero, clock.now().since(chunk.acceptedAt))
        watched[chunk.number] = Watched(
          attempt: chunk.attempt, since: now, nextLook: now + max(.zero, Self.firstDelay - age))
        state.lastMove = now
      }
    }
    state.watched = watched
    return found
  }

  private func look(at chunks: [ProcessingChunk], _ state: inout State) async throws {
    let result = await service.poll(
      chunks,
      gate: RunReadingGate(
        session: session, budget: service.readingBudget, clock: clock, dispatcher: dispatcher))
    if let pause = result.pause { dispatcher.stop(for: .paused(pause.reason, detail: pause.detail)) }
    state.failure = result.failure
    for chunk in chunks {
      guard var known = state.watched[chunk.number] else { continue }
      known.looks += 1
      let age = clock.elapsed() - known.since
      known.nextLook = clock.elapsed() + min(Self.longestDelay, max(.seconds(1), age / 4))
      state.watched[chunk.number] = known
      if let reading = result.readings[chunk.number] { try await follow(reading, chunk, &state) }
    }
    pauseIfStuck(state)
  }

  private func follow(_ reading: PollResult.Reading, _ chunk: ProcessingChunk, _ state: inout State)
    async throws
  {
    if reading != .gone { state.watched[chunk.number]?.absences = 0 }
    switch reading {
    case .working(let status, let isKnown):
      note(status, isKnown: isKnown, of: chunk, &state)
      // The refusal meant that the step was not done, and is forgotten.
      if chunk.refusal != nil { try await record(chunk, .stepAccepted, &state) }
    case .done(let mediaLength):
      guard let next = service.step(following: chunk.step) else { break }
      if let refusal = chunk.refusal {
        try await refuse(chunk, at: next, refusal, &state)
      } else {
        try await record(chunk, .stepDone, next: next, mediaLength: mediaLength, &state)
      }
    case .ended(let outcome, let code, let message):
      try await end(chunk, outcome, code: code, message: message, &state)
    case .gone:
      state.watched[chunk.number]?.absences += 1
      let absences = state.watched[chunk.number]?.absences ?? 0
      let age = clock.now().since(chunk.acceptedAt)
      guard absences >= Self.absencesUntilGone, age >= session.settings.settleGrace else { break }
      let isLast = chunk.countedAttempts + 1 >= session.settings.maxAttempts
      try await record(
        chunk, isLast ? .exhausted : .requeued, next: isLast ? nil : service.steps.first, isCounted: true,
        code: "gone",
        message: "the service has nothing of the id \(chunk.externalID ?? "that it gave") any more",
        &state)
    }
  }

  /// Keeps the service's word for how far it is, and tells of one that nobody knows.
  private func note(_ status: String, isKnown: Bool, of chunk: ProcessingChunk, _ state: inout State) {
    let status = VisibleText.escape(status, cutAt: Self.longestStatus)
    state.watched[chunk.number]?.status = status
    guard !isKnown, state.unknownStatuses.count < Self.unknownStatusesTold,
      state.unknownStatuses.insert(status).inserted
    else { return }
    dispatcher.tell(.unknownStatus(chunk: chunk.number, status: status))
  }

  /// The step came to something else than being done.
  private func end(
    _ chunk: ProcessingChunk, _ outcome: Outcome, code: String?, message: String?, _ state: inout State
  ) async throws {
    switch outcome {
    case .content where chunk.refusal == nil && !dispatcher.firstStepIsProven:
      // Nothing shows yet that the service can fetch any of our videos.
      dispatcher.stop(
        for: .paused(
          .source,
          detail: "the service could not use the first video: "
            + [code, message].compactMap(\.self).joined(separator: " ")))
      // Another one is tried first when the run goes on: this one may be broken and all others good.
      try await record(
        chunk, .requeued, next: service.steps.first, readyAt: clock.now(), code: code, message: message,
        &state)
    case .content:
      try await record(chunk, .refused, code: code, message: message, &state)
    case .index:
      let isSole: Bool
      if let index = chunk.index {
        isSole = try await persistently { try await session.isSoleIndexLeft(index) }
      } else {
        isSole = false
      }
      guard isSole else {
        // What the first step made is still good: a retry begins where the service refused.
        return try await record(
          chunk, .refused, next: refusedStep(of: chunk), code: code, message: message, &state)
      }
      dispatcher.stop(for: .paused(.index, detail: message ?? code ?? "the index is gone"))
      try await record(
        chunk, .requeued, next: refusedStep(of: chunk), code: code, message: message, &state)
    case .account, .endpoint:
      dispatcher.stop(
        for: .paused(outcome == .account ? .account : .endpoint, detail: message ?? code ?? outcome.rawValue))
      try await record(
        chunk, .requeued, next: refusedStep(of: chunk), code: code, message: message, &state)
    case .notProcessed, .throttled, .unknown, .accepted:
      // What was made is of no use, so that the steps begin again. Where it was ready once, and the step after was refused,
      // that counts: otherwise the two could follow each other for ever.
      let isCounted = chunk.refusal != nil
      let isLast = isCounted && chunk.countedAttempts + 1 >= session.settings.maxAttempts
      try await record(
        chunk, isLast ? .exhausted : .requeued, next: isLast ? nil : service.steps.first,
        isCounted: isCounted,
        readyAt: isLast
          ? nil
          : clock.now()
            + BackOff.chunk.wait(afterFailures: chunk.countedAttempts, unit: random.nextUnit()),
        code: code, message: message, &state)
    }
  }

  /// The step that is sent again once what stopped the run is put right: the step after, where its refusal led to the look.
  private func refusedStep(of chunk: ProcessingChunk) -> ChunkStep? {
    chunk.refusal == nil ? service.steps.first : service.step(following: chunk.step)
  }

  private func refuse(
    _ chunk: ProcessingChunk, at step: ChunkStep, _ refusal: ProcessingChunk.Refusal, _ state: inout State
  ) async throws {
    guard
      refusal.repeats >= Self.repeatsOfRefused || chunk.countedAttempts + 1 >= session.settings.maxAttempts
    else {
      let wait = BackOff.chunk.wait(afterFailures: refusal.repeats, unit: random.nextUnit())
      return try await record(
        chunk, .requeued, next: step, isCounted: true, readyAt: clock.now() + wait, status: refusal.status,
        code: refusal.code, message: refusal.message, &state)
    }
    let text = refusal.code ?? refusal.status.map { "HTTP \($0)" }
    try await record(
      chunk, .refused, next: step, status: refusal.status, code: refusal.code, message: refusal.message,
      generalRefusal: (step, text), &state)
  }

  private func record(
    _ chunk: ProcessingChunk, _ event: ChunkEvent, next: ChunkStep? = nil, mediaLength: Duration? = nil,
    isCounted: Bool = false, readyAt: Timestamp? = nil, status: Int? = nil, code: String? = nil,
    message: String? = nil, generalRefusal: (step: ChunkStep, text: String?)? = nil, _ state: inout State
  ) async throws {
    let result = ProcessingResult(
      of: chunk, at: clock.now(), event: event, nextStep: next, mediaLength: mediaLength,
      isCounted: isCounted,
      readyAt: readyAt, status: status, code: code, message: message)
    let recorded: Recorded
    do {
      recorded = try await persistently { try await session.record(result) }
    } catch let error as StoreError where error.code == .conflict && dispatcher.isCancelled {
      // It was cancelled between the look and the record, which is then to change nothing. Had another process taken the
      // run, whatever else is recorded would meet the same.
      state.watched[chunk.number] = nil
      return
    }
    if event != .stepAccepted { state.watched[chunk.number] = nil }
    state.lastMove = clock.elapsed()
    if event != .stepDone, event != .stepAccepted {
      dispatcher.tell(
        .setback(
          chunk: chunk.number, attempt: chunk.attempt, outcome: event == .refused ? .content : .notProcessed,
          code: code, message: message))
    }
    dispatcher.handle(
      .polled(
        recorded,
        ChunkMove(
          event, at: generalRefusal?.step ?? chunk.step, to: next, generalRefusal: generalRefusal?.text)))
  }

  /// Pauses the run when nothing that the service works on moves for longer than `--max-wait`.
  private func pauseIfStuck(_ state: State) {
    let settings = session.settings
    guard !state.watched.isEmpty, clock.elapsed() - state.lastMove > settings.maxWait else { return }
    let videos =
      state.watched.count == 1 ? "the video" : "none of \(HumanNumber.text(state.watched.count, "video"))"
    let end = state.watched.count == 1 ? "did not come to an end" : "came to an end"
    let what = state.failure ?? "\(videos) that it works on \(end)"
    let said = state.failure == nil ? Self.said(Set(state.watched.values.compactMap(\.status))) : ""
    dispatcher.stop(
      for: .paused(
        .unreachable,
        detail: "\(what), for longer than --max-wait \(DurationText.format(settings.maxWait))\(said)"))
  }

  /// What the service says of chunks that it works on: its words, a few of them where there are many.
  private static func said(_ statuses: Set<String>) -> String {
    guard !statuses.isEmpty else { return "" }
    let named = statuses.sorted().prefix(statusesNamed).joined(separator: ", ")
    return "; the service says \(named)" + (statuses.count > statusesNamed ? " and other words" : "")
  }
}
