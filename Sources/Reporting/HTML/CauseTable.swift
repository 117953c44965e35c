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
            first: zone.brief(cause.firstAt), last: zone.brief(cause.lastAt))
        },
        more: causes.count > Self.shown
          ? "\(HumanNumber.text(causes.count - Self.shown)) more causes are left out." : nil))
  }

  private static let shown = 50

  private struct Row {
    let code: String
    let outcome: String
    let message: String?
    let items: String
    let chunks: String
    let first: String
    let last: String
  }

  private struct Values {
    let causes: [Row]
    let more: String?
  }

  private static let template = HTMLTemplate(
    """
    <div class="scroll"><table>
    <thead><tr><th>cause</th><th class="n">items</th><th class="n">chunks</th><th>first</th><th>last</th></tr></thead>
    <tbody>
    {{#causes}}
    <tr><td class="said"><code>{{code}}</code>, {{outcome}}{{#message}}<br><span class="quiet">{{message}}</span>{{/message}}</td><td class="n">{{items}}</td><td class="n">{{chunks}}</td><td class="nowrap">{{first}}</td><td class="nowrap">{{last}}</td></tr>
    {{/causes}}
    </tbody>
    </table></div>
    {{#more}}
    <p class="quiet">{{more}}</p>
    {{/more}}
    """)
}
