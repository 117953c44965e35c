/// What an outcome means for a chunk and for the run.
package struct Judgement: Sendable, Equatable {
  /// What happens to the chunk.
  package var event: ChunkEvent
  /// Whether the attempt counts towards the limit of attempts.
  package var isCounted: Bool
  /// Why the whole run has to be paused; `nil` when it goes on.
  package var pause: PauseReason?

  /// A judgement in its parts.
  package init(event: ChunkEvent, isCounted: Bool = false, pause: PauseReason? = nil) {
    self.event = event
    self.isCounted = isCounted
    self.pause = pause
  }
}

/// What is known about an attempt when its outcome is judged.
package struct AttemptCircumstances: Sendable, Equatable {
  /// Attempts of the chunk so far that count towards the limit.
  package var countedAttempts: Int
  /// The limit of attempts.
  package var maxAttempts: Int
  /// Whether another request got through while this one was under way: else its failure is a condition of
  /// the run, not of the chunk.
  package var othersGetThrough: Bool
  /// Whether every item left to decide has this chunk's index.
  package var isSoleIndexLeft: Bool

  /// Circumstances of an attempt.
  package init(
    countedAttempts: Int, maxAttempts: Int, othersGetThrough: Bool = false, isSoleIndexLeft: Bool = false
  ) {
    self.countedAttempts = countedAttempts
    self.maxAttempts = maxAttempts
    self.othersGetThrough = othersGetThrough
    self.isSoleIndexLeft = isSoleIndexLeft
  }
}

/// What an outcome means for a chunk and for the run, whatever the service. `docs/retry-contract.md` shows it as a table.
package enum RetryContract {
  /// What an outcome means for a chunk and for the run.
  package static func judge(_ outcome: Outcome, _ circumstances: AttemptCircumstances) -> Judgement {
    switch outcome {
    case .accepted:
      return Judgement(event: .accepted)
    case .account:
      return Judgement(event: .requeued, pause: .account)
    case .endpoint:
      return Judgement(event: .requeued, pause: .endpoint)
    case .index where circumstances.isSoleIndexLeft:
      return Judgement(event: .requeued, pause: .index)
    case .index, .content:
      // ``ServiceModule/step(after:)`` decides what follows.
      return Judgement(event: .refused)
    case .throttled:
      return Judgement(event: .requeued)
    case .notProcessed:
      guard circumstances.othersGetThrough else { return Judgement(event: .requeued) }
      return Judgement(event: circumstances.isLastAttempt ? .exhausted : .requeued, isCounted: true)
    case .unknown:
      return Judgement(event: .answerLost)
    }
  }

  /// What becomes of an unknown chunk that settled as not received. Only attempts that were answered with a
  /// status while others got through count: our own death, lost connections and outages say nothing about the
  /// chunk.
  package static func judgeNotReceived(
    isChunksOwnFault: Bool, _ circumstances: AttemptCircumstances
  ) -> Judgement {
    guard isChunksOwnFault else { return Judgement(event: .settledNotReceived) }
    return Judgement(event: circumstances.isLastAttempt ? .exhausted : .settledNotReceived, isCounted: true)
  }
}

extension AttemptCircumstances {
  /// Whether this attempt, once counted, is the last permitted one.
  fileprivate var isLastAttempt: Bool { countedAttempts + 1 >= maxAttempts }
}
