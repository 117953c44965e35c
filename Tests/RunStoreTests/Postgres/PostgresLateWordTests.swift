import BatchDomain
import StoreCore
import TestSupport
import Testing

// Late words (R8) that nobody hears who took the run from the process that says them.

extension PostgresTakeOverTests {
  /// A run of one chunk that its owner has under way and that another process made unknown, and owns.
  private func unknown(
    from old: Machine, by new: Machine
  ) async throws -> (mine: any RunSession, theirs: any RunSession, chunk: ClaimedChunk) {
    let mine = try await plan(on: old, items: 1)
    let chunk = try await claimed(mine)
    let theirs = try await new.store.take(mine.run, isCancelling: false, at: start)
    new.clock.pass(.seconds(3_600))
    _ = try await theirs.inherit(at: start)
    #expect(try await counts(new.store, mine.run) == [.unknown: 1])
    return (mine, theirs, chunk)
  }

  private func words(_ store: SQLStore) async throws -> Int? {
    try await store.database.read { connection in
      try connection.first("SELECT count(*) FROM late_word") { $0.int(0) }
    }
  }

  @Test("a late word is heard by an owner that inherited nothing")
  func heardByLaterOwner() async throws {
    let target = try target()
    let (old, new) = (try await machine(target, "a"), try await machine(target, "b"))
    let (mine, theirs, chunk) = try await unknown(from: old, by: new)
    try await theirs.release(as: .paused(.signal, detail: nil), at: start)
    let third = try await machine(target, "c")
    let next = try await third.store.take(mine.run, isCancelling: false, at: start)
    #expect(next.isHeir)
    #expect(try await next.inherit(at: start).isEmpty)
    await #expect(throws: StoreError.self) { _ = try await mine.record(accepted(chunk)) }
    #expect(try await next.inherit(at: start).map(\.event) == [.settledReceived])
    #expect(try await counts(third.store, mine.run) == [.accepted: 1])
    try await expectSound(third.store, mine.run)
  }

  @Test("a late word that came after the last look is heard when the run is given back")
  func heardAtRelease() async throws {
    let target = try target()
    let (old, new) = (try await machine(target, "a"), try await machine(target, "b"))
    let (mine, theirs, chunk) = try await unknown(from: old, by: new)
    await #expect(throws: StoreError.self) { _ = try await mine.record(accepted(chunk)) }
    #expect(try await words(new.store) == 1)
    try await theirs.release(as: .finished, at: start)
    #expect(try await words(new.store) == 0)
    #expect(try await counts(new.store, mine.run) == [.accepted: 1])
    #expect(try await new.store.summary(of: mine.run).state == .finished)
    try await expectSound(new.store, mine.run)
  }

  @Test("a late word that an owner did not hear before it died is heard by who takes the run")
  func heardAtTakeOver() async throws {
    let target = try target()
    let (old, new) = (try await machine(target, "a"), try await machine(target, "b"))
    let (mine, _, chunk) = try await unknown(from: old, by: new)
    await #expect(throws: StoreError.self) { _ = try await mine.record(accepted(chunk)) }
    let third = try await machine(target, "c")
    let next = try await third.store.take(mine.run, isCancelling: false, at: start)
    #expect(try await words(third.store) == 0)
    #expect(try await next.standing().counts.chunks(in: .accepted) == 1)
    try await expectSound(third.store, mine.run)
  }

  @Test(
    "a late word that a chunk was not sent leaves nothing to be sent in a run that has ended",
    arguments: [true, false])
  func saidAfterTheEnd(isCancelled: Bool) async throws {
    let target = try target()
    let (old, new) = (try await machine(target, "a"), try await machine(target, "b"))
    let (mine, theirs, chunk) = try await unknown(from: old, by: new)
    try await theirs.release(as: isCancelled ? .cancelled : .finished, at: start)
    await #expect(throws: StoreError.self) { _ = try await mine.record(AttemptRecord(unsent: chunk)) }
    let left = try await new.store.summary(of: mine.run)
    if isCancelled {
      #expect(left.state == .cancelled)
      #expect(try await counts(new.store, mine.run) == [.cancelled: 1])
    } else {
      #expect(left.state == .paused && left.reason == .detached)
      #expect(try await counts(new.store, mine.run) == [.pending: 1])
    }
    try await expectSound(new.store, mine.run)
  }

