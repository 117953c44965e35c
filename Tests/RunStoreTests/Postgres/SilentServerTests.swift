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
  /// Of a text that is more than sockets keep.
  private static let words = "a word a word a word"
  private static let text = String(repeating: "a word ", count: 2_000_000)

  /// A store by way of a proxy, with a table for tests.
  ///
  /// - Parameter isPooled: whether the proxy is taken for a pooler.
  private func store(isPooled: Bool = false) async throws -> (store: SQLStore, proxy: BreakingProxy) {
    let cluster = try #require(PostgresCluster.shared)
    let proxy = try BreakingProxy(before: cluster, isPooler: isPooled)
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

  @Test(
    "a COMMIT whose answer does not come on a connection that stays is found out", arguments: [false, true])
  func silentCommit(isPooled: Bool) async throws {
    let (store, proxy) = try await store(isPooled: isPooled)
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
    arguments: [BreakingProxy.Act.fallSilent, .stopTaking, .stopAll], [false, true])
  func silentStatement(act: BreakingProxy.Act, isPooled: Bool) async throws {
    let (store, proxy) = try await store(isPooled: isPooled)
    proxy.expect((Self.words, act))
    await #expect {
      try await store.database.write {
        try $0.run("INSERT INTO entry (number, words) VALUES (1, ?)", .text(Self.text))
      }
    } throws: { error in
      guard let error = error as? StoreError else { return false }
      return error.code == .unreachable && error.message.contains("the server did not answer for ")
    }
    // Nothing of it is locked any more.
    try await store.database.write { try $0.run("INSERT INTO entry VALUES (2)") }
    #expect(try await numbers(in: store) == [2])
    try await store.close()
    #expect(proxy.notHeard == [])
  }

  @Test(
    "rows in bulk that are not taken fail as a server that is not reached",
    arguments: [BreakingProxy.Act.stopTaking, .stopAll], [false, true])
  func silentCopy(act: BreakingProxy.Act, isPooled: Bool) async throws {
    let (store, proxy) = try await store(isPooled: isPooled)
    proxy.expect((Self.words, act))
    await #expect {
      try await store.database.write { connection in
        let sink = try #require(connection.engine.bulkSink(into: "entry", ["number", "words"]))
        for number in 0..<2 {
          try sink.put(.integer(Int64(number)))
          try sink.put(.text(Self.text))
          try sink.endRow()
        }
        try sink.finish()
      }
    } throws: {
      ($0 as? StoreError)?.code == .unreachable
    }
    try await store.database.write { try $0.run("INSERT INTO entry VALUES (2)") }
    #expect(try await numbers(in: store) == [2])
    try await store.close()
    #expect(proxy.notHeard == [])
  }

  @Test("an answer that is not taken further is asked for again on another connection")
  func silentAnswer() async throws {
    let (store, proxy) = try await store()
    proxy.expect(("repeat('long", .stopAll))
    let length = try await store.reader.read { connection in
      try connection.first("SELECT repeat('long ', 10000000)") { $0.bytes(0).count }
    }
    #expect(length == 50_000_000)
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

  @Test(
    "a COMMIT and a statement at which the server is still at work are waited for on their connection",
    arguments: [false, true])
  func atWork(isPooled: Bool) async throws {
    let (store, proxy) = try await store(isPooled: isPooled)
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
