import BatchDomain
import Dispatch
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

/// What changes that share a commit add up to, whatever fails among them.
@Suite("Sums of a commit")
struct CommitSumsTests {
  private static let chunks = 6

  private func plan(_ store: SQLStore, random: UInt64) async throws -> any RunSession {
    try await PlannedItems.plan(
      (0..<Self.chunks * 2).map { PlannedItems.source($0 + Int(random) * 100) }, chunkSize: 2, in: store,
      at: TestStore.start, random: random)
  }

  private func claim(_ session: any RunSession) async throws -> ClaimedChunk {
    guard case .chunk(let chunk) = try await session.claim(at: TestStore.start) else {
      throw StoreError(.conflict, "no chunk is pending")
    }
    return chunk
  }

  private func result(
    _ chunk: ClaimedChunk, _ outcome: Outcome = .accepted, _ event: ChunkEvent = .accepted
  ) -> AttemptRecord {
    AttemptRecord(
      of: chunk, finishedAt: TestStore.start + .seconds(1), took: .seconds(1), outcome: outcome, status: nil,
      code: nil, message: nil, isCounted: false, event: event)
  }

  /// Has changes wait for the database until all are there, so that they share commits, in their order.
  private func together(_ store: SQLStore, _ changes: [@Sendable () async throws -> Void]) async throws
    -> [Bool]
  {
    let gate = DispatchSemaphore(value: 0)
    let isHeld = NIOLockedValueBox(false)
    async let held: Void = store.database.read { _ in
      isHeld.withLockedValue { $0 = true }
      gate.wait()
    }
    while !isHeld.withLockedValue({ $0 }) { await Task.yield() }
    let failures = await withTaskGroup(of: (Int, Bool).self) { group in
      for (number, change) in changes.enumerated() {
        group.addTask {
          do {
            try await change()
            return (number, false)
          } catch {
            return (number, true)
          }
        }
        // One after the other, so that they are made in their order.
        while store.database.waitingChanges <= number { await Task.yield() }
      }
      gate.signal()
      return await group.reduce(into: [Bool](repeating: false, count: changes.count)) { $0[$1.0] = $1.1 }
    }
    try await held
    return failures
  }

  @Test("changes of two runs in one commit, some of which fail, are counted exactly")
  func mixture() async throws {
    let store = try await TestStore()
    let (one, other) = (try await plan(store.store, random: 1), try await plan(store.store, random: 2))
    let first = [try await claim(one), try await claim(one), try await claim(one)]
    let second = try await claim(other)
    let commits = try await store.store.database.commits
    var wrong = result(first[2])
    wrong.attempt = 9
    let refused = wrong
    var tooMany = result(first[2])
    tooMany.itemCount = 3
    let miscounted = tooMany
    let failures = try await together(
      store.store,
      [
        { [result = result(first[0])] in _ = try await one.record(result, claimingAt: TestStore.start) },
        { _ = try await one.record(refused, claimingAt: TestStore.start) },
        { [result = result(second)] in _ = try await other.record(result, claimingAt: TestStore.start) },
        { _ = try await one.claim(at: TestStore.start) },
        { [result = result(first[1], .throttled, .requeued)] in _ = try await one.record(result) },
        { _ = try await one.record(miscounted) },
        { _ = try await other.claim(at: TestStore.start) },
      ])
    #expect(failures == [false, true, false, false, false, true, false])
    #expect(try await store.store.database.commits - commits == 1)
    let standing = try await one.standing()
    #expect(standing.counts.chunks == [.accepted: 1, .submitting: 3, .pending: 2])
    #expect(standing.counts.items == [.accepted: 2, .submitting: 6, .pending: 4])
    #expect(standing.attempts == 5)
    let neighbour = try await other.standing()
    #expect(neighbour.counts.chunks == [.accepted: 1, .submitting: 2, .pending: 3])
    #expect(neighbour.attempts == 3)
    #expect(try StoreAudit.problems(in: store.path) == [])
    let times = try Raw.query("SELECT first_intent_at || ' ' || last_outcome_at FROM run", in: store.path)
    let expected = "\(TestStore.start.milliseconds) \(TestStore.start.milliseconds + 1_000)"
    #expect(times == [expected, expected])
  }

  @Test("those who share a commit are told what each of them moved")
  func ownMoves() async throws {
    let store = try await TestStore()
    let session = try await plan(store.store, random: 1)
    let chunks = [try await claim(session), try await claim(session)]
    let told = Journal()
    let results = chunks.map { result($0) }
    _ = try await together(
      store.store,
      [
        { await told.add(try await session.record(results[0])) },
        { await told.add(try await session.record(results[1])) },
      ])
    let recorded = await told.entries
    let moved = StateCounts(moving: 2, from: .submitting, to: .accepted)
    #expect(recorded.map(\.moved) == [moved, moved])
  }

