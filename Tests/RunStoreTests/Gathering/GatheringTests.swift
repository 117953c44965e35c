import CSQLite
import Foundation
import TestSupport
import Testing

/// What the VFS that gathers writes must not change: what others see, and what is in the files.
@Suite("Writes that are gathered", .timeLimit(.minutes(5)))
struct GatheringTests {
  private static let content = "SELECT id || ' ' || body FROM item ORDER BY id"

  /// A database with two writers, a reader, and what must be in it.
  private final class Scene {
    let folder: TemporaryFolder
    let storage: FaultyFolder
    let path: String
    let writers: [PlainConnection]
    let reader: PlainConnection
    var committed: [Int: String] = [:]
    /// What the reader's transaction began with, while it has one.
    var snapshot: [String]?

    init() throws {
      folder = try TemporaryFolder()
      // Syncs do nothing there.
      storage = try FaultyFolder(folder)
      path = folder.file("gathered.db")
      writers = [try PlainConnection(path), try PlainConnection(path)]
      reader = try PlainConnection(path)
      try writers[0].run("CREATE TABLE item (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
    }

    var expected: [String] { committed.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" } }

    /// What a process finds that comes after a crash: no shared memory, and SQLite's own VFS.
    func recovered() throws -> [String] {
      let copy = try TemporaryFolder()
      for file in ["gathered.db", "gathered.db-wal"] {
        try FileManager.default.copyItem(atPath: folder.file(file), toPath: copy.file(file))
      }
      #expect(try Raw.query("PRAGMA integrity_check", in: copy.file("gathered.db")) == ["ok"])
      return try Raw.query(GatheringTests.content, in: copy.file("gathered.db"))
    }
  }

  @Test(
    "whatever transactions do, others see what was committed, and so does who comes after a crash",
    arguments: 1...10)
  func transactions(seed: Int) throws {
    let random = SeededRandom(seed: UInt64(seed))
    func draw(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
    let scene = try Scene()
    // Not both: SQLite 3.40.1 by itself leaves wrong checksums in the log where a savepoint is undone after pages spilled,
    // which is why `Database` lets nothing spill where it has savepoints.
    let hasSavepoints = seed > 7
    if hasSavepoints { for writer in scene.writers { try writer.run("PRAGMA cache_spill = OFF") } }
    for round in 0..<120 {
      let writer = scene.writers[draw(2)]
      try writer.run("BEGIN IMMEDIATE")
      var items = scene.committed
      var saved: [Int: String]?
      for _ in 0..<1 + draw(40) {
        let id = draw(80)
        switch draw(8) {
        case 0:
          try writer.run("DELETE FROM item WHERE id = \(id)")
          items[id] = nil
        case 1 where hasSavepoints:
          try writer.run("SAVEPOINT here")
          saved = items
        case 2 where hasSavepoints:
          guard let saved else { continue }
          try writer.run("ROLLBACK TO here")
          items = saved
        default:
          let body = String(repeating: "\(random.next() % 1_000),", count: 1 + draw(2_000))
          try writer.run("INSERT OR REPLACE INTO item VALUES (\(id), '\(body)')")
          items[id] = body
        }
      }
      let isKept = draw(3) > 0
      try writer.run(isKept ? "COMMIT" : "ROLLBACK")
      if isKept { scene.committed = items }
      let other = scene.writers[draw(2)]
      #expect(try other.rows(Self.content) == scene.expected, "round \(round)")
      if draw(4) == 0 {
        // A snapshot that lasts some rounds keeps a checkpoint from copying all of the log.
        if let snapshot = scene.snapshot {
          #expect(try scene.reader.rows(Self.content) == snapshot, "round \(round)")
          try scene.reader.run("COMMIT")
          scene.snapshot = nil
        } else {
          try scene.reader.run("BEGIN")
          scene.snapshot = try scene.reader.rows(Self.content)
        }
      }
      if draw(3) == 0 { #expect(scene.writers[draw(2)].checkpoint() == SQLITE_OK, "round \(round)") }
      if draw(5) == 0 { #expect(try scene.recovered() == scene.expected, "round \(round)") }
    }
    #expect(try scene.recovered() == scene.expected)
  }

  @Test("what was undone never overwrites what somebody else committed after it")
  func undoneThenCommitted() throws {
    let scene = try Scene()
    let body = String(repeating: "x", count: 3_000)
    try scene.writers[0].run("BEGIN IMMEDIATE")
    for id in 0..<30 { try scene.writers[0].run("INSERT INTO item VALUES (\(id), '\(body)')") }
    try scene.writers[0].run("ROLLBACK")
    try scene.writers[1].run("INSERT INTO item VALUES (100, 'kept')")
    #expect(try scene.writers[0].rows(Self.content) == ["100 kept"])
    #expect(try scene.recovered() == ["100 kept"])
  }

  @Test("a transaction that goes on after a read found no space to hand its pages on loses none of them")
  func readThatFindsNoSpace() throws {
    var wasTouched = true
    var call = 0
    while wasTouched {
      call += 1
      let scene = try Scene()
      let writer = scene.writers[0]
      try writer.run("BEGIN IMMEDIATE")
      for id in 0..<14 {
        let body = String(repeating: "\(id) ", count: 1_500)
        try writer.run("INSERT INTO item VALUES (\(id), '\(body)')")
        scene.committed[id] = body
      }
      scene.storage.arm(.diskFull, at: call, lasting: false)
      // Reads what spilled, and may be undone by itself.
      do {
        try writer.run("UPDATE item SET body = substr(body, 1, 10) WHERE id % 2 = 0 AND length(body) > 20")
        for id in scene.committed.keys where id % 2 == 0 {
          scene.committed[id] = scene.committed[id].map { String($0.prefix(10)) }
        }
      } catch is PlainConnection.Failure {}
      wasTouched = scene.storage.disarm() > 0
      if writer.isInTransaction { try writer.run("COMMIT") } else { scene.committed = [:] }
      #expect(try scene.writers[1].rows(Self.content) == scene.expected, "call \(call)")
      #expect(try scene.recovered() == scene.expected, "call \(call)")
    }
    #expect(call > 1)
  }

  @Test(
    "a write that fails is told by what it was part of, and nothing is lost",
    arguments: [FaultyFolder.Fault.diskFull, .writeError], [false, true])
  func failingWrites(fault: FaultyFolder.Fault, hasReader: Bool) throws {
    var call = 0
    var wasTouched = true
    while wasTouched {
      call += 1
      let scene = try Scene()
      func insert(_ range: Range<Int>) throws {
        let body = String(repeating: "y", count: 6_000)
        try scene.writers[0].run("BEGIN IMMEDIATE")
        for id in range { try scene.writers[0].run("INSERT INTO item VALUES (\(id), '\(body)')") }
        try scene.writers[0].run("COMMIT")
        for id in range { scene.committed[id] = body }
      }
      try insert(0..<100)
      if hasReader {
        try scene.reader.run("BEGIN")
        _ = try scene.reader.rows(Self.content)
      }
      try insert(100..<110)
      scene.storage.arm(fault, at: call, lasting: false)
      let code = scene.writers[1].checkpoint()
      let wasCheckpoint = scene.storage.disarm() > 0
      #expect(wasCheckpoint == (code != SQLITE_OK), "call \(call): \(code)")
      scene.storage.arm(fault, at: call, lasting: false)
      var failure: (any Error)?
      do { try insert(200..<230) } catch { failure = error }
      // Some failures undo the transaction, others leave that to its owner.
      if scene.writers[0].isInTransaction { try scene.writers[0].run("ROLLBACK") }
      let wasCommit = scene.storage.disarm() > 0
      #expect(wasCommit == (failure != nil), "call \(call)")
      #expect(try scene.writers[1].rows(Self.content) == scene.expected, "call \(call)")
      #expect(try scene.recovered() == scene.expected, "call \(call)")
      // Storage works again.
      if hasReader { try scene.reader.run("COMMIT") }
      try scene.writers[1].run("INSERT INTO item VALUES (500, 'z')")
      scene.committed[500] = "z"
      #expect(scene.writers[1].checkpoint() == SQLITE_OK, "call \(call)")
      #expect(try scene.recovered() == scene.expected, "call \(call)")
      wasTouched = wasCheckpoint || wasCommit
    }
    #expect(call > 3)
  }
}
