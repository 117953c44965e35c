import BatchDomain

/// Verdicts on lost answers as a person reads them: what, when, by whom, and on what evidence.
struct SettlementText {
  let zone: LocalZone

  /// Verdicts shown; the machine formats have all of them.
  static let shown = 3

  /// A heading and one paragraph per verdict, the latest first.
  ///
  /// - Parameter settlements: one more than ``shown`` when there are more.
  func text(_ settlements: [SettlementSummary]) -> String {
    var text = "settled:\n"
    for settlement in settlements.prefix(Self.shown) { text += line(settlement) }
    if settlements.count > Self.shown {
      text += "  earlier ones are left out; --format json has the latest of each chunk\n"
    }
    return text
  }

  private func line(_ settlement: SettlementSummary) -> String {
    let items = "\(HumanNumber.text(settlement.itemCount)) item\(settlement.itemCount == 1 ? "" : "s")"
    var text =
      "  \(zone.brief(settlement.decidedAt)) chunk \(settlement.chunk) (\(items)), attempt "
      + "\(settlement.attempt): \(words(settlement.verdict)), by \(words(settlement.authority))\n"
    text += "    \(VisibleText.escape(settlement.evidence.text, cutAt: 300))\n"
    if let first = settlement.evidence.firstLookAt, let last = settlement.evidence.lastLookAt,
      let tasks = settlement.evidence.tasksListed
    {
      let looks = "looked \(zone.brief(first, to: last))"
      let seen = settlement.evidence.itemsSeen.map { ", \($0) of \(settlement.itemCount) items among them" }
      text += "    \(looks), \(HumanNumber.text(tasks)) tasks listed\(seen ?? "")\n"
    }
    return text
  }

  private func words(_ verdict: Settlement.Verdict) -> String {
    switch verdict {
    case .received: "received"
    case .partlyReceived: "received in part"
    case .notReceived: "not received"
    case .undecided: "undecided, held"
    }
  }

  private func words(_ authority: Settlement.Authority) -> String {
    switch authority {
    case .listing: "the service's listing"
    case .policy: "--on-unknown"
    case .person: "a person"
    }
  }
}
