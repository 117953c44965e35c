import BatchDomain
import Migrations
import StoreCore
import TestSupport
import Testing

@testable import PostgresStore

/// Upgrades of a database beside processes that do not know the new schema.
@Suite("Upgrades on PostgreSQL", .enabled(if: PostgresCluster.isAvailable))
struct PostgresMigratorTests {
  private static let known = Migrations.postgres

  /// A program that knows one step more.
  private func newer(isBreaking: Bool) -> PostgresMigrator {
    PostgresMigrator(
      steps: Self.known + [
        Migrations.Step(
          number: Self.known.count + 1, name: "postgres_9999_more.sql",
          sql: Array("CREATE TABLE more (id bigint)".utf8), isBreaking: isBreaking)
      ])
  }

  private func migrated() async throws -> (SQLStore, ManualClock) {
    let cluster = try #require(PostgresCluster.shared)
    let clock = ManualClock()
    let store = try await PostgresStore.open(
      cluster.makeTarget(), createsSchema: true, cluster.surroundings(clock))
    return (store, clock)
  }

  @Test("a program goes on beside a newer one's step that breaks nothing, and refuses one that does")
  func olderProgram() async throws {
    let (store, _) = try await migrated()
    let own = PostgresMigrator(steps: Self.known)
    let before = try await store.reader.read { try own.need(of: $0, at: "db") }
    #expect(before == .nothing)
    _ = try await store.reader.read { try newer(isBreaking: false).migrate($0, at: "db") }
    let beside = try await store.reader.read { try own.need(of: $0, at: "db") }
    #expect(beside == .nothing)
    try await store.database.write { try $0.run("UPDATE migration SET is_breaking = 1") }
    await #expect {
      _ = try await store.reader.read { try own.need(of: $0, at: "db") }
    } throws: {
      ($0 as? StoreError)?.code == .schema
    }
    try await store.close()
  }

  @Test("before a breaking step, those at work are told and counted; before another one, nobody is")
  func announced() async throws {
    let (store, _) = try await migrated()
    let own = PostgresMigrator(steps: Self.known)
    let silence = Duration.seconds(15)
    #expect(
      try await store.reader.read {
        try newer(isBreaking: false).announce(in: $0, at: "db", silence: silence)
      }
        == 0)
    #expect(try await store.reader.read { try own.obstacle(in: $0, at: "db") } == nil)
    #expect(
      try await store.reader.read { try newer(isBreaking: true).announce(in: $0, at: "db", silence: silence) }
        == 1)
    let obstacle = try await store.reader.read { try own.obstacle(in: $0, at: "db") }
    #expect(obstacle?.code == .schema)
    #expect(
      try await store.reader.read { try newer(isBreaking: true).obstacle(in: $0, at: "db") } == nil)
    // A process that has left is not waited for.
    try await store.database.write { try $0.run("UPDATE worker SET left_at = 0") }
    #expect(
      try await store.reader.read { try newer(isBreaking: true).announce(in: $0, at: "db", silence: silence) }
        == 0)
    try await store.close()
  }

  @Test("a program that does not know an announced step begins nothing, and changes nothing")
  func announcedBefore() async throws {
    let cluster = try #require(PostgresCluster.shared)
    let target = try cluster.makeTarget()
    let store = try await PostgresStore.open(target, createsSchema: true, cluster.surroundings(ManualClock()))
    let newer = newer(isBreaking: true)
    _ = try await store.reader.read { try newer.announce(in: $0, at: "db", silence: .seconds(15)) }
    await #expect {
      _ = try await PostgresStore.open(target, createsSchema: false, cluster.surroundings(ManualClock()))
    } throws: {
      ($0 as? StoreError)?.code == .schema
    }
    let workers = try await store.reader.read { connection in
      try connection.first("SELECT count(*) FROM worker") { $0.int(0) }
    }
    #expect(workers == 1)
    // One that only reads goes on, and is not waited for.
    try await PostgresStore.openForReading(target, cluster.surroundings(ManualClock())).close()
    try await store.close()
  }

  @Test("a program that begins while a step is announced finds the number, or is counted")
  func announcedMeanwhile() async throws {
    let (store, _) = try await migrated()
    let own = PostgresMigrator(steps: Self.known)
    let engine = WorkerEngine(
      worker: Worker(version: "test", random: SeededRandom(seed: .random(in: 0 ... .max))),
      locks: NoLocks(), clock: ManualClock(), watchdog: nil, notify: { _ in },
      obstacle: { try own.obstacle(in: $0, at: "db") },
      scratch: { throw StoreError(.internal, "nothing is put aside") })
    // It was opened before the announcement.
    let newer = newer(isBreaking: true)
    _ = try await store.reader.read { try newer.announce(in: $0, at: "db", silence: .seconds(15)) }
    await #expect {
      try await engine.begin(on: store.database, beatingOn: store.reader)
    } throws: {
      ($0 as? StoreError)?.code == .schema
    }
    #expect(
      try await store.reader.read { try newer.announce(in: $0, at: "db", silence: .seconds(15)) } == 1)
    try await store.close()
  }

  private struct NoLocks: WorkerLocks {
    func hold(_ worker: String) -> (any HeldLock)? { nil }
    func look(at worker: String) -> LockLook { .unknown }
  }
}
