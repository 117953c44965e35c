import BatchDomain
import TestSupport
import Testing

/// What every store has to do, whatever it is made of: the suite knows the port only.
///
/// An implementation runs it by handing over a way to make an empty store and a way to open the same one a
/// second time, as another process would.
struct RunSessionConformance {
  let makeStore: () async throws -> any BatchStore
  let start = Timestamp(milliseconds: 1_750_000_000_000)
  let sources = (0..<10).map { PlannedItems.source($0) }

  func session(
    chunkSize: Int = 4, settings: RunSettings = RunSettings()
  ) async throws -> (any BatchStore, any RunSession) {
    let store = try await makeStore()
    let session = try await PlannedItems.plan(
      sources, chunkSize: chunkSize, settings: settings, in: store, at: start)
    return (store, session)
  }

  func claimed(_ claim: Claim) throws -> ClaimedChunk {
    guard case .chunk(let chunk) = claim else {
      Issue.record("expected a chunk, found \(claim)")
      throw StoreError(.conflict, "no chunk")
    }
    return chunk
  }

  func result(
    _ chunk: ClaimedChunk, _ outcome: Outcome, _ event: ChunkEvent, counted: Bool = false,
    after seconds: Int = 1, readyAt: Timestamp? = nil
  ) -> AttemptRecord {
    AttemptRecord(
      of: chunk, finishedAt: chunk.startedAt + .seconds(seconds),
      took: .seconds(seconds), outcome: outcome, status: outcome == .accepted ? 200 : 400,
      code: outcome == .accepted ? nil : "some_code", message: nil, isCounted: counted, event: event,
      readyAt: readyAt)
  }

  func claimsInOrderWithTheirContent() async throws {
    let (_, session) = try await session()
    var seen: [Int] = []
    for number in 0..<3 {
      let chunk = try claimed(await session.claim(at: start))
      #expect(chunk.number == ChunkNumber(number))
      #expect(chunk.attempt == 1)
      seen += Array(chunk.firstItem..<chunk.firstItem + chunk.itemCount)
      let content = String(decoding: chunk.filePart, as: UTF8.self)
      let wire = (chunk.firstItem..<chunk.firstItem + chunk.itemCount).map {
        String(decoding: WireForm.bytes(of: sources[$0].utf8), as: UTF8.self)
      }
      #expect(content == "[" + wire.joined(separator: ",") + "]")
    }
    #expect(seen == Array(0..<10))
    guard case .none = try await session.claim(at: start) else {
      Issue.record("a fourth chunk")
      return
    }
  }

