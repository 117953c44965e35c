import BatchDomain
import Foundation
import PostgresStore
import StoreCore
import TestSupport
import Testing

@Suite("doctor on PostgreSQL", .enabled(if: PostgresCluster.isAvailable))
struct PostgresDiagnosticsTests {
  private static let subjects: [HealthCheck.Subject] = [
    .database, .schema, .integrity, .clock, .locks, .waits,
  ]

  private func checks(_ target: PostgresTarget) async throws -> [HealthCheck] {
    let cluster = try #require(PostgresCluster.shared)
    return await PostgresDiagnostics(target, cluster.surroundings(StillClock())).checks()
  }

  @Test("a wait that the service asked for is a problem until it is over, as on SQLite")
  func waits() async throws {
    let cluster = try #require(PostgresCluster.shared)
    let target = try cluster.makeTarget()
    let store = try await PostgresStore.open(
      target, createsSchema: true, stampsIntents: false, cluster.surroundings(StillClock()))
    // The look counts from the server's moment, and the wait is an hour.
    let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000))
    let session = try await PlannedItems.plan([PlannedItems.source(0)], chunkSize: 1, in: store, at: now)
    let before = try await checks(target)
    #expect(before.map(\.subject) == Self.subjects)
    #expect(before.last?.status == .ok && before.last?.message == "no service asked to wait")
    try await session.remember(
      StoredWait(
        until: now + .seconds(3_600), reason: "the service asks to wait", length: .seconds(3_600)),
      of: ChunkStep.transfer)
    let found = try await checks(target)
    #expect(found.map(\.subject) == Self.subjects)
    let waits = try #require(found.last)
    #expect(waits.status == .problem)
    #expect(waits.message.contains(": the service asks to wait"), "\(waits.message)")
    #expect(
      waits.remedy?.description.contains("orchestrate resume \(session.run) --ignore-wait") == true,
      "\(String(describing: waits.remedy))")
    _ = try await store.endWaits(holding: session.run, at: now)
    #expect(try await checks(target).last?.status == .ok)
    try await store.close()
  }

  @Test("every check is listed for an empty database, and for one that is not there")
  func withoutTables() async throws {
    let target = try #require(PostgresCluster.shared).makeTarget()
    let empty = try await checks(target)
    #expect(empty.map(\.subject) == Self.subjects)
    #expect(empty.first { $0.subject == .waits }?.status == .ok)
    let missing = try await checks(try PostgresTarget(target.address + "_missing"))
    #expect(missing.map(\.subject) == Self.subjects)
    #expect(missing.map(\.status) == [.problem] + Array(repeating: .skipped, count: 5))
  }
}
