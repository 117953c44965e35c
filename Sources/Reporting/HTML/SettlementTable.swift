import BatchDomain

/// What became of lost answers: when, by whom, and on what evidence.
struct SettlementTable {
  let zone: LocalZone

  /// Verdicts shown.
  static let shown = 10

  /// The table; empty without any.
  ///
  /// - Parameter settlements: the latest first; one more than ``shown`` when there are more.
  func html(_ settlements: [SettlementSummary]) throws -> HTMLFragment {
    guard !settlements.isEmpty else { return .empty }
    return try Self.template.render(
      Values(
        settlements: settlements.prefix(Self.shown).map { settlement in
          Row(
            time: zone.brief(settlement.decidedAt), chunk: HumanNumber.text(settlement.chunk.rawValue),
            items: HumanNumber.text(settlement.itemCount, "item"),
            verdict: Self.words(settlement.verdict), authority: Self.words(settlement.authority),
            evidence: VisibleText.escape(settlement.evidence.text, cutAt: 300))
        }, isCut: settlements.count > Self.shown))
  }

  private static func words(_ verdict: Settlement.Verdict) -> String {
    switch verdict {
    case .received: "received"
    case .partlyReceived: "received in part"
    case .notReceived: "not received"
    case .undecided: "undecided, held"
    }
  }

  private static func words(_ authority: Settlement.Authority) -> String {
    switch authority {
    case .listing: "the service's listing"
    case .policy: "--on-unknown"
    case .person: "a person"
    }
  }

  private struct Row {
    let time: String
    let chunk: String
    let items: String
    let verdict: String
    let authority: String
    let evidence: String
  }

  private struct Values {
    let settlements: [Row]
    let isCut: Bool
  }

  private static let template = HTMLTemplate(
    """
    <div class="scroll"><table>
    <thead><tr><th>when</th><th class="n">chunk</th><th>verdict</th></tr></thead>
    <tbody>
    {{#settlements}}
    <tr><td class="nowrap">{{time}}</td><td class="n">{{chunk}}</td><td class="said">{{verdict}} ({{items}}), by {{authority}}<br><span class="quiet">{{evidence}}</span></td></tr>
    {{/settlements}}
    </tbody>
    </table></div>
    {{#isCut}}
    <p class="quiet">Earlier ones are left out; --format json has them.</p>
    {{/isCut}}
    """)
}
