import BatchDomain
import PostgresStore
import RunStore
import TestSupport
import Testing

@testable import StoreCore

@Suite("A run is copied to PostgreSQL and back", .enabled(if: PostgresCluster.isAvailable))
struct PostgresCopyTests {
  private let scene = CopyScene()

  private func open(_ target: PostgresTarget? = nil) async throws -> SQLStore {
    let cluster = try #require(PostgresCluster.shared)
    return try await PostgresStore.open(
      target ?? cluster.makeTarget(), createsSchema: true, stampsIntents: false,
      cluster.surroundings(StillClock()))
  }

  @Test("both kinds of store say the same of it, there and back", arguments: 0..<12 as Range<UInt64>)
  func thereAndBack(seed: UInt64) async throws {
    let (one, three) = (try await TestStore(), try await TestStore())
    let run = try await scene.tell(one.store, seed: seed)
    let before = try await scene.answers(run, in: one.store)
    let postgres = try await open()
    try await scene.copy(run, from: one.store, to: postgres, "server")
    let there = try await scene.answers(run, in: postgres)
    for (question, answer) in before { #expect(there[question] == answer, "\(question)") }
    let other = try await open()
    try await scene.copy(run, from: postgres, "server", to: other, "other server")
    try await scene.copy(run, from: other, "other server", to: three.store, "three.db")
    #expect(try await scene.answers(run, in: three.store) == before)
    #expect(try StoreAudit.problems(in: three.path) == [])
    for store in [postgres, other] {
      #expect(try await store.summary(of: run).reason == .copied)
      #expect(try await store.audit(run, listing: 9).problems == [])
    }
    try await postgres.close()
    try await other.close()
  }

  @Test("a run that began on PostgreSQL goes on in a file, and a worker finds nothing to take where it was")
  func toFile() async throws {
    let (postgres, file) = (try await open(), try await TestStore())
    let sources = (0..<6).map { PlannedItems.source($0) }
    let session = try await PlannedItems.plan(
      sources, chunkSize: 2, in: postgres, at: CopyScene.start, digest: PlannedItems.digest(of: sources))
    try await session.end(try await session.next(), .accepted, .accepted)
    try await session.release(as: .paused(.detached, detail: nil), at: CopyScene.start)
    #expect(try await postgres.runsToTake() == [session.run])
    try await scene.copy(session.run, from: postgres, "server", to: file.store)
    #expect(try await postgres.runsToTake().isEmpty)
    #expect(try await file.store.runsToTake() == [session.run])
    let resumed = try await file.store.take(session.run, isCancelling: false, at: CopyScene.start)
    #expect(try await resumed.next().firstItem == 2)
    let error = await #expect(throws: StoreError.self) {
      try await postgres.take(session.run, isCancelling: false, at: CopyScene.start)
    }
    #expect(error?.message.contains("was copied to two.db") == true)
    try await postgres.close()
  }