  @Test(
    "a late word says when the URL ends that was sent, also where the answer to it was lost",
    arguments: [true, false])
  func endOfURL(isUnknown: Bool) async throws {
    let target = try target()
    let (old, new) = (try await machine(target, "a"), try await machine(target, "b"))
    var settings = RunSettings()
    settings.profile = .v1_3
    let sources = (0..<2).map { PlannedItems.source($0) }
    let mine = try await PlannedItems.plan(
      sources, chunkSize: 1, settings: settings, in: old.store, at: start,
      digest: PlannedItems.digest(of: sources))
    var words: [AttemptRecord] = []
    for (number, outcome) in [Outcome.accepted, .unknown].enumerated() {
      guard case .chunk(let chunk) = try await mine.claim(.upload, at: start) else {
        Issue.record("nothing to claim")
        return
      }
      words.append(
        AttemptRecord(
          of: chunk, finishedAt: start + .seconds(1), took: .seconds(1), outcome: outcome, status: nil,
          code: nil, message: nil, externalID: outcome == .accepted ? "asset-\(number)" : nil,
          isCounted: false, event: outcome == .accepted ? .stepAccepted : .answerLost,
          urlEndsAt: start + .seconds(600 + number)))
    }
    let theirs = try await new.store.take(mine.run, isCancelling: false, at: start)
    if isUnknown {
      new.clock.pass(.seconds(3_600))
      #expect(try await theirs.inherit(at: start).map(\.event) == [.answerLost])
    }
    for word in words {
      await #expect(throws: StoreError.self) { _ = try await mine.record(word) }
    }
    #expect(try await theirs.inherit(at: start).map(\.event) == [.stepAccepted])
    if !isUnknown {
      new.clock.pass(.seconds(3_600))
      #expect(try await theirs.inherit(at: start).map(\.event) == [.answerLost])
    }
    _ = try await theirs.settle(
      Settlement(
        chunk: words[1].chunk, attempt: 1, verdict: .received, authority: .listing,
        evidence: Evidence("listed"), decidedAt: start + .seconds(9), event: .stepAccepted,
        externalID: "asset-1"))
    #expect(
      try await theirs.processingChunks(after: nil, limit: 5).map(\.urlEndsAt)
        == [start + .seconds(600), start + .seconds(601)])
    try await expectSound(new.store, mine.run)
  }

  @Test("a claim that was not sent is said again when the word did not get through")
  func unsentIsKept() async throws {
    let target = try target()
    let (old, new) = (try await machine(target, "a"), try await machine(target, "b"))
    let mine = try await plan(on: old, items: 1)
    old.clock.leap(.seconds(6), afterReadings: 1)
    await #expect(throws: StoreError.self) { _ = try await mine.claim(at: start) }
    let theirs = try await new.store.take(mine.run, isCancelling: false, at: start)
    try await new.store.database.write { try $0.execute("ALTER TABLE late_word RENAME TO put_aside") }
    await #expect(throws: (any Error).self) { _ = try await mine.claim(at: start) }
    try await new.store.database.write { try $0.execute("ALTER TABLE put_aside RENAME TO late_word") }
    await #expect {
      _ = try await mine.claim(at: start)
    } throws: {
      ($0 as? StoreError)?.code == .owned
    }
    #expect(try await theirs.inherit(at: start).map(\.event) == [.requeued])
    #expect(try await counts(new.store, mine.run) == [.pending: 1])
  }
}
