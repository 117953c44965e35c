import BatchDomain
import PostgresStore
import StoreCore
import TestSupport
import Testing

/// Answers of the server that do not come.
@Suite("Lost answers on PostgreSQL", .enabled(if: PostgresCluster.isAvailable), .timeLimit(.minutes(10)))
struct LostAnswerTests {
  /// The message of a COMMIT alone, with its length, and not that of a BEGIN with READ COMMITTED or of a beat that ends with one
  /// (https://www.postgresql.org/docs/current/protocol-message-formats.html, Query).
  private static let commit = "\u{b}COMMIT\0"

  /// A store by way of a proxy, with a table for tests.
  private func store() async throws -> (store: SQLStore, proxy: BreakingProxy) {
    let cluster = try #require(PostgresCluster.shared)
    let proxy = try BreakingProxy(before: cluster)
    let target = try PostgresTarget(proxy.address(of: try cluster.makeDatabase(), on: cluster))
    let store = try await PostgresStore.open(
      target, createsSchema: true, stampsIntents: false, cluster.surroundings(StillClock()))
    try await store.database.write { try $0.execute("CREATE TABLE entry (number bigint PRIMARY KEY)") }
    return (store, proxy)
  }

  private func numbers(in store: SQLStore) async throws -> [Int] {
    try await store.reader.read { connection in
      try connection.rows("SELECT number FROM entry ORDER BY number") { $0.int(0) }
    }
  }

  @Test(
    "a connection that breaks while a lost COMMIT is found out does not make it one that was not made",
    arguments: ["pg_backend_pid", "FROM transaction_mark", "pg_control_system"])
  func brokenAgain(words: String) async throws {
    let (store, proxy) = try await store()
    proxy.expect((Self.commit, .loseAnswer), (words, .cut))
    try await store.database.write { try $0.run("INSERT INTO entry VALUES (1)") }
    #expect(try await numbers(in: store) == [1])
    try await store.close()
    #expect(proxy.notHeard == [])
  }

  @Test("a COMMIT that did not arrive is one that was not made, whatever breaks while that is found out")
  func notMade() async throws {
    let (store, proxy) = try await store()
    proxy.expect((Self.commit, .cut), ("pg_backend_pid", .cut))
    await #expect {
      try await store.database.write { try $0.run("INSERT INTO entry VALUES (1)") }
    } throws: {
      ($0 as? StoreError)?.code == .unreachable
    }
    #expect(try await numbers(in: store) == [])
    try await store.close()
    #expect(proxy.notHeard == [])
  }

  @Test("the server that is found behind a lost COMMIT is noted, also where it is another one than before")
  func noted() async throws {
    let (store, proxy) = try await store()
    func timelines() async throws -> [Int] {
      try await store.reader.read { connection in
        try connection.rows("SELECT timeline FROM engine") { $0.int(0) }
      }
    }
    try await store.database.write { try $0.run("INSERT INTO entry VALUES (1)") }
    let server = try await timelines()
    try await store.reader.read { try $0.execute("UPDATE engine SET timeline = timeline - 1") }
    proxy.expect((Self.commit, .loseAnswer))
    try await store.database.write { try $0.run("INSERT INTO entry VALUES (2)") }
    try await store.database.write { try $0.run("INSERT INTO entry VALUES (3)") }
    #expect(try await timelines() == server)
    #expect(try await numbers(in: store) == [1, 2, 3])
    try await store.close()
    #expect(proxy.notHeard == [])
  }
}
