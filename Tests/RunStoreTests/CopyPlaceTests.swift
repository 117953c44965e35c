import BatchDomain
import Foundation
import StoreCore
import TestSupport
import Testing

@testable import RunStore

@Suite("The place of a copy")
struct CopyPlaceTests {
  private let folder: TemporaryFolder
  private let place: String

  init() throws {
    folder = try TemporaryFolder()
    place = folder.file("copy.db")
  }

  private let now = Timestamp(milliseconds: 1_700_000_000_000)

  /// Makes a database and a copy of it.
  private func copy(to name: String) async throws {
    let source = folder.file("source.db")
    try await SQLiteStore.open(path: source, now: now).close()
    _ = try folder.write("", to: name)
    _ = try await SQLiteStore.copy(source, to: folder.file(name), at: { [now] in now })
  }

  private func move() throws {
    guard rename(folder.file("new"), place) == 0 else { throw POSIXError(.EIO) }
  }

  private func sizes() throws -> [String: Int] {
    var sizes: [String: Int] = [:]
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    for name in names where name.hasPrefix("copy.db") {
      sizes[name] = try FileManager.default.attributesOfItem(atPath: folder.file(name))[.size] as? Int
    }
    return sizes
  }

  @Test("a copy has no log, and takes the place of one that was only read, and of a file that is no database")
  func replaced() async throws {
    try await copy(to: "copy.db")
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: place)))
    // Read and write version 1: a rollback journal (https://sqlite.org/fileformat2.html#file_format_version_numbers).
    #expect(Array(bytes[18..<20]) == [1, 1])
    try await SQLiteStore.openForReading(path: place).close()
    #expect(try CopyPlace(place).obstacle() == nil)
    for old in ["", "a list of something"] {
      try await copy(to: "new")
      #expect(try CopyPlace(place).fill(move) == nil)
      #expect(try sizes().keys.sorted() == ["copy.db"])
      // What a reader of an earlier copy left, and an empty file of the system.
      for ending in ["-wal", "-shm", "-journal"] { _ = try folder.write("", to: "copy.db" + ending) }
      _ = try folder.write(old, to: "copy.db")
    }
    try await copy(to: "new")
    #expect(try CopyPlace(place).fill(move) == nil)
    #expect(try sizes().keys.sorted() == ["copy.db"])
    try await SQLiteStore.openForReading(path: place).close()
  }

  @Test("neither a database nor a copy that was opened for work is replaced, whether it has a log or not")
  func kept() async throws {
    try await copy(to: "copy.db")
    let used = try await SQLiteStore.open(path: place, now: now)
    try await copy(to: "new")
    for isOpen in [true, false] {
      if !isOpen { try await used.close() }
      let before = try Data(contentsOf: URL(fileURLWithPath: place))
      #expect(try CopyPlace(place).obstacle() == .database)
      #expect(try CopyPlace(place).fill(move) == .database)
      #expect(try Data(contentsOf: URL(fileURLWithPath: place)) == before)
    }
    try FileManager.default.removeItem(atPath: place)
    for name in ["copy.db-wal", "copy.db-shm"] where try sizes()[name] != nil {
      try FileManager.default.removeItem(atPath: folder.file(name))
    }
    try await SQLiteStore.open(path: place, now: now).close()
    #expect(try CopyPlace(place).fill(move) == .database)
  }

  @Test("a copy of an earlier version, which has a log, is replaced as long as it has no lock file")
  func earlier() async throws {
    try await copy(to: "copy.db")
    try Connection(path: place, mode: .readWrite, busyTimeout: .zero).enableDurableLog()
    try await copy(to: "new")
    _ = try folder.write("", to: "copy.db.lock")
    #expect(try CopyPlace(place).fill(move) == .database)
    #expect(unlink(place + ".lock") == 0)
    #expect(try CopyPlace(place).obstacle() == nil)
    #expect(try CopyPlace(place).fill(move) == nil)
    #expect(try sizes().keys.sorted() == ["copy.db"])
  }

  @Test("a log with changes in it is in the way, whatever it lies beside", arguments: ["-wal", "-journal"])
  func log(ending: String) async throws {
    try await copy(to: "new")
    _ = try folder.write("changes", to: "copy.db" + ending)
    #expect(try CopyPlace(place).fill(move) == .log(place + ending))
    _ = try folder.write("no database", to: "copy.db")
    #expect(try CopyPlace(place).obstacle() == .log(place + ending))
    try await copy(to: "other")
    #expect(rename(folder.file("other"), place) == 0)
    #expect(try CopyPlace(place).fill(move) == .database)
    #expect(try sizes()["copy.db" + ending] == 7)
  }

  @Test("nobody begins to work with a copy while it is replaced, nor with the one that was replaced")
  func race() async throws {
    try await copy(to: "copy.db")
    try await copy(to: "new")
    let early = try Connection(path: place, mode: .readWrite, busyTimeout: .zero)
    #expect(try early.first("SELECT count(*) FROM run") { $0.int(0) } == 0)
    let obstacle = try CopyPlace(place).fill {
      let error = #expect(throws: StoreError.self) { try early.enableDurableLog() }
      #expect(error?.code == .locked)
      // A reader goes on.
      #expect(try early.first("SELECT count(*) FROM run") { $0.int(0) } == 0)
      try move()
    }
    #expect(obstacle == nil)
    let error = #expect(throws: StoreError.self) { try early.enableDurableLog() }
    // SQLITE_READONLY_DBMOVED
    let moved: Int32 = 8 | (4 << 8)
    #expect(error?.engineCode == moved)
    #expect(try sizes().keys.sorted() == ["copy.db"])
    try await SQLiteStore.open(path: place, now: now).close()
  }

  @Test("a file that is not put in its place leaves what was there")
  func failed() async throws {
    try await copy(to: "copy.db")
    let before = try Data(contentsOf: URL(fileURLWithPath: place))
    #expect(throws: POSIXError.self) { try CopyPlace(place).fill(move) }
    #expect(try Data(contentsOf: URL(fileURLWithPath: place)) == before)
    #expect(try CopyPlace(place).obstacle() == nil)
  }
}
