import BatchDomain
import Foundation
import Migrations
import RunStore
import StoreCore
import TestSupport
import Testing

/// Databases as each format of the store left them, kept in `Formats`: each of them is upgraded.
@Suite("Formats of the store")
struct FormatsTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Formats")

  /// When the wait that the service asked for in these databases is over.
  private static let later = Timestamp(milliseconds: 1_764_100_000_000)

  @Test("there is a database of each earlier format")
  func complete() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
      .filter { $0.hasSuffix(".sql") }.sorted()
    let all = (1...Migrations.all.count).map(Self.name)
    // One of the newest may be there already.
    #expect(files == all || files == all.dropLast(), "make what is missing with make-format.py")
  }

  @Test(
    "a database of each format is upgraded, is sound and says the same, and its runs go on",
    arguments: 1...Migrations.all.count)
  func upgrades(format: Int) async throws {
    let source = Self.folder.appendingPathComponent(Self.name(format))
    guard FileManager.default.fileExists(atPath: source.path) else { return }
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    try Raw.execute(try String(contentsOf: source, encoding: .utf8), in: path)

    let store = try await SQLiteStore.open(path: path, now: TestStore.start)
    #expect(try Raw.query("SELECT count(*) FROM migration", in: path) == ["\(Migrations.all.count)"])
    #expect(try Raw.query("PRAGMA integrity_check", in: path) == ["ok"])
    #expect(try Raw.query("PRAGMA foreign_key_check", in: path).isEmpty)
    let backups = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.contains(".before-") }
    #expect(backups.count == (format == Migrations.all.count ? 0 : 1))

    let runs = try await store.summaries(before: nil, limit: 10)
    #expect(runs.map(\.state) == (format < 10 ? [.paused, .finished] : [.paused, .paused, .finished]))
    let (lost, done) = (runs[runs.count - 2], runs[runs.count - 1])
    #expect(done.counts.items(in: .accepted) == 2 && done.counts.items(in: .rejected) == 1)
    #expect(lost.counts.items(in: .accepted) == 2 && lost.counts.items(in: .unknown) == 2)
    #expect(lost.counts.items(in: .pending) == 2)
    for run in runs {
      let audit = try await store.audit(run.run, listing: 10)
      #expect(audit.problems.isEmpty, "format \(format), run \(run.run): \(audit.problems)")
    }
    let rejected = try await store.items(of: done.run, in: [.rejected], after: nil, limit: 5)
    #expect(
      rejected.map { String(decoding: $0.source, as: UTF8.self) } == [
        #"{"index_id":"629d807aa9e2a3a33a92c00b","language":"en","object":"s3://media-west/a/1-2.mp4"}"#
      ])
    #expect(try await store.settings(of: lost.run).chunkSize == 2)

    // What was left is sent, and what was lost is not.
    let session = try await store.take(lost.run, isCancelling: false, at: Self.later)
    guard case .chunk(let chunk) = try await session.claim(at: Self.later) else {
      Issue.record("format \(format): the chunk that is left is not claimed")
      return
    }
    #expect(chunk.number.rawValue == 2)
    try await store.close()
  }

  private static func name(_ format: Int) -> String { "format-\(format.padded(2)).sql" }
}
