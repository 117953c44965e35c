import BatchDomain

/// Why items are not accepted, grouped by what the service said.
struct CauseTable {
  let zone: LocalZone
  let commands: RunCommands

  /// The table; empty without causes.
  func html(_ causes: [CauseSummary], of run: RunSummary, _ settings: RunSettings) throws -> HTMLFragment {
    guard !causes.isEmpty else { return .empty }
    return try Self.template.render(
      Values(
        causes: causes.prefix(Self.shown).map { row($0, CauseAdvice($0, of: run, settings, commands)) },
        more: causes.count > Self.shown
          ? "\(HumanNumber.text(causes.count - Self.shown)) more causes are left out." : nil))
  }

  private func row(_ cause: CauseSummary, _ advice: CauseAdvice) -> Row {
    Row(
      code: VisibleText.escape(cause.code, cutAt: 80), outcome: cause.outcome.words,
      message: cause.message.map { VisibleText.escape($0, cutAt: 300) },
      items: HumanNumber.text(cause.items), chunks: HumanNumber.text(cause.chunks),
      time: zone.brief(cause.firstAt, to: cause.lastAt),
      samples: cause.samples.map { sample in
        "item \(sample.item)"
          + (sample.object.map { " \(VisibleText.escape($0.rawValue, cutAt: 200))" } ?? "")
      },
      advice: advice.words, command: advice.command)
  }

  private static let shown = 50

  private struct Row {
    let code: String
    let outcome: String
    let message: String?
    let items: String
    let chunks: String
    let time: String
    let samples: [String]
    let advice: String
    let command: String?
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
    <tr><td class="said"><code>{{code}}</code>, {{outcome}}{{#message}}<br><span class="quiet">{{message}}</span>{{/message}}<br><span class="quiet">{{time}}{{#samples}}<br>e.g. {{.}}{{/samples}}<br>{{advice}}</span>{{#command}}<br><code>{{command}}</code>{{/command}}</td><td class="n">{{items}}</td><td class="n">{{chunks}}</td></tr>
    {{/causes}}
    </tbody>
    </table></div>
    {{#more}}
    <p class="quiet">{{more}}</p>
    {{/more}}
    """)
}
