import ArgumentParser
import BatchDomain
import Foundation
import RunStore
import StoreCore
import TestSupport
import Testing

@testable import OrchestrateCommands

@Suite("Windows and forecasts of commands")
struct ForecastCommandTests {
  private func manifest(_ stage: CommandStage, items: Int) throws -> String {
    try stage.folder.write(
      (0..<items).map { PlannedItems.source($0) }.joined(separator: "\n"), to: "videos.jsonl")
  }

  /// The forecast of a dry run.
  private func forecast(_ stage: CommandStage, items: Int, _ options: String...) async throws -> [String: Any]
  {
    let arguments = [try manifest(stage, items: items), "--dry-run", "--format", "json"] + options
    #expect(try await stage.run(SubmitCommand.self, arguments) == .done)
    let document = try JSONSerialization.jsonObject(with: Data(stage.output.written.utf8))
    let plan = (document as? [String: Any])?["plan"] as? [String: Any]
    return try #require(plan?["forecast"] as? [String: Any])
  }

  @Test("a dry run says which limit binds, when it ends, and how many nights it takes")
  func limits() async throws {
    let stage = try CommandStage()
    let forecast = try await forecast(
      stage, items: 350, "--chunk-size", "1", "--rate", "100/day", "--rate", "50/min")
    #expect(Set(forecast.keys) == ["requests", "binding", "starts_at", "ends_at", "nights"])
    #expect(forecast["requests"] as? Int == 350)
    #expect(forecast["binding"] as? String == "100/day")
    #expect(forecast["starts_at"] as? String == stage.clock.now().description)
    #expect(forecast["ends_at"] as? String == (stage.clock.now() + .seconds(3 * 86_400)).description)
    #expect(forecast["nights"] as? Int == 4)
  }

  @Test("without limits there is no end, and nothing binds")
  func noLimits() async throws {
    let forecast = try await forecast(try CommandStage(), items: 350)
    #expect(forecast["binding"] is NSNull && forecast["ends_at"] is NSNull)
    #expect(forecast["nights"] as? Int == 1)
  }

  @Test("what an earlier run used of a limit counts")
  func used() async throws {
    let stage = try CommandStage()
    let store = try await SQLiteStore.open(path: stage.database, now: stage.clock.now())
    let session = try await PlannedItems.plan(
      (0..<60).map { PlannedItems.source($0, name: "old-\($0).mp4") }, chunkSize: 1, in: store,
      at: stage.clock.now())
    while case .chunk(let chunk) = try await session.claim(at: stage.clock.now()) {
      _ = try await session.record(
        AttemptRecord(
          of: chunk, finishedAt: stage.clock.now(), took: .zero, outcome: .accepted, status: 200, code: nil,
          message: nil, isCounted: false, event: .accepted))
    }
    try await session.release(as: .finished, at: stage.clock.now())
    try await store.close()
    stage.clock.advance(by: .seconds(3_600))
    let forecast = try await forecast(stage, items: 50, "--chunk-size", "1", "--rate", "100/day")
    #expect(forecast["binding"] as? String == "100/day")
    #expect(forecast["ends_at"] as? String == (stage.clock.now() + .seconds(23 * 3_600)).description)
  }

  @Test("a report forecasts the steps that items still need, not those that were sent")
  func stepsLeft() async throws {
    let stage = try CommandStage()
    let now = stage.clock.now()
    let store = try await SQLiteStore.open(path: stage.database, now: now)
    var settings = RunSettings()
    settings.profile = .v1_3
    settings.rates = [
      Rate(count: 3, window: .day, step: .upload), Rate(count: 1, window: .hour, step: .index),
    ]
    let session = try await PlannedItems.plan(
      (0..<3).map { PlannedItems.source($0) }, chunkSize: 1, settings: settings, in: store, at: now)
    func send(_ step: ChunkStep, _ event: ChunkEvent, next: ChunkStep? = nil) async throws {
      guard case .chunk(let chunk) = try await session.claim(step, at: now) else {
        Issue.record("no chunk for \(step)")
        return
      }
      _ = try await session.record(
        AttemptRecord(
          of: chunk, finishedAt: now, took: .zero, outcome: .accepted, status: 200, code: nil, message: nil,
          externalID: "\(step)-\(chunk.firstItem)", isCounted: false, event: event, nextStep: next))
    }
    for _ in 0..<3 { try await send(.upload, .stepDone, next: .index) }
    try await send(.index, .accepted)
    try await session.release(as: .paused(.signal, detail: nil), at: now)
    try await store.close()
    #expect(try await ReportCommand.parse(["latest"]).status(in: stage.context) == .done)
    let line = try #require(
      stage.output.written.split(separator: "\n").first { $0.hasPrefix("forecast: ") })
    #expect(line.hasPrefix("forecast: 2 requests, "), "\(line)")
    #expect(line.contains("index:1/hour"), "\(line)")
    #expect(!line.contains("upload"), "\(line)")
  }

  @Test(
    "values that cannot be read are wrong usage",
    arguments: [
      ["--window", "22:00"], ["--window", "22:00-22:00"], ["--timezone", "Mars/Olympus"],
      ["--item-rate", "upload:5/min"],
    ])
  func unreadable(options: [String]) throws {
    #expect(throws: (any Error).self) { try SubmitCommand.parse(["videos.jsonl", "--dry-run"] + options) }
  }

  @Test(
    "values that do not go together are refused",
    arguments: [["--window", "22:00-22:01", "--timeout", "2m"], ["--item-rate", "49/day"]])
  func refused(options: [String]) async throws {
    let stage = try CommandStage()
    let arguments = [try manifest(stage, items: 3), "--dry-run"] + options
    #expect(try await stage.run(SubmitCommand.self, arguments) == .badInput)
  }
}
