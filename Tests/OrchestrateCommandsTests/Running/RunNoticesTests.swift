import BatchDomain
import Dispatcher
import Foundation
import NIOConcurrencyHelpers
import Notifications
import Reporting
import TestSupport
import Testing

@testable import OrchestrateCommands

@Suite("When somebody is told about a run", .timeLimit(.minutes(10)))
struct RunNoticesTests {
  /// Keeps the documents that are sent.
  private final class Journal: NoticeTransport, CommandRunner {
    private let bodies = NIOLockedValueBox<[String]>([])

    func send(_ body: String?, to address: NoticeAddress) async throws -> Int {
      bodies.withLockedValue { $0.append(body ?? "heartbeat") }
      return 200
    }

    func run(_: NoticeCommand, environment: [String: String], input: String) async throws -> Int32 { 0 }

    func shutdown() async {}

    func documents() throws -> [[String: Any]] {
      try bodies.withLockedValue { $0 }.map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
    }
  }

  private let clock = ManualClock()
  private let journal = Journal()

  private func summary(_ change: (inout RunSummary) -> Void = { _ in }) throws -> RunSummary {
    var run = RunSummary(
      run: try #require(RunID(rawValue: "20261123-201505-042-9222")), name: "night <@all>", job: nil,
      state: .running, reason: nil, detail: nil, createdAt: clock.now(), finishedAt: nil,
      manifest: "videos.json", destination: "https://api.twelvelabs.io/v1/indexes/tasks/transfers", items: 50,
      repeated: 0, counts: counts(accepted: 0), attempts: 0, sendingTime: nil, wait: nil, isLive: true)
    change(&run)
    return run
  }

  private func counts(accepted: Int) -> StateCounts {
    StateCounts(
      chunks: [.accepted: accepted, .pending: 5 - accepted],
      items: [.accepted: accepted * 10, .pending: 50 - accepted * 10])
  }

  private func notices(_ run: RunSummary) throws -> RunNotices {
    RunNotices(
      of: run,
      notifier: Notifier(
        targets: NoticeTargets(address: try NoticeAddress("https://hooks.example.org/x")), transport: journal,
        runner: journal, environment: [:], clock: clock, say: { _ in }),
      clock: clock,
      text: RunNoticeText(zone: .utc, commands: RunCommands(run: run.run, database: "/a b.db")))
  }

  /// What is told of a run that is left so.
  private func told(
    _ ending: RunExit, _ change: (inout RunSummary) -> Void
  ) async throws -> [String: Any] {
    let left = try summary(change)
    let result = await RunNotices.during(try notices(try summary()), look: { left }) { ending }
    #expect(try result.get() == ending)
    let documents = try journal.documents()
    #expect(documents.count == 1)
    return try #require(documents.first)
  }

