import BatchDomain
import NIOConcurrencyHelpers
import PostgresStore
import StoreCore
import TestSupport
import Testing

/// A run that one machine takes from another, which may still live: rules R1 to R8 of docs/scale-out.md.
@Suite("take-over on PostgreSQL", .enabled(if: PostgresCluster.isAvailable))
struct PostgresTakeOverTests {
  let start = TestStore.start

  /// A machine with a clock and a folder for state of its own.
  struct Machine {
    let store: SQLStore
    let clock: MachineClock
  }

  func machine(_ target: PostgresTarget, _ name: String) async throws -> Machine {
    let clock = MachineClock()
    let cluster = try #require(PostgresCluster.shared)
    let store = try await PostgresStore.open(
      target, createsSchema: true, stampsIntents: false, cluster.surroundings(clock, machine: name))
    return Machine(store: store, clock: clock)
  }

  func target() throws -> PostgresTarget { try #require(PostgresCluster.shared).makeTarget() }

  func plan(on machine: Machine, items: Int = 4) async throws -> any RunSession {
    let sources = (0..<items).map { PlannedItems.source($0) }
    return try await PlannedItems.plan(
      sources, chunkSize: 1, in: machine.store, at: start, digest: PlannedItems.digest(of: sources))
  }

  func claimed(_ session: any RunSession) async throws -> ClaimedChunk {
    guard case .chunk(let chunk) = try await session.claim(at: start) else {
      throw StoreError(.conflict, "nothing to claim")
    }
    return chunk
  }

  func accepted(_ chunk: ClaimedChunk) -> AttemptRecord {
    AttemptRecord(
      of: chunk, finishedAt: chunk.startedAt + .seconds(1), took: .seconds(1), outcome: .accepted,
      status: 200,
      code: nil, message: nil, isCounted: false, event: .accepted)
  }

  func counts(_ store: SQLStore, _ run: RunID) async throws -> [ChunkState: Int] {
    let counts = try await store.summary(of: run).counts
    return Dictionary(
      uniqueKeysWithValues: ChunkState.allCases.map { ($0, counts.chunks(in: $0)) }.filter { $0.1 > 0 })
  }

  func expectSound(_ store: SQLStore, _ run: RunID) async throws {
    let audit = try await store.audit(run, listing: 10)
    #expect(audit.problems.isEmpty, "\(audit.problems)")
  }

  @Test("an owner that is silent for 15 seconds loses the run; what it sends stays under way for D")
  func silence() async throws {
    let target = try target()
    let (old, new) = (try await machine(target, "a"), try await machine(target, "b"))
    let mine = try await plan(on: old)
    _ = try await claimed(mine)
    let theirs = try await new.store.take(mine.run, isCancelling: false, at: start)
    #expect(new.clock.elapsed() >= .seconds(15))
    #expect(theirs.isHeir)
    #expect(try await theirs.inherit(at: start).isEmpty)
    #expect(try await counts(new.store, mine.run) == [.submitting: 1, .pending: 3])
    try await expectSound(new.store, mine.run)
    let told = try #require(try await new.store.summary(of: mine.run).inheritance)
    #expect(told.chunks == 1 && told.owner.hasPrefix("worker "))

    // Sending goes on meanwhile.
    _ = try await theirs.record(accepted(try await claimed(theirs)))
    // G + T + X + M, by the new owner's clock.
    let quiet = Duration.seconds(5 + 10 + 5) + theirs.settings.timeout
    new.clock.pass(quiet - .milliseconds(1))
    #expect(try await theirs.inherit(at: start).isEmpty)
    new.clock.pass(.milliseconds(1))
    let moves = try await theirs.inherit(at: start + quiet)
    #expect(moves.map(\.event) == [.answerLost])
    #expect(moves[0].recorded.moved.chunks(in: .unknown) == 1)
    #expect(moves[0].recorded.moved.chunks(in: .submitting) == -1)
    #expect(try await counts(new.store, mine.run) == [.unknown: 1, .accepted: 1, .pending: 2])
    let unknown = try #require(try await theirs.unknownChunks(after: nil, limit: 10).first)
    #expect(unknown.code == "owner_lost")
    #expect(unknown.loss == .ownerDied)
    // What is begun from now on is a witness; what was begun before is none.
    #expect(unknown.endedAfter == 2)
    try await expectSound(new.store, mine.run)
  }

  @Test("an owner that beats keeps its run")
  func alive() async throws {
    let target = try target()
    let (old, new) = (try await machine(target, "a"), try await machine(target, "b"))
    let mine = try await plan(on: old)
    await old.clock.wakeSleepers()
    // Looked at while it beats.
    new.clock.onSleep { await old.clock.wakeSleepers() }
    await #expect {
      _ = try await new.store.take(mine.run, isCancelling: false, at: start)
    } throws: {
      ($0 as? StoreError)?.code == .owned
    }
    _ = try await claimed(mine)
  }

