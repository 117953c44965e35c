package import BatchDomain

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
    if run.reason == .copied {
      let commands = RunCommands(run: run.run, database: run.detail)
      steps = [Step(purpose: "continue the run where it was copied to", command: commands.resume)]
      return
    }
    var steps = Self.goingOn(run, commands, settings)
    // While it goes on there may be more of them in a minute.
    if !run.isLive { steps += Self.lost(run, commands, causes, settings) }
    if run.counts.items(in: .cancelled) > 0 {
      steps.append(
        Step(
          purpose: "send the cancelled items", command: commands.submitAnew([.cancelled], settings))
      )
    }
    self.steps = steps
  }

  private static func goingOn(
    _ run: RunSummary, _ commands: RunCommands, _ settings: RunSettings
  ) -> [Step] {
    let isUnknown = run.counts.items(in: .unknown) > 0
    let settle = Step(
      purpose: "decide yourself, if the service cannot tell", command: commands.settle(settings.profile))
    switch run.state {
    case .planning where run.manifest == "-":
      // What came through a pipe cannot be read again; the user has to send it anew, and knows from where.
      return []
    case .planning, .running:
      return run.isLive ? [] : [Step(purpose: "resume the run", command: commands.resume)]
    case .paused:
      let preparation = run.reason?.preparation.map { "resume the run, \($0)" }
      let resume = Step(
        purpose: preparation ?? "resume the run", command: commands.resume(pausedFor: run.reason))
      guard let profile = run.profileInstead else { return [resume] }
      let anew = Step(
        purpose:
          "submit the manifest again, if the account needs --profile \(profile.rawValue): a run keeps its profile",
        command: commands.submitAnew(run, profile, settings))
      return [anew, resume]
    case .finished where isUnknown:
      let ask = settings.onUnknown == .hold ? commands.ask : commands.resume
      return [Step(purpose: "ask the service about the unknown items", command: ask), settle]
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
          purpose: "submit the corrected file",
          command: commands.submit(AdvisedCommand.correctedFile, settings)))
    }
    let others = lost.filter { !hopeless.contains($0) }
    if !others.isEmpty {
      steps.append(Step(purpose: "list the \(words(others)) items", command: commands.export(others)))
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

/// What can be done about a cause: whether sending the items again can help, and the command that does it.
///
/// Whether it can help follows from the outcome. Of refused content only codes that are known to speak about the request
/// rule it out; a code nobody knows "may not help". A new run (`export ... | submit - --again`) is advised where it needs
/// fewer requests than the chunks that would be sent again, ten at least: a run of a handful of chunks has no witnesses for a
/// lost answer. It carries the settings that are not defaults. Items refused for good are to be corrected, and are never
/// advised to be sent again as they are.
struct CauseAdvice {
  /// Whether sending again can help, as a clause.
  let words: String
  /// The command to run; `nil` when nobody has to do anything, or nothing can be done now.
  let command: String?

  /// Advice on a cause of a run.
  init(_ cause: CauseSummary, of run: RunSummary, _ settings: RunSettings, _ commands: RunCommands) {
    let lost = [ChunkState.rejected, .failed].filter { cause.states.contains($0) }
    guard run.reason != .copied else {
      words = "the run goes on where it was copied to"
      command = nil
      return
    }
    guard !run.isLive else {
      words = lost.isEmpty ? "the run continues automatically" : "wait until the run has ended"
      command = nil
      return
    }
    guard cause.states != [.unknown] || run.state != .finished else {
      // What is told to hold is never looked up again.
      switch (settings.onUnknown, settings.profile.takesReceivedByWord) {
      case (.hold, true):
        words = "held as --on-unknown says: a person decides"
        command = commands.settle(settings.profile)
      case (.hold, false):
        words = "held as --on-unknown says: the service can be asked"
        command = commands.ask
      case (.check, _), (.resend, _):
        words = "held: the service can be asked again, or a person decides"
        command = commands.resume
      }
      return
    }
    if lost.isEmpty, cause.repeating == .helpsAfter(.address), let profile = run.profileInstead {
      words =
        "sending again can help in a new run with --profile \(profile.rawValue), if the account needs it, or once the "
        + "address is correct (--base-url)"
      command = commands.submitAnew(run, profile, settings)
      return
    }
    words = cause.repeating.words
    if lost.isEmpty {
      command = run.state == .cancelled ? nil : commands.resume(pausedFor: run.reason)
    } else if cause.repeating == .refusedAgain {
      command = commands.exportToCorrect(lost)
    } else {
      command = commands.sendAgain(lost, of: run, settings)
    }
  }
}

extension Repeating {
  /// As a clause.
  fileprivate var words: String {
    switch self {
    case .helps: "sending again can help"
    case .helpsAfter(.account): "sending again can help once the key and the account are valid"
    case .helpsAfter(.address): "sending again can help once the address is correct (--base-url)"
    case .helpsAfter(.index): "sending again can help once the index exists for this account"
    case .refusedAgain: "sending again does not help: correct the items, then submit them"
    case .unclear: "sending again may not help: the service refused the items"
    }
  }
}

/// The command lines that reports advise about a run, ready to be pasted into a shell.
package struct RunCommands: Sendable {
  /// The run.
  package let run: RunID
  private let database: String?

  /// Commands about a run.
  ///
  /// - Parameter database: the path given with `--db`, which the commands then need too; `nil` when the
  ///   database is found without it.
  package init(run: RunID, database: String? = nil) {
    self.run = run
    self.database = database
  }

  /// Shows what became of the run.
  package var report: String { text(.report(run)) }

  /// Goes on with the run.
  package var resume: String { text(.resume(run)) }

  /// Stops the run for good, and asks the service about what is unknown.
  package var cancel: String { text(.cancel(run)) }

  /// Asks the service about what is unknown, also in a run that is told to hold it.
  package var ask: String { text(.ask(run)) }

  /// A person's verdict on what is unknown.
  package func settle(_ profile: ServiceProfile) -> String { text(.settle(run, profile)) }

  /// Goes on with the run without the rest of a wait that the service asked for.
  package var ignoreWait: String { text(.ignoreWait(run.rawValue)) }

  /// Goes on with the run that is paused for a reason.
  package func resume(pausedFor reason: PauseReason?) -> String { text(.resume(run, pausedFor: reason)) }

  /// Sends what is in these states again.
  package func retry(_ states: [ChunkState]) -> String { text(.retry(run, states)) }

  /// Sends what is in these states again in the way that needs fewer requests.
  package func sendAgain(_ states: [ChunkState], of run: RunSummary, _ settings: RunSettings) -> String {
    text(.sendAgain(states, of: run, settings))
  }

  /// Writes the items in these states as a manifest.
  package func export(_ states: [ChunkState]) -> String { text(.export(run, states)) }

  /// Follows the accepted items until each is indexed or failed.
  package var track: String { text(.track(run)) }

  /// Writes the accepted items of which the service makes that as a manifest.
  package func export(_ state: TrackedState) -> String { text(.export(run, state)) }

  /// Writes the items in these states to a file in which they can be corrected.
  package func exportToCorrect(_ states: [ChunkState]) -> String { text(.exportToCorrect(run, states)) }

  /// Sends the items in these states in a new run with the settings of this one.
  package func submitAnew(_ states: [ChunkState], _ settings: RunSettings) -> String {
    text(.submitAnew(run, states, settings))
  }

  /// Submits the manifest of a run of which nothing was accepted with another profile. What came through a pipe cannot be read
  /// again, and is in the store.
  package func submitAnew(
    _ run: RunSummary, _ profile: ServiceProfile, _ settings: RunSettings
  ) -> String {
    let settings = settings.moved(to: profile)
    guard run.manifest != "-" else { return submitAnew([.pending], settings) }
    return text(.submit(run.manifest, settings, keepsLimit: true))
  }

  /// Submits a manifest that was submitted before, or a part of one, with these settings.
  package func submit(_ manifest: String, _ settings: RunSettings) -> String {
    text(.submit(manifest, settings))
  }

  private func text(_ command: AdvisedCommand) -> String { command.text(database: database) }
}

/// The settings that are stored with a run, each as its option of `submit` has it.
package struct SettingWords: Sendable, Equatable {
  /// The option's name without hyphens; of a switch that is on by default, without `no-`.
  package let name: String
  /// The value as a person reads it.
  package let value: String
  /// What is written on a command line, ready for a shell.
  package let words: String

  /// All of them, in the order of the table.
  package static func list(_ settings: RunSettings) -> [SettingWords] {
    RunSettings.table.map { row in
      SettingWords(
        name: row.key, value: row.text(settings) ?? "none",
        words: row.options(settings).map(ShellText.quote).joined(separator: " "))
    }
  }
}
