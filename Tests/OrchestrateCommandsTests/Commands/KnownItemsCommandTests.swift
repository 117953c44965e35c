import BatchDomain
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