  @Test("an owner that was robbed sends nothing more, and is told by whom")
  func robbed() async throws {
    let target = try target()
    let (old, new) = (try await machine(target, "a"), try await machine(target, "b"))
    let mine = try await plan(on: old)
    let chunk = try await claimed(mine)
    _ = try await new.store.take(mine.run, isCancelling: false, at: start)
    await #expect {
      _ = try await mine.claim(at: start)
    } throws: {
      let error = $0 as? StoreError
      return error?.code == .owned
        && error?.message.contains("was taken over by another process (worker") == true
    }
    await #expect {
      _ = try await mine.record(accepted(chunk))
    } throws: {
      ($0 as? StoreError)?.code == .owned
    }
    #expect(try await counts(new.store, mine.run) == [.submitting: 1, .pending: 3])
  }

  @Test("a word of the old owner counts as usual before its attempt became unknown")
  func earlyWord() async throws {
    let target = try target()
    let (old, new) = (try await machine(target, "a"), try await machine(target, "b"))
    let mine = try await plan(on: old)
    let (first, second) = (try await claimed(mine), try await claimed(mine))
    let theirs = try await new.store.take(mine.run, isCancelling: false, at: start)
    await #expect(throws: StoreError.self) { _ = try await mine.record(accepted(first)) }
    await #expect(throws: StoreError.self) {
      _ = try await mine.record(
        AttemptRecord(
          of: second, finishedAt: second.startedAt, took: .zero, outcome: .notProcessed, status: nil,
          code: "not_connected", message: "no connection", isCounted: true, event: .requeued))
    }
    let moves = try await theirs.inherit(at: start)
    #expect(moves.map(\.event) == [.accepted, .requeued])
    #expect(moves.allSatisfy { !$0.wasUnknown })
    #expect(try await counts(new.store, mine.run) == [.accepted: 1, .pending: 3])
    #expect(try await theirs.inherit(at: start).isEmpty)
    try await expectSound(new.store, mine.run)
  }

  @Test("a late word settles what became unknown, by the answer itself")
  func lateWord() async throws {
    let target = try target()
    let (old, new) = (try await machine(target, "a"), try await machine(target, "b"))
    let mine = try await plan(on: old)
    let (first, second) = (try await claimed(mine), try await claimed(mine))
    let theirs = try await new.store.take(mine.run, isCancelling: false, at: start)
    new.clock.pass(.seconds(3_600))
    _ = try await theirs.inherit(at: start)
    #expect(try await counts(new.store, mine.run) == [.unknown: 2, .pending: 2])
    await #expect(throws: StoreError.self) { _ = try await mine.record(accepted(first)) }
    await #expect(throws: StoreError.self) { _ = try await mine.record(AttemptRecord(unsent: second)) }
    let moves = try await theirs.inherit(at: start)
    #expect(moves.map(\.event) == [.settledReceived, .settledNotReceived])
    #expect(moves.allSatisfy { $0.wasUnknown })
    #expect(try await counts(new.store, mine.run) == [.accepted: 1, .pending: 3])
    let verdicts = try await new.store.settlements(of: mine.run, limit: 10)
    #expect(verdicts.map(\.authority) == [.answer, .answer])
    try await expectSound(new.store, mine.run)
  }

  @Test("a late word that contradicts what was done meanwhile is recorded, and verify shows it")
  func contradiction() async throws {
    let target = try target()
    let (old, new) = (try await machine(target, "a"), try await machine(target, "b"))
    let mine = try await plan(on: old, items: 1)
    let first = try await claimed(mine)
    let theirs = try await new.store.take(mine.run, isCancelling: false, at: start)
    new.clock.pass(.seconds(3_600))
    _ = try await theirs.inherit(at: start)
    _ = try await theirs.settle(
      Settlement(
        chunk: first.number, attempt: 1, verdict: .notReceived, authority: .listing,
        evidence: Evidence("it is not listed"), decidedAt: start, event: .settledNotReceived))
    _ = try await theirs.record(accepted(try await claimed(theirs)))
    try await theirs.release(as: .finished, at: start)
    await #expect(throws: StoreError.self) { _ = try await mine.record(accepted(first)) }
    // Nobody owns the run any more, so that it is recorded at once; the state of the chunk stays.
    #expect(try await counts(new.store, mine.run) == [.accepted: 1])
    let audit = try await new.store.audit(mine.run, listing: 10)
    #expect(audit.problems.contains { $0.message.contains("attempt") && $0.message.contains("received") })
    let verdicts = try await new.store.settlements(of: mine.run, limit: 10)
    #expect(Set(verdicts.map(\.authority)) == [.listing, .answer])
  }

  @Test("a run that is left while D is not over is inherited by the next owner")
  func leftMeanwhile() async throws {
    let target = try target()
    let (old, new) = (try await machine(target, "a"), try await machine(target, "b"))
    let third = try await machine(target, "c")
    let mine = try await plan(on: old)
    _ = try await claimed(mine)
    let theirs = try await new.store.take(mine.run, isCancelling: false, at: start)
    try await theirs.release(as: .paused(.signal, detail: nil), at: start)
    try await expectSound(new.store, mine.run)
    let next = try await third.store.take(mine.run, isCancelling: false, at: start)
    #expect(next.isHeir)
    #expect(try await next.inherit(at: start).isEmpty)
    #expect(try await counts(third.store, mine.run) == [.submitting: 1, .pending: 3])
    third.clock.pass(.seconds(3_600))
    #expect(try await next.inherit(at: start).map(\.event) == [.answerLost])
  }

  @Test("settings that are changed while D is not over do not end it")
  func changedMeanwhile() async throws {
    let target = try target()
    let (old, new) = (try await machine(target, "a"), try await machine(target, "b"))
    let mine = try await plan(on: old)
    _ = try await claimed(mine)
    var settings = mine.settings
    settings.concurrency = 1
    try await new.store.change(settings, of: mine.run)
    let theirs = try await new.store.take(mine.run, isCancelling: false, at: start)
    #expect(theirs.isHeir)
    #expect(try await counts(new.store, mine.run) == [.submitting: 1, .pending: 3])
    try await expectSound(new.store, mine.run)
  }

  @Test(
    "a server that lacks what it had confirmed gets no further claim, and resume asks about what may have been sent",
    arguments: [false, true])
  func lostChanges(isBehindPooler: Bool) async throws {
    let target = try target()
    let machine = try await machine(target, "a")
    let session = try await plan(on: machine, items: 3)
    _ = try await session.record(accepted(try await claimed(session)))
    // As after a failover to a standby that was behind: what was confirmed last is not there, and connections are gone, but for
    // those to a pooler.
    try await machine.store.database.read { connection in
      try connection.execute("UPDATE transaction_mark SET number = number - 1")
    }
    try await machine.store.reader.read { connection in
      guard !isBehindPooler else { return }
      try connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
      )
    }
    // The first use of a connection that is gone fails, and says nothing about history.
    for _ in 0..<2 {
      do {
        _ = try await session.claim(at: start)
      } catch let error as StoreError where error.code == .unreachable {
        continue
      } catch let error as StoreError {
        #expect(error.code == .lostChanges)
      }
    }
    await #expect {
      _ = try await session.claim(at: start)
    } throws: {
      ($0 as? StoreError)?.code == .lostChanges
    }
    try await session.release(as: .paused(.failedOver, detail: nil), at: start)
    let resumed = try await machine.store.take(session.run, isCancelling: false, at: start)
    // An owner that is cut off may still be at work with what the database does not know of.
    #expect(try await counts(machine.store, session.run) == [.accepted: 1, .submitting: 2])
    #expect(resumed.isHeir)
    try await expectSound(machine.store, session.run)
    // What goes on does so in another process, whose history begins anew.
    try await resumed.release(as: .paused(.signal, detail: nil), at: start)
    let next = try await self.machine(target, "b")
    let heir = try await next.store.take(session.run, isCancelling: false, at: start)
    next.clock.pass(.seconds(3_600))
    #expect(try await heir.inherit(at: start).map(\.event) == [.answerLost])
    #expect(try await counts(next.store, session.run) == [.accepted: 1, .unknown: 2])
    let unknown = try await heir.unknownChunks(after: nil, limit: 10)
    #expect(unknown.map(\.code) == ["failed_over", "failed_over"])
    #expect(unknown.map(\.countedAttempts) == [0, 0])
    try await expectSound(machine.store, session.run)
  }

  @Test("a run whose owner died on another history of the server is left to a person")
  func otherHistory() async throws {
    let target = try target()
    let (old, new) = (try await machine(target, "a"), try await machine(target, "b"))
    let mine = try await plan(on: old, items: 2)
    _ = try await claimed(mine)
    try await new.store.database.write { connection in
      try connection.run("UPDATE run SET server = '1/1'")
    }
    await #expect {
      _ = try await new.store.take(mine.run, isCancelling: false, isUnattended: true, at: start)
    } throws: {
      ($0 as? StoreError)?.code == .wrongState
    }
    let left = try await new.store.summary(of: mine.run)
    #expect(left.state == .paused && left.reason == .failedOver)
    let resumed = try await new.store.take(mine.run, isCancelling: false, at: start)
    #expect(resumed.isHeir)
    #expect(try await counts(new.store, mine.run) == [.submitting: 2])
    try await expectSound(new.store, mine.run)
  }

  @Test("a claim that took longer than five seconds is never sent, and ends as such")
  func slowClaim() async throws {
    let machine = try await machine(try target(), "a")
    let session = try await plan(on: machine)
    machine.clock.leap(.seconds(6), afterReadings: 1)
    await #expect {
      _ = try await session.claim(at: start)
    } throws: {
      let error = $0 as? StoreError
      return error?.code == .unreachable && error?.message.contains("took 6s to confirm") == true
    }
    #expect(try await counts(machine.store, session.run) == [.submitting: 1, .pending: 3])
    let next = try await claimed(session)
    #expect(next.number == ChunkNumber(0) && next.attempt == 2 && next.countedAttempts == 0)
    #expect(try await counts(machine.store, session.run) == [.submitting: 1, .pending: 3])
    #expect(try await machine.store.chunks(of: session.run, after: nil, limit: 1).first?.code == "unsent")

    // The same for a claim that comes with a record, which stands.
    machine.clock.leap(.seconds(6), afterReadings: 1)
    let both = try await session.record(accepted(next), claimingAt: start)
    guard case .failure(let error) = both.claim else {
      Issue.record("expected the claim to be refused")
      return
    }
    #expect(error.isTransient)
    #expect(try await counts(machine.store, session.run) == [.accepted: 1, .submitting: 1, .pending: 2])
    #expect(try await claimed(session).attempt == 2)
    try await expectSound(machine.store, session.run)
  }
}

