import BatchDomain
import PostgresStore
import StoreCore
import TestSupport
import Testing

/// Beats of a worker on a server (R5 of docs/scale-out.md).
@Suite("Beats on PostgreSQL", .enabled(if: PostgresCluster.isAvailable), .timeLimit(.minutes(10)))
struct BeatTests {
  private func beats(_ store: SQLStore, _ worker: String) async throws -> Int {
    try await store.reader.read { connection in
      try connection.first("SELECT beat FROM worker WHERE id = ?", .text(worker)) { $0.int(0) } ?? -1
    }
  }

  private func worker(of store: SQLStore) throws -> String {
    try #require(store.engine as? WorkerEngine).worker.id
  }

  @Test("a beat that the server ended is followed by the next one")
  func failedBeat() async throws {
    let cluster = try #require(PostgresCluster.shared)
    let target = try cluster.makeTarget()
    let clock = ManualClock()
    let store = try await PostgresStore.open(target, createsSchema: true, cluster.surroundings(clock))
    let other = try await PostgresStore.open(
      target, createsSchema: false, cluster.surroundings(StillClock(), machine: "b"))
    await clock.waitForSleepers(1)
    // As an administrator's tool may, or a table that is rewritten.
    try await other.reader.read { try $0.execute("BEGIN; SELECT 1 FROM worker FOR UPDATE") }
    clock.advance(by: .seconds(2))
    // Ended once it waits for the row, as the server does by itself after 5 s.
    var isEnded = false
    while !isEnded {
      isEnded = try await other.database.read { connection in
        try connection.first(
          """
          SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%UPDATE worker%'
          """
        ) { $0.int(0) > 0 } ?? false
      }
    }
    await clock.waitForSleepers(1)
    try await other.reader.read { try $0.execute("ROLLBACK") }
    let id = try worker(of: store)
    #expect(try await beats(store, id) == 0)
    clock.advance(by: .seconds(2))
    await clock.waitForSleepers(1)
    #expect(try await beats(store, id) == 1)
    try await other.close()
    try await store.close()
  }

  /// A worker with a run that it does not send now, which has beaten once after something was done to its database.
  private func beaten(
    _ act: @escaping @Sendable (Connection) throws -> Void
  ) async throws -> (store: SQLStore, session: any RunSession) {
    let cluster = try #require(PostgresCluster.shared)
    let clock = ManualClock()
    let store = try await PostgresStore.open(
      cluster.makeTarget(), createsSchema: true, stampsIntents: false, cluster.surroundings(clock))
    let session = try await PlannedItems.plan(
      [PlannedItems.source(0)], chunkSize: 1, in: store, at: clock.now())
    #expect(try await session.request() == nil)
    try await store.database.write { try act($0) }
    await clock.waitForSleepers(1)
    clock.advance(by: .seconds(2))
    await clock.waitForSleepers(1)
    return (store, session)
  }

  @Test(
    "a process that has to leave for a newer one knows it while nothing is sent, and so do those that track")
  func announcedMeanwhile() async throws {
    let (store, session) = try await beaten { _ = try $0.run("UPDATE engine SET required_schema = 9999") }
    let leaves = { (error: any Error) in (error as? StoreError)?.code == .schema }
    await #expect { _ = try await session.request() } throws: { leaves($0) }
    await #expect { _ = try await store.lookRequestedAt() } throws: { leaves($0) }
    await #expect {
      _ = try await store.follow(of: session.run, after: nil, limit: 1) { _ in nil }
    } throws: {
      leaves($0)
    }
    try await store.close()
  }

  @Test("a process that others take for lost knows it while nothing is sent")
  func lostMeanwhile() async throws {
    let (store, session) = try await beaten { _ = try $0.run("UPDATE worker SET lost_at = beat_at") }
    await #expect {
      _ = try await session.request()
    } throws: {
      ($0 as? StoreError)?.code == .owned
    }
    try await store.close()
  }

  @Test("a run that another process has taken is told as that, with its owner's name")
  func takenMeanwhile() async throws {
    let (store, session) = try await beaten { _ = try $0.run("UPDATE run SET owner = owner + 1") }
    await #expect {
      _ = try await session.request()
    } throws: {
      let error = $0 as? StoreError
      return error?.code == .owned && error?.message.contains("was taken over by another process") == true
    }
    try await store.close()
  }
}
