import BatchDomain
import Foundation
import RunStore
import StoreCore
import TestSupport
import Testing

@testable import OrchestrateCommands

@Suite("Submitting what was accepted before")
struct KnownItemsCommandTests {
  /// A stage whose database has a run of five accepted items, and a manifest of six.
  private func stage() async throws -> (CommandStage, RunID, manifest: String) {
    let stage = try CommandStage()
    let store = try await SQLiteStore.open(path: stage.database, now: stage.clock.now())
    let sources = (0..<6).map { PlannedItems.source($0) }
    let session = try await PlannedItems.plan(
      Array(sources[..<5]), chunkSize: 5, in: store, at: stage.clock.now())
    while case .chunk(let chunk) = try await session.claim(at: stage.clock.now()) {
      _ = try await session.record(
        AttemptRecord(
          of: chunk, finishedAt: stage.clock.now(), took: .zero, outcome: .accepted, status: 200, code: nil,
          message: nil, isCounted: false, event: .accepted))
    }
    try await session.release(as: .finished, at: stage.clock.now())
    try await store.close()
    return (stage, session.run, try stage.folder.write(sources.joined(separator: "\n"), to: "videos.jsonl"))
  }

  @Test("a dry run says how many items were accepted before, and in which run; --strict does not refuse them")
  func dryRun() async throws {
    let (stage, run, manifest) = try await stage()
    #expect(try await stage.run(SubmitCommand.self, manifest, "--dry-run", "--strict") == .done)
    #expect(stage.diagnostics.written.contains("warning: 5 of 6 items were already accepted in run \(run)"))
  }

  @Test("a dry run says that an earlier run has the manifest, in the words in which it is refused")
  func submittedBefore() async throws {
    let stage = try CommandStage()
    let sources = (0..<6).map { PlannedItems.source($0) }
    let manifest = try stage.folder.write(sources.joined(separator: "\n"), to: "videos.jsonl")
    let store = try await SQLiteStore.open(path: stage.database, now: stage.clock.now())
    let session = try await PlannedItems.plan(
      sources, chunkSize: 6, in: store, at: stage.clock.now(), digest: PlannedItems.digest(of: sources))
    let run = session.run
    try await session.release(as: .paused(.signal, detail: nil), at: stage.clock.now())
    try await store.close()

    let before = try Data(contentsOf: URL(fileURLWithPath: stage.database))
    #expect(try await stage.run(SubmitCommand.self, manifest, "--dry-run", "--format", "json") == .done)
    let document = try JSONSerialization.jsonObject(with: Data(stage.output.written.utf8)) as? [String: Any]
    #expect(document.map { Set($0.keys) } == ["plan", "settings", "findings", "findings_total"])
    #expect((document?["plan"] as? [String: Any])?["items"] as? Int == 6)
    let said =
      "warning: `submit` refuses this: manifest \(manifest) was already submitted to \(RunSettings().baseURL) as run "
      + "\(run); `orchestrate resume \(run) "
    #expect(stage.diagnostics.written.contains(said), "\(stage.diagnostics.written)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: stage.database)) == before)

    for options in [["--again"], ["--new-only"], ["--base-url=https://api.example.com"], ["--limit=5"]] {
      let other = try CommandStage(in: stage.folder)
      #expect(try await other.run(SubmitCommand.self, [manifest, "--dry-run"] + options) == .done)
      #expect(!other.diagnostics.written.contains("already submitted"), "\(options)")
    }
    let job = try stage.folder.write("manifest: [videos.jsonl, more.jsonl]\n", to: "job.yaml")
    try stage.folder.write(PlannedItems.source(7), to: "more.jsonl")
    for options in [[], ["--new-only"]] {
      let several = try CommandStage(in: stage.folder)
      #expect(try await several.run(SubmitCommand.self, ["--job", job, "--dry-run"] + options) == .done)
      let lines = several.diagnostics.written.split(separator: "\n")
        .filter { $0.contains("already submitted") }
      #expect(lines.map { $0.hasSuffix("submitted as run \(run): `submit` skips it") } == [true])
    }
  }

  @Test("whoever insists is not told")
  func again() async throws {
    let (stage, _, manifest) = try await stage()
    #expect(try await stage.run(SubmitCommand.self, manifest, "--dry-run", "--again") == .done)
    #expect(!stage.diagnostics.written.contains("already accepted"))
  }

  @Test("another service, and a database that is not there, have accepted nothing")
  func elsewhere() async throws {
    let (stage, _, manifest) = try await stage()
    for option in ["--base-url=https://api.example.com", "--db=\(stage.folder.file("none.db"))"] {
      #expect(try await stage.run(SubmitCommand.self, manifest, "--dry-run", option) == .done)
    }
    #expect(!stage.diagnostics.written.contains("already accepted"))
  }
}
