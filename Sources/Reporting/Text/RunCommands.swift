package import BatchDomain

/// The command lines that reports advise, ready to be pasted into a shell.
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
  package var report: String { command("report \(run)") }

  /// Goes on with the run.
  package var resume: String { command("resume \(run)") }

  /// Sends what is in these states again.
  package func retry(_ states: [ChunkState]) -> String {
    command("resume \(run) --retry \(Self.list(states))")
  }

  /// Sends what is in these states again in the way that needs fewer requests: pieces of divided chunks are small, and a
  /// new run packs them together. A few requests are not worth it: the new run has none of the accepted chunks that prove
  /// what became of a lost answer.
  package func sendAgain(_ states: [ChunkState], of run: RunSummary, _ settings: RunSettings) -> String {
    let items = states.reduce(0) { $0 + run.counts.items(in: $1) }
    let chunks = states.reduce(0) { $0 + run.counts.chunks(in: $1) }
    let anew = (items + settings.chunkSize - 1) / settings.chunkSize
    let isOver = run.state == .finished && run.counts.items(in: .unknown) == 0
    return run.state == .cancelled || isOver && chunks - anew >= Self.worthwhileSaving
      ? submitAnew(states, settings) : retry(states)
  }

  private static let worthwhileSaving = 10

  /// Goes on with a run that is paused for a reason.
  package func goOn(_ reason: PauseReason?) -> String {
    reason == .failures ? command("resume \(run) --max-failures 100%") : resume
  }

  /// Goes on with a run without the rest of a wait that the service asked for.
  package var ignoreWait: String { command("resume \(run) --ignore-wait") }

  /// Writes the items in these states as a manifest.
  package func export(_ states: [ChunkState]) -> String {
    command("export \(run) --state \(Self.list(states))")
  }

  /// Writes the items in these states to a file in which they can be corrected.
  package func exportToCorrect(_ states: [ChunkState]) -> String {
    export(states) + " > " + Self.correctedFile
  }

  /// What that file is called.
  static let correctedFile = "corrected.json"

  /// Sends the items in these states in a new run with the settings of this one.
  package func submitAnew(_ states: [ChunkState], _ settings: RunSettings) -> String {
    export(states) + " | " + submit("-", settings)
  }

  /// Submits a manifest that was submitted before, or a part of one, with these settings, as far as they are not defaults.
  /// A limit on what is read of the manifest is left out: it was meant for the whole.
  package func submit(_ manifest: String, _ settings: RunSettings) -> String {
    let options = zip(SettingWords.list(settings), SettingWords.list(RunSettings()))
      .filter { $0 != $1 && $0.name != "limit" }.map { " " + $0.0.words }
    return command("submit \(ShellText.quote(manifest)) --again\(options.joined())")
  }

  /// Gives the run up, and asks the service about what is unknown.
  package var cancel: String { command("cancel \(run)") }

  /// A person's verdict on what is unknown.
  package var settle: String { command("settle \(run) --as received") + "  # or: --as not-received" }

  private func command(_ words: String) -> String {
    "orchestrate \(words)" + (database.map { " --db \(ShellText.quote($0))" } ?? "")
  }

  private static func list(_ states: [ChunkState]) -> String {
    states.map(\.rawValue).joined(separator: ",")
  }
}
