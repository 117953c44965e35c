/// Chooses chunks, items and attempts of a run.
package struct RowFilter: Sendable, Equatable {
  /// States of the chunk; `nil` for any.
  package var states: Set<ChunkState>?
  /// The last outcome is no earlier than that; `nil` for any, also for rows without an outcome.
  package var since: Timestamp?

  /// A filter in its parts.
  package init(states: Set<ChunkState>? = nil, since: Timestamp? = nil) {
    self.states = states
    self.since = since
  }

  /// Whether it includes a row.
  ///
  /// - Parameter endedAt: when its last outcome was recorded; `nil` while there is none.
  package func matches(_ state: ChunkState, endedAt: Timestamp?) -> Bool {
    if let states, !states.contains(state) { return false }
    guard let since else { return true }
    return endedAt.map { $0 >= since } ?? false
  }
}
