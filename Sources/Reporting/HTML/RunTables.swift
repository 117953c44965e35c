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
          ? "\(HumanNumber.text(causes.count - Self.shown, "more cause")) "
            + "\(causes.count - Self.shown == 1 ? "is" : "are") not shown." : nil))
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
    case .answer: "the answer itself, late"
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

/// What is at the service and used by nothing, so that a person can delete it.
enum LeftOverTable {
  /// Rows shown of each kind.
  static let shown = 100

  /// The table; empty when nothing is left over.
  static func html(_ surplus: [SurplusRow], _ leftOvers: LeftOvers) throws -> HTMLFragment {
    let total = surplus.count + leftOvers.total
    guard total > 0 else { return .empty }
    let rows =
      surplus.prefix(shown).map { row($0.item, $0.step, $0.externalID, "made twice: an answer was lost") }
      + leftOvers.rows.prefix(shown).map { row($0.item, $0.step, $0.externalID, why($0.state)) }
    return try template.render(
      Values(
        total: HumanNumber.text(total), rows: rows,
        more: total > rows.count ? "\(HumanNumber.text(total - rows.count)) more are not shown." : nil))
  }

  private static func row(_ item: Int, _ step: ChunkStep, _ id: String, _ why: String) -> Row {
    Row(
      item: HumanNumber.text(item), step: step.rawValue, id: VisibleText.escape(id, cutAt: 80), why: why)
  }

  private static func why(_ state: ChunkState) -> String {
    switch state {
    case .rejected, .failed, .cancelled: "the item is \(state.rawValue)"
    default: "the step is done again"
    }
  }

  private struct Row {
    let item: String
    let step: String
    let id: String
    let why: String
  }

  private struct Values {
    let total: String
    let rows: [Row]
    let more: String?
  }

  private static let template = HTMLTemplate(
    """
    <p>{{total}} in all. Nothing uses them; deleting them at the service is up to you.</p>
    <div class="scroll"><table>
    <thead><tr><th class="n">item</th><th>step</th><th>id</th><th>why</th></tr></thead>
    <tbody>
    {{#rows}}
    <tr><td class="n">{{item}}</td><td>{{step}}</td><td class="id">{{id}}</td><td>{{why}}</td></tr>
    {{/rows}}
    </tbody>
    </table></div>
    {{#more}}
    <p class="quiet">{{more}}</p>
    {{/more}}
    """)
}
