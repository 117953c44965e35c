package import BatchDomain

/// The command lines that reports advise about a run, ready to be pasted into a shell.
package struct RunCommands: Sendable {
  private let run: RunID
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

  /// A person's verdict on what is unknown.
  package var settle: String { text(.settle(run)) }

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

  /// Writes the items in these states to a file in which they can be corrected.
  package func exportToCorrect(_ states: [ChunkState]) -> String { text(.exportToCorrect(run, states)) }

  /// Sends the items in these states in a new run with the settings of this one.
  package func submitAnew(_ states: [ChunkState], _ settings: RunSettings) -> String {
    text(.submitAnew(run, states, settings))
  }

  /// Submits a manifest that was submitted before, or a part of one, with these settings.
  package func submit(_ manifest: String, _ settings: RunSettings) -> String {
    text(.submit(manifest, settings))
  }

  private func text(_ command: AdvisedCommand) -> String { command.text(database: database) }
}
