import ArgumentParser
import BatchDomain
import Foundation
import Reporting
import RunStore
import StoreCore
import TestSupport
import Testing

@testable import OrchestrateCommands

@Suite("Rows and comparisons in reports")
struct ReportCommandTests {
  private func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  /// What a report of the stage's run prints.
  private func report(_ stage: CommandStage, _ arguments: String...) async throws -> String {
    let stage = try CommandStage(in: stage.folder)
    #expect(try await ReportCommand.parse(arguments).status(in: stage.context) == .done)
    return stage.output.written
  }

  @Test("items are listed with their states, and chosen by them")
  func items() async throws {
    let stage = try CommandStage()
    let run = try await stage.planRun()
    let all = try object(try await report(stage, run.rawValue, "--items", "--format", "json"))
    #expect((all["items"] as? [[String: Any]])?.map { $0["item"] as? Int } == Array(0..<10))
    let rejected = try await report(stage, "latest", "--items", "--state", "rejected", "--format", "csv")
    #expect(rejected.split(separator: "\r\n").count == 5)
    #expect(!rejected.contains("\u{1b}"))
    let few = try await report(stage, "latest", "--items", "--limit", "2")
    #expect(few.hasPrefix("run \(run)\npaused: "))
    #expect(few.contains("s3://bucket/000001.mp4") && !few.contains("s3://bucket/000002.mp4"))
  }

  @Test("attempts and chunks are listed, chosen by state and by moment")
  func attempts() async throws {
    let stage = try CommandStage()
    _ = try await stage.planRun()
    let attempts = try object(try await report(stage, "latest", "--attempts", "--format", "json"))
    let rows = try #require(attempts["attempts"] as? [[String: Any]])
    #expect(rows.map { $0["outcome"] as? String } == ["content"])
    #expect(rows[0]["seconds"] as? Double == 1)
    let chunks = try await report(stage, "latest", "--state", "rejected")
    #expect(chunks.contains("parameter_invalid"))
    #expect(chunks.split(separator: "\n").filter { $0.contains("rejected") && $0.contains("400") }.count == 1)
    let report = try object(
      try await self.report(stage, "latest", "--state", "pending", "--limit", "1", "--format", "json"))
    #expect((report["chunks"] as? [[String: Any]])?.map { $0["chunk"] as? Int } == [1])
    #expect((report["causes"] as? [[String: Any]])?.count == 1)
    #expect(try await self.report(stage, "latest", "--since", "1h").contains("rejected"))
    #expect(try await self.report(stage, "latest", "--since", "2099-01-01").contains("no matching rows"))
  }