  @Test("a process that owns the run, here or there, is not disturbed")
  func owned() async throws {
    let cluster = try #require(PostgresCluster.shared)
    let (source, destination) = (try cluster.makeTarget(), try cluster.makeTarget())
    let (mine, others) = (try await open(source), try await open(source))
    let sources = (0..<6).map { PlannedItems.source($0) }
    let session = try await PlannedItems.plan(
      sources, chunkSize: 2, in: others, at: CopyScene.start, digest: PlannedItems.digest(of: sources))
    let (there, elsewhere) = (try await open(destination), try await open(destination))
    func refusal() async -> StoreError? {
      await #expect(throws: StoreError.self) {
        try await scene.copy(session.run, from: mine, "server", to: there, "other")
      }
    }
    #expect(await refusal()?.code == .owned)
    try await session.release(as: .paused(.signal, detail: nil), at: CopyScene.start)
    let departure = try await others.depart(session.run)
    #expect(await refusal()?.code == .owned)
    let arrival = try await elsewhere.receive(departure.head, from: "server", at: CopyScene.start)
    try await departure.stay()
    #expect(await refusal()?.code == .owned)
    #expect(try await mine.summary(of: session.run).state == .paused)
    try await arrival.abandon()
    try await scene.copy(session.run, from: mine, "server", to: there, "other")
    #expect(try await elsewhere.summary(of: session.run).state == .paused)
    for store in [mine, others, there, elsewhere] { try await store.close() }
  }

  private func machine(_ target: PostgresTarget, _ name: String, _ clock: MachineClock) async throws
    -> SQLStore
  {
    let cluster = try #require(PostgresCluster.shared)
    return try await PostgresStore.open(
      target, createsSchema: true, stampsIntents: false, cluster.surroundings(clock, machine: name))
  }

  private func planned(in store: SQLStore) async throws -> any RunSession {
    let sources = (0..<4).map { PlannedItems.source($0) }
    return try await PlannedItems.plan(
      sources, chunkSize: 1, in: store, at: CopyScene.start, digest: PlannedItems.digest(of: sources))
  }

  @Test("a run whose owner is lost is copied once nothing of it can reach the service any more")
  func lostOwner() async throws {
    let target = try #require(PostgresCluster.shared).makeTarget()
    let (oldClock, newClock) = (MachineClock(), MachineClock())
    let (old, new) = (try await machine(target, "a", oldClock), try await machine(target, "b", newClock))
    let file = try await TestStore()
    let mine = try await planned(in: old)
    let (first, second) = (try await mine.next(), try await mine.next())
    try await mine.end(first, .accepted, .accepted)
    let copier = RunCopier(
      from: new, called: "server", to: file.store, called: "file.db", clock: newClock, note: { _ in })
    try await copier.copy(mine.run)
    // 15 s of silence, and G + T + X + M.
    #expect(newClock.elapsed() >= .seconds(15 + 5 + 10 + 5) + mine.settings.timeout)
    let counts = try await file.store.summary(of: mine.run).counts
    #expect(
      counts.chunks(in: .accepted) == 1 && counts.chunks(in: .unknown) == 1
        && counts.chunks(in: .pending) == 2)
    #expect(try await file.store.audit(mine.run, listing: 9).problems == [])
    // It lives after all, and is told that it lost the run. What it says is recorded where the run was.
    await #expect(throws: StoreError.self) { try await mine.end(second, .accepted, .accepted) }
    #expect(try await new.summary(of: mine.run).counts.chunks(in: .accepted) == 2)
    #expect(try await new.summary(of: mine.run).reason == .copied)
    #expect(try await new.audit(mine.run, listing: 9).problems == [])
    #expect(try await file.store.summary(of: mine.run).counts == counts)
  }

  @Test("a copy whose process is taken for lost closes nothing and records nothing more")
  func lostCopier() async throws {
    let cluster = try #require(PostgresCluster.shared)
    let (source, destination) = (try cluster.makeTarget(), try cluster.makeTarget())
    let clock = MachineClock()
    let (old, new) = (try await machine(source, "a", MachineClock()), try await machine(source, "b", clock))
    let (oldThere, newThere) = (
      try await machine(destination, "a", MachineClock()), try await machine(destination, "b", clock)
    )
    let session = try await planned(in: old)
    try await session.release(as: .paused(.signal, detail: nil), at: CopyScene.start)
    let departure = try await old.depart(session.run)
    let arrival = try await oldThere.receive(departure.head, from: "server", at: CopyScene.start)
    let page = try #require(try await departure.records(after: nil))
    try await arrival.add(page.records)
    // Another machine copies it in its place.
    try await RunCopier(
      from: new, called: "server", to: newThere, called: "other", clock: clock, note: { _ in }
    ).copy(session.run)
    let before = try await scene.answers(session.run, in: newThere)
    for call in [
      { try await arrival.add(page.records) }, { try await arrival.show(at: CopyScene.start) },
      { try await arrival.settle() }, { try await arrival.abandon() },
      { try await departure.leave(to: "elsewhere", at: CopyScene.start) },
    ] as [() async throws -> Void] {
      let error = await #expect(throws: StoreError.self) { try await call() }
      #expect(error?.code == .owned)
    }
    #expect(try await scene.answers(session.run, in: newThere) == before)
    #expect(try await new.summary(of: session.run).detail == "other")
  }

  @Test("a copy that is completed while its remains are to be removed stays, and nobody owns it")
  func completedMeanwhile() async throws {
    let cluster = try #require(PostgresCluster.shared)
    let (source, destination) = (try cluster.makeTarget(), try cluster.makeTarget())
    let old = try await machine(source, "a", MachineClock())
    let (there, pruning) = (
      try await machine(destination, "a", MachineClock()), try await machine(destination, "b", MachineClock())
    )
    let session = try await planned(in: old)
    try await session.release(as: .paused(.signal, detail: nil), at: CopyScene.start)
    let departure = try await old.depart(session.run)
    let arrival = try await there.receive(departure.head, from: "server", at: CopyScene.start)
    let listed = try await pruning.oldRuns(before: CopyScene.start + .seconds(86_400))
    let found = try #require(listed.first { $0.run == session.run })
    #expect(found.isBegun)
    var mark: RunRecords.Mark?
    while let page = try await departure.records(after: mark) {
      try await arrival.add(page.records)
      mark = page.mark
    }
    try await arrival.show(at: CopyScene.start)
    try await arrival.settle()
    // As `prune` has it that saw an owner of whom nothing was heard.
    let remains = OldRun(
      run: found.run, items: found.items, lastChangeAt: found.lastChangeAt, isBegun: true, kept: nil)
    #expect(try await pruning.remove(remains, at: CopyScene.start + .seconds(86_400)).kept == .live)
    #expect(try await pruning.audit(session.run, listing: 9).problems == [])
    let resumed = try await there.take(session.run, isCancelling: false, at: CopyScene.start)
    #expect(try await resumed.next().firstItem == 0)
  }
}
