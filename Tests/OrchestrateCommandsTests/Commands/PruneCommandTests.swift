import ArgumentParser
import BatchDomain
import Foundation
import RunStore
import StoreCore
import TestSupport
import Testing

@testable import OrchestrateCommands

@Suite("prune")
struct PruneCommandTests {
  private let day = Duration.seconds(86_400)

  /// A run of some items, each of which was accepted, or all rejected.
  private func run(
    _ numbers: Range<Int>, on stage: CommandStage, random: UInt64, isRefused: Bool = false
  ) async throws -> RunID {
    let store = try await SQLiteStore.open(path: stage.database, now: stage.clock.now())
    let sources = numbers.map { PlannedItems.source($0) }
    let session = try await PlannedItems.plan(
      sources, chunkSize: 1, in: store, at: stage.clock.now(), random: random,
      digest: PlannedItems.digest(of: sources))
    while case .chunk(let chunk) = try await session.claim(at: stage.clock.now()) {
      _ = try await session.record(
        AttemptRecord(
          of: chunk, finishedAt: stage.clock.now(), took: .zero, outcome: isRefused ? .content : .accepted,
          status: isRefused ? 400 : 200, code: isRefused ? "video_too_short" : nil, message: nil,
          isCounted: false, event: isRefused ? .refused : .accepted))
    }
    try await session.release(as: .finished, at: stage.clock.now())
    try await store.close()
    return session.run
  }

  private func document(_ stage: CommandStage) throws -> [String: Int] {
    try #require(try JSONSerialization.jsonObject(with: Data(stage.output.written.utf8)) as? [String: Int])
  }

  /// The same database with nothing written yet.
  private func again(_ stage: CommandStage) throws -> CommandStage {
    let next = try CommandStage(in: stage.folder)
    next.clock.setNow(stage.clock.now())
    return next
  }

  @Test("old runs are removed, and what was left alone is told; a dry run says the same and changes nothing")
  func prune() async throws {
    let first = try CommandStage()
    let old = try await run(0..<5, on: first, random: 1)
    _ = try await run(5..<8, on: first, random: 2, isRefused: true)
    let paused = try await first.planRun()
    first.clock.advance(by: .seconds(100 * 86_400))
    let young = try await run(20..<22, on: first, random: 4)
    #expect(
      try await first.run(PruneCommand.self, "--older-than", "90d", "--dry-run", "--format", "json") == .done)
    let dry = try document(first)
    #expect(Set(dry.keys) == ["runs", "items", "bytes"])
    #expect(dry["runs"] == 2)
    #expect(dry["items"] == 8)
    #expect(dry["bytes"] ?? 0 > 0)
    #expect(
      first.diagnostics.written.contains(
        "left alone: 1 unfinished run (\(paused)); `orchestrate resume \(paused)` continues it"),
      "\(first.diagnostics.written)")
    #expect(first.diagnostics.written.contains("left alone: 1 run newer than 90d"))

    let text = try again(first)
    #expect(try await text.run(PruneCommand.self, "--older-than", "90d", "--dry-run") == .done)
    #expect(
      text.output.written.contains("would remove 2 runs with 8 items, about "), "\(text.output.written)")
    #expect(text.output.written.contains("  \(old): 5 items, last change "))
    #expect(text.output.written.contains("nothing was changed"))
    #expect(text.output.written.contains("left alone: 1 unfinished run (\(paused))"))

    let second = try again(first)
    #expect(try await second.run(PruneCommand.self, "--older-than", "90d", "--format", "json") == .done)
    #expect(try document(second) == dry)
    #expect(second.diagnostics.written == first.diagnostics.written)

    let third = try again(first)
    #expect(try await third.run(PruneCommand.self, "--older-than", "90d") == .done)
    #expect(third.output.written.contains("no run is removed: none that is over is older than "))
    #expect(third.output.written.contains("left alone: 1 unfinished run (\(paused))"))
    let store = try await SQLiteStore.openForReading(path: first.database)
    #expect(try await store.summaries(before: nil, limit: 9).map(\.run) == [young, paused])
    try await store.close()
  }

  @Test("whatever is asked of a removed run ends with 2 and one sentence")
  func removedRun() async throws {
    let stage = try CommandStage()
    let old = try await run(0..<5, on: stage, random: 1)
    stage.clock.advance(by: .seconds(100 * 86_400))
    #expect(try await stage.run(PruneCommand.self, "--older-than", "90d") == .done)
    for number in 0..<6 {
      let asked = try again(stage)
      let status =
        switch number {
        case 0: try await asked.run(ReportCommand.self, old.rawValue)
        case 1: try await asked.run(ReportCommand.self, String(old.rawValue.prefix(20)))
        case 2: try await asked.run(VerifyCommand.self, old.rawValue)
        case 3: try await asked.run(ExportCommand.self, old.rawValue, "--state", "accepted")
        case 4: try await asked.run(ResumeCommand.self, old.rawValue)
        default: try await asked.run(CancelCommand.self, old.rawValue)
        }
      #expect(status == .badInput, "\(number)")
      #expect(
        asked.diagnostics.written.contains("run \(old) was removed by `orchestrate prune` on "),
        "\(asked.diagnostics.written)")
    }
  }

  @Test(
    "what a removed run had accepted is known to submit, --new-only and diff, which say that it was removed")
  func stillKnown() async throws {
    let stage = try CommandStage()
    let old = try await run(0..<5, on: stage, random: 1)
    let refused = try await run(5..<8, on: stage, random: 2, isRefused: true)
    stage.clock.advance(by: .seconds(100 * 86_400))
    #expect(try await stage.run(PruneCommand.self, "--older-than", "90d") == .done)
    let list = try stage.folder.write(
      (0..<10).map { PlannedItems.source($0) }.joined(separator: "\n"), to: "list.jsonl")

    let warned = try again(stage)
    #expect(try await warned.run(SubmitCommand.self, list, "--dry-run") == .done)
    #expect(
      warned.diagnostics.written.contains(
        "warning: 5 of 10 items were already accepted in run \(old), which was removed since; "),
      "\(warned.diagnostics.written)")
    #expect(!warned.diagnostics.written.contains("orchestrate export"))

    let new = try again(stage)
    #expect(try await new.run(SubmitCommand.self, list, "--dry-run", "--new-only") == .done)
    #expect(
      new.diagnostics.written.contains(
        "5 items skipped, accepted earlier: 5 in run \(old), removed since\n"), "\(new.diagnostics.written)")
    #expect(
      new.diagnostics.written.contains(
        "3 items skipped, rejected for good: 3 in run \(refused) (video_too_short), removed since; "
          + "--again sends them again\n"), "\(new.diagnostics.written)")
    #expect(new.output.written.contains("2 items in 1 chunk,"), "\(new.output.written)")

    let difference = try again(stage)
    #expect(try await difference.run(DiffCommand.self, list, "--format", "json") == .done)
    let counts = try #require(
      try JSONSerialization.jsonObject(with: Data(difference.output.written.utf8)) as? [String: Any])
    #expect(counts["unchanged"] as? Int == 5)
    #expect(counts["added"] as? Int == 5)
  }

  @Test("without a database, and without an age, nothing is done")
  func refused() async throws {
    let stage = try CommandStage()
    #expect(try await stage.run(PruneCommand.self, "--older-than", "90d") == .badInput)
    #expect(!FileManager.default.fileExists(atPath: stage.database))
    for arguments in [[], ["--older-than", "90"], ["--older-than", "0s"], ["--older-than", "soon"]] {
      #expect(throws: (any Error).self) { try PruneCommand.parse(arguments) }
    }
  }
}
