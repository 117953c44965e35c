import BatchDomain

/// How many chunks of a service with several steps have begun and are not over, which is what decides whether another one
/// may begin. A pure value. With a single step nothing is counted: every chunk may begin.
struct StepsAhead: Sendable {
  /// The step that a chunk begins with.
  let first: ChunkStep
  /// Whether a chunk takes several steps.
  let areSeveral: Bool
  private let limit: Int
  /// Slots of the first step, and chunks of which a step was sent and which are neither decided nor held; counted where
  /// there are several steps.
  private(set) var begun: Int
  /// Whether the first step of a chunk was ever done, where that has to be seen before others are sent.
  private(set) var isProven: Bool

  /// - Parameter firstGoesAlone: whether no other chunk is sent before the first step of one was done.
  init(_ budgets: Budgets, settings: RunSettings, firstGoesAlone: Bool, standing: RunSnapshot) {
    first = budgets.sending.last.map(ChunkStep.init) ?? settings.profile.firstStep
    areSeveral = budgets.sending.count > 1
    limit = settings.ahead
    begun = areSeveral ? standing.begunChunks : 0
    isProven = !firstGoesAlone || standing.hasPassedFirstStep
  }

  /// Whether a slot of a step may be given.
  func permits(_ step: ChunkStep?) -> Bool {
    step != first || !areSeveral || begun < (isProven ? limit : 1)
  }

  /// A slot of a step was given.
  mutating func take(_ step: ChunkStep) {
    if areSeveral, step == first { begun += 1 }
  }

  /// Nothing was sent with a slot of a step.
  mutating func giveBack(_ step: ChunkStep) {
    if areSeveral, step == first { begun -= 1 }
  }

  /// A chunk is held: nothing comes of it before a person decides.
  mutating func hold() {
    if areSeveral { begun -= 1 }
  }

  /// A chunk that was held is not any more.
  mutating func holdNoMore() {
    if areSeveral { begun += 1 }
  }

  /// Takes note of a move of a chunk.
  mutating func follow(_ move: ChunkMove) {
    guard areSeveral else { return }
    // A chunk is at a later step only where the first one was done.
    if move.step != first { isProven = true }
    switch move.event {
    case .stepDone: isProven = true
    case .accepted, .settledReceived, .refused, .exhausted, .divided, .refusedAlike: begun -= 1
    case .requeued, .settledNotReceived: if (move.nextStep ?? move.step) == first { begun -= 1 }
    case .stepAccepted, .stepReopened, .answerLost, .doubted, .claimed, .cancelled, .retried: break
    }
  }
}
