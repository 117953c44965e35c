/// Chooses runs.
package struct RunFilter: Sendable, Equatable {
  /// States of the run; `nil` for any.
  package var states: Set<RunState>?
  /// It was created no earlier than that; `nil` for any.
  package var since: Timestamp?

  /// A filter in its parts.
  package init(states: Set<RunState>? = nil, since: Timestamp? = nil) {
    self.states = states
    self.since = since
  }

  /// Whether it includes a run.
  package func matches(_ run: RunSummary) -> Bool {
    states?.contains(run.state) != false && since.map { run.createdAt >= $0 } != false
  }
}
