/// Where a run stands when its owner starts to work on it.
package struct RunSnapshot: Sendable, Equatable {
  /// Distinct items.
  package var items: Int
  /// Intents recorded so far.
  package var attempts: Int
  /// Chunks and items by state.
  package var counts: StateCounts
  /// Waits that are still recorded, by the step whose requests they hold back, or by the name of the budget of those that
  /// only read (``ChunkStep/init(_:)``).
  package var waits: [ChunkStep: StoredWait]
  /// Chunks that have begun and are not decided: of which a step was sent, and neither the last one accepted nor any
  /// refused for good.
  package var begunChunks: Int
  /// Whether the first step of some chunk of the run was ever done.
  package var hasPassedFirstStep: Bool
  /// A request another process left.
  package var request: RunRequest?
  /// Whether a request of this run is known to have reached the service at the scheme, host and port that the run has
  /// now: their name could be resolved then.
  package var hasReachedService: Bool
  /// The host of the last owner, if it was another host.
  package var formerHost: String?

  /// A snapshot as the store has it.
  package init(
    items: Int, attempts: Int, counts: StateCounts, waits: [ChunkStep: StoredWait] = [:],
    request: RunRequest? = nil, hasReachedService: Bool = false, begunChunks: Int = 0,
    hasPassedFirstStep: Bool = false, formerHost: String? = nil
  ) {
    self.begunChunks = begunChunks
    self.hasPassedFirstStep = hasPassedFirstStep
    self.items = items
    self.attempts = attempts
    self.counts = counts
    self.waits = waits
    self.request = request
    self.hasReachedService = hasReachedService
    self.formerHost = formerHost
  }
}

/// A wait that holds back everything that one budget of the service counts.
package struct StoredWait: Sendable, Equatable {
  /// Nothing is sent before this moment.
  package var until: Timestamp
  /// Why, as a short sentence.
  package var reason: String
  /// How long it was when it began; `nil` where that is not known (stores of formats before 6).
  package var length: Duration?

  /// No longer wait is accepted.
  package static let longest: Duration = .seconds(30 * 86_400)

  /// A wait until a moment.
  package init(until: Timestamp, reason: String, length: Duration? = nil) {
    self.until = until
    self.reason = reason
    self.length = length
  }

  /// What is left of it: never more than it was when it began, also when the clock was corrected in between.
  package func left(at now: Timestamp) -> Duration {
    max(.zero, min(until.since(now), length ?? Self.longest, Self.longest))
  }
}

/// What one process asks of the owner of a run.
package enum RunRequest: String, Sendable, CaseIterable {
  /// Stop, keeping everything resumable.
  case pause
  /// Stop for good.
  case cancel
}

/// As what a process gives a run back.
package enum RunExit: Sendable, Equatable {
  /// Every chunk is decided or held.
  case finished
  /// The user cancelled it.
  case cancelled
  /// To be resumed; with a detail for the reader, for example the URL that answered wrongly.
  case paused(PauseReason, detail: String?)
}
