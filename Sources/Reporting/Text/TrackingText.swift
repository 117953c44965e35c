package import BatchDomain

/// What the service makes of the accepted items of a run, as a person reads it.
package struct TrackingText: Sendable {
  private let zone: LocalZone
  private let commands: RunCommands

  /// Texts with times of that zone and these commands.
  package init(zone: LocalZone, commands: RunCommands) {
    self.zone = zone
    self.commands = commands
  }

  /// One line: `indexed 480 of 500, 12 in progress, 8 failed`.
  package static func sentence(_ tracking: TrackingSummary) -> String {
    let states = tracking.states
    guard states.total > 0 else { return "no item was accepted yet" }
    var parts = ["indexed \(HumanNumber.text(states[.ready])) of \(HumanNumber.text(states.total))"]
    if states.inProgress > 0 { parts.append("\(HumanNumber.text(states.inProgress)) in progress") }
    if states[.failed] > 0 { parts.append("\(HumanNumber.text(states[.failed])) failed") }
    if states[.notSeen] > 0 { parts.append("\(HumanNumber.text(states[.notSeen])) not seen") }
    if states[.ambiguous] > 0 { parts.append("\(HumanNumber.text(states[.ambiguous])) ambiguous") }
    return parts.joined(separator: ", ")
  }

  /// The line, when it was true, why items failed, and which commands say more.
  package func block(_ tracking: TrackingSummary) -> String {
    let looked = tracking.lookedAt.map { "as of \(zone.text($0))" } ?? "not looked at yet"
    var text = "at the service: \(Self.sentence(tracking)) (\(looked))\n"
    for reason in tracking.reasons {
      text += "  \(HumanNumber.text(reason.items)) failed: \(Self.words(reason))\n"
    }
    if let hint = Self.hint(tracking) { text += "  \(hint)\n" }
    for state in [TrackedState.failed, .notSeen, .ambiguous] where tracking.states[state] > 0 {
      text += "  \(Self.purpose(of: state)):\n    \(VisibleText.escape(commands.export(state)))\n"
    }
    if tracking.states.open > 0 {
      text += "  follow the others until they are indexed:\n    \(VisibleText.escape(commands.track))\n"
    }
    return text
  }

  /// Why items failed.
  static func words(_ reason: TrackingSummary.Reason) -> String {
    reason.text.map { VisibleText.escape($0, cutAt: 300) } ?? "the service gave no reason"
  }

  /// What a state means that a reader may take for a failure; `nil` where there is none.
  static func hint(_ tracking: TrackingSummary) -> String? {
    if tracking.states[.ambiguous] > 0 {
      return "ambiguous: videos of the same file name in one index cannot be told apart"
    }
    if tracking.states[.notSeen] > 0 {
      return "not seen: the service does not list them yet, or took them for videos that it has already"
    }
    return nil
  }

  private static func purpose(of state: TrackedState) -> String {
    switch state {
    case .failed: "list the items that failed"
    case .notSeen: "list the items that are not seen"
    default: "list the items that are ambiguous"
    }
  }
}
