import BatchDomain
import Foundation
import NIOConcurrencyHelpers
import PostgresStore
import TestSupport
import Testing

@testable import StoreCore

/// Rows in bulk, and statements that are run later, on a connection to a server.
@Suite("statements on PostgreSQL", .enabled(if: PostgresCluster.isAvailable))
struct PostgresStatementsTests {
  private func open(_ target: PostgresTarget) async throws -> SQLStore {
    let cluster = try #require(PostgresCluster.shared)
    return try await PostgresStore.open(
      target, createsSchema: true, stampsIntents: false, cluster.surroundings(StillClock()))
  }

  /// A store with a table for tests.
  private func store() async throws -> (store: SQLStore, target: PostgresTarget) {
    let target = try #require(PostgresCluster.shared).makeTarget()
    let store = try await open(target)
    try await store.database.write { connection in
      try connection.execute(
        "CREATE TABLE entry (number bigint PRIMARY KEY, size bigint CHECK (size > 0), name text, body bytea)")
    }
    return (store, target)
  }

  private func numbers(in store: SQLStore) async throws -> [Int] {
    try await store.database.read { connection in
      try connection.rows("SELECT number FROM entry ORDER BY number") { $0.int(0) }
    }
  }

  private static func put(_ numbers: Range<Int>, in connection: Connection) throws {
    try connection.insert(into: "entry", ["number", "size"]) { rows in
      for number in numbers {
        try rows.put(.integer(number))
        try rows.put(.integer(1))
        try rows.endRow()
      }
    }
  }

  @Test("rows in bulk are in the table as they were put: none, empty, negative, long")
  func bulk() async throws {
    let (store, _) = try await store()
    let long = [UInt8](repeating: 0, count: 200_000) + [0xFF]
    try await store.database.write { connection in
      try connection.insert(into: "entry", ["number", "name", "body"]) { rows in
        let texts: [(Int, String?, [UInt8]?)] = [
          (-1, nil, nil), (0, "", []), (1 << 40, "\u{e9}\n\t\\", long),
        ]
        for (number, name, body) in texts {
          try rows.put(.integer(number))
          try rows.put(.text(name))
          if let body {
            try body.withUnsafeBytes { try rows.put(keeping: $0) }
          } else {
            try rows.put(.blob(nil))
          }
          try rows.endRow()
        }
      }
      // Nothing to put is nothing that fails.
      try connection.insert(into: "entry", ["number"]) { _ in }
    }
    let found = try await store.database.read { connection in
      try connection.rows("SELECT number, name, body, body IS NULL FROM entry ORDER BY number") {
        ($0.int(0), $0.optionalText(1), [UInt8]($0.bytes(2)), $0.flag(3))
      }
    }
    #expect(found.map(\.0) == [-1, 0, 1 << 40])
    #expect(found.map(\.1) == [nil, "", "\u{e9}\n\t\\"])
    #expect(found.map(\.2) == [[], [], long])
    #expect(found.map(\.3) == [true, false, false])
    try await store.close()
  }

  @Test("a sum that no number holds is the largest or the least one")
  func sums() async throws {
    let (store, _) = try await store()
    let sums = try await store.database.read { connection in
      try ["9223372036854775807), (1", "-9223372036854775807), (-2", "9223372036854775807), (-7"].map {
        values in
        try connection.first("SELECT sum(n) FROM (VALUES (\(values))) AS v (n)") { $0.int(0) }
      }
    }
    #expect(sums == [.max, .min, .max - 7])
  }

