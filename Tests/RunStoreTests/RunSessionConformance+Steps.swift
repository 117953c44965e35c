import BatchDomain
import TestSupport
import Testing

/// Chunks that go through several steps: ids, budgets, what the service says later.
extension RunSessionConformance {
  /// A run whose chunks are an item each and need two steps.
  private func steppedSession(
    _ configure: (inout RunSettings) -> Void = { _ in }
  ) async throws -> (any BatchStore, any RunSession) {
    var settings = RunSettings()
    settings.profile = .v1_3
    configure(&settings)
    return try await session(chunkSize: 1, settings: settings)
  }

  func stepsFollowOneAnother() async throws {
    let (store, session) = try await steppedSession()
    #expect(try await session.standing().begunChunks == 0)
    let first = try claimed(await session.claim(.upload, at: start))
    #expect(first.step == .upload)
    #expect(first.externalIDs.isEmpty)
    var taken = result(first, .accepted, .stepAccepted)
    taken.externalID = "asset-1"
    #expect(
      try await session.record(taken).moved == StateCounts(moving: 1, from: .submitting, to: .processing))
    let working = try await session.processingChunks(after: nil, limit: 5)
    #expect(
      working == [
        ProcessingChunk(
          number: first.number, attempt: 1, step: .upload, externalID: "asset-1", index: first.index,
          items: 0..<1,
          acceptedAt: start + .seconds(1))
      ])
    #expect(try await session.processingChunks(after: first.number, limit: 5).isEmpty)
    guard case .none = try await session.claim(.index, at: start) else {
      Issue.record("a chunk was claimed for a step that it does not need next")
      return
    }
    // It belongs to no process: the next owner of the run finds it.
    _ = try claimed(await session.claim(.upload, at: start))
    try await session.release(as: .paused(.signal, detail: nil), at: start)
    let heir = try await store.take(session.run, isCancelling: false, at: start)
    #expect(try await heir.processingChunks(after: nil, limit: 5) == working)
    let standing = try await heir.standing()
    #expect(standing.counts.chunks[.processing] == 1)
    #expect(standing.counts.chunks[.unknown] == 1)
    #expect(standing.begunChunks == 2)
    #expect(!standing.hasPassedFirstStep)
    await #expect(throws: StoreError.self) { try await heir.release(as: .finished, at: start) }
    let done = ProcessingResult(
      of: working[0], at: start + .seconds(3), event: .stepDone, nextStep: .index, mediaLength: .seconds(90))
    #expect(try await heir.record(done).moved == StateCounts(moving: 1, from: .processing, to: .pending))
    await #expect(throws: StoreError.self) { try await heir.record(done) }
    // It waits for the step after, of which nothing was sent.
    #expect(try await heir.standing().hasPassedFirstStep)
    let again = try claimed(await heir.claim(.index, at: start + .seconds(4)))
    #expect(again.number == first.number)
    #expect(again.externalIDs == [.upload: "asset-1"])
    #expect(again.attempt == 2)
    #expect(try await heir.standing().hasPassedFirstStep)
    _ = try await heir.record(result(again, .notProcessed, .requeued))
    #expect(try claimed(await heir.claim(.index, at: start + .seconds(6))).step == .index)
    let attempts = try await store.attempts(of: session.run, matching: RowFilter(), after: nil, limit: 9).rows
    #expect(attempts.map(\.step) == [.upload, .index, .index, .upload])
    #expect(attempts.map(\.externalID) == ["asset-1", nil, nil, nil])
  }

  func openChunksAreCountedByStep() async throws {
    let (store, session) = try await steppedSession()
    func open() async throws -> [OpenChunks] { try await store.openChunks(of: session.run) }
    #expect(try await open() == [OpenChunks(.pending, at: .upload, chunks: 10, items: 10)])
    func upload(_ event: ChunkEvent) async throws {
      var made = result(try claimed(await session.claim(.upload, at: start)), .accepted, event)
      made.nextStep = event == .stepDone ? .index : nil
      _ = try await session.record(made)
    }
    for _ in 0..<5 { try await upload(.stepDone) }
    for _ in 0..<2 { try await upload(.stepAccepted) }
    func index(_ outcome: Outcome, _ event: ChunkEvent) async throws {
      _ = try await session.record(
        result(try claimed(await session.claim(.index, at: start)), outcome, event))
    }
    try await index(.accepted, .accepted)
    try await index(.content, .refused)
    try await index(.unknown, .answerLost)
    _ = try claimed(await session.claim(.index, at: start))
    _ = try claimed(await session.claim(.upload, at: start))
    #expect(
      try await open() == [
        OpenChunks(.pending, at: .upload, chunks: 2, items: 2),
        OpenChunks(.submitting, at: .upload, chunks: 1, items: 1),
        OpenChunks(.processing, at: .upload, chunks: 2, items: 2),
        OpenChunks(.pending, at: .index, chunks: 1, items: 1),
        OpenChunks(.submitting, at: .index, chunks: 1, items: 1),
        OpenChunks(.unknown, at: .index, chunks: 1, items: 1),
      ])
    // A retry begins with the step that was refused.
    _ = try await session.retry([.rejected])
    #expect(try await open().first { $0.state == .pending && $0.step == .index }?.chunks == 2)
    // With one step they are what the sums say.
    let (other, single) = try await self.session()
    _ = try claimed(await single.claim(at: start))
    #expect(
      try await other.openChunks(of: single.run) == [
        OpenChunks(.pending, at: .transfer, chunks: 2, items: 6),
        OpenChunks(.submitting, at: .transfer, chunks: 1, items: 4),
      ])
  }

  func refusalMayReopenTheStepBefore() async throws {
    let (_, session) = try await steppedSession()
    let chunk = try claimed(await session.claim(.upload, at: start))
    var made = result(chunk, .accepted, .stepDone)
    made.externalID = "asset-1"
    made.nextStep = .index
    _ = try await session.record(made)
    let sent = try claimed(await session.claim(.index, at: start + .seconds(2)))
    var refused = result(sent, .content, .stepReopened)
    refused.nextStep = .upload
    _ = try await session.record(refused)
    let looked = try #require(try await session.processingChunks(after: nil, limit: 5).first)
    #expect(looked.step == .upload)
    #expect(looked.externalID == "asset-1")
    #expect(looked.refusal == ProcessingChunk.Refusal(status: 400, code: "some_code", message: nil))
    // The step is not done after all: the refusal says nothing.
    let moved = try await session.record(
      ProcessingResult(of: looked, at: start + .seconds(4), event: .stepAccepted)
    ).moved
    #expect(moved == StateCounts())
    #expect(try await session.processingChunks(after: nil, limit: 5).first?.refusal == nil)
    #expect(try await session.standing().begunChunks == 1)
    // It is done, and the step after is sent again: refusals of that kind are counted.
    for repeats in 0...2 {
      let looked = try #require(try await session.processingChunks(after: nil, limit: 5).first)
      _ = try await session.record(
        repeats == 0
          ? ProcessingResult(of: looked, at: start + .seconds(5), event: .stepDone, nextStep: .index)
          : ProcessingResult(
            of: looked, at: start + .seconds(5), event: .requeued, nextStep: .index, isCounted: true))
      let again = try claimed(await session.claim(.index, at: start + .seconds(6)))
      #expect(again.countedAttempts == repeats)
      var refused = result(again, .content, .stepReopened)
      refused.nextStep = .upload
      _ = try await session.record(refused)
      let refusal = try await session.processingChunks(after: nil, limit: 5).first?.refusal
      #expect(refusal?.repeats == repeats)
    }
  }

  func budgetsAreApart() async throws {
    let (store, session) = try await steppedSession {
      $0.rates = [Rate(count: 1, window: .minute, step: .upload), Rate(count: 2, window: .hour)]
      $0.mediaRates = [MediaRate(minutes: 2, window: .hour)]
    }
    for second in [0, 61] {
      let chunk = try claimed(await session.claim(.upload, at: start + .seconds(second)))
      var made = result(chunk, .accepted, .stepDone)
      made.externalID = "asset-\(second)"
      made.nextStep = .index
      made.mediaLength = .seconds(80)
      _ = try await session.record(made)
    }
    guard case .notBefore(_, .rate(let rate)) = try await session.claim(.upload, at: start + .seconds(200))
    else {
      Issue.record("the rate of all steps does not hold for this one")
      return
    }
    #expect(rate == Rate(count: 2, window: .hour))
    let wait = StoredWait(until: start + .seconds(500), reason: "quota", length: .seconds(300))
    try await session.remember(wait, of: .upload)
    #expect(try await session.standing().waits == [.upload: wait])
    // So has what only reads, and it holds back no step; what another profile is asked for holds back neither.
    let reading = ChunkStep(ServiceProfile.v1_3.readingBudget)
    let longer = StoredWait(until: start + .seconds(900), reason: "reading", length: .seconds(700))
    try await session.remember(longer, of: reading)
    try await session.remember(StoredWait(until: start + .seconds(999), reason: "other"), of: .transfer)
    #expect(try await session.standing().waits == [.upload: wait, reading: longer])
    #expect(try await store.summary(of: session.run).wait == longer)
    // What holds back one step holds back no other.
    let first = try claimed(await session.claim(.index, at: start + .seconds(200)))
    #expect(first.externalIDs == [.upload: "asset-0"])
    guard case .notBefore(let free, .mediaRate) = try await session.claim(.index, at: start + .seconds(201))
    else {
      Issue.record("the limit on media does not hold")
      return
    }
    #expect(free == start + .seconds(200) + .seconds(3_600) + .milliseconds(1))
    _ = try claimed(await session.claim(.index, at: free))
  }

  /// What was made is left over once nothing is to use it: not while it is, or while it is being used.
  func leftOversAreWhatNothingUses() async throws {
    let (store, session) = try await steppedSession()
    func left() async throws -> [String] {
      let found = try await store.leftOvers(of: session.run, limit: 10)
      #expect(found.total == found.rows.count)
      return found.rows.map { "\($0.item) \($0.step.rawValue) \($0.externalID) \($0.state.rawValue)" }
    }
    func upload(_ id: String, at seconds: Int) async throws -> ProcessingChunk {
      let chunk = try claimed(await session.claim(.upload, at: start + .seconds(seconds)))
      var taken = result(chunk, .accepted, .stepAccepted)
      taken.externalID = id
      _ = try await session.record(taken)
      return try #require(
        try await session.processingChunks(after: nil, limit: 5).first { $0.number == chunk.number })
    }
    // The first is made again, and then used; the second is refused by the service.
    let failed = try await upload("asset-0", at: 0)
    #expect(try await left().isEmpty)
    _ = try await session.record(
      ProcessingResult(of: failed, at: start + .seconds(5), event: .requeued, nextStep: .upload))
    #expect(try await left() == ["0 upload asset-0 pending"])
    let good = try await upload("asset-1", at: 10)
    #expect(good.number == failed.number)
    #expect(try await left() == ["0 upload asset-0 processing"])
    _ = try await session.record(
      ProcessingResult(of: good, at: start + .seconds(15), event: .stepDone, nextStep: .index))
    let next = try claimed(await session.claim(.index, at: start + .seconds(20)))
    var indexed = result(next, .accepted, .accepted)
    indexed.externalID = "indexed-0"
    _ = try await session.record(indexed)
    #expect(try await left() == ["0 upload asset-0 accepted"])
    let refused = try await upload("asset-2", at: 30)
    _ = try await session.record(ProcessingResult(of: refused, at: start + .seconds(35), event: .refused))
    #expect(
      try await left() == [
        "0 upload asset-0 accepted", "\(refused.items.lowerBound) upload asset-2 rejected",
      ])
    let cut = try await store.leftOvers(of: session.run, limit: 1)
    #expect(cut.rows.map(\.externalID) == ["asset-0"] && cut.total == 2)
    #expect(try await store.leftOvers(of: session.run, limit: 0) == LeftOvers(rows: [], total: 2))
  }

  func settlingKeepsIdsAndSurplus() async throws {
    let (store, session) = try await steppedSession()
    let lost = try claimed(await session.claim(.upload, at: start))
    _ = try await session.record(result(lost, .unknown, .answerLost))
    let other = try claimed(await session.claim(.upload, at: start + .seconds(2)))
    var made = result(other, .accepted, .stepAccepted)
    made.externalID = "asset-2"
    _ = try await session.record(made)
    let unknown = try #require(try await session.unknownChunks(after: nil, limit: 5).first)
    #expect(unknown.step == .upload)
    #expect(unknown.items.map(\.object.fileName) == unknown.items.map(\.name))
    #expect(
      try await session.acceptance(of: .upload, after: unknown.endedAfter)
        == StepAcceptance(
          chunk: other.number, externalID: "asset-2", startedAt: start + .seconds(2),
          acceptedAt: start + .seconds(3), index: "629d807aa9e2a3a33a92c00b"))
    #expect(try await session.acceptance(of: .index, after: 0) == nil)
    let settlement = Settlement(
      chunk: lost.number, attempt: 1, verdict: .received, authority: .listing, evidence: Evidence("listed"),
      decidedAt: start + .seconds(9), event: .stepDone, externalID: "asset-0", nextStep: .index,
      surplus: ["asset-1"])
    #expect(
      try await session.settle(settlement).moved == StateCounts(moving: 1, from: .unknown, to: .pending))
    #expect(
      try await store.surplus(of: session.run)
        == [SurplusRow(item: 0, step: .upload, externalID: "asset-1", seenAt: start + .seconds(9))])
    let next = try claimed(await session.claim(.index, at: start + .seconds(10)))
    #expect(next.externalIDs == [.upload: "asset-0"])
    var indexed = result(next, .accepted, .accepted)
    indexed.externalID = "indexed-0"
    _ = try await session.record(indexed)
    // The list that shows an indexed asset is that of its asset.
    #expect(
      try await session.acceptance(of: .index, after: unknown.endedAfter)
        == StepAcceptance(
          chunk: lost.number, externalID: "indexed-0", startedAt: start + .seconds(10),
          acceptedAt: start + .seconds(11), externalIDs: [.upload: "asset-0"],
          index: "629d807aa9e2a3a33a92c00b"))
    let recorded = try await session.recorded(among: ["asset-0", "asset-2", "indexed-0", "foreign"])
    #expect(recorded.spent.isEmpty)
    #expect(
      recorded.chunks == [
        .upload: ["asset-0": [lost.number], "asset-2": [other.number]], .index: ["indexed-0": [lost.number]],
      ])
    #expect(recorded.holder(of: "asset-2", at: .upload, otherThan: lost.number) == other.number)
    #expect(recorded.holder(of: "asset-0", at: .upload, otherThan: lost.number) == nil)
    #expect(recorded.holder(of: "asset-2", at: .index, otherThan: lost.number) == nil)
    let working = try #require(try await session.processingChunks(after: nil, limit: 5).first)
    _ = try await session.record(
      ProcessingResult(of: working, at: start + .seconds(11), event: .requeued, code: "asset_failed"))
    #expect(try await session.recorded(among: ["asset-0", "asset-2"]).spent == ["asset-2"])
  }

  /// Who polls what an earlier process sent has to know whether its URL had ended.
  func endOfURLIsKept() async throws {
    let (store, session) = try await steppedSession()
    func ends(_ session: any RunSession) async throws -> [Timestamp?] {
      try await session.processingChunks(after: nil, limit: 5).map(\.urlEndsAt)
    }
    func upload(
      _ session: any RunSession, at seconds: Int, _ outcome: Outcome, _ event: ChunkEvent,
      id: String?, end: Timestamp?
    ) async throws -> ClaimedChunk {
      let chunk = try claimed(await session.claim(.upload, at: start + .seconds(seconds)))
      var made = result(chunk, outcome, event)
      made.externalID = id
      made.urlEndsAt = end
      _ = try await session.record(made)
      return chunk
    }
    let (first, second) = (start + .milliseconds(600_001), start + .milliseconds(700_002))
    _ = try await upload(session, at: 0, .accepted, .stepAccepted, id: "asset-0", end: first)
    let lost = try await upload(session, at: 2, .unknown, .answerLost, id: nil, end: second)
    _ = try await upload(session, at: 4, .accepted, .stepAccepted, id: "asset-2", end: nil)
    #expect(try await ends(session) == [first, nil])
    try await session.release(as: .paused(.signal, detail: nil), at: start + .seconds(6))
    let heir = try await store.take(session.run, isCancelling: false, at: start + .seconds(6))
    #expect(try await ends(heir) == [first, nil])
    // Settling finds what the request made, and makes no attempt of its own.
    _ = try await heir.settle(
      Settlement(
        chunk: lost.number, attempt: 1, verdict: .received, authority: .listing, evidence: Evidence("listed"),
        decidedAt: start + .seconds(9), event: .stepAccepted, externalID: "asset-1"))
    #expect(try await ends(heir) == [first, second, nil])
    // What is made again has a URL of its own, and the step after has none.
    let failed = try #require(try await heir.processingChunks(after: nil, limit: 1).first)
    _ = try await heir.record(
      ProcessingResult(of: failed, at: start + .seconds(10), event: .requeued, nextStep: .upload))
    let third = start + .milliseconds(800_003)
    let again = try await upload(heir, at: 20, .accepted, .stepAccepted, id: "asset-3", end: third)
    #expect(again.number == failed.number && again.attempt == 2)
    #expect(try await ends(heir) == [third, second, nil])
    let remade = try #require(try await heir.processingChunks(after: nil, limit: 1).first)
    _ = try await heir.record(
      ProcessingResult(of: remade, at: start + .seconds(21), event: .stepDone, nextStep: .index))
    var refused = result(
      try claimed(await heir.claim(.index, at: start + .seconds(22))), .content, .stepReopened)
    refused.nextStep = .upload
    _ = try await heir.record(refused)
    #expect(try await ends(heir) == [third, second, nil])
  }

  func idsOfTwoChunksAreFound() async throws {
    let (store, session) = try await steppedSession()
    func problems() async throws -> [AuditProblem] {
      try await store.audit(session.run, listing: 10).problems.filter { $0.check == .externalIDs }
    }
    var indexed: [ChunkNumber] = []
    for number in 0..<2 {
      let chunk = try claimed(await session.claim(.upload, at: start + .seconds(number)))
      var taken = result(chunk, .accepted, .stepDone)
      taken.externalID = "asset-\(number)"
      taken.nextStep = .index
      _ = try await session.record(taken)
    }
    // A step that was taken is no cause for which an item is not accepted.
    #expect(try await store.causes(of: session.run).isEmpty)
    #expect(try await problems().isEmpty)
    for number in 0..<2 {
      let chunk = try claimed(await session.claim(.index, at: start + .seconds(10 + number)))
      var taken = result(chunk, .accepted, .accepted)
      taken.externalID = "asset-0"
      _ = try await session.record(taken)
      indexed.append(chunk.number)
    }
    let found = try await problems()
    #expect(found.map(\.row) == ["chunk \(indexed[1]) of run \(session.run)"])
    #expect(found.first?.message.contains("asset-0") == true)
    #expect(found.first?.message.contains("chunk \(indexed[0])") == true)
  }

  func processingThatFailsIsToldAndCanBeCancelled() async throws {
    let (store, session) = try await steppedSession()
    for _ in 0..<2 {
      let chunk = try claimed(await session.claim(.upload, at: start))
      _ = try await session.record(result(chunk, .accepted, .stepAccepted))
    }
    let working = try await session.processingChunks(after: nil, limit: 5)
    let refused = ProcessingResult(
      of: working[0], at: start + .seconds(9), event: .refused, code: "unsupported", message: "no such codec")
    _ = try await session.record(refused)
    let chunk = try #require(try await store.chunks(of: session.run, after: nil, limit: 1).first)
    #expect(chunk.state == .rejected)
    #expect(chunk.code == "unsupported")
    #expect(chunk.message == "no such codec")
    let cancelled = try await session.cancelPending()
    #expect(cancelled.moved.chunks[.processing] == -1)
  }
}
