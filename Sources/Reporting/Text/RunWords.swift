package import BatchDomain

/// The first sentence of a report: what happened, in one line.
enum RunHeadline {
  /// For example `finished: 4,990 of 5,000 items accepted, 10 rejected`.
  static func text(_ run: RunSummary) -> String {
    let counts = run.counts
    if run.state == .planning {
      return run.isLive
        ? "planning: the manifest is being read; nothing was sent yet"
        : "planning: interrupted while the manifest was read; nothing was sent"
    }
    if run.items == 0, run.skipped > 0 {
      return "\(run.state.rawValue): nothing new, \(HumanNumber.text(run.skipped, "item")) skipped"
    }
    let accepted = counts.items(in: .accepted)
    let left = counts.items(in: .pending, .submitting, .processing)
    var parts: [String] = []
    if accepted == run.items {
      parts.append(
        run.items == 1 ? "the one item accepted" : "all \(HumanNumber.text(run.items)) items accepted")
    } else {
      parts.append("\(HumanNumber.text(accepted)) of \(HumanNumber.text(run.items, "item")) accepted")
    }
    for state in [ChunkState.rejected, .failed, .cancelled] where counts.items(in: state) > 0 {
      parts.append("\(HumanNumber.text(counts.items(in: state))) \(state.rawValue)")
    }
    let unknown = counts.items(in: .unknown)
    if unknown > 0 {
      parts.append("\(HumanNumber.text(unknown)) unknown" + (run.state == .finished ? " and held" : ""))
    }
    if left > 0 { parts.append("\(HumanNumber.text(left)) left") }
    return "\(run.state.rawValue): " + parts.joined(separator: ", ")
  }
}

extension PauseReason {
  /// Why the run is paused, as a clause.
  var words: String {
    switch self {
    case .signal: "it was asked to stop"
    case .window: "nothing more can be sent in its sending window"
    case .throttled: "the service asked for a longer wait than --max-wait permits"
    case .account: "the service refuses the key or the account"
    case .endpoint: "the address does not answer as the service of the run's profile does"
    case .index: "the service does not know the index of the items left"
    case .source: "the service cannot fetch the videos"
    case .credentials: "the credentials for S3 are refused, or end too soon"
    case .unreachable: "no request succeeded, or no video came to an end, for longer than --max-wait"
    case .failures: "more items were refused or failed than --max-failures permits"
    case .store: "the store could not be written"
    case .detached: "it waits for a worker"
    case .failedOver: "the database lost changes that had been confirmed"
    case .crash: "its process died"
    case .copied: "it was copied to another database"
    }
  }

  /// What to do before it is resumed; `nil` when there is nothing.
  var preparation: String? {
    switch self {
    case .signal, .window, .detached, .failedOver, .crash, .copied: nil
    case .throttled: "later, or with a longer --max-wait"
    case .account: "once the key and the account are valid"
    case .endpoint:
      "once the address and the network path to it are correct (--base-url URL changes the address)"
    case .index: "once the index exists for this account"
    case .source: "once the videos can be fetched from outside with a presigned URL"
    case .credentials: "once the credentials for S3 are valid"
    case .unreachable: "once the service answers and works on its videos"
    case .failures: "once the causes are understood"
    case .store: "once the disk has space and the database can be written"
    }
  }
}

extension Outcome {
  /// What an attempt came to, for a reader.
  var words: String {
    switch self {
    case .accepted: "accepted"
    case .account: "account refused"
    case .endpoint: "wrong endpoint"
    case .index: "unknown index"
    case .throttled: "throttled"
    case .notProcessed: "not delivered"
    case .unknown: "answer lost"
    case .content: "refused for its content"
    }
  }
}

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
    if let profile = run.profileInstead {
      line += ", submit the manifest again if the account needs --profile \(profile.rawValue)"
      line += ", as the report says"
    } else if run.state == .paused, let preparation = run.reason?.preparation {
      line += ", \(preparation)"
    }
    return line + ": " + next
  }

  /// A long wait: `orchestrate run <id> (night) waits until 03:40 (in 2h): <why>; 2,000 of 5,000 items accepted`.
  package func waiting(_ run: RunSummary, _ wait: StoredWait, now: Timestamp) -> String {
    let accepted = HumanNumber.text(run.counts.items(in: .accepted))
    return "\(subject(run)) waits until \(zone.text(wait.until)) "
      + "(in \(HumanDuration.rough(wait.until.since(now)))): \(VisibleText.escape(wait.reason, cutAt: 200)); "
      + "\(accepted) of \(HumanNumber.text(run.items, "item")) accepted; the run continues automatically"
  }

  /// What became of the accepted items: `orchestrate run <id> (night) at the service: indexed 480 of 500, 20 failed`.
  package func tracked(_ run: RunSummary, _ tracking: TrackingSummary) -> String {
    let line = "\(subject(run)) at the service: \(TrackingText.sentence(tracking))"
    guard let reason = tracking.reasons.first else { return line }
    return line + ": \(VisibleText.escape(TrackingText.words(reason), cutAt: 200))"
  }

  /// The command to run once the accepted items were followed; `nil` when all of them are indexed.
  package func next(_ tracking: TrackingSummary) -> String? {
    if tracking.states[.failed] > 0 { return commands.export(.failed) }
    return tracking.states.open > 0 ? commands.track : nil
  }

  /// The command to run next; `nil` when there is nothing to do.
  package func next(_ run: RunSummary) -> String? {
    if run.profileInstead != nil { return commands.report }
    if run.state == .paused { return commands.resume(pausedFor: run.reason) }
    if run.reason == .copied { return RunCommands(run: run.run, database: run.detail).resume }
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
