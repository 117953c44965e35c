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
}
