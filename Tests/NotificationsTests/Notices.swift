import BatchDomain
import Notifications

/// Notices to tell.
enum Notices {
  static let moment = Timestamp(milliseconds: 1_750_000_000_042)

  static func run(_ change: (inout RunSummary) -> Void = { _ in }) throws -> RunSummary {
    guard let id = RunID(rawValue: "20261123-201505-042-9222") else { throw CancellationError() }
    var run = RunSummary(
      run: id, name: "night", job: "jobs/night.yaml", state: .finished, reason: nil, detail: "tlk_not_told",
      createdAt: moment, finishedAt: moment + .seconds(60), manifest: "videos.json",
      destination: "https://api.twelvelabs.io/v1/indexes/tasks/transfers", items: 50, repeated: 0,
      counts: StateCounts(chunks: [.accepted: 5], items: [.accepted: 50]), attempts: 5, sendingTime: nil,
      wait: nil, isLive: false)
    change(&run)
    return run
  }

  static func notice(_ text: String = "all is well", _ event: RunNotice.Event = .finished) throws -> RunNotice
  {
    RunNotice(event: event, text: text, run: try run(), attempts: 5, at: moment)
  }
}
