import BatchDomain
import Foundation
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

@Suite("Group commit")
struct GroupCommitTests {
  /// A database with one table, opened by hand.
  private func database(_ folder: TemporaryFolder) async throws -> Database {
    let path = folder.file("plain.db")
    let locks = try LockFile(besideDatabase: path)
    return try await Database.open(path: path, mode: .readWrite, locks: locks) { connection in
      try connection.enableDurableLog()
      try connection.execute(
        "CREATE TABLE IF NOT EXISTS entry (number INTEGER PRIMARY KEY, size INTEGER CHECK (size > 0)) STRICT")
    }
  }

  private func insert(_ number: Int, size: Int, into database: Database) async throws {
    try await database.write { connection in
      try connection.run(
        "INSERT INTO entry (number, size) VALUES (?, ?)", .integer(number), .integer(size))
    }
  }

  private func numbers(in database: Database) async throws -> [Int] {
    try await database.read { connection in
      try connection.rows("SELECT number FROM entry ORDER BY number") { $0.int(0) }
    }
  }

  @Test("one refused change does not fail its neighbours, and only its own caller hears of it")
  func neighboursSurvive() async throws {
    let folder = try TemporaryFolder()
    let database = try await database(folder)
    let failed = await withTaskGroup(of: Int?.self) { group in
      for number in 0..<60 {
        group.addTask {
          do {
            try await insert(number, size: number % 3 == 0 ? 0 : 1, into: database)
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
    #expect(failed == Set((0..<60).filter { $0 % 3 == 0 }))
    #expect(try await numbers(in: database) == (0..<60).filter { $0 % 3 != 0 })
  }

  @Test("what neighbours of a refused change wrote is there after a crash, however large it was")
  func neighboursSurviveCrash() async throws {
    let folder = try TemporaryFolder()
    let database = try await database(folder)
    try await database.write { connection in
      try connection.execute("CREATE TABLE page (number INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT")
    }
    for round in 0..<2 {
      let refused = await withTaskGroup(of: Bool.self) { group in
        for change in 0..<12 {
          group.addTask {
            do {
              try await database.write { connection in
                // A third is refused after it changed more than the page cache holds, each page twice.
                let isRefused = change % 3 == 0
                for pass in 0..<(isRefused ? 2 : 1) {
                  for number in 0..<(isRefused ? 400 : 5) {
                    try connection.run(
                      "INSERT OR REPLACE INTO page (number, body) VALUES (?, ?)", .integer(number),
                      .text(String(repeating: "\(round) \(change) \(pass) ", count: 1_500)))
                  }
                }
                try connection.run(
                  "INSERT INTO entry (number, size) VALUES (?, ?)", .integer(round * 100 + change),
                  .integer(isRefused ? 0 : 1))
              }
              return false
            } catch {
              return true
            }
          }
        }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(refused == 4)
      // As who comes after a crash: without the shared memory.
      let copy = try TemporaryFolder()
      for file in ["plain.db", "plain.db-wal"] {
        try FileManager.default.copyItem(atPath: folder.file(file), toPath: copy.file(file))
      }
      let content = "SELECT number || body FROM page UNION ALL SELECT number || ' ' || size FROM entry"
      let found = try Raw.query(content, in: copy.file("plain.db"))
      let expected = try await database.read { connection in try connection.rows(content) { $0.text(0) } }
      #expect(found == expected, "round \(round)")
      #expect(expected.count == 5 + (round + 1) * 8)
    }
  }

  @Test("changes that arrive during a commit share the next one")
  func sharing() async throws {
    let folder = try TemporaryFolder()
    let database = try await database(folder)
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<200 {
        group.addTask {
          do { try await insert(number, size: 1, into: database) } catch { Issue.record(error) }
        }
      }
    }
    #expect(try await numbers(in: database).count == 200)
    #expect(try await database.commits < 200)
  }

  @Test("a change that fails half-way leaves none of its statements")
  func allOrNothing() async throws {
    let folder = try TemporaryFolder()
    let database = try await database(folder)
    await #expect(throws: StoreError.self) {
      try await database.write { connection in
        try connection.run("INSERT INTO entry (number, size) VALUES (1, 1)")
        try connection.run("INSERT INTO entry (number, size) VALUES (2, 0)")
      }
    }
    #expect(try await numbers(in: database).isEmpty)
  }

  @Test("a write-ahead log that grew is moved into the database, and stays bounded")
  func checkpoints() async throws {
    let folder = try TemporaryFolder()
    let database = try await database(folder)
    try await database.write { connection in
      try connection.execute("CREATE TABLE blob (data BLOB) STRICT")
    }
    for _ in 0..<40 {
      try await database.write { connection in
        try connection.run("INSERT INTO blob VALUES (randomblob(1000000))")
      }
    }
    let bytes = try await database.read { ($0.sqlite?.logBytes ?? 0) }
    #expect(bytes < WriteAheadLog.limit)
  }

  @Test("a checkpoint waits for nobody: while another holds the commit lock it is left for later")
  func checkpointYields() async throws {
    let folder = try TemporaryFolder()
    let database = try await database(folder)
    let other = try LockFile(besideDatabase: folder.file("plain.db"))
    #expect(try other.lock(LockFile.checkpointByte, exclusive: false))
    try await insert(1, size: 1, into: database)
    try await database.checkpoint(truncating: true)
    #expect(try await database.read { ($0.sqlite?.logBytes ?? 0) } > 0)
    other.unlock(LockFile.checkpointByte)
    try await database.checkpoint(truncating: true)
    #expect(try await database.read { ($0.sqlite?.logBytes ?? 0) } == 0)
  }

  @Test("a closed database says so instead of doing something")
  func closed() async throws {
    let folder = try TemporaryFolder()
    let database = try await database(folder)
    try await database.close()
    await #expect(throws: StoreError.self) { try await insert(1, size: 1, into: database) }
    await #expect(throws: StoreError.self) { try await numbers(in: database) }
  }
}
