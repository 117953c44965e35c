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
  /// - Parameters:
  ///   - causes: why items are not accepted: what is refused for good is not advised to be sent again.
  ///   - settings: what the run was told, which a new run of its items has to be told, too.
  init(_ run: RunSummary, _ commands: RunCommands, causes: [CauseSummary], settings: RunSettings) {
    var steps = Self.goingOn(run, commands)
    // While it goes on there may be more of them in a minute.
    if !run.isLive { steps += Self.lost(run, commands, causes, settings) }
    if run.counts.items(in: .cancelled) > 0 {
      steps.append(
        Step(
          purpose: "send the cancelled items after all", command: commands.submitAnew([.cancelled], settings))
      )
    }
    self.steps = steps
  }

  private static func goingOn(_ run: RunSummary, _ commands: RunCommands) -> [Step] {
    let isUnknown = run.counts.items(in: .unknown) > 0
    let settle = Step(purpose: "say it yourself, if the service cannot tell", command: commands.settle)
    switch run.state {
    case .planning where run.manifest == "-":
      // What came through a pipe cannot be read again; the user has to send it anew, and knows from where.
      return []
    case .planning, .running:
      return run.isLive ? [] : [Step(purpose: "go on", command: commands.resume)]
    case .paused:
      let preparation = run.reason?.preparation.map { "go on, \($0)" }
      return [Step(purpose: preparation ?? "go on", command: commands.resume(pausedFor: run.reason))]
    case .finished where isUnknown:
      return [Step(purpose: "ask the service about the unknown items", command: commands.resume), settle]
    case .cancelled where isUnknown:
      return [Step(purpose: "ask the service about the unknown items", command: commands.cancel), settle]
    case .finished, .cancelled:
      return []
    }
  }

  private static func lost(
    _ run: RunSummary, _ commands: RunCommands, _ causes: [CauseSummary], _ settings: RunSettings
  ) -> [Step] {
    let lost = [ChunkState.rejected, .failed].filter { run.counts.items(in: $0) > 0 }
    let hopeless = lost.filter { state in
      let ofState = causes.filter { $0.states.contains(state) }
      return !ofState.isEmpty && ofState.allSatisfy { $0.repeating == .refusedAgain }
    }
    var steps: [Step] = []
    if !hopeless.isEmpty {
      steps.append(
        Step(purpose: "correct the \(words(hopeless)) items", command: commands.exportToCorrect(hopeless)))
      steps.append(
        Step(
          purpose: "and submit that file", command: commands.submit(AdvisedCommand.correctedFile, settings)))
    }
    let others = lost.filter { !hopeless.contains($0) }
    if !others.isEmpty {
      steps.append(Step(purpose: "see the \(words(others)) items", command: commands.export(others)))
      if run.state == .finished {
        steps.append(
          Step(
            purpose: "send the \(words(others)) items again",
            command: commands.sendAgain(others, of: run, settings)))
      }
    }
    return steps
  }

  private static func words(_ states: [ChunkState]) -> String {
    states.map(\.rawValue).joined(separator: " and ")
  }
}
