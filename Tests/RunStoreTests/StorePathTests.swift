import BatchDomain
import Foundation
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

@Suite("Where a database is")
struct StorePathTests {
  private func link(_ path: String, to target: String) {
    #expect(symlink(target, path) == 0, "\(path)")
  }

  private func real(_ path: String) throws -> String {
    let resolved = try #require(realpath(path, nil))
    defer { free(resolved) }
    return String(cString: resolved)
  }

  @Test("a link to a database that is not there yet leads to it, however it is written")
  func dangling() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.file("big"), withIntermediateDirectories: false)
    try FileManager.default.createDirectory(atPath: folder.file("home"), withIntermediateDirectories: false)
    let target = try real(folder.file("big")) + "/runs.db"
    link(folder.file("absolute.db"), to: folder.file("big/runs.db"))
    link(folder.file("home/relative.db"), to: "../big/runs.db")
    link(folder.file("chain.db"), to: "home/relative.db")
    link(folder.file("parent"), to: "big")
    for path in ["absolute.db", "home/relative.db", "chain.db", "parent/runs.db", "big/runs.db"] {
      #expect(try StorePath.preparing(folder.file(path)) == target, "\(path)")
      #expect(try StorePath.existing(folder.file(path)) == nil, "\(path)")
    }
    try folder.write("", to: "big/runs.db")
    for path in ["absolute.db", "home/relative.db", "chain.db", "parent/runs.db"] {
      #expect(try StorePath.preparing(folder.file(path)) == target, "\(path)")
    }
  }

  @Test("all ways to a new database have one lock file")
  func oneOwner() async throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.file("big"), withIntermediateDirectories: false)
    link(folder.file("runs.db"), to: "big/runs.db")
    let store = try await SQLiteStore.open(path: folder.file("runs.db"), now: TestStore.start)
    let session = try await PlannedItems.plan(
      [PlannedItems.source(0)], chunkSize: 1, in: store, at: TestStore.start)
    for path in ["runs.db", "big/runs.db"] {
      let other = try await SQLiteStore.open(path: folder.file(path), now: TestStore.start)
      #expect(try await other.summary(of: session.run).isLive, "\(path)")
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(Set(names) == ["big", "runs.db"])
  }

  @Test("a database with a second name is read, and not changed under either")
  func hardLink() async throws {
    let store = try await TestStore()
    _ = try await PlannedItems.plan(
      [PlannedItems.source(0)], chunkSize: 1, in: store.store, at: TestStore.start)
    try await store.store.close()
    let folder = try TemporaryFolder()
    let other = folder.file("linked.db")
    #expect(Foundation.link(store.path, other) == 0)
    for path in [store.path, other] {
      let error = try await #require(throws: StoreError.self) {
        try await SQLiteStore.open(path: path, now: TestStore.start)
      }
      #expect(error.code == .unavailable && error.message.contains("2 names"), "\(error)")
      #expect(error.remedy?.description.contains("orchestrate backup") == true)
      let checks = await StoreDiagnostics(path: path, now: TestStore.start).checks()
      #expect(checks.first?.status == .problem)
      // One problem, and not one of the file system's locks as well.
      #expect(checks.first { $0.subject == .locks }?.status == .skipped)
    }
    try await SQLiteStore.openForReading(path: store.path).close()
    #expect(unlink(other) == 0)
    try await SQLiteStore.open(path: store.path, now: TestStore.start).close()
  }

  @Test("an empty file is told as one")
  func empty() async throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("", to: "empty.db")
    let error = try await #require(throws: StoreError.self) {
      try await SQLiteStore.openForReading(path: path)
    }
    #expect(error.code == .schema && error.message.contains("is empty"), "\(error)")
  }

  @Test("links in a circle, and links into a folder that is not there, are told as what they are")
  func broken() throws {
    let folder = try TemporaryFolder()
    link(folder.file("a.db"), to: "b.db")
    link(folder.file("b.db"), to: "a.db")
    let circle = #expect(throws: StoreError.self) { try StorePath.preparing(folder.file("a.db")) }
    #expect(circle?.message.contains("leads in a circle") == true)
    #expect(throws: StoreError.self) { try StorePath.withoutLinks(folder.file("a.db")) }

    link(folder.file("c.db"), to: folder.file("unmounted/runs.db"))
    let missing = #expect(throws: StoreError.self) { try StorePath.preparing(folder.file("c.db")) }
    #expect(missing?.message.contains(folder.file("unmounted")) == true)
    #expect(missing?.remedy?.description.contains("mount") == true)
    // The folder may be a disk that is not there now: nothing is made in its place.
    #expect(!FileManager.default.fileExists(atPath: folder.file("unmounted")))

    link(folder.file("state"), to: folder.file("unmounted"))
    let parent = #expect(throws: StoreError.self) { try StorePath.preparing(folder.file("state/x/runs.db")) }
    #expect(parent?.message.contains("symbolic link to \(folder.file("unmounted"))") == true)
  }

  @Test(
    "what only reads makes no lock file, also beside a file that is no database, and sees one that is made later"
  )
  func lockFile() async throws {
    let folder = try TemporaryFolder()
    try folder.write(String(repeating: "no database. ", count: 500), to: "notes.txt")
    await #expect(throws: StoreError.self) {
      try await SQLiteStore.openForReading(path: folder.file("notes.txt"))
    }
    await #expect(throws: StoreError.self) {
      try await SQLiteStore.open(path: folder.file("notes.txt"), now: TestStore.start)
    }
    _ = await StoreDiagnostics(
      path: folder.file("notes.txt"), now: TestStore.start, busyTimeout: .milliseconds(1)
    ).checks()
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["notes.txt"])

    let store = try await TestStore()
    let session = try await PlannedItems.plan(
      [PlannedItems.source(0)], chunkSize: 1, in: store.store, at: TestStore.start)
    try await session.release(as: .paused(.signal, detail: nil), at: TestStore.start)
    try await store.store.close()
    try FileManager.default.removeItem(atPath: store.path + ".lock")
    let reader = try await SQLiteStore.openForReading(path: store.path)
    #expect(try await !reader.summary(of: session.run).isLive)
    #expect(!FileManager.default.fileExists(atPath: store.path + ".lock"))
    let owner = try await SQLiteStore.open(path: store.path, now: TestStore.start)
    let taken = try await owner.take(session.run, isCancelling: false, at: TestStore.start)
    #expect(try await reader.summary(of: session.run).isLive)
    try await taken.release(as: .paused(.signal, detail: nil), at: TestStore.start)
  }
}

