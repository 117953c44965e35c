import BatchDomain
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

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

  @Test("the store shares limits as the rule says", arguments: SharingConformance.all.map(\.name))
  func sharing(name: String) async throws {
    let rule = try #require(SharingConformance.all.first { $0.name == name })
    let folder = try TemporaryFolder()
    let storage = try FaultyFolder(folder)
    defer { withExtendedLifetime(storage) {} }
    var made = 0
    let suite = SharingConformance(
      makeStore: {
        made += 1
        return try await SQLiteStore.open(path: folder.file("store-\(made).db"), now: TestStore.start)
      },
      kill: { store, run in
        let store = try #require(store as? SQLStore)
        store.engine.releaseRun(
          try await store.database.read { try SQLStore.row(of: run, in: $0) })
      })
    try await rule.check(suite)
  }

  @Test("old runs are removed as the rule says", arguments: RunRemovalConformance.all.map(\.name))
  func removal(name: String) async throws {
    let rule = try #require(RunRemovalConformance.all.first { $0.name == name })
    let folder = try TemporaryFolder()
    let suite = RunRemovalConformance(makeStore: {
      try await SQLiteStore.open(path: folder.file("store.db"), now: TestStore.start)
    })
    try await rule.check(suite)
  }
}
