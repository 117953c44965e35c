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

  /// Writes the items in these states as a manifest.
  package func export(_ states: [ChunkState]) -> String {
    command("export \(run) --state \(Self.list(states))")
  }

  /// A person's verdict on what is unknown.
  package var settle: String { command("settle \(run) --as received") + "  # or: --as not-received" }

  private func command(_ words: String) -> String {
    "orchestrate \(words)" + (database.map { " --db \(ShellText.quote($0))" } ?? "")
  }

  private static func list(_ states: [ChunkState]) -> String {
    states.map(\.rawValue).joined(separator: ",")
  }
}
