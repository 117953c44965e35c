/// A command line of this program that is advised, without the database: that is known where it is shown.
package struct AdvisedCommand: Sendable, Equatable {
  /// The arguments of each program of a pipe, ready for a shell.
  private var calls: [String]
  /// What follows the last call, for example where its output goes.
  private var tail = ""

  private init(_ arguments: String) { calls = [arguments] }

  /// The line as it can be pasted into a shell.
  ///
  /// - Parameter database: the path that each call has to give with `--db`; `nil` when the database is found without it.
  package func text(database: String?) -> String {
    let option = database.map { " --db \(ShellText.quote($0))" } ?? ""
    return calls.map { "orchestrate \($0)\(option)" }.joined(separator: " | ") + tail
  }

  /// Lists the runs.
  package static let history = AdvisedCommand("report")

  /// Starts a run of some manifest.
  package static let submitManifest = AdvisedCommand("submit <manifest>")

  /// Shows what became of a run.
  package static func report(_ run: RunID) -> AdvisedCommand { AdvisedCommand("report \(run)") }

  /// Shows the state of every chunk of a run.
  package static func reportAsJSON(_ run: RunID) -> AdvisedCommand {
    AdvisedCommand("report \(run) --format json")
  }

  /// Checks the records of a run; of `nil`, of a run that is to be named.
  package static func verify(_ run: RunID?) -> AdvisedCommand {
    AdvisedCommand("verify \(run?.rawValue ?? "<run-id>")")
  }

  /// Goes on with a run.
  package static func resume(_ run: RunID) -> AdvisedCommand { AdvisedCommand("resume \(run)") }

  /// Goes on with a run that is paused for a reason.
  package static func resume(_ run: RunID, pausedFor reason: PauseReason?) -> AdvisedCommand {
    reason == .failures ? AdvisedCommand("resume \(run) --max-failures 100%") : resume(run)
  }

  /// Sends what is in these states of a run again.
  package static func retry(_ run: RunID, _ states: [ChunkState]) -> AdvisedCommand {
    AdvisedCommand("resume \(run) --retry \(list(states))")
  }

  /// Goes on with a run without the rest of a wait that the service asked for.
  package static func ignoreWait(_ run: String?) -> AdvisedCommand {
    AdvisedCommand("resume \(run ?? "<run-id>") --ignore-wait")
  }

  /// Stops a run for good, and asks the service about what is unknown.
  package static func cancel(_ run: RunID) -> AdvisedCommand { AdvisedCommand("cancel \(run)") }

  /// Asks the service about what is unknown, also in a run that is told to hold it.
  package static func ask(_ run: RunID) -> AdvisedCommand {
    AdvisedCommand("resume \(run) --on-unknown check")
  }

  /// Takes a person's verdict on what is unknown.
  package static func settle(_ run: RunID, _ profile: ServiceProfile) -> AdvisedCommand {
    guard profile.takesReceivedByWord else { return settleAsNotReceived(run) }
    var command = AdvisedCommand("settle \(run) --as received")
    command.tail = "  # or: --as not-received"
    return command
  }

  /// Takes a person's word that the service has nothing of what is unknown.
  package static func settleAsNotReceived(_ run: RunID) -> AdvisedCommand {
    AdvisedCommand("settle \(run) --as not-received")
  }

  /// Writes the items in these states as a manifest.
  package static func export(_ run: RunID, _ states: [ChunkState]) -> AdvisedCommand {
    AdvisedCommand("export \(run) --state \(list(states))")
  }

  /// Follows the accepted items of a run until each is indexed or failed.
  package static func track(_ run: RunID) -> AdvisedCommand { AdvisedCommand("track \(run) --wait") }

  /// Writes the accepted items of which the service makes that as a manifest.
  package static func export(_ run: RunID, _ state: TrackedState) -> AdvisedCommand {
    AdvisedCommand("export \(run) --state \(state.exportWord)")
  }

  /// What the file is called in which items are corrected.
  package static let correctedFile = "corrected.json"

  /// Writes the items in these states to a file in which they can be corrected.
  package static func exportToCorrect(_ run: RunID, _ states: [ChunkState]) -> AdvisedCommand {
    var command = export(run, states)
    command.tail = " > " + correctedFile
    return command
  }

  /// Submits a manifest that was submitted before, or a part of one, with these settings, as far as they are not defaults.
  ///
  /// - Parameter keepsLimit: whether a limit on what is read of the manifest holds again. Otherwise it is left out: it was meant
  ///   for the whole.
  package static func submit(
    _ manifest: String, _ settings: RunSettings, keepsLimit: Bool = false
  ) -> AdvisedCommand {
    let defaults = RunSettings()
    let options = RunSettings.table.filter {
      ($0.key != "limit" || keepsLimit) && $0.text(settings) != $0.text(defaults)
    }
    .flatMap { $0.options(settings) }
    return AdvisedCommand(
      (["submit", manifest, "--again"] + options).map(ShellText.quote).joined(separator: " "))
  }

  /// Sends the items in these states in a new run with the settings of this one.
  package static func submitAnew(
    _ run: RunID, _ states: [ChunkState], _ settings: RunSettings
  ) -> AdvisedCommand {
    var command = export(run, states)
    command.calls += submit("-", settings).calls
    return command
  }

  /// Sends what is in these states again in the way that needs fewer requests: pieces of divided chunks are small, and a
  /// new run packs them together. A few requests are not worth it: the new run has none of the accepted chunks that prove
  /// what became of a lost answer.
  package static func sendAgain(
    _ states: [ChunkState], of run: RunSummary, _ settings: RunSettings
  ) -> AdvisedCommand {
    let items = states.reduce(0) { $0 + run.counts.items(in: $1) }
    let chunks = states.reduce(0) { $0 + run.counts.chunks(in: $1) }
    let anew = (items + settings.chunkSize - 1) / settings.chunkSize
    let isOver = run.state == .finished && run.counts.items(in: .unknown) == 0
    return run.state == .cancelled || isOver && chunks - anew >= worthwhileSaving
      ? submitAnew(run.run, states, settings) : retry(run.run, states)
  }

  private static let worthwhileSaving = 10

  private static func list(_ states: [ChunkState]) -> String {
    states.map(\.rawValue).joined(separator: ",")
  }
}
