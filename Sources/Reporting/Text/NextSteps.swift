import BatchDomain

/// What the user can do about a run now.
struct NextSteps {
  /// One piece of advice.
  struct Step: Equatable {
    /// What it is for.
    let purpose: String
    /// The command to run.
    let command: String
  }

  /// The advice, the most useful first; empty when there is nothing to do.
  let steps: [Step]

  /// Advice on a run.
  ///
  /// - Parameter causes: why items are not accepted, where that was looked up: what is refused for good is not advised
  ///   to be sent again.
  init(_ run: RunSummary, _ commands: RunCommands, causes: [CauseSummary] = []) {
    var steps: [Step] = []
    let counts = run.counts
    switch run.state {
    case .planning where run.manifest == "-":
      // What came through a pipe cannot be read again; the user has to send it anew, and knows from where.
      break
    case .planning, .running:
      if !run.isLive { steps.append(Step(purpose: "go on", command: commands.resume)) }
    case .paused:
      let preparation = run.reason?.preparation.map { "go on, \($0)" }
      steps.append(Step(purpose: preparation ?? "go on", command: commands.resume))
    case .finished:
      if counts.items(in: .unknown) > 0 {
        steps.append(Step(purpose: "ask the service about the unknown items", command: commands.resume))
        steps.append(
          Step(purpose: "say it yourself, if the service cannot tell", command: commands.settle))
      }
    case .cancelled:
      break
    }
    let lost = [ChunkState.rejected, .failed].filter { counts.items(in: $0) > 0 }
    // While it goes on there may be more of them in a minute.
    if !lost.isEmpty, !run.isLive {
      let words = lost.map(\.rawValue).joined(separator: " and ")
      let ofLost = causes.filter { !$0.states.isDisjoint(with: lost) }
      if !ofLost.isEmpty, ofLost.allSatisfy({ $0.repeating == .refusedAgain }) {
        steps.append(
          Step(
            purpose: "correct the \(words) items, and submit that file",
            command: commands.exportToCorrect(lost)))
      } else {
        steps.append(Step(purpose: "see the \(words) items", command: commands.export(lost)))
        if run.state == .finished {
          steps.append(Step(purpose: "send the \(words) items again", command: commands.retry(lost)))
        }
      }
    }
    if counts.items(in: .cancelled) > 0 {
      steps.append(Step(purpose: "get the cancelled items", command: commands.export([.cancelled])))
    }
    self.steps = steps
  }
}
