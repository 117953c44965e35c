import BatchDomain
import PostgresStore
import TestSupport
import Testing

@testable import StoreCore

@Suite("PostgreSQL store against the port's rules", .enabled(if: PostgresCluster.isAvailable))
struct PostgresConformanceTests {
  private func open(_ target: PostgresTarget) async throws -> SQLStore {
    let cluster = try #require(PostgresCluster.shared)
    return try await PostgresStore.open(
      target, createsSchema: true, stampsIntents: false, cluster.surroundings(StillClock()))
  }

  @Test("the store keeps the rule", arguments: RunSessionConformance.all.map(\.name))
  func rule(name: String) async throws {
    let rule = try #require(RunSessionConformance.all.first { $0.name == name })
    let target = try #require(PostgresCluster.shared).makeTarget()
    try await rule.check(RunSessionConformance(makeStore: { try await open(target) }))
  }

  @Test("the store knows items as the rule says", arguments: KnownItemsConformance.all.map(\.name))
  func knownItems(name: String) async throws {
    let rule = try #require(KnownItemsConformance.all.first { $0.name == name })
    let cluster = try #require(PostgresCluster.shared)
    try await rule.check(KnownItemsConformance(makeStore: { try await open(cluster.makeTarget()) }))
  }

  @Test("the store shares limits as the rule says", arguments: SharingConformance.all.map(\.name))
  func sharing(name: String) async throws {
    let rule = try #require(SharingConformance.all.first { $0.name == name })
    let cluster = try #require(PostgresCluster.shared)
    let suite = SharingConformance(
      makeStore: { try await open(cluster.makeTarget()) },
      kill: { store, run in
        // One process plays all runs: of one that died, nobody is left who owns its run.
        let store = try #require(store as? SQLStore)
        try await store.database.write { connection in
          try connection.run("UPDATE run SET worker = NULL WHERE run_id = ?", .text(run.rawValue))
        }
      })
    try await rule.check(suite)
  }

  @Test("old runs are removed as the rule says", arguments: RunRemovalConformance.all.map(\.name))
  func removal(name: String) async throws {
    let rule = try #require(RunRemovalConformance.all.first { $0.name == name })
    let target = try #require(PostgresCluster.shared).makeTarget()
    try await rule.check(RunRemovalConformance(makeStore: { try await open(target) }))
  }
}

/// A clock on which nobody beats.
struct StillClock: BatchClock {
  func now() -> Timestamp { TestStore.start }
  func elapsed() -> Duration { .zero }
  func sleep(for duration: Duration) async throws { try await Task.sleep(for: .seconds(86_400)) }
}