  func acceptanceIsFinal() async throws {
    let (_, session) = try await session()
    let chunk = try claimed(await session.claim(at: start))
    let recorded = try await session.record(result(chunk, .accepted, .accepted))
    #expect(recorded.moved.chunks == [.accepted: 1, .submitting: -1])
    #expect(recorded.moved.items == [.accepted: 4, .submitting: -4])
    #expect(try await session.standing().counts.chunks == [.accepted: 1, .pending: 2])
    #expect(try await session.standing().counts.items == [.accepted: 4, .pending: 6])
    await #expect(throws: StoreError.self) {
      try await session.record(result(chunk, .accepted, .accepted))
    }
  }

  func acceptanceAndClaimAreOneChange() async throws {
    let (_, session) = try await session()
    let first = try claimed(await session.claim(at: start))
    let both = try await session.record(result(first, .accepted, .accepted), claimingAt: start)
    let recorded = both.recorded
    let second = try claimed(try #require(both.claim).get())
    #expect(second.number != first.number)
    #expect(recorded.moved.chunks == [.accepted: 1, .submitting: -1])
    #expect(second.moved.chunks == [.submitting: 1, .pending: -1])
    #expect(try await session.standing().counts.chunks == [.accepted: 1, .pending: 1, .submitting: 1])
    // Neither is done where one cannot be: the first chunk was decided already.
    await #expect(throws: StoreError.self) {
      try await session.record(result(first, .accepted, .accepted), claimingAt: start)
    }
    #expect(try await session.standing().counts.chunks(in: .pending) == 1)
  }

  func returnedChunkWaitsForItsTime() async throws {
    let (_, session) = try await session(chunkSize: 10)
    let chunk = try claimed(await session.claim(at: start))
    let readyAt = start + .seconds(60)
    _ = try await session.record(
      result(chunk, .notProcessed, .requeued, counted: true, readyAt: readyAt))
    guard case .notBefore(let moment, .ready) = try await session.claim(at: start + .seconds(59)) else {
      Issue.record("claimed too early")
      return
    }
    #expect(moment == readyAt)
    let again = try claimed(await session.claim(at: readyAt))
    #expect(again.attempt == 2)
    #expect(again.countedAttempts == 1)
    #expect(again.filePart == chunk.filePart)
  }

  func rateHoldsInEveryWindow() async throws {
    var settings = RunSettings()
    settings.rates = [Rate(count: 2, window: .minute)]
    let (_, session) = try await session(chunkSize: 1, settings: settings)
    var now = start
    var sent: [Timestamp] = []
    while sent.count < 10 {
      switch try await session.claim(at: now) {
      case .chunk: sent.append(now)
      case .notBefore(let moment, let why):
        #expect(why == .rate(Rate(count: 2, window: .minute)))
        try #require(moment > now)
        now = moment
      case .none: Issue.record("ran out")
      }
      now = now + .milliseconds(700)
    }
    for (first, third) in zip(sent, sent.dropFirst(2)) { #expect(third.since(first) > .seconds(60)) }
  }

  /// An interleaved manifest: no chunk has one index alone, and hardly any chunk has the rare one.
  func rareIndexHasWitnesses() async throws {
    let rare = [5, 290]
    let sources = (0..<600).map { item in
      PlannedItems.source(item, index: rare.contains(item / 2) && item % 2 == 0 ? "rare" : "index\(item % 2)")
    }
    let session = try await PlannedItems.plan(sources, chunkSize: 2, in: try await makeStore(), at: start)
    while case .chunk(let chunk) = try await session.claim(at: start) {
      // The first try of one of them came to nothing that the service could have taken.
      if chunk.number == ChunkNumber(5), chunk.attempt == 1 {
        _ = try await session.record(result(chunk, .throttled, .requeued))
      } else {
        _ = try await session.record(result(chunk, .accepted, .accepted))
      }
    }
    let index: IndexID = "rare"
    func chunks(_ intents: Range<Int>, newestFirst: Bool, _ limit: Int) async throws -> [Int] {
      try await session.witnesses(
        index: index, intents: intents, begunAfter: nil, newestFirst: newestFirst, limit: limit
      ).map(\.chunk.rawValue)
    }
    #expect(try await chunks(0..<Int.max, newestFirst: true, 5) == [290, 5])
    #expect(try await chunks(0..<Int.max, newestFirst: false, 5) == [5, 290])
    #expect(try await chunks(0..<Int.max, newestFirst: true, 1) == [290])
    #expect(try await chunks(20..<Int.max, newestFirst: false, 1) == [290])
    #expect(try await chunks(20..<280, newestFirst: false, 5) == [])
    let names = try await session.witnesses(
      index: index, intents: 0..<Int.max, begunAfter: nil, newestFirst: false, limit: 1)
    #expect(names.first?.names == ["000010.mp4"])
  }

  func unknownIsSettledEitherWay() async throws {
    let (_, session) = try await session()
    let first = try claimed(await session.claim(at: start))
    let second = try claimed(await session.claim(at: start))
    _ = try await session.record(result(first, .unknown, .answerLost))
    _ = try await session.record(result(second, .unknown, .answerLost))
    let unknown = try await session.unknownChunks(after: nil, limit: 10)
    #expect(unknown.map(\.number) == [first.number, second.number])
    #expect(
      unknown[0].names(in: IndexID("629d807aa9e2a3a33a92c00b")).map(\.rawValue)
        == (0..<4).map { "\($0.padded(6)).mp4" })
    #expect(unknown[0].range == 0..<4)
    #expect(!unknown[0].namesClash)
    #expect(unknown.map(\.intent) == [1, 2])
    #expect(unknown.map(\.endedAfter) == [2, 2])
    func settlement(_ chunk: ClaimedChunk, _ verdict: Settlement.Verdict, _ event: ChunkEvent) -> Settlement {
      Settlement(
        chunk: chunk.number, attempt: 1, verdict: verdict, authority: .listing, evidence: Evidence("seen"),
        decidedAt: start + .seconds(40), event: event, countsAttempt: event == .settledNotReceived)
    }
    _ = try await session.settle(settlement(first, .received, .settledReceived))
    let recorded = try await session.settle(settlement(second, .notReceived, .settledNotReceived))
    #expect(recorded.moved.chunks == [.pending: 1, .unknown: -1])
    #expect(try await session.standing().counts.chunks == [.accepted: 1, .pending: 2])
    // A verdict on what is no longer unknown changes nothing.
    await #expect(throws: StoreError.self) {
      try await session.settle(settlement(first, .notReceived, .settledNotReceived))
    }
    let again = try claimed(await session.claim(at: start))
    #expect(again.number == second.number)
    #expect(again.countedAttempts == 1)
  }

  func movesAddUp() async throws {
    let (_, session) = try await session(chunkSize: 5)
    var counts = try await session.standing().counts
    func add(_ recorded: Recorded) async throws {
      counts += recorded.moved
      #expect(try await session.standing().counts == counts)
    }
    let first = try claimed(await session.claim(at: start))
    counts += first.moved
    var divided = result(first, .content, .divided)
    divided.division = Division(Piece.halves(of: first.items))
    try await add(session.record(divided))
    #expect(counts.openPieceItems == 5)
    let piece = try claimed(await session.claim(at: start))
    counts += piece.moved
    try await add(session.record(result(piece, .content, .refused)))
    #expect(counts.openPieceItems == 5 - piece.itemCount)
    let second = try claimed(await session.claim(at: start))
    counts += second.moved
    try await add(session.record(result(second, .unknown, .answerLost)))
    try await add(
      session.settle(
        Settlement(
          chunk: second.number, attempt: 1, verdict: .notReceived, authority: .listing,
          evidence: Evidence("seen"), decidedAt: start + .seconds(40), event: .settledNotReceived,
          countsAttempt: true)))
    let third = try claimed(await session.claim(at: start + .seconds(50)))
    counts += third.moved
    var last = result(third, .content, .refused)
    last.rejectsRest = true
    try await add(session.record(last))
    try await add(session.retry([.rejected]))
    try await add(session.cancelPending())
    #expect(counts.openItems == 0)
  }

  func controlsAreAcceptedChunksOfTheIndex() async throws {
    let (_, session) = try await session()
    let first = try claimed(await session.claim(at: start))
    _ = try await session.record(result(first, .accepted, .accepted))
    // The machine's clock was set back in between: the order is that of the intents.
    let second = try claimed(await session.claim(at: start - .seconds(5)))
    _ = try await session.record(result(second, .accepted, .accepted))
    let index = IndexID("629d807aa9e2a3a33a92c00b")
    let always = 0..<Int.max
    let all = try await session.witnesses(
      index: index, intents: always, begunAfter: nil, newestFirst: true, limit: 5)
    #expect(all.map(\.chunk) == [second.number, first.number])
    let oldest = try await session.witnesses(
      index: index, intents: always, begunAfter: nil, newestFirst: false, limit: 1)
    #expect(oldest.map(\.chunk) == [first.number])
    let soonest = try await session.witnesses(
      index: index, intents: always, begunAfter: all[0].startedAt, newestFirst: false, limit: 1)
    #expect(soonest.map(\.chunk) == [first.number])
    let none = try await session.witnesses(
      index: index, intents: always, begunAfter: all[1].startedAt, newestFirst: false, limit: 1)
    #expect(none.isEmpty)
    let later = try await session.witnesses(
      index: index, intents: 2..<Int.max, begunAfter: nil, newestFirst: true, limit: 5)
    #expect(later.map(\.chunk) == [second.number])
    #expect(later[0].intent == 2)
    let other = try await session.witnesses(
      index: IndexID("other"), intents: always, begunAfter: nil, newestFirst: true, limit: 5)
    #expect(other.isEmpty)
  }

  func takeOverMakesUnknownOfWhatWasUnderWay() async throws {
    let (store, session) = try await session()
    let first = try claimed(await session.claim(at: start))
    _ = try await session.record(result(first, .accepted, .accepted))
    _ = try claimed(await session.claim(at: start + .seconds(2)))
    // The owner leaves in the middle, as its death does.
    try await session.release(as: .paused(.signal, detail: nil), at: start + .seconds(3))
    let heir = try await store.take(session.run, isCancelling: false, at: start + .seconds(9))
    let standing = try await heir.standing()
    #expect(standing.counts.chunks == [.accepted: 1, .pending: 1, .unknown: 1, .submitting: 0])
    let unknown = try await heir.unknownChunks(after: nil, limit: 5)
    #expect(unknown.map(\.endedAt) == [start + .seconds(9)])
    #expect(unknown.map(\.loss) == [.ownerDied])
  }

  func ownedRunIsNotTakenTwice() async throws {
    let (store, session) = try await session()
    await #expect {
      _ = try await store.take(session.run, isCancelling: false, at: start)
    } throws: { ($0 as? StoreError)?.code == .owned }
  }

  func formerOwnerChangesNothing() async throws {
    let (store, session) = try await session()
    let chunk = try claimed(await session.claim(at: start))
    try await session.release(as: .paused(.signal, detail: nil), at: start)
    _ = try await store.take(session.run, isCancelling: false, at: start)
    await #expect { try await session.record(result(chunk, .accepted, .accepted)) } throws: {
      ($0 as? StoreError)?.code == .owned
    }
    await #expect { _ = try await session.claim(at: start) } throws: {
      ($0 as? StoreError)?.code == .owned
    }
  }

  func requestsReachTheOwner() async throws {
    let (store, session) = try await session()
    #expect(try await session.request() == nil)
    #expect(try await store.requestCancel(of: session.run) == .delivered)
    #expect(try await session.request() == .cancel)
    let recorded = try await session.cancelPending()
    #expect(recorded.request == .cancel)
    #expect(recorded.moved.items == [.cancelled: 10, .pending: -10])
    try await session.release(as: .cancelled, at: start)
    await #expect {
      _ = try await store.take(session.run, isCancelling: false, at: start)
    } throws: { ($0 as? StoreError)?.code == .wrongState }
  }

  func retryGrantsAFreshAllowance() async throws {
    let (_, session) = try await session(chunkSize: 10)
    let chunk = try claimed(await session.claim(at: start))
    _ = try await session.record(result(chunk, .notProcessed, .exhausted, counted: true))
    #expect(try await session.standing().counts.items(in: .failed) == 10)
    _ = try await session.retry([.rejected, .failed])
    let again = try claimed(await session.claim(at: start))
    #expect(again.attempt == 2)
    #expect(again.countedAttempts == 0)
  }

  func waitSurvives() async throws {
    let (store, session) = try await session()
    let wait = StoredWait(until: start + .seconds(3_600), reason: "the service asks to wait")
    try await session.remember(wait, of: .transfer)
    // A shorter wait never replaces a longer one.
    try await session.remember(StoredWait(until: start, reason: "shorter"), of: .transfer)
    try await session.release(as: .paused(.throttled, detail: "d"), at: start)
    let heir = try await store.take(session.run, isCancelling: false, at: start)
    #expect(try await heir.standing().waits == [.transfer: wait])
    // The budget is common: another run of the same service is held back as well.
    let other = try await PlannedItems.plan(sources, chunkSize: 5, in: store, at: start, random: 9)
    guard case .notBefore(wait.until, .wait(wait.reason)) = try await other.claim(at: start) else {
      Issue.record("another run of the service did not wait")
      return
    }
    _ = try claimed(await other.claim(at: wait.until))
    // By any run of the service, also once it is over.
    try await other.release(as: .cancelled, at: start)
    #expect(try await store.endWaits(holding: other.run, at: start) == wait)
    #expect(try await heir.standing().waits.isEmpty)
    #expect(try await store.endWaits(holding: other.run, at: start) == nil)
  }

  func waitIsNeverLongerThanAsked() async throws {
    let (store, session) = try await session()
    let asked = StoredWait(
      until: start + .seconds(60), reason: "the service asks to wait", length: .seconds(60))
    try await session.remember(asked, of: .transfer)
    try await session.release(as: .paused(.signal, detail: nil), at: start)
    // The clock was a day ahead when the service asked, and is put right.
    let put = start - .seconds(86_400)
    let heir = try await store.take(session.run, isCancelling: false, at: put)
    guard case .notBefore(let end, .wait) = try await heir.claim(at: put) else {
      Issue.record("a wait that is not over was not kept")
      return
    }
    #expect(end == put + .seconds(60))
    guard case .notBefore(end, .wait) = try await heir.claim(at: put + .seconds(59)) else {
      Issue.record("the end of the wait moved")
      return
    }
    _ = try claimed(await heir.claim(at: end))
  }

  func soleIndexIsRecognised() async throws {
    let store = try await makeStore()
    let other = "629d807aa9e2a3a33a92c00c"
    let session = try await PlannedItems.plan(
      [PlannedItems.source(0), PlannedItems.source(1, index: other)], chunkSize: 1, in: store, at: start)
    #expect(try await !session.isSoleIndexLeft(IndexID(other)))
    let first = try claimed(await session.claim(at: start))
    _ = try await session.record(result(first, .accepted, .accepted))
    #expect(try await session.isSoleIndexLeft(IndexID(other)))
  }

  func summaryAddsUp() async throws {
    let (store, session) = try await session()
    let chunk = try claimed(await session.claim(at: start))
    _ = try await session.record(result(chunk, .content, .refused))
    let summary = try await store.summary(of: session.run)
    #expect(summary.state == .running)
    #expect(summary.isLive)
    #expect(summary.items == 10)
    #expect(ChunkState.itemStates.reduce(0) { $0 + summary.counts.items(in: $1) } == 10)
    #expect(summary.attempts == 1)
    #expect(summary.sendingTime == .seconds(1))
    let causes = try await store.causes(of: session.run)
    #expect(causes.map(\.code) == ["some_code"])
    #expect(causes.map(\.items) == [4])
    let chunks = try await store.chunks(of: session.run, after: nil, limit: 2)
    #expect(chunks.map(\.state) == [.rejected, .pending])
    let rest = try await store.chunks(of: session.run, after: ChunkNumber(1), limit: 5)
    #expect(rest.map(\.number) == [ChunkNumber(2)])
  }

  func itemsComeBackAsTheyCame() async throws {
    let (store, session) = try await session()
    let chunk = try claimed(await session.claim(at: start))
    _ = try await session.record(result(chunk, .content, .refused))
    let second = try claimed(await session.claim(at: start))
    var divided = result(second, .content, .divided)
    divided.division = Division(Piece.halves(of: second.items))
    _ = try await session.record(divided)
    var found: [StoredItem] = []
    while true {
      let page = try await store.items(
        of: session.run, in: Set(ChunkState.allCases), after: found.last?.sequence, limit: 5)
      found += page
      if page.isEmpty { break }
    }
    #expect(found.map(\.sequence) == Array(0..<10))
    #expect(found.map { String(decoding: $0.source, as: UTF8.self) } == sources)
    let rejected = try await store.items(of: session.run, in: [.rejected], after: nil, limit: 100)
    #expect(rejected.map(\.sequence) == [0, 1, 2, 3])
  }

  private func draft(isAgain: Bool, random: UInt64) -> RunDraft {
    RunDraft(
      createdAt: start, random: random, name: nil, job: nil, manifest: "-", manifestFile: nil,
      isAgain: isAgain, settings: RunSettings())
  }

  func sameManifestIsRefusedUnlessInsisted() async throws {
    let (store, session) = try await session()
    let totals = PlanTotals(items: 10, repeated: 0, digest: [UInt8](repeating: 7, count: 32))
    let second = try await store.plan(draft(isAgain: false, random: 2))
    guard case .repeats(session.run) = try await second.complete(totals, at: start) else {
      Issue.record("the same manifest passed twice")
      return
    }
    try await second.abandon()
    let third = try await store.plan(draft(isAgain: true, random: 3))
    guard case .planned = try await third.complete(totals, at: start) else {
      Issue.record("an insisted plan was refused")
      return
    }
    let other = try await store.plan(draft(isAgain: false, random: 4))
    let others = PlanTotals(items: 10, repeated: 0, digest: [UInt8](repeating: 8, count: 32))
    guard case .planned = try await other.complete(others, at: start) else {
      Issue.record("another manifest was refused")
      return
    }
  }

  func idsResolve() async throws {
    let (store, session) = try await session()
    let second = try await PlannedItems.plan(sources, chunkSize: 5, in: store, at: start, random: 2)
    #expect(session.run < second.run)
    #expect(try await store.resolve("latest") == second.run)
    #expect(try await store.resolve(session.run.rawValue) == session.run)
    for text in [String(second.run.rawValue.prefix(8)), "zzz", "NOT AN ID", ""] {
      await #expect { try await store.resolve(text) } throws: { ($0 as? StoreError)?.code == .noSuchRun }
    }
    let history = try await store.summaries(before: nil, limit: 10)
    #expect(history.map(\.run) == [second.run, session.run])
  }

  func abandonedPlanLeavesNothing() async throws {
    let store = try await makeStore()
    let planning = try await store.plan(
      RunDraft(
        createdAt: start, random: 1, name: nil, job: nil, manifest: "-", manifestFile: nil,
        settings: RunSettings()))
    let batch = PlannedItems.batch(sources)
    try await planning.append(batch, chunks: [])
    #expect(
      try await planning.texts(of: [3, 0]) == [3, 0].map { WireForm.bytes(of: sources[$0].utf8) })
    try await planning.abandon()
    #expect(try await store.summaries(before: nil, limit: 10).isEmpty)
    let next = try await PlannedItems.plan([sources[0]], chunkSize: 5, in: store, at: start)
    #expect(try await next.standing().items == 1)
  }

  /// Every rule of the port, by name.
  static let all: [(name: String, check: @Sendable (RunSessionConformance) async throws -> Void)] = [
    ("a rare index of a mixed manifest has its witnesses", { try await $0.rareIndexHasWitnesses() }),
    ("claims in order, with their content", { try await $0.claimsInOrderWithTheirContent() }),
    ("acceptance is final", { try await $0.acceptanceIsFinal() }),
    ("an acceptance and the next claim are one change", { try await $0.acceptanceAndClaimAreOneChange() }),
    ("a returned chunk waits for its time", { try await $0.returnedChunkWaitsForItsTime() }),
    ("a rate holds in every window", { try await $0.rateHoldsInEveryWindow() }),
    ("unknown is settled either way", { try await $0.unknownIsSettledEitherWay() }),
    ("steps follow one another", { try await $0.stepsFollowOneAnother() }),
    ("open chunks are counted by step", { try await $0.openChunksAreCountedByStep() }),
    ("a refusal may reopen the step before", { try await $0.refusalMayReopenTheStepBefore() }),
    ("budgets are apart", { try await $0.budgetsAreApart() }),
    ("left over is what nothing uses", { try await $0.leftOversAreWhatNothingUses() }),
    ("a video of an earlier run is not counted", { try await $0.videoOfAnEarlierRunIsNotCounted() }),
    ("settling keeps ids and surplus", { try await $0.settlingKeepsIdsAndSurplus() }),
    ("the end of a URL outlives its process", { try await $0.endOfURLIsKept() }),
    ("ids of two chunks are found", { try await $0.idsOfTwoChunksAreFound() }),
    (
      "processing that fails is told, and can be cancelled",
      { try await $0.processingThatFailsIsToldAndCanBeCancelled() }
    ),
    ("what changes move adds up", { try await $0.movesAddUp() }),
    ("controls are accepted chunks", { try await $0.controlsAreAcceptedChunksOfTheIndex() }),
    ("a take-over makes unknown", { try await $0.takeOverMakesUnknownOfWhatWasUnderWay() }),
    ("an owned run is not taken twice", { try await $0.ownedRunIsNotTakenTwice() }),
    ("a former owner changes nothing", { try await $0.formerOwnerChangesNothing() }),
    ("requests reach the owner", { try await $0.requestsReachTheOwner() }),
    ("retry grants a fresh allowance", { try await $0.retryGrantsAFreshAllowance() }),
    ("a wait survives", { try await $0.waitSurvives() }),
    ("a wait is never longer than asked", { try await $0.waitIsNeverLongerThanAsked() }),
    ("the sole index is recognised", { try await $0.soleIndexIsRecognised() }),
    ("a summary adds up", { try await $0.summaryAddsUp() }),
    ("items come back as they came", { try await $0.itemsComeBackAsTheyCame() }),
    ("the same manifest is refused unless insisted", { try await $0.sameManifestIsRefusedUnlessInsisted() }),
    ("ids resolve", { try await $0.idsResolve() }),
    ("an abandoned plan leaves nothing", { try await $0.abandonedPlanLeavesNothing() }),
  ]
}
