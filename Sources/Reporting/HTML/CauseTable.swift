import BatchDomain

/// Why items are not accepted, grouped by what the service said.
struct CauseTable {
  let zone: LocalZone

  /// The table; empty without causes.
  func html(_ causes: [CauseSummary]) throws -> HTMLFragment {
    guard !causes.isEmpty else { return .empty }
    return try Self.template.render(
      Values(
        causes: causes.prefix(Self.shown).map { cause in
          Row(
            code: TerminalText.escape(cause.code, cutAt: 80), outcome: cause.outcome.words,
            message: cause.message.map { TerminalText.escape($0, cutAt: 300) },
            items: HumanNumber.text(cause.items), chunks: HumanNumber.text(cause.chunks),
            time: time(cause))
        },
        more: causes.count > Self.shown
          ? "\(HumanNumber.text(causes.count - Self.shown)) more causes are left out." : nil))
  }

  private func time(_ cause: CauseSummary) -> String {
    let (first, last) = (zone.brief(cause.firstAt), zone.brief(cause.lastAt))
    return first == last ? first : "\(first) to \(last)"
  }

  private static let shown = 50

  private struct Row {
    let code: String
    let outcome: String
    let message: String?
    let items: String
    let chunks: String
    let time: String
  }

  private struct Values {
    let causes: [Row]
    let more: String?
  }

  private static let template = HTMLTemplate(
    """
    <div class="scroll"><table>
    <thead><tr><th>cause</th><th class="n">items</th><th class="n">chunks</th></tr></thead>
    <tbody>
    {{#causes}}
    <tr><td class="said"><code>{{code}}</code>, {{outcome}}{{#message}}<br><span class="quiet">{{message}}</span>{{/message}}<br><span class="quiet">{{time}}</span></td><td class="n">{{items}}</td><td class="n">{{chunks}}</td></tr>
    {{/causes}}
    </tbody>
    </table></div>
    {{#more}}
    <p class="quiet">{{more}}</p>
    {{/more}}
    """)
}
