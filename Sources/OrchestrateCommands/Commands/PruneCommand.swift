import ArgumentParser
import BatchDomain
import Reporting

/// `orchestrate prune`: removes old runs; what they had accepted stays known.
struct PruneCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "prune", abstract: "Remove old runs and keep known what they had accepted.",
    discussion: """
      Removes the runs that are over and of which nothing was recorded for that long. What they had accepted, and what was \
      rejected for good, stays known to --new-only, to diff and to the warning of submit. Unfinished and live runs, and runs \
      with lost answers that are not settled, are left alone; it says how many.

      It can be stopped at any time: a run is there as a whole or gone, and the next prune removes what is left. Other runs \
      can be sent meanwhile. The file keeps its size; later runs use the room.

      EXAMPLES
        orchestrate prune --older-than 90d --dry-run
        orchestrate prune --older-than 90d
      """)

  @Option(
    name: .customLong("older-than"),
    help: ArgumentHelp(
      "Remove runs of which nothing was recorded for that long, such as 90d or 36h.", valueName: "duration"),
    transform: { try DurationText.parse($0, for: "--older-than") })
  var olderThan: Duration

  @Flag(name: .customLong("dry-run"), help: "Say what would be removed, and change nothing.")
  var isDryRun = false

  @Option(help: "Format of the result on standard output.")
  var format: ResultFormat = .text

  @OptionGroup(title: "Store") var storeOptions: StoreOptions

  var wantsJSON: Bool { format == .json }
  var databaseGiven: String? { storeOptions.path }

  /// How long another process may write the index of known items.
  private static let patience: Duration = .seconds(30)

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let path = try storeOptions.existing(in: context)
    let now = context.clock.now()
    var report = RemovalReport(
      olderThan: olderThan, isDryRun: isDryRun, zone: context.zone, database: storeOptions.path)
    if isDryRun {
      let store = try await StoreOpener.openForReading(path, in: context)
      for run in try await store.oldRuns(before: now - olderThan) {
        report.add(run, try await store.examine(run, at: now))
      }
      try await store.close()
    } else {
      let store = try await StoreOpener.open(path, in: context)
      try await remove(from: store, at: now, &report, in: context)
      try await store.close()
    }
    try show(report, in: context)
    return .done
  }

  private func remove(
    from store: any BatchStore, at now: Timestamp, _ report: inout RemovalReport, in context: ProcessContext
  ) async throws {
    let runs = try await store.oldRuns(before: now - olderThan)
    do {
      if runs.contains(where: { $0.kept == nil && !$0.isBegun }) {
        try await index(store, in: context)
        try await store.checkKnownItems()
      }
      for run in runs { report.add(run, try await store.remove(run, at: now)) }
    } catch {
      // What is gone is told all the same.
      if report.runs > 0 { report.lines.forEach(context.note) }
      throw error
    }
  }

  /// Takes what the runs had accepted into the index of known items.
  private func index(_ store: any BatchStore, in context: ProcessContext) async throws {
    let deadline = context.clock.elapsed() + Self.patience
    while try await !store.indexKnownItems(isStopped: { false }) {
      guard context.clock.elapsed() < deadline else {
        throw StoreError(
          .locked, "another process writes the index of known items for longer than \(Self.patience)",
          remedy: "run the same command again; nothing was removed")
      }
      try await context.clock.sleep(for: .milliseconds(100))
    }
  }

  private func show(_ report: RemovalReport, in context: ProcessContext) throws {
    switch format {
    case .text:
      try context.writeResult((report.lines + report.keptLines).map { $0 + "\n" }.joined())
    case .json:
      report.keptLines.forEach(context.note)
      try context.writeResult(report.document())
    }
  }
}