  @Test("a run that cannot be finished takes nothing from those who share the commit")
  func refusedEnd() async throws {
    let store = try await TestStore()
    let session = try await plan(store.store, random: 1)
    let failures = try await together(
      store.store,
      [
        { _ = try await session.claim(at: TestStore.start) },
        { try await session.release(as: .finished, at: TestStore.start) },
        { _ = try await session.claim(at: TestStore.start) },
      ])
    #expect(failures == [false, true, false])
    #expect(try await session.standing().counts.chunks == [.submitting: 2, .pending: 4])
    #expect(try await session.standing().attempts == 2)
    #expect(try StoreAudit.problems(in: store.path) == [])
    _ = try await claim(session)
  }

  @Test("a transaction that fails as a whole adds nothing to the next")
  func wholeFailure() async throws {
    let store = try await TestStore()
    let session = try await plan(store.store, random: 1)
    let failures = try await together(
      store.store,
      [
        { _ = try await session.claim(at: TestStore.start) },
        {
          try await store.store.database.write { $0.beforeCommit { _ in throw StoreError(.full, "no room") } }
        },
      ])
    #expect(failures == [true, true])
    #expect(try await session.standing().attempts == 0)
    let chunk = try await claim(session)
    #expect(chunk.number == ChunkNumber(0))
    #expect(try await session.standing().counts.chunks == [.submitting: 1, .pending: 5])
    #expect(try StoreAudit.problems(in: store.path) == [])
  }

  @Test("a wait that is undone with its change holds nobody, and one of another run holds everybody")
  func waitsOfOthers() async throws {
    let store = try await TestStore()
    let (one, other) = (try await plan(store.store, random: 1), try await plan(store.store, random: 2))
    let chunk = try await claim(one)
    let wait = StoredWait(until: TestStore.start + .seconds(60), reason: "quota")
    var undone = result(chunk)
    undone.wait = wait
    let waiting = undone
    // The next chunk has an attempt already, so that the change fails after the wait was recorded.
    try Raw.execute(
      """
      INSERT INTO attempt (run, chunk, number, origin, destination, step, owner, started_at, bytes, timeout_ms, intent)
        SELECT run, 1, number, origin, destination, step, owner, started_at, bytes, timeout_ms, 99 FROM attempt
      """, in: store.path)
    let told = Claims()
    let failures = try await together(
      store.store,
      [
        { await told.add(try await other.claim(at: TestStore.start)) },
        { _ = try await one.record(waiting, claimingAt: TestStore.start + .seconds(61)) },
        { await told.add(try await other.claim(at: TestStore.start)) },
        { try await one.remember(wait, of: .transfer) },
        { await told.add(try await other.claim(at: TestStore.start)) },
      ])
    #expect(failures == [false, true, false, false, false])
    let claims = await told.entries.map { claim in
      if case .chunk = claim { "chunk" } else { "wait" }
    }
    #expect(claims.sorted() == ["chunk", "chunk", "wait"])
  }

  @Test("a chunk that turns out to be damaged is not claimed, and what was recorded with its claim stands")
  func damagedNext() async throws {
    let store = try await TestStore()
    let session = try await plan(store.store, random: 1)
    let chunk = try await claim(session)
    try Raw.execute(
      "UPDATE item_block SET sources = replace(sources, 's3', 'S3') WHERE position = (1 << 40) + 2",
      in: store.path)
    let both = try await session.record(result(chunk), claimingAt: TestStore.start)
    #expect(both.recorded.moved.chunks[.accepted] == 1)
    #expect(throws: StoreError.self) { try both.claim?.get() }
    #expect(try await session.standing().counts.chunks == [.accepted: 1, .pending: 5])
    let ends = try Raw.query(
      "SELECT chunk || ' ' || outcome || ' ' || coalesce(code, '') FROM attempt", in: store.path)
    #expect(ends == ["0 accepted "])
    #expect(try StoreAudit.problems(in: store.path) == [])
  }

  @Test("a wait that one change records holds the claims that share its commit")
  func waitsHold() async throws {
    let store = try await TestStore()
    let session = try await plan(store.store, random: 1)
    let chunk = try await claim(session)
    var last = result(chunk)
    last.wait = StoredWait(until: TestStore.start + .seconds(60), reason: "quota")
    let next = try await session.record(last, claimingAt: TestStore.start).claim
    guard case .success(.notBefore(let moment, .wait("quota"))) = next else {
      Issue.record("\(String(describing: next))")
      return
    }
    #expect(moment == TestStore.start + .seconds(60))
    #expect(try await session.standing().attempts == 1)
  }
}

private actor Claims {
  private(set) var entries: [Claim] = []

  func add(_ claim: Claim) { entries.append(claim) }
}

private actor Journal {
  private(set) var entries: [Recorded] = []

  func add(_ recorded: Recorded) { entries.append(recorded) }
}
