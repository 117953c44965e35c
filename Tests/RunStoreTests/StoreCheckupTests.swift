import BatchDomain
import Foundation
import Migrations
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

@Suite("Checkup of a store")
struct StoreCheckupTests {
  private func check(
    _ subject: HealthCheck.Subject, of path: String
  ) async throws -> HealthCheck {
    let checks = await StoreDiagnostics(path: path, now: TestStore.start, busyTimeout: .milliseconds(1))
      .checks()
    #expect(
      checks.map(\.subject) == [.database, .schema, .integrity, .locks, .space, .waits, .sqlite], "\(checks)")
    return try #require(checks.first { $0.subject == subject })
  }

  @Test("where no database is, none is made, and that is no problem")
  func missing() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a/b/store.db")
    let checks = await StoreDiagnostics(path: path, now: TestStore.start).checks()
    #expect(checks.allSatisfy { $0.status != .problem }, "\(checks)")
    #expect(try await check(.database, of: path).message.contains("will be made at \(path)"))
    #expect(try await check(.schema, of: path).status == .skipped)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test("a sound store is ok throughout, also while a run in it is live, and is not changed")
  func sound() async throws {
    let store = try await TestStore()
    let session = try await PlannedItems.plan(
      [PlannedItems.source(0), PlannedItems.source(1)], chunkSize: 1, in: store.store, at: TestStore.start)
    let before = try Raw.query("SELECT state FROM run", in: store.path)
    let checks = await StoreDiagnostics(path: store.path, now: TestStore.start).checks()
    #expect(checks.allSatisfy { $0.status == .ok }, "\(checks)")
    let space = try #require(checks.first { $0.subject == .space })
    #expect(space.message.contains("run \(session.run) still needs about 65 MiB"), "\(space.message)")
    #expect(space.message.contains("1 MiB for 2 chunks left"))
    #expect(try Raw.query("SELECT state FROM run", in: store.path) == before)
  }

  @Test("a file that is no database, one of another program and a newer one are problems")
  func notOurs() async throws {
    let folder = try TemporaryFolder()
    try folder.write(String(repeating: "no database. ", count: 500), to: "text.db")
    #expect(try await check(.schema, of: folder.file("text.db")).status == .problem)
    #expect(try await check(.integrity, of: folder.file("text.db")).status == .skipped)
    #expect(try await check(.space, of: folder.file("text.db")).message.contains("are free where"))
    try Raw.execute("CREATE TABLE other (a)", in: folder.file("other.db"))
    let other = try await check(.schema, of: folder.file("other.db"))
    #expect(other.status == .problem)
    #expect(other.message.contains("another program"))
    #expect(other.remedy != nil)
    #expect(try await check(.database, of: "/dev/null").message.contains("a regular file was expected"))
    let store = try await TestStore()
    try Raw.execute("INSERT INTO migration VALUES (99, 'later', x'00', 0)", in: store.path)
    #expect(try await check(.schema, of: store.path).message.contains("newer"))
  }

  @Test("an older schema is no problem and is not migrated")
  func older() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    try await SQLiteStore.open(path: path, now: TestStore.start, steps: [Migrations.all[0]]).close()
    let schema = try await check(.schema, of: path)
    #expect(schema.status == .ok)
    #expect(schema.message.contains("has schema 1"))
    #expect(try Raw.query("SELECT count(*) FROM migration", in: path) == ["1"])
  }

  @Test("damage in the middle is found")
  func damaged() async throws {
    let scene = try await AuditScene()
    try Raw.execute("PRAGMA wal_checkpoint(TRUNCATE)", in: scene.path)
    let root = try #require(
      Int(try Raw.query("SELECT rootpage FROM sqlite_schema WHERE name = 'item_block'", in: scene.path)[0]))
    try await scene.store.store.close()
    try scene.overwrite(page: root)
    let integrity = try await check(.integrity, of: scene.path)
    #expect(integrity.status == .problem)
    #expect(integrity.remedy?.description.contains("backup") == true)
    #expect(!integrity.message.contains("\\n"), "\(integrity.message)")
  }

  @Test("a place where no file can be is a problem")
  func noPlace() async throws {
    let folder = try TemporaryFolder()
    #expect(try await check(.database, of: folder.path).message.contains("is a folder"))
    try folder.write("", to: "file")
    #expect(try await check(.database, of: folder.file("file/store.db")).status == .problem)
  }

  @Test("too little space is a problem, and the figures are said")
  func space() {
    let need = DiskSpaceEstimate(run: "20261123", chunks: 20_000, manifestBytes: 0)
    let little = need.check(free: 100 << 20, folder: "/data")
    #expect(little.status == .problem)
    #expect(little.message.contains("100 MiB are free where /data is"))
    #expect(
      little.message.contains("about 143 MiB (64 MiB for the write-ahead log, 79 MiB for 20,000 chunks left)")
    )
    #expect(need.check(free: need.bytes, folder: "/data").status == .ok)
    #expect(DiskSpaceEstimate().check(free: 1 << 30, folder: "/data").status == .ok)
  }

  @Test(
    "the versions of SQLite are told apart",
    arguments: [
      (3_040_001, "3.40.1", true, true), (3_051_002, "3.51.2", true, true),
      (3_051_003, "3.51.3", true, false),
      (3_036_000, "3.36.0", false, false),
    ])
  func versions(number: Int, text: String, isOK: Bool, hasBug: Bool) {
    let check = EngineVersion(number: number).check
    #expect(check.message.contains(text))
    #expect((check.status == .ok) == isOK)
    #expect(check.message.contains("WAL-reset") == hasBug)
  }
}
