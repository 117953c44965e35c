import BatchDomain
import Crypto
import Foundation
import RunStore
import StoreCore
import TestSupport
import Testing

@testable import OrchestrateCommands

@Suite("backup")
struct BackupCommandTests {
  @Test("a copy of a store in use is whole, is checked, can be reported on, and only its owner may read it")
  func copy() async throws {
    let stage = try CommandStage()
    let run = try await stage.planRun()
    // What is committed now is in the log beside the database only.
    let live = try await SQLiteStore.open(path: stage.database, now: stage.clock.now())
    let session = try await live.take(run, isCancelling: false, at: stage.clock.now())
    guard case .chunk(let chunk) = try await session.claim(at: stage.clock.now()) else {
      Issue.record("nothing to claim")
      return
    }
    let file = try stage.folder.write("an older copy", to: "copy.db")
    #expect(try await stage.run(BackupCommand.self, file, "--format", "json") == .done)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(stage.output.written.utf8)) as? [String: Any])
    #expect(Set(document.keys) == ["file", "bytes", "sha256"])
    #expect(document["file"] as? String == file)
    #expect(document["bytes"] as? Int == bytes.count)
    #expect(
      document["sha256"] as? String
        == SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined())
    let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    let names = try FileManager.default.contentsOfDirectory(atPath: stage.folder.path)
    #expect(!names.contains { $0.hasSuffix(".part") || $0.hasPrefix("copy.db-") })
    // The intent that was just recorded is in it.
    let copied = try await SQLiteStore.openForReading(path: file)
    let summary = try await copied.summary(of: run)
    #expect(summary.counts.chunks(in: .submitting) == 1)
    #expect(try await copied.audit(run, listing: 10).problems.allSatisfy { $0.check == .manifestDigest })
    try await copied.close()
    _ = try await session.record(
      AttemptRecord(
        of: chunk, finishedAt: stage.clock.now(), took: .zero, outcome: .accepted, status: 200, code: nil,
        message: nil, isCounted: false, event: .accepted))
    try await live.close()
  }

  @Test(
    "a run that was being sent when its database was copied is not resumed from the copy; a paused one with a warning"
  )
  func olderCopy() async throws {
    let stage = try CommandStage()
    let run = try await stage.planRun()
    let paused = stage.folder.file("paused.db")
    #expect(try await stage.run(BackupCommand.self, paused) == .done)
    let live = try await SQLiteStore.open(path: stage.database, now: stage.clock.now())
    let session = try await live.take(run, isCancelling: false, at: stage.clock.now())
    let sending = stage.folder.file("sending.db")
    #expect(try await stage.run(BackupCommand.self, sending) == .done)
    try await session.release(as: .paused(.signal, detail: nil), at: stage.clock.now())
    try await live.close()

    let refused = try CommandStage(in: stage.folder)
    #expect(try await refused.run(ResumeCommand.self, "latest", "--db", sending) == .badInput)
    #expect(refused.diagnostics.written.contains("would be sent twice"), "\(refused.diagnostics.written)")
    // There is no key, so it ends there.
    let warned = try CommandStage(in: stage.folder)
    #expect(try await warned.run(ResumeCommand.self, "latest", "--db", paused) == .badInput)
    #expect(
      warned.diagnostics.written.contains("warning: this database is a copy"), "\(warned.diagnostics.written)"
    )
    // One that was being planned may have been sent elsewhere since.
    let planning = try CommandStage()
    let planner = try await SQLiteStore.open(path: planning.database, now: planning.clock.now())
    _ = try await planner.plan(
      RunDraft(
        createdAt: planning.clock.now(), random: 1, name: nil, job: nil, manifest: "list.json",
        manifestFile: nil, settings: RunSettings()))
    let planned = planning.folder.file("planned.db")
    #expect(try await planning.run(BackupCommand.self, planned) == .done)
    try await planner.close()
    let again = try CommandStage(in: planning.folder)
    #expect(try await again.run(ResumeCommand.self, "latest", "--db", planned) == .badInput)
    #expect(
      again.diagnostics.written.contains("was being planned or sent"), "\(again.diagnostics.written)")

    let reported = try CommandStage(in: stage.folder)
    #expect(try await reported.run(ReportCommand.self, "latest", "--db", sending) == .done)
    #expect(
      reported.diagnostics.written.contains("`resume` refuses it here: cancel the run"),
      "\(reported.diagnostics.written)")
    let standing = try CommandStage(in: stage.folder)
    #expect(try await standing.run(StatusCommand.self, "--db", paused) == .done)
    #expect(
      standing.diagnostics.written.contains("if run \(run) was resumed elsewhere"),
      "\(standing.diagnostics.written)")
    let original = try CommandStage(in: stage.folder)
    #expect(try await original.run(ResumeCommand.self, "latest") == .badInput)
    #expect(!original.diagnostics.written.contains("copy"), "\(original.diagnostics.written)")
    // It goes on in the copy, and its process dies: that is no matter of the copy any more.
    let copied = try await SQLiteStore.open(path: paused, now: stage.clock.now())
    #expect(try await copied.copyMoment(of: run) != nil)
    for second in [5, 6] {
      stage.clock.advance(by: .seconds(second))
      let again = try await copied.take(run, isCancelling: false, at: stage.clock.now())
      guard case .chunk(let chunk) = try await again.claim(at: stage.clock.now()) else {
        Issue.record("nothing to claim")
        return
      }
      _ = try await again.record(
        AttemptRecord(
          of: chunk, finishedAt: stage.clock.now(), took: .zero, outcome: .accepted, status: 200, code: nil,
          message: nil, isCounted: false, event: .accepted))
      try await again.release(as: .paused(.signal, detail: nil), at: stage.clock.now())
    }
    #expect(try await copied.copyMoment(of: run) == nil)
    try await copied.close()
  }

  @Test("it is not written over the store, nor over a file of it; and without a store nothing is written")
  func refused() async throws {
    let stage = try CommandStage()
    #expect(try await stage.run(BackupCommand.self, stage.folder.file("copy.db")) == .badInput)
    #expect(!FileManager.default.fileExists(atPath: stage.folder.file("copy.db")))
    let run = try await stage.planRun()
    let link = stage.folder.file("link.db")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: stage.database)
    for path in [stage.database, stage.database + "-wal", stage.database + ".lock", link] {
      #expect(try await stage.run(BackupCommand.self, path) == .badInput, "\(path)")
    }
    #expect(try await stage.run(BackupCommand.self, stage.folder.path) == .badInput)
    let store = try await SQLiteStore.openForReading(path: stage.database)
    #expect(try await store.summary(of: run).run == run)
    try await store.close()
  }

  @Test("a backup takes the place of yesterday's, which somebody looked at, and nothing of that is left")
  func nightly() async throws {
    let stage = try CommandStage()
    _ = try await stage.planRun()
    let file = stage.folder.file("backup.db")
    #expect(try await stage.run(BackupCommand.self, file) == .done)
    #expect(try await stage.run(ReportCommand.self, "latest", "--db", file) == .done)
    stage.clock.advance(by: .seconds(86_400))
    let run = try await stage.planRun()
    #expect(try await stage.run(BackupCommand.self, file) == .done, "\(stage.diagnostics.written)")
    let names = try FileManager.default.contentsOfDirectory(atPath: stage.folder.path)
    #expect(names.filter { $0.hasPrefix("backup.db") } == ["backup.db"])
    let copied = try await SQLiteStore.openForReading(path: file)
    #expect(try await copied.summary(of: run).run == run)
    try await copied.close()
  }

  @Test("another database is not replaced, nor a backup that was worked with, nor a log of either")
  func kept() async throws {
    let stage = try CommandStage()
    _ = try await stage.planRun()
    let file = stage.folder.file("backup.db")
    #expect(try await stage.run(BackupCommand.self, file) == .done)
    let used = try await SQLiteStore.open(path: file, now: stage.clock.now())
    let session = try await PlannedItems.plan(
      (0..<3).map { PlannedItems.source($0) }, chunkSize: 3, in: used, at: stage.clock.now())
    try await session.release(as: .paused(.signal, detail: nil), at: stage.clock.now())
    try await used.close()
    let other = stage.folder.file("other.db")
    let live = try await SQLiteStore.open(path: other, now: stage.clock.now())
    for path in [file, other, other + "-wal", other + ".lock"] {
      #expect(try await stage.run(BackupCommand.self, path, "--format", "json") == .badInput, "\(path)")
    }
    #expect(stage.output.written.contains("output_is_database"), "\(stage.output.written)")
    try await live.close()
    let kept = try await SQLiteStore.openForReading(path: file)
    #expect(try await kept.summary(of: session.run).run == session.run)
    try await kept.close()
    // Its log alone would be taken for that of the backup.
    try FileManager.default.removeItem(atPath: file)
    _ = try stage.folder.write("changes", to: "backup.db-wal")
    #expect(try await stage.run(BackupCommand.self, file) == .badInput)
    #expect(!FileManager.default.fileExists(atPath: file))
  }

  @Test("of a damaged store no copy takes the place of an older one")
  func damaged() async throws {
    let stage = try CommandStage()
    _ = try await stage.planRun()
    let file = try stage.folder.write("an older copy", to: "copy.db")
    let handle = try FileHandle(forUpdating: URL(fileURLWithPath: stage.database))
    try handle.seek(toOffset: 3 * 4_096)
    try handle.write(contentsOf: Data(repeating: 0xA5, count: 4_096))
    try handle.close()
    #expect(try await stage.run(BackupCommand.self, file) == .store)
    #expect(try String(contentsOfFile: file, encoding: .utf8) == "an older copy")
  }
}
