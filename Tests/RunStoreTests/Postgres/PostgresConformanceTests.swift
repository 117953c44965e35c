import BatchDomain
import PostgresStore
import StoreCore
import TestSupport
import Testing

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
}

/// A clock on which nobody beats.
struct StillClock: BatchClock {
  func now() -> Timestamp { TestStore.start }
  func elapsed() -> Duration { .zero }
  func sleep(for duration: Duration) async throws { try await Task.sleep(for: .seconds(86_400)) }
}