  @Test("the end is told with the report's first sentence, and nothing to do is null")
  func finished() async throws {
    let document = try await told(.finished) {
      $0.state = .finished
      $0.counts = counts(accepted: 5)
      $0.attempts = 7
    }
    #expect(document["event"] as? String == "finished")
    #expect(
      document["text"] as? String
        == "orchestrate run 20261123-201505-042-9222 (night ‹＠all›) finished: all 50 items accepted")
    #expect(document["attempts"] as? Int == 7)
    #expect(document["next"] is NSNull)
  }

  @Test("held items, lost items and a cancelled run are told apart")
  func otherEnds() async throws {
    let held = try await told(.finished) {
      $0.state = .finished
      $0.counts = StateCounts(items: [.accepted: 40, .unknown: 10])
    }
    #expect(held["event"] as? String == "held")
    #expect(held["next"] as? String == "orchestrate resume 20261123-201505-042-9222 --db '/a b.db'")
  }

  @Test("items that were refused are told with the command that shows them")
  func lost() async throws {
    let document = try await told(.finished) {
      $0.state = .finished
      $0.counts = StateCounts(items: [.accepted: 40, .rejected: 10])
    }
    #expect(document["event"] as? String == "finished")
    #expect(
      document["next"] as? String
        == "orchestrate export 20261123-201505-042-9222 --state rejected --db '/a b.db'")
  }

  @Test("a cancelled run is told as one")
  func cancelled() async throws {
    let document = try await told(.cancelled) { $0.state = .cancelled }
    #expect(document["event"] as? String == "cancelled")
    #expect(document["state"] as? String == "cancelled")
  }

  @Test("every pause is told with its reason and the command", arguments: PauseReason.allCases)
  func paused(reason: PauseReason) async throws {
    let document = try await told(.paused(reason, detail: "HTTP 401 the service's words")) {
      $0.state = .paused
      $0.reason = reason
      $0.detail = "HTTP 401 the service's words"
    }
    #expect(document["event"] as? String == "paused")
    #expect(document["reason"] as? String == reason.rawValue)
    let text = try #require(document["text"] as? String)
    #expect(text.contains("because "))
    let limit = reason == .failures ? " --max-failures 100%" : ""
    #expect(text.hasSuffix("orchestrate resume 20261123-201505-042-9222\(limit) --db '/a b.db'"))
    #expect(!text.contains("the service's words"))
  }

  @Test("a store that is gone is told from what was seen, and stays the command's error")
  func storeGone() async throws {
    let notices = try notices(try summary())
    let result = await RunNotices.during(
      notices, look: { throw StoreError(.full, "the disk is full", remedy: nil) }
    ) {
      notices.observe(.progress(counts(accepted: 2)))
      throw StoreError(.full, "the disk is full", remedy: nil)
    }
    #expect(throws: StoreError.self) { try result.get() }
    let document = try #require(try journal.documents().first)
    #expect(document["state"] as? String == "paused")
    #expect(document["reason"] as? String == "store")
    #expect((document["items_by_state"] as? [String: Int])?["accepted"] == 20)
    #expect(document["attempts"] is NSNull)
  }

  @Test("a wait of more than ten minutes is told once, a shorter one never")
  func waits() async throws {
    let notices = try notices(try summary())
    _ = await RunNotices.during(notices, look: { try summary { $0.state = .finished } }) {
      let start = clock.now()
      notices.observe(.waiting(StoredWait(until: start + .seconds(600), reason: "the service asks to wait")))
      notices.observe(
        .waiting(StoredWait(until: start + .seconds(3_600), reason: "the service asks to wait")))
      // What was under way comes in, and so does a second refusal with nearly the same wait.
      notices.observe(.progress(counts(accepted: 1)))
      notices.observe(
        .waiting(StoredWait(until: start + .seconds(3_605), reason: "the service asks to wait")))
      clock.advance(by: .seconds(3_605))
      notices.observe(.waitOver)
      notices.observe(.progress(counts(accepted: 2)))
      notices.observe(
        .waiting(StoredWait(until: clock.now() + .seconds(30), reason: "the service asks to wait")))
      clock.advance(by: .seconds(30))
      notices.observe(
        .waiting(StoredWait(until: clock.now() + .seconds(900), reason: "the service asks to wait")))
      return .finished
    }
    let documents = try journal.documents()
    #expect(documents.map { $0["event"] as? String } == ["waiting", "waiting", "finished"])
    #expect(documents.first?["wait_until"] as? String == "2025-06-15T16:06:40.000Z")
    #expect(documents.first?["state"] as? String == "running")
    let text = try #require(documents.first?["text"] as? String)
    #expect(text.contains("waits until 2025-06-15 16:06:40Z (in 1h): the service asks to wait"), "\(text)")
  }

  @Test("an outage of many short waits is told once it has lasted ten minutes")
  func outage() async throws {
    let notices = try notices(try summary())
    _ = await RunNotices.during(notices, look: { try summary { $0.state = .finished } }) {
      for _ in 0..<10 {
        notices.observe(
          .waiting(StoredWait(until: clock.now() + .seconds(300), reason: "nothing gets through")))
        clock.advance(by: .seconds(300))
        notices.observe(.waitOver)
      }
      return .finished
    }
    #expect(try journal.documents().map { $0["event"] as? String } == ["waiting", "finished"])
  }

  @Test("without anybody to be told the work is all that happens")
  func nobody() async throws {
    let result = await RunNotices.during(nil, look: { try summary() }) { .finished }
    #expect(try result.get() == .finished)
  }
}