/// The clock of a machine: short sleeps pass at once, and longer ones, between two beats, when the test says so.
final class MachineClock: BatchClock {
  private struct Kept {
    var elapsed: Duration = .zero
    var leap: (Duration, readings: Int)?
    var sleepers: [CheckedContinuation<Void, Never>] = []
    var onSleep: (@Sendable () async -> Void)?
  }

  private let kept = NIOLockedValueBox(Kept())

  func now() -> Timestamp { TestStore.start + kept.withLockedValue { $0.elapsed } }

  func elapsed() -> Duration {
    kept.withLockedValue { kept in
      if let (length, readings) = kept.leap {
        kept.leap = readings > 0 ? (length, readings - 1) : nil
        if readings == 0 { kept.elapsed += length }
      }
      return kept.elapsed
    }
  }

  func sleep(for duration: Duration) async throws {
    guard duration >= .seconds(2) else {
      pass(duration)
      let act = kept.withLockedValue { $0.onSleep }
      await act?()
      return
    }
    await withCheckedContinuation { continuation in
      kept.withLockedValue { $0.sleepers.append(continuation) }
    }
    try Task.checkCancellation()
  }

  /// Lets time pass.
  func pass(_ duration: Duration) { kept.withLockedValue { $0.elapsed += duration } }

  /// Lets time pass once it was read so often.
  func leap(_ duration: Duration, afterReadings readings: Int) {
    kept.withLockedValue { $0.leap = (duration, readings) }
  }

  /// Does something at each short sleep.
  func onSleep(_ act: @escaping @Sendable () async -> Void) { kept.withLockedValue { $0.onSleep = act } }

  /// Ends the long sleeps that are under way.
  func wakeSleepers() async {
    let sleepers = kept.withLockedValue { kept in
      defer { kept.sleepers = [] }
      return kept.sleepers
    }
    for sleeper in sleepers { sleeper.resume() }
    await Task.yield()
  }
}
