import BatchDomain
import Dispatch
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

@Suite("Prepared statements")
struct StatementTests {
  private func database(_ folder: TemporaryFolder) async throws -> Database {
    let path = folder.file("plain.db")
    let locks = try LockFile(besideDatabase: path)
    return try await Database.open(path: path, mode: .readWrite, locks: locks) { connection in
      try connection.enableDurableLog()
      try connection.execute(
        """
        CREATE TABLE entry (number INTEGER PRIMARY KEY, size INTEGER CHECK (size > 0)) STRICT;
        INSERT INTO entry (number, size) VALUES (1, 1), (2, 1), (3, 1);
        """)
    }
  }

  @Test("a query inside the same query has rows of its own")
  func nested() async throws {
    let folder = try TemporaryFolder()
    let database = try await database(folder)
    let pairs = try await database.read { connection in
      var pairs: [Int] = []
      let query = "SELECT number FROM entry WHERE number >= ? ORDER BY number"
      try connection.forEach(query, .integer(1)) { outer in
        try connection.forEach(query, .integer(2)) { inner in pairs.append(outer.int(0) * 10 + inner.int(0)) }
      }
      return pairs
    }
    #expect(pairs == [12, 13, 22, 23, 32, 33])
  }

  @Test("a statement that failed is good for the next values, and none is left busy")
  func failed() async throws {
    let folder = try TemporaryFolder()
    let database = try await database(folder)
    func insert(_ number: Int, size: Int) async throws {
      try await database.write { connection in
        try connection.run(
          "INSERT INTO entry (number, size) VALUES (?, ?)", .integer(number), .integer(size))
      }
    }
    await #expect(throws: StoreError.self) { try await insert(4, size: 0) }
    try await insert(4, size: 2)
    struct Enough: Error {}
    await #expect(throws: Enough.self) {
      try await database.read { connection in
        try connection.forEach("SELECT number FROM entry") { _ in throw Enough() }
      }
    }
    #expect(try await database.read { $0.hasBusyStatement } == false)
    #expect(
      try await database.read { try $0.rows("SELECT number FROM entry") { $0.int(0) } } == [1, 2, 3, 4])
  }

  @Test("behind a commit that undid one of its changes, no statement is left that could fail")
  func nothingBehindTheCommit() async throws {
    let folder = try TemporaryFolder()
    let database = try await database(folder)
    func spill() async throws -> Int {
      try await database.read { try $0.first("PRAGMA cache_spill") { $0.int(0) } ?? -1 }
    }
    let before = try await spill()
    #expect(before > 0)
    // Two changes in one commit, of which one is refused.
    let gate = DispatchSemaphore(value: 0)
    async let held: Void = database.read { _ in gate.wait() }
    let good = Task {
      try await database.write { try $0.run("INSERT INTO entry (number, size) VALUES (8, 1)") }
    }
    let bad = Task {
      try await database.write { try $0.run("INSERT INTO entry (number, size) VALUES (9, 0)") }
    }
    while database.waitingChanges < 2 { await Task.yield() }
    gate.signal()
    try await held
    #expect(try await good.value == 1)
    await #expect(throws: StoreError.self) { _ = try await bad.value }
    #expect(try await spill() == 0)
    try await database.write { _ = try $0.run("INSERT INTO entry (number, size) VALUES (10, 1)") }
    #expect(try await spill() == before)
  }
}
