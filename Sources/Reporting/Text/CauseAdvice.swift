import BatchDomain

/// What can be done about a cause: whether sending the items again can help, and the command that does it.
///
/// Whether it can help follows from the outcome. Of refused content only codes that are known to speak about the request
/// rule it out; a code nobody knows "may not help". A new run (`export ... | submit - --again`) is advised where it needs
/// fewer requests than the chunks that would be sent again, ten at least: a run of a handful of chunks has no witnesses for a
/// lost answer. It carries the settings that are not defaults. Items refused for good are to be corrected, and are never
/// advised to be sent again as they are.
struct CauseAdvice {
  /// Whether repeating can help, as a clause.
  let words: String
  /// The command to run; `nil` when nobody has to do anything, or nothing can be done now.
  let command: String?

  /// Advice on a cause of a run.
  init(_ cause: CauseSummary, of run: RunSummary, _ settings: RunSettings, _ commands: RunCommands) {
    let lost = [ChunkState.rejected, .failed].filter { cause.states.contains($0) }
    guard !run.isLive else {
      words = lost.isEmpty ? "the run goes on by itself" : "wait until the run has ended"
      command = nil
      return
    }
    guard cause.states != [.unknown] || run.state != .finished else {
      // What is told to hold is never looked up again.
      let isHeldForGood = settings.onUnknown == .hold
      words =
        isHeldForGood
        ? "held as --on-unknown says: a person decides"
        : "held: the service can be asked again, or a person decides"
      command = isHeldForGood ? commands.settle : commands.resume
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
    case .helps: "repeating can help"
    case .helpsAfter(.account): "repeating can help once the key and the account are in order"
    case .helpsAfter(.address): "repeating can help once the address is right (--base-url)"
    case .helpsAfter(.index): "repeating can help once the index exists for this account"
    case .refusedAgain: "repeating does not help: correct the items, then submit them"
    case .unclear: "repeating may not help: the service refused the items"
    }
  }
}
