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
}
