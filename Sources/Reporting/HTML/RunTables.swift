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
          ? "\(HumanNumber.text(causes.count - Self.shown)) more causes are not shown." : nil))
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

/// The chunks whose requests took longest.
enum SlowChunkTable {
  /// The table; empty without any.
  static func html(_ chunks: [SlowChunk]) throws -> HTMLFragment {
    guard !chunks.isEmpty else { return .empty }
    return try template.render(
      Values(
        chunks: chunks.map { chunk in
          Row(
            chunk: HumanNumber.text(chunk.number.rawValue),
            items:
              "\(HumanNumber.text(chunk.items.lowerBound)) to \(HumanNumber.text(chunk.items.upperBound - 1))",
            swatch: StateLook.swatch(chunk.state), state: chunk.state.rawValue,
            attempts: HumanNumber.text(chunk.attempts), longest: HumanDuration.text(chunk.longest))
        }))
  }

  private struct Row {
    let chunk: String
    let items: String
    let swatch: HTMLFragment
    let state: String
    let attempts: String
    let longest: String
  }

  private struct Values {
    let chunks: [Row]
  }

  private static let template = HTMLTemplate(
    """
    <div class="scroll"><table>
    <thead><tr><th class="n">chunk</th><th class="n">items</th><th>state</th><th class="n">attempts</th><th class="n">longest request</th></tr></thead>
    <tbody>
    {{#chunks}}
    <tr><td class="n">{{chunk}}</td><td class="n">{{items}}</td><td class="nowrap">{{{swatch}}} {{state}}</td><td class="n">{{attempts}}</td><td class="n">{{longest}}</td></tr>
    {{/chunks}}
    </tbody>
    </table></div>
    """)
}

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
    <p class="quiet">Earlier verdicts are not shown; --format json lists them.</p>
    {{/isCut}}
    """)
}