  @Test("rows in bulk that the table refuses are refused as a whole, with what the change made before")
  func refusedBulk() async throws {
    let (store, _) = try await store()
    try await store.database.write { try Self.put(5..<6, in: $0) }
    await #expect(throws: StoreError.self) {
      try await store.database.write { connection in
        try Self.put(10..<20, in: connection)
        try Self.put(0..<100, in: connection)
      }
    }
    try await store.database.write { try Self.put(200..<201, in: $0) }
    #expect(try await numbers(in: store) == [5, 200])
    try await store.close()
  }

  @Test("a statement that was run later and is not as expected undoes its own change, not its neighbours")
  func later() async throws {
    let (store, _) = try await store()
    try await store.database.write { try Self.put(0..<60, in: $0) }
    let failed = await withTaskGroup(of: Int?.self) { group in
      for number in 0..<60 {
        group.addTask {
          do {
            try await store.database.write { connection in
              // Refused by the table, by the number of rows, or by the caller while the statement waits.
              try connection.runLater(
                "UPDATE entry SET size = ?, name = 'changed' WHERE number = ?",
                .integer(number % 6 == 0 ? 0 : 1), .integer(number % 6 == 2 ? -number : number)
              ) { changed throws(StoreError) in
                if changed != 1 { throw StoreError(.conflict, "\(number) is not there") }
              }
              if number % 6 == 4 { throw StoreError(.conflict, "the caller changed its mind") }
              if number % 4 == 1 { _ = try connection.first("SELECT 1") { $0.int(0) } }
            }
            return nil
          } catch {
            return number
          }
        }
      }
      return await group.reduce(into: Set<Int>()) { failed, number in
        if let number { failed.insert(number) }
      }
    }
    #expect(failed == Set((0..<60).filter { $0 % 2 == 0 }))
    let changed = try await store.database.read { connection in
      try connection.rows("SELECT number FROM entry WHERE name = 'changed' ORDER BY number") { $0.int(0) }
    }
    #expect(changed == (0..<60).filter { $0 % 2 == 1 })
    try await store.close()
  }

  @Test("statements that were run later are seen by the next one that reads, and are run in order")
  func order() async throws {
    let (store, _) = try await store()
    let sizes = try await store.database.write { connection -> [Int] in
      try Self.put(0..<1, in: connection)
      return try (2..<40).map { size in
        try connection.runLater("UPDATE entry SET size = ? WHERE number = 0", .integer(size - 1))
        try connection.runLater("UPDATE entry SET size = size + 1 WHERE number = 0")
        return try connection.first("SELECT size FROM entry WHERE number = 0") { $0.int(0) } ?? 0
      }
    }
    #expect(sizes == Array(2..<40))
    try await store.close()
  }

  @Test("a statement that failed, one that is in use further out, and one that is used often can all be run")
  func again() async throws {
    let (store, _) = try await store()
    let sql = "INSERT INTO entry (number, size) VALUES (?, 1)"
    for number in [0, 1, 1, 2] {
      do {
        try await store.database.write { _ = try $0.run(sql, .integer(number)) }
      } catch let error as StoreError where number == 1 {
        #expect(error.message.contains("duplicate key"))
      }
    }
    let found = try await store.database.read { connection -> [[Int]] in
      let sql = "SELECT number FROM entry WHERE number >= ? ORDER BY number"
      return try connection.rows(sql, .integer(1)) { outer in
        [outer.int(0)] + (try connection.rows(sql, .integer(0)) { $0.int(0) })
      }
    }
    #expect(found == [[1, 0, 1, 2], [2, 0, 1, 2]])
    try await store.database.write { connection in
      for number in 10..<700 { try connection.run(sql, .integer(number)) }
    }
    let prepared = try await store.database.write { connection in
      try connection.rows("SELECT 1 FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO entry%'") {
        _ in 1
      }
    }
    // At first, after 64 uses, and after 512 more.
    #expect(prepared.count == 3)
    #expect(try await numbers(in: store).count == 3 + 690)
    try await store.close()
  }

  @Test("a chunk that is named by its number is found by its key, also without statistics")
  func key() async throws {
    let (store, _) = try await store()
    let sources = (0..<2_000).map { PlannedItems.source($0) }
    _ = try await PlannedItems.plan(
      sources, chunkSize: 1, in: store, at: TestStore.start, digest: PlannedItems.digest(of: sources))
    let plan = try await store.database.read { connection in
      try connection.rows(
        "EXPLAIN UPDATE chunk SET attempts = 1 WHERE run = 1 AND number = 2 AND \(ChunkRows.isIn(.pending))"
      ) { $0.text(0) }
    }
    #expect(plan.contains { $0.contains("chunk_pkey") }, "\(plan)")
    try await store.close()
  }

  @Test("of two changes that wait for each other, the one that the server ends is made again")
  func deadlock() async throws {
    let (first, target) = try await store()
    let second = try await open(target)
    try await first.database.write { try Self.put(0..<2, in: $0) }
    let meeting = Meeting()
    async let one: Void = first.database.write { try meeting.change(0, then: 1, in: $0) }
    async let other: Void = second.database.write { try meeting.change(1, then: 0, in: $0) }
    _ = try await (one, other)
    let sizes = try await first.database.read { connection in
      try connection.rows("SELECT size FROM entry ORDER BY number") { $0.int(0) }
    }
    #expect(sizes == [3, 3])
    // Once more for each time that the server ended one: made again, it may take its row before the other wakes.
    #expect(meeting.visits >= 3)
    try await first.close()
    try await second.close()
  }

  /// Two changes that each change one row, wait until both have, and then want the other's.
  private final class Meeting: Sendable {
    private let visited = NSCondition()
    private let count = NIOLockedValueBox(0)

    /// Changes that were made so far, those that the server ended among them.
    var visits: Int { count.withLockedValue { $0 } }

    func change(_ mine: Int, then theirs: Int, in connection: Connection) throws {
      let sql = "UPDATE entry SET size = size + 1 WHERE number = ?"
      try connection.run(sql, .integer(mine))
      visited.lock()
      count.withLockedValue { $0 += 1 }
      visited.broadcast()
      while visits < 2 { visited.wait() }
      visited.unlock()
      try connection.runLater(sql, .integer(theirs))
    }
  }
}
