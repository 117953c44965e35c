package import BatchDomain

/// What somebody elsewhere is told about a run, in a sentence or two without line ends.
///
/// Nothing that the service said is in it, and of what the user said only the run's name, whose `<`, `>` and `@` are
/// replaced by look-alikes: chat tools read links and calls for attention out of them.
package struct RunNoticeText: Sendable {
  private let zone: LocalZone
  private let commands: RunCommands

  /// Words with times of that zone and these commands.
  package init(zone: LocalZone, commands: RunCommands) {
    self.zone = zone
    self.commands = commands
  }

  /// How a run was left: `orchestrate run <id> (night) finished: all 5,000 items accepted`.
  package func left(_ run: RunSummary) -> String {
    var line = "\(subject(run)) \(RunHeadline.text(run))"
    if run.state == .paused, let reason = run.reason { line += ", because \(reason.words)" }
    guard let next = next(run) else { return line }
    line += "; next"
    if run.state == .paused, let preparation = run.reason?.preparation { line += ", \(preparation)" }
    return line + ": " + next
  }

  /// A long wait: `orchestrate run <id> (night) waits until 03:40 (in 2h): <why>; 2,000 of 5,000 items accepted`.
  package func waiting(_ run: RunSummary, _ wait: StoredWait, now: Timestamp) -> String {
    let accepted = HumanNumber.text(run.counts.items(in: .accepted))
    return "\(subject(run)) waits until \(zone.text(wait.until)) "
      + "(in \(HumanDuration.rough(wait.until.since(now)))): \(VisibleText.escape(wait.reason, cutAt: 200)); "
      + "\(accepted) of \(HumanNumber.text(run.items, "item")) accepted; it goes on by itself"
  }

  /// The command to run next; `nil` when there is nothing to do.
  package func next(_ run: RunSummary) -> String? {
    if run.state == .paused { return commands.resume(pausedFor: run.reason) }
    if run.state == .finished, run.counts.items(in: .unknown) > 0 { return commands.resume }
    let lost = [ChunkState.rejected, .failed].filter { run.counts.items(in: $0) > 0 }
    return lost.isEmpty ? nil : commands.export(lost)
  }

  private func subject(_ run: RunSummary) -> String {
    guard let name = run.name else { return "orchestrate run \(run.run)" }
    let shown = VisibleText.escape(name, cutAt: 200)
      .replacing(scalar: "<", by: "‹").replacing(scalar: ">", by: "›").replacing(scalar: "@", by: "＠")
    return "orchestrate run \(run.run) (\(shown))"
  }
}
