package import BatchDomain

/// What somebody elsewhere is told about a run.
package struct RunNotice: Sendable, Equatable {
  /// What happened. The raw values are what the document has.
  package enum Event: String, Sendable, CaseIterable {
    /// Every item is decided.
    case finished
    /// Nothing is left to send, and some items stay unknown.
    case held
    /// The user cancelled the run.
    case cancelled
    /// Sending stopped and can be resumed.
    case paused
    /// Nothing is sent for more than ten minutes; sending goes on by itself.
    case waiting
  }

  /// What happened.
  package var event: Event
  /// One or two sentences for a person, without line ends.
  package var text: String
  /// The run as it stands.
  package var run: RunSummary
  /// Tries to submit a chunk so far; `nil` when they were not counted.
  package var attempts: Int?
  /// The end of the wait; `nil` for other events.
  package var waitUntil: Timestamp?
  /// The command to run next; `nil` when there is nothing to do.
  package var next: String?
  /// When it happened.
  package var at: Timestamp

  /// A notice in its parts.
  package init(
    event: Event, text: String, run: RunSummary, attempts: Int?, waitUntil: Timestamp? = nil,
    next: String? = nil, at: Timestamp
  ) {
    self.event = event
    self.text = text
    self.run = run
    self.attempts = attempts
    self.waitUntil = waitUntil
    self.next = next
    self.at = at
  }
}
