/// What attempts and verdicts say happened to a chunk: an audit compares its state with that.
package struct ChunkTrail: Sendable, Equatable {
  /// Attempts of the chunk, 0 or more.
  package var attempts: Int
  /// What the last of them came to; `nil` while it is under way, or when there is none.
  package var lastOutcome: Outcome?
  /// The last verdict on the last of them; `nil` when there is none.
  package var lastVerdict: Settlement.Verdict?
  /// Whether a person asked for another try since the last of them.
  package var isRetried: Bool
  /// The verdict on the last attempt of the chunk this one was split from.
  package var parentVerdict: Settlement.Verdict?
  /// Whether the last of them was for a step after which another one follows.
  package var hasNextStep: Bool
  /// Whether it was for a step before which another one comes: a refusal may then lead back to that one.
  package var hasStepBefore: Bool
  /// Whether it was rejected together with its neighbours, without a try of its own.
  package var isRejectedWithNeighbours: Bool

  /// A trail in its parts.
  package init(
    attempts: Int, lastOutcome: Outcome? = nil, lastVerdict: Settlement.Verdict? = nil,
    isRetried: Bool = false,
    parentVerdict: Settlement.Verdict? = nil, hasNextStep: Bool = false,
    hasStepBefore: Bool = false, isRejectedWithNeighbours: Bool = false
  ) {
    self.attempts = attempts
    self.lastOutcome = lastOutcome
    self.lastVerdict = lastVerdict
    self.isRetried = isRetried
    self.parentVerdict = parentVerdict
    self.hasNextStep = hasNextStep
    self.hasStepBefore = hasStepBefore
    self.isRejectedWithNeighbours = isRejectedWithNeighbours
  }

  /// The states that such records lead to.
  package var states: Set<ChunkState> {
    var states = statesOfLastAttempt
    // A pending chunk may be cancelled, or rejected because of its neighbours.
    if states.contains(.pending) {
      states.insert(.cancelled)
      if isRejectedWithNeighbours { states.insert(.rejected) }
    }
    return states
  }

  private var statesOfLastAttempt: Set<ChunkState> {
    guard attempts > 0 else {
      return parentVerdict == .partlyReceived ? [.pending, .accepted] : [.pending]
    }
    guard let lastOutcome else { return [.submitting] }
    switch lastOutcome {
    case .accepted: return statesOfAcceptance
    case .account, .endpoint, .throttled: return [.pending]
    case .notProcessed: return [.pending, .failed]
    case .unknown:
      switch lastVerdict {
      case .received: return statesOfAcceptance
      case .partlyReceived: return [.split]
      case .notReceived: return [.pending, .failed, .split]
      case .undecided, nil: return [.unknown]
      }
    case .content, .index:
      switch lastVerdict {
      case .received: return statesOfAcceptance
      case .partlyReceived: return [.split]
      case .notReceived: return [.pending, .rejected, .split]
      case .undecided, nil:
        // A refusal may be looked up before its chunk is divided: it is unknown meanwhile.
        let mayBePending = lastOutcome == .index || isRetried
        if hasStepBefore { return [.rejected, .unknown, .processing, .pending, .failed, .cancelled] }
        return mayBePending ? [.rejected, .split, .unknown, .pending] : [.rejected, .split, .unknown]
      }
    }
  }

  /// Where a step that the service took leaves a chunk. One that is not the last is worked on, and may fail there.
  private var statesOfAcceptance: Set<ChunkState> {
    hasNextStep ? [.processing, .pending, .rejected, .failed, .cancelled] : [.accepted]
  }

  /// The records in words, as a fragment: `its last attempt (2) came to throttled`.
  package var description: String {
    guard attempts > 0 else {
      guard let parentVerdict else { return "it was never sent" }
      return "it was never sent itself, and the chunk it was split from settled as \(parentVerdict.rawValue)"
    }
    guard let lastOutcome else { return "its last attempt (\(attempts)) has not ended" }
    let came = "its last attempt (\(attempts)) came to \(lastOutcome.rawValue)"
    guard let lastVerdict else { return came }
    return "\(came) and was settled as \(lastVerdict.rawValue)"
  }
}
