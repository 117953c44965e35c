import BatchDomain
import Reporting

/// Runs and chunks to report on.
enum Samples {
  /// A run's id; these tests do not depend on how ids are made.
  static func id(_ text: String) -> RunID {
    guard let id = RunID(rawValue: text) else { preconditionFailure("\(text) is no run id") }
    return id
  }

  static let created = CivilTime(
    year: 2026, month: 11, day: 23, hour: 20, minute: 15, second: 5, millisecond: 42
  ).timestamp

  static func run(_ change: (inout RunSummary) -> Void = { _ in }) -> RunSummary {
    var run = RunSummary(
      run: id("20261123-201505-042-9222"), name: "night", job: "nightly", state: .finished, reason: nil,
      detail: nil, createdAt: created, finishedAt: created + .seconds(5_400), manifest: "videos.json",
      destination: "https://api.twelvelabs.io/v1/indexes/tasks/transfers", items: 5_000, repeated: 3,
      counts: StateCounts(
        chunks: [.accepted: 99, .rejected: 1], items: [.accepted: 4_990, .rejected: 10]),
      attempts: 104, sendingTime: .milliseconds(1_234_500), wait: nil, isLive: false)
    change(&run)
    return run
  }

  static let hostile = "bad\u{1b}[31m\u{202e}\nline"

  static let cause = CauseSummary(
    code: "parameter_invalid", message: "The index \(hostile)", pattern: "The index N", outcome: .content,
    items: 10,
    chunks: 1, firstAt: created, lastAt: created + .seconds(3_600), states: [.rejected],
    samples: [
      CauseSummary.Sample(chunk: ChunkNumber(7), item: 350, object: "s3://b/<i>.mp4", message: nil)
    ])

  static let commands = RunCommands(run: run().run)

  /// A run that was throttled once, for a minute, and lost an answer.
  static var timeline: RunTimeline {
    var timeline = RunTimeline()
    timeline.add(
      .transfer, startedAt: created + .seconds(2), finishedAt: created + .seconds(4), outcome: .accepted,
      owner: 1)
    timeline.add(
      .transfer, startedAt: created + .seconds(5), finishedAt: created + .seconds(6), outcome: .throttled,
      owner: 1)
    timeline.add(
      .transfer, startedAt: created + .seconds(66), finishedAt: created + .seconds(67), outcome: .unknown,
      owner: 1)
    timeline.settled = 1
    return timeline
  }

  static func chunks(_ count: Int) -> [ChunkSummary] {
    (0..<count).map {
      ChunkSummary(
        number: ChunkNumber($0), firstItem: $0 * 50, itemCount: 50, state: .accepted, attempts: 1,
        status: 200,
        code: nil, message: nil)
    }
  }

  /// Pages that also check that no page is asked for that is longer than it should be.
  static func pages(_ chunks: [ChunkSummary]) -> ChunkPages {
    ChunkPages { after, limit in
      precondition(limit <= 500)
      let rows = chunks.drop { chunk in after.map { chunk.number <= $0 } ?? false }.prefix(limit)
      return DetailPage(rows: Array(rows), next: rows.count == limit ? rows.last?.number : nil)
    }
  }

  /// Pages of runs, newest first.
  static func pages(_ runs: [RunSummary]) -> RunPages {
    RunPages { before, limit in
      let rows = runs.drop { run in before.map { run.run >= $0 } ?? false }.prefix(limit)
      return DetailPage(rows: Array(rows), next: rows.count == limit ? rows.last?.run : nil)
    }
  }
}
