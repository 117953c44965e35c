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

  /// Writes the items in these states to a file in which they can be corrected.
  package func exportToCorrect(_ states: [ChunkState]) -> String { export(states) + " > corrected.json" }

  /// Sends the items in these states in a new run with the settings that are not defaults.
  package func submitAnew(_ states: [ChunkState], _ settings: RunSettings) -> String {
    let defaults = RunSettings()
    var options: [(String, String)] = []
    if settings.baseURL != defaults.baseURL { options.append(("base-url", settings.baseURL)) }
    if settings.profile != defaults.profile { options.append(("profile", settings.profile.rawValue)) }
    if settings.chunkSize != defaults.chunkSize { options.append(("chunk-size", "\(settings.chunkSize)")) }
    if settings.chunkBytes != defaults.chunkBytes {
      options.append(("chunk-bytes", "\(settings.chunkBytes)B"))
    }
    if settings.concurrency != defaults.concurrency {
      options.append(("concurrency", "\(settings.concurrency)"))
    }
    for rate in settings.rates { options.append(("rate", rate.description)) }
    let words = options.map { " --\($0.0) \(ShellText.quote($0.1))" }.joined()
    return export(states) + " | " + command("submit - --again\(words)")
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
