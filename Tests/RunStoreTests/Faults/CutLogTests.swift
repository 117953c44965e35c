import BatchDomain
import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import RunStore
@testable import StoreCore

/// A machine that loses power leaves a write-ahead log that ends anywhere, or whose last frame is torn.
@Suite("A write-ahead log that was cut", .timeLimit(.minutes(10)))
struct CutLogTests {
  /// Bytes of the log's header and of a frame's (https://sqlite.org/fileformat2.html#the_write_ahead_log).
  private static let logHeader = 32
  private static let frameHeader = 24
  private static let frame = frameHeader + 4_096

  /// What is on disk at some moment: how long the log is, and what the database says then.
  private struct Moment: Sendable {
    let length: Int
    let content: [String]
  }

  /// A run that ended, its log never moved into the database, and what it was like after every step.
  private struct Recording {
    let folder: TemporaryFolder
    let moments: [Moment]
    let log: Data

    var path: String { folder.file("store.db") }

    /// The database with another log, in a folder of its own.
    func copy(log: Data) throws -> TemporaryFolder {
      let copy = try TemporaryFolder()
      try FileManager.default.copyItem(atPath: path, toPath: copy.file("store.db"))
      try log.write(to: URL(fileURLWithPath: copy.file("store.db-wal")))
      return copy
    }

    /// What the last commit that is whole in a log of that length left.
    func content(at length: Int) -> [String]? { moments.last { $0.length <= length }?.content }
  }

  /// Everything that is recorded, row by row.
  private static func content(of path: String) throws -> [String] {
    try Raw.query(
      """
      SELECT 'run ' || state || ' ' || items || ' ' || attempts FROM run
      UNION ALL SELECT 'chunk ' || number || ' ' || state || ' ' || attempts FROM chunk
      UNION ALL SELECT 'attempt ' || chunk || ' ' || number || ' ' || coalesce(outcome, '') FROM attempt
      UNION ALL SELECT 'settlement ' || chunk || ' ' || attempt || ' ' || verdict FROM settlement
      UNION ALL SELECT 'item ' || sources FROM item_block
      """, in: path)
  }

  private static func record() async throws -> Recording {
    let folder = try TemporaryFolder()
    let storage = try FaultyFolder(folder)
    defer { withExtendedLifetime(storage) {} }
    let path = folder.file("store.db")
    // Whoever holds this byte holds checkpoints back, so that everything is in the log only.
    let locks = try LockFile(besideDatabase: path)
    _ = try locks.lock(LockFile.checkpointByte, exclusive: false)
    let moments = NIOLockedValueBox<[Moment]>([])
    let run = SmallRun(path: path) {
      let attributes = try FileManager.default.attributesOfItem(atPath: path + "-wal")
      let length = try #require(attributes[.size] as? Int)
      let content = try content(of: path)
      moments.withLockedValue { $0.append(Moment(length: length, content: content)) }
    }
    try await run.live()
    return Recording(
      folder: folder, moments: moments.withLockedValue { $0 },
      log: try Data(contentsOf: URL(fileURLWithPath: path + "-wal")))
  }

  @Test("cut at any byte, what was durable before the cut is there, and the run can be taken and finished")
  func cuts() async throws {
    let recording = try await Self.record()
    let log = recording.log
    #expect(recording.moments.count > 10)
    #expect((log.count - Self.logHeader) % Self.frame == 0)
    var cuts: Set = [0, 1, 4, Self.logHeader - 1]
    for (number, start) in stride(from: Self.logHeader, through: log.count, by: Self.frame).enumerated() {
      cuts.formUnion([start - 1, start])
      // What a frame is cut in makes no difference from one frame to the next.
      guard number % 5 == 0 else { continue }
      cuts.formUnion([1, Self.frameHeader - 1, Self.frameHeader, Self.frame / 2].map { start + $0 })
    }
    var survivors: Set<Int> = []
    for (number, cut) in cuts.sorted().enumerated() where cut <= log.count {
      let copy = try recording.copy(log: log.prefix(cut))
      let content = recording.content(at: cut)
      survivors.insert(try await check(copy, against: content, isFinished: number % 3 == 0, "cut at \(cut)"))
    }
    // Some cuts leave nothing, some all.
    #expect(survivors.contains(0) && survivors.contains(recording.moments.last?.content.count ?? 0))
  }

  @Test("garbage in any frame takes back that commit and the later ones, and no earlier one")
  func garbage() async throws {
    let recording = try await Self.record()
    let random = SeededRandom(seed: 5)
    for (number, start) in stride(from: Self.logHeader, to: recording.log.count, by: Self.frame).enumerated()
    {
      var log = recording.log
      let place = start + Int(random.next() % UInt64(Self.frame))
      for offset in place..<min(place + 64, start + Self.frame) {
        log[offset] ^= UInt8(truncatingIfNeeded: random.next() | 1)
      }
      let copy = try recording.copy(log: log)
      _ = try await check(
        copy, against: recording.content(at: start), isFinished: number % 3 == 0, "garbage at \(place)")
    }
  }

  @Test("a page that was torn while the log was moved into the database is read from the log")
  func tornPages() async throws {
    let recording = try await Self.record()
    let store = try await SQLiteStore.open(path: recording.path, now: TestStore.start)
    try await store.database.checkpoint(truncating: false)
    try await store.close()
    let whole = try Data(contentsOf: URL(fileURLWithPath: recording.path))
    #expect(whole.count > 20 * 4_096)
    for start in stride(from: 0, to: whole.count, by: 4_096) {
      let copy = try recording.copy(log: recording.log)
      var torn = whole
      for offset in start + 2_048..<start + 4_096 { torn[offset] = 0xa5 }
      try torn.write(to: URL(fileURLWithPath: copy.file("store.db")))
      _ = try await check(copy, against: recording.content(at: .max), isFinished: true, "page at \(start)")
    }
    // The last page is not all there.
    let copy = try recording.copy(log: recording.log)
    try whole.dropLast(3_000).write(to: URL(fileURLWithPath: copy.file("store.db")))
    _ = try await check(copy, against: recording.content(at: .max), isFinished: true, "last page")
  }

  /// Opens a copy, compares it, and finishes the run in it where that is asked for.
  ///
  /// - Returns: how many rows were there.
  private func check(
    _ copy: TemporaryFolder, against content: [String]?, isFinished: Bool, _ what: Comment
  ) async throws -> Int {
    let storage = try FaultyFolder(copy)
    defer { withExtendedLifetime(storage) {} }
    let path = copy.file("store.db")
    try await SQLiteStore.open(path: path, now: TestStore.start).close()
    let found = try Self.content(of: path)
    // Before the plan was complete, there is nothing to compare.
    if let content { #expect(found == content, what) }
    #expect(try StoreAudit.problems(in: path) == [], what)
    guard isFinished else { return found.count }
    try await SmallRun(path: path).live()
    #expect(
      try Raw.query("SELECT DISTINCT state FROM chunk UNION ALL SELECT state FROM run", in: path)
        == ["accepted", "finished"], what)
    #expect(try StoreAudit.problems(in: path) == [], what)
    return found.count
  }
}
