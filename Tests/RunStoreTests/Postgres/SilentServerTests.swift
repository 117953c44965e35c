import BatchDomain
import PostgresStore
import StoreCore
import TestSupport
import Testing

/// A hop between a worker and its server that keeps connections and hands nothing on. The limit is a second here.
@Suite("Silent servers of PostgreSQL", .enabled(if: PostgresCluster.isAvailable), .timeLimit(.minutes(10)))
struct SilentServerTests {
  /// The message of a COMMIT alone, with its length.
  private static let commit = "\u{b}COMMIT\0"

  /// A store by way of a proxy, with a table for tests.
  private func store() async throws -> (store: SQLStore, proxy: BreakingProxy) {
    let cluster = try #require(PostgresCluster.shared)
    let proxy = try BreakingProxy(before: cluster)
    let target = try PostgresTarget(proxy.address(of: try cluster.makeDatabase(), on: cluster))
    var surroundings = cluster.surroundings(StillClock())
    surroundings.answerLimit = .seconds(1)
    let store = try await PostgresStore.open(
      target, createsSchema: true, stampsIntents: false, surroundings)
    try await store.database.write {
      try $0.execute("CREATE TABLE entry (number bigint PRIMARY KEY, words text NOT NULL DEFAULT '')")
    }
    return (store, proxy)
  }

  private func numbers(in store: SQLStore) async throws -> [Int] {
    try await store.reader.read { connection in
      try connection.rows("SELECT number FROM entry ORDER BY number") { $0.int(0) }
    }
  }

  /// The process of the server that works for the connection on which changes are made.
  private func process(of store: SQLStore) async throws -> Int? {
    try await store.database.write { try $0.first("SELECT pg_backend_pid()") { $0.int(0) } }
  }

  @Test("a COMMIT whose answer does not come on a connection that stays is found out")
  func silentCommit() async throws {
    let (store, proxy) = try await store()
    let before = try await process(of: store)
    proxy.expect((Self.commit, .fallSilent))
    try await store.database.write { try $0.run("INSERT INTO entry VALUES (1)") }
    #expect(try await numbers(in: store) == [1])
    #expect(try await process(of: store) != before)
    try await store.close()
    #expect(proxy.notHeard == [])
  }

  @Test(
    "a change on which the server falls silent fails as one that does not reach it, and the next is made",
    arguments: [BreakingProxy.Act.fallSilent, .stopTaking])
  func silentStatement(act: BreakingProxy.Act) async throws {
    let (store, proxy) = try await store()
    proxy.expect(("INSERT INTO entry", act))
    // More than a socket keeps.
    let words = String(repeating: "a word ", count: 1_000_000)
    await #expect {
      try await store.database.write {
        try $0.run("INSERT INTO entry (number, words) VALUES (1, ?)", .text(words))
      }
    } throws: { error in
      guard let error = error as? StoreError else { return false }
      return error.code == .unreachable && error.message.contains("the server did not answer for 1s")
    }
    try await store.database.write { try $0.run("INSERT INTO entry VALUES (2)") }
    #expect(try await numbers(in: store) == [2])
    try await store.close()
    #expect(proxy.notHeard == [])
  }

  @Test("rows in bulk that are not taken fail as a server that is not reached")
  func silentCopy() async throws {
    let (store, proxy) = try await store()
    proxy.expect(("COPY entry", .stopTaking))
    await #expect {
      try await store.database.write { connection in
        let sink = try #require(connection.engine.bulkSink(into: "entry", ["number", "words"]))
        for number in 0..<20 {
          try sink.put(.integer(Int64(number)))
          try sink.put(.text(String(repeating: "a word ", count: 100_000)))
          try sink.endRow()
        }
        try sink.finish()
      }
    } throws: {
      ($0 as? StoreError)?.code == .unreachable
    }
    #expect(try await numbers(in: store) == [])
    try await store.close()
    #expect(proxy.notHeard == [])
  }

  @Test("a read on which the server falls silent is made again on another connection")
  func silentRead() async throws {
    let (store, proxy) = try await store()
    try await store.database.write { try $0.run("INSERT INTO entry VALUES (1)") }
    proxy.expect(("SELECT number FROM entry", .fallSilent))
    #expect(try await numbers(in: store) == [1])
    try await store.close()
    #expect(proxy.notHeard == [])
  }

  @Test("a COMMIT and a statement at which the server is still at work are waited for on their connection")
  func atWork() async throws {
    let (store, proxy) = try await store()
    try await store.database.write {
      try $0.execute(
        """
        CREATE FUNCTION wait_long() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(2.5); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER late AFTER INSERT ON entry DEFERRABLE INITIALLY DEFERRED
          FOR EACH ROW EXECUTE FUNCTION wait_long()
        """)
    }
    let before = try await process(of: store)
    try await store.database.write { try $0.run("INSERT INTO entry VALUES (1)") }
    #expect(try await process(of: store) == before)
    let waited = try await store.reader.read { connection in
      try connection.first("SELECT count(*) FROM (SELECT pg_sleep(2.5)) AS waited") { $0.int(0) }
    }
    #expect(waited == 1)
    #expect(try await numbers(in: store) == [1])
    try await store.close()
    #expect(proxy.notHeard == [])
  }
}