@Suite("Databases that cannot change")
struct UnchangingDatabaseTests {
  /// A copy of a database with three items as another process left it: with its log, and without the log's index.
  private func copy(to name: String, emptyingLog: Bool) async throws -> (
    folder: TemporaryFolder, path: String
  ) {
    let store = try await TestStore()
    let session = try await PlannedItems.plan(
      (0..<3).map { PlannedItems.source($0) }, chunkSize: 1, in: store.store, at: TestStore.start)
    try await session.release(as: .paused(.signal, detail: nil), at: TestStore.start)
    if emptyingLog { try Raw.execute("PRAGMA wal_checkpoint(TRUNCATE)", in: store.path) }
    let folder = try TemporaryFolder()
    let path = folder.file(name)
    try FileManager.default.copyItem(atPath: store.path, toPath: path)
    if !emptyingLog { try FileManager.default.copyItem(atPath: store.path + "-wal", toPath: path + "-wal") }
    return (folder, path)
  }

  @Test(
    "they are read with their log and without, whatever their name, and nothing is made beside them",
    arguments: [false, true], ["store.db", "a b?mode=memory#1%41 ü.db"])
  func modes(hasLog: Bool, name: String) async throws {
    let (folder, path) = try await copy(to: name, emptyingLog: !hasLog)
    let connection = try Connection(
      path: path, mode: hasLog ? .unchangingWithLog : .unchanging, busyTimeout: .zero)
    #expect(try connection.first("SELECT total(items) FROM run") { $0.int(0) } == 3)
    #expect(throws: StoreError.self) { try connection.execute("DELETE FROM run") }
    #expect(
      Set(try FileManager.default.contentsOfDirectory(atPath: folder.path))
        == Set(hasLog ? [name, name + "-wal"] : [name]))
  }
}

@Suite("Temporary stores")
struct TemporaryStoreTests {
  @Test("a temporary store plans as any other, and each is alone")
  func plans() async throws {
    let (one, other) = (
      try await SQLiteStore.openTemporary(now: TestStore.start),
      try await SQLiteStore.openTemporary(now: TestStore.start)
    )
    let session = try await PlannedItems.plan(
      (0..<20).map { PlannedItems.source($0) }, chunkSize: 3, in: one, at: TestStore.start)
    #expect(try await one.summary(of: session.run).items == 20)
    #expect(try await other.summaries(before: nil, limit: 10).isEmpty)
    try await one.close()
    try await other.close()
  }
}