  @Test("the history is chosen by the state of runs and by when they were created")
  func history() async throws {
    let stage = try CommandStage()
    let run = try await stage.planRun()
    #expect(try await report(stage, "--state", "paused,finished").contains(run.rawValue))
    #expect(try await report(stage, "--state", "finished") == "no matching runs\n")
    #expect(try await report(stage, "--since", "1d").contains(run.rawValue))
    #expect(
      try await report(stage, "--since", "2099-01-01T00:00:00Z", "--format", "csv").split(separator: "\r\n")
        .count == 1)
  }

  @Test("two runs are compared item by item")
  func difference() async throws {
    let stage = try CommandStage()
    let first = try await stage.planRun()
    let store = try await SQLiteStore.open(path: stage.database, now: stage.clock.now())
    var settings = RunSettings()
    settings.concurrency = 16
    stage.clock.advance(by: .seconds(60))
    let second = try await PlannedItems.plan(
      (2..<12).map { PlannedItems.source($0) }, chunkSize: 100, settings: settings, in: store,
      at: stage.clock.now(), random: 2
    )
    try await second.release(as: .paused(.signal, detail: nil), at: stage.clock.now())
    try await store.close()
    let document = try object(try await report(stage, "--diff", first.rawValue, "latest", "--format", "json"))
    let changes = try #require(document["changes"] as? [[String: Any]])
    let found = Set(
      changes.map {
        "\($0["from"] as? String ?? "-") \($0["to"] as? String ?? "-") \($0["items"] as? Int ?? -1)"
      })
    #expect(found == ["rejected - 2", "rejected pending 2", "- pending 2", "pending pending 6"])
    #expect(
      (document["runs"] as? [[String: Any]])?.map { $0["run_id"] as? String } == [
        first.rawValue, second.run.rawValue,
      ])
    let setting = try #require((document["settings"] as? [[String: String]])?.first)
    #expect(setting == ["setting": "concurrency", "first": "4", "second": "16"])
    let gone = try #require(changes.first { $0["to"] is NSNull })
    #expect(gone["objects"] as? [String] == ["s3://bucket/000000.mp4", "s3://bucket/000001.mp4"])
    #expect(try await report(stage, "--diff", first.rawValue, "latest").contains("concurrency  4      16"))
  }

  @Test(
    "what does not go together is refused before anything is opened",
    arguments: [
      ["--diff", "a"], ["a", "b"], ["--items"], ["a", "--items", "--attempts"],
      ["a", "--object", "s3://b/k"],
      ["--diff", "a", "b", "--items"], ["a", "--items", "--format", "html"], ["--state", "rejected"],
      ["a", "--state", "paused"], ["a", "--items", "--state", "split"], ["a", "--since", "yesterday"],
      ["a", "--limit", "0"],
    ])
  func refused(arguments: [String]) {
    #expect(throws: (any Error).self) { try ReportCommand.parse(arguments) }
  }

  @Test("a mistyped state is told what was meant")
  func suggestion() {
    do {
      _ = try ReportCommand.parse(["--state", "pausd"])
      Issue.record("taken")
    } catch {
      #expect(ReportCommand.message(for: error).contains("did you mean \"paused\"?"))
    }
  }
}

@Suite("Moments as options have them")
struct MomentTextTests {
  private let now = CivilTime(year: 2026, month: 11, day: 24, hour: 8).timestamp

  @Test(arguments: [
    ("2h", CivilTime(year: 2026, month: 11, day: 24, hour: 6)),
    ("1d", CivilTime(year: 2026, month: 11, day: 23, hour: 8)),
    ("2026-11-23", CivilTime(year: 2026, month: 11, day: 22, hour: 23)),
    ("2026-11-23 21:15", CivilTime(year: 2026, month: 11, day: 23, hour: 20, minute: 15)),
    ("2026-11-23 21:15:05", CivilTime(year: 2026, month: 11, day: 23, hour: 20, minute: 15, second: 5)),
    (
      "2026-11-23T20:15:05.5Z",
      CivilTime(year: 2026, month: 11, day: 23, hour: 20, minute: 15, second: 5, millisecond: 500)
    ),
    ("2026-11-23T20:15:05-02:30", CivilTime(year: 2026, month: 11, day: 23, hour: 22, minute: 45, second: 5)),
    ("2026-11-23T20:15:05+01:00", CivilTime(year: 2026, month: 11, day: 23, hour: 19, minute: 15, second: 5)),
  ])
  func moments(text: String, time: CivilTime) throws {
    let moment = try MomentText.parse(text, for: "--since", now: now, zone: LocalZone(offsetSeconds: 3_600))
    #expect(moment == time.timestamp)
  }

  @Test(arguments: [
    "", "yesterday", "2026-02-30", "2026-13-01", "2026-11-23T", "2026-11-23 25:00", "2026-11-23T20:15:05+1",
    "2026-11-23X20:15", "26-11-23", "-2h", "2026-11-23T20:15:05Zz", "2026-11-23T20:15Z01:00",
  ])
  func noMoments(text: String) {
    #expect(throws: ConfigurationError.self) {
      try MomentText.parse(text, for: "--since", now: now, zone: .utc)
    }
  }

  @Test("a time in a zone that changes its clocks is the one that clocks showed")
  func changingZone() throws {
    let change = CivilTime(year: 2026, month: 10, day: 25, hour: 1).timestamp
    let zone = LocalZone { $0 < change ? 7_200 : 3_600 }
    for (text, hour) in [("2026-10-25 00:30", 22), ("2026-10-25 01:30", 23), ("2026-10-25 04:00", 3)] {
      let moment = try MomentText.parse(text, for: "--since", now: now, zone: zone)
      #expect(CivilTime(moment).hour == hour)
    }
  }
}
