/// What happened in a run, gathered from its attempts in the order of their intents.
package struct RunTimeline: Sendable, Equatable {
  /// Why nothing was under way.
  package enum Idleness: String, Sendable {
    /// The service had asked to come back later.
    case throttled
    /// Requests had not got through, or their answers were lost.
    case trouble
    /// No process was sending: the run was paused, or its process had died.
    case stopped
    /// Anything else: a limit of the run itself, or a chunk that had to wait for its turn.
    case pace
  }

  /// A time in which nothing was under way.
  package struct Wait: Sendable, Equatable {
    /// When the last request before it ended.
    package var from: Timestamp
    /// When the next one began.
    package var until: Timestamp
    /// Why.
    package var idleness: Idleness

    /// A wait in its parts.
    package init(from: Timestamp, until: Timestamp, idleness: Idleness) {
      self.from = from
      self.until = until
      self.idleness = idleness
    }

    /// How long it was.
    package var length: Duration { until.since(from) }
  }

  /// When the first intent was recorded; `nil` while nothing was sent.
  package private(set) var firstIntentAt: Timestamp?
  /// When the first chunk was accepted: not when a step was that others follow.
  package private(set) var firstAcceptedAt: Timestamp?
  /// When the last outcome was recorded.
  package private(set) var lastOutcomeAt: Timestamp?
  /// The longest time in which nothing was under way, between two attempts.
  package private(set) var longestWait: Wait?
  /// How long nothing was under way because of throttling, in all.
  package private(set) var throttledTime: Duration = .zero
  /// Attempts by what they came to; one that is under way is not among them.
  package private(set) var outcomes: [Outcome: Int] = [:]
  /// Lost answers that were decided: by the service's listing, by a person, or by `--on-unknown`.
  package var settled = 0

  /// When the last attempt so far ended.
  private var busyUntil: Timestamp?
  private var owner: Int?
  /// The last answer that explains a wait.
  private var hint: (at: Timestamp, idleness: Idleness)?

  /// Nothing happened yet.
  package init() {}

  /// Adds the next attempt.
  ///
  /// - Parameters:
  ///   - step: what it was for.
  ///   - finishedAt: when its outcome was recorded; `nil` while it is under way.
  ///   - owner: counts the processes that owned the run.
  ///   - ownerDied: whether its process died before it ended: the time of its end is then an assumption.
  package mutating func add(
    _ step: ChunkStep, startedAt: Timestamp, finishedAt: Timestamp?, outcome: Outcome?, owner: Int,
    ownerDied: Bool = false
  ) {
    if self.owner != owner, busyUntil == Timestamp(milliseconds: .max) { busyUntil = lastOutcomeAt }
    if let busyUntil, startedAt > busyUntil {
      let idleness = self.owner == owner ? hint?.idleness ?? .pace : .stopped
      let wait = Wait(from: busyUntil, until: startedAt, idleness: idleness)
      if wait.length > longestWait?.length ?? .zero { longestWait = wait }
      if idleness == .throttled { throttledTime += wait.length }
    }
    if let hint, startedAt > hint.at || self.owner != owner { self.hint = nil }
    self.owner = owner
    firstIntentAt = firstIntentAt ?? startedAt
    // One that is under way keeps the run busy, unless its process is gone.
    let end = ownerDied ? startedAt : finishedAt ?? Timestamp(milliseconds: .max)
    busyUntil = max(busyUntil ?? end, end)
    guard let outcome, let finishedAt else { return }
    outcomes[outcome, default: 0] += 1
    lastOutcomeAt = max(lastOutcomeAt ?? finishedAt, finishedAt)
    if outcome == .accepted, step.isLast { firstAcceptedAt = min(firstAcceptedAt ?? finishedAt, finishedAt) }
    remember(outcome, at: finishedAt)
  }

  private mutating func remember(_ outcome: Outcome, at moment: Timestamp) {
    switch outcome {
    case .throttled: hint = (moment, .throttled)
    case .notProcessed, .unknown: if hint == nil { hint = (moment, .trouble) }
    case .accepted, .account, .endpoint, .index, .content: break
    }
  }

  /// Compares what is shown.
  package static func == (left: RunTimeline, right: RunTimeline) -> Bool {
    left.firstIntentAt == right.firstIntentAt && left.firstAcceptedAt == right.firstAcceptedAt
      && left.lastOutcomeAt == right.lastOutcomeAt && left.longestWait == right.longestWait
      && left.throttledTime == right.throttledTime && left.outcomes == right.outcomes
      && left.settled == right.settled
  }
}
