import BatchDomain

/// Why items are not accepted, grouped by what the service said.
struct CauseText {
  private let zone: LocalZone

  /// Causes with times in that zone.
  init(zone: LocalZone) { self.zone = zone }

  /// One block per cause: code, outcome, how much it concerns, when, and a sample of the message.
  func text(_ causes: [CauseSummary]) -> String {
    var text = "causes:\n"
    for cause in causes {
      let amount = "\(HumanNumber.text(cause.items, "item")) in \(HumanNumber.text(cause.chunks, "chunk"))"
      text +=
        "  \(TerminalText.escape(cause.code, cutAt: 80)): \(cause.outcome.words), \(amount), \(when(cause))\n"
      if let message = cause.message, !message.isEmpty {
        text += "    \(TerminalText.escape(message, cutAt: 300))\n"
      }
    }
    return text
  }

  private func when(_ cause: CauseSummary) -> String {
    let first = zone.brief(cause.firstAt)
    let last = zone.brief(cause.lastAt)
    return first == last ? first : "\(first) to \(last)"
  }
}
