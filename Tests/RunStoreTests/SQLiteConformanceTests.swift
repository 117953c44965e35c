import BatchDomain
import RunStore
import TestSupport
import Testing

@Suite("SQLite store against the port's rules")
struct SQLiteConformanceTests {
  @Test("the store keeps the rule", arguments: RunSessionConformance.all.map(\.name))
  func rule(name: String) async throws {
    let rule = try #require(RunSessionConformance.all.first { $0.name == name })
    let folder = try TemporaryFolder()
    let suite = RunSessionConformance(makeStore: {
      try await SQLiteStore.open(path: folder.file("store.db"), now: TestStore.start)
    })
    try await rule.check(suite)
  }

  @Test("the store knows items as the rule says", arguments: KnownItemsConformance.all.map(\.name))
  func knownItems(name: String) async throws {
    let rule = try #require(KnownItemsConformance.all.first { $0.name == name })
    let folder = try TemporaryFolder()
    var made = 0
    let suite = KnownItemsConformance(makeStore: {
      made += 1
      return try await SQLiteStore.open(path: folder.file("store-\(made).db"), now: TestStore.start)
    })
    try await rule.check(suite)
  }
}
