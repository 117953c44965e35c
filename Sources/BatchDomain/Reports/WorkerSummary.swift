/// A process that uses a store which several machines share.
package struct WorkerSummary: Sendable, Equatable {
  /// What is known of its life.
  package enum State: String, Sendable, CaseIterable {
    /// It was heard of lately.
    case alive
    /// It was not heard of for so long that its run may be taken over.
    case silent
    /// Its run was taken over.
    case lost
  }

  /// Its id, never used again.
  package var id: String
  /// The machine's name.
  package var host: String
  /// Its process id on that machine.
  package var processID: Int
  /// The run that it owns; the latest of several, `nil` for none.
  package var run: RunID?
  /// When it was last heard of, by the database's clock.
  package var beatAt: Timestamp
  /// Requests of its runs that are under way.
  package var inFlight: Int
  /// What is known of its life.
  package var state: State

  /// A worker as the store has it.
  package init(
    id: String, host: String, processID: Int, run: RunID?, beatAt: Timestamp, inFlight: Int, state: State
  ) {
    self.id = id
    self.host = host
    self.processID = processID
    self.run = run
    self.beatAt = beatAt
    self.inFlight = inFlight
    self.state = state
  }
}
