import BatchDomain

/// Runs as Prometheus reads them (text format 0.0.4).
enum MetricsText {
  /// Newest runs that have numbers of their own, whatever their state.
  private static let newest = 20
  /// Unfinished runs beside them, at most.
  private static let unfinished = 100
  /// Runs read at a time.
  private static let page = 500

  /// All metrics of a store.
  static func gather(from store: any RunCatalog) async throws -> String {
    var states: [RunState: Int] = [:]
    var shown: [RunSummary] = []
    var unfinishedShown = 0
    var seen = 0
    var last: RunID?
    while true {
      let runs = try await store.summaries(before: last, limit: page)
      for run in runs {
        states[run.state, default: 0] += 1
        let isOver = run.state == .finished || run.state == .cancelled
        if seen < newest || (!isOver && unfinishedShown < unfinished) {
          shown.append(run)
          if !isOver { unfinishedShown += 1 }
        }
        seen += 1
      }
      guard let oldest = runs.last, runs.count == page else { break }
      last = oldest.run
    }
    var unused: [RunID: Unused] = [:]
    for run in shown {
      unused[run.run] = Unused(
        surplus: try await store.surplus(of: run.run).count,
        leftOver: try await store.leftOvers(of: run.run, limit: 0).total)
    }
    var tracked: [RunID: TrackingSummary] = [:]
    for run in shown { tracked[run.run] = try await store.tracking(of: run.run) }
    return text(states: states, runs: shown, unused: unused, tracked: tracked)
  }

  /// What is at the service and used by nothing.
  struct Unused {
    /// Made twice, because an answer was lost.
    let surplus: Int
    /// Made for items that do not use it.
    let leftOver: Int
  }

  /// Metrics of these runs.
  static func text(
    states: [RunState: Int], runs: [RunSummary], unused: [RunID: Unused] = [:],
    tracked: [RunID: TrackingSummary] = [:]
  ) -> String {
    var text = head("orchestrate_runs", "gauge", "Runs by state.")
    for state in RunState.allCases {
      text += line("orchestrate_runs", [("state", state.rawValue)], states[state, default: 0])
    }
    text += head("orchestrate_items", "gauge", "Items of a run by state.")
    for run in runs {
      for state in ChunkState.itemStates {
        text += line(
          "orchestrate_items", [("run", run.run.rawValue), ("state", state.rawValue)],
          run.counts.items(in: state))
      }
    }
    text += head("orchestrate_chunks", "gauge", "Chunks of a run by state.")
    for run in runs {
      for state in ChunkState.allCases {
        text += line(
          "orchestrate_chunks", [("run", run.run.rawValue), ("state", state.rawValue)],
          run.counts.chunks(in: state))
      }
    }
    text += head("orchestrate_attempts_total", "counter", "Attempts to send a chunk of a run.")
    for run in runs {
      text += line("orchestrate_attempts_total", labels(run), run.attempts)
    }
    text += head("orchestrate_live", "gauge", "Whether a process works on the run.")
    for run in runs { text += line("orchestrate_live", [("run", run.run.rawValue)], run.isLive ? 1 : 0) }
    text += head(
      "orchestrate_wait_until_seconds", "gauge", "When a wait that holds the run back ends, in Unix time.")
    for run in runs {
      guard let wait = run.wait else { continue }
      text += line(
        "orchestrate_wait_until_seconds", [("run", run.run.rawValue)], Int(wait.until.milliseconds / 1_000))
    }
    text += head(
      "orchestrate_unused", "gauge", "What a run made at the service and does not use, by reason.")
    for run in runs {
      guard let found = unused[run.run] else { continue }
      for (reason, count) in [("surplus", found.surplus), ("left_over", found.leftOver)] {
        text += line("orchestrate_unused", [("run", run.run.rawValue), ("reason", reason)], count)
      }
    }
    text += head(
      "orchestrate_tracked_items", "gauge", "Accepted items of a tracked run by their state at the service.")
    for run in runs {
      guard let tracking = tracked[run.run] else { continue }
      for state in TrackedState.allCases {
        text += line(
          "orchestrate_tracked_items", [("run", run.run.rawValue), ("state", state.rawValue)],
          tracking.states[state])
      }
    }
    text += head(
      "orchestrate_tracked_at_seconds", "gauge", "When the service was last asked about a run, in Unix time.")
    for run in runs {
      guard let lookedAt = tracked[run.run]?.lookedAt else { continue }
      text += line(
        "orchestrate_tracked_at_seconds", [("run", run.run.rawValue)], Int(lookedAt.milliseconds / 1_000))
    }
    return text
  }

  private static func labels(_ run: RunSummary) -> [(String, String)] {
    [("run", run.run.rawValue), ("name", run.name ?? "")]
  }

  private static func head(_ name: String, _ type: String, _ help: String) -> String {
    "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
  }

  private static func line(_ name: String, _ labels: [(String, String)], _ value: Int) -> String {
    let labels = labels.map { "\($0.0)=\"\(escape($0.1))\"" }.joined(separator: ",")
    return "\(name){\(labels)} \(value)\n"
  }

  /// A label's value: backslash, quote and line feed are written with a backslash.
  private static func escape(_ value: String) -> String {
    var escaped = ""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\"": escaped += "\\\""
      case "\n": escaped += "\\n"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
