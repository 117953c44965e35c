package import BatchDomain

/// One run as a page, for a file and for the dashboard alike.
package struct RunPage: Sendable {
  /// What a page shows of a run.
  package struct Content: Sendable {
    /// The run.
    package let run: RunSummary
    /// What it was told.
    package let settings: RunSettings
    /// Why items are not accepted.
    package let causes: [CauseSummary]
    /// Verdicts on lost answers, the latest first.
    package let settlements: [SettlementSummary]
    /// What pictures are drawn from.
    package let insight: RunInsight
    /// What it left out because earlier runs have it.
    package let skips: [KnownGroup]
    /// What requests made twice at the service.
    package let surplus: [SurplusRow]
    /// What steps made for items that do not use it.
    package let leftOvers: LeftOvers
    /// What the service makes of the accepted items; `nil` when nobody ever tracked the run.
    package let tracking: TrackingSummary?

    /// What a page shows.
    package init(
      run: RunSummary, settings: RunSettings, causes: [CauseSummary], settlements: [SettlementSummary],
      insight: RunInsight, skips: [KnownGroup] = [], surplus: [SurplusRow] = [], leftOvers: LeftOvers = .none,
      tracking: TrackingSummary? = nil
    ) {
      self.tracking = tracking
      self.run = run
      self.settings = settings
      self.causes = causes
      self.settlements = settlements
      self.insight = insight
      self.skips = skips
      self.surplus = surplus
      self.leftOvers = leftOvers
    }
  }

  private let now: Timestamp
  private let zone: LocalZone
  private let database: String?

  /// Verdicts that ``Content`` is to have, at most.
  package static let settlementsShown = SettlementTable.shown + 1
  /// Rows of what is left over that ``Content`` is to have, at most.
  package static let leftOversShown = LeftOverTable.shown

  /// Pages as of a moment.
  ///
  /// - Parameters:
  ///   - now: the moment that waits are counted from.
  ///   - zone: the time zone times are shown in.
  ///   - database: the path given with `--db`, for the commands that are advised; `nil` without that option.
  package init(now: Timestamp, zone: LocalZone, database: String? = nil) {
    self.now = now
    self.zone = zone
    self.database = database
  }

  /// The parts of the page; always the same ids in the same order.
  package func sections(_ content: Content) throws -> [PageSection] {
    let insight = content.insight
    let causes = CauseTable(zone: zone, commands: RunCommands(run: content.run.run, database: database))
    return [
      PageSection(
        "headline",
        try RunHeader(now: now, zone: zone, database: database).html(
          content.run, causes: content.causes, settings: content.settings)),
      PageSection("figures", try RunFigures.html(content.run)),
      PageSection(
        "tracking", "At the service", try TrackingTable(zone: zone).html(content.tracking)),
      PageSection("causes", "Causes", try causes.html(content.causes, of: content.run, content.settings)),
      PageSection(
        "throughput", "Items accepted over time",
        try ThroughputChart(insight.throughput, zone: zone).html()),
      PageSection("map", "Chunks", try ChunkMapView(insight.map).html()),
      PageSection("latency", "How long requests took", try LatencyChart(insight.latencies).html()),
      PageSection("slowest", "Slowest chunks", try SlowChunkTable.html(insight.slowest)),
      PageSection("settlements", "Lost answers", try SettlementTable(zone: zone).html(content.settlements)),
      PageSection(
        "leftovers", "Left over at the service",
        try LeftOverTable.html(content.surplus, content.leftOvers)),
      PageSection(
        "facts", "Facts", try RunFacts(zone: zone, database: database, skips: content.skips).html(content.run)
      ),
    ]
  }

  /// The page as a file of its own: no script, and nothing from elsewhere.
  package func document(_ content: Content) throws -> String {
    try PageFrame(title: "Run \(content.run.run)").document(
      try sections(content), footer: "As of \(zone.text(now)), by orchestrate.")
  }
}

/// The beginning of a run's page: what happened in words, why it stopped, and what to do next.
struct RunHeader {
  let now: Timestamp
  let zone: LocalZone
  let database: String?

  /// The header of a run.
  func html(_ run: RunSummary, causes: [CauseSummary], settings: RunSettings) throws -> HTMLFragment {
    let headline = RunHeadline.text(run)
    let sentence = headline.split(separator: ":", maxSplits: 1).last.map { $0.drop { $0 == " " } }
    let steps = NextSteps(
      run, RunCommands(run: run.run, database: database), causes: causes, settings: settings
    )
    .steps
    return try Self.template.render(
      Values(
        state: run.state.rawValue, look: Self.look(run), headline: Self.capitalized(sentence ?? ""),
        run: run.run.rawValue, name: run.name, why: why(run), wait: wait(run, settings),
        steps: steps.map { Step(purpose: Self.capitalized($0.purpose), command: $0.command) },
        hasSteps: !steps.isEmpty))
  }

  /// The class that colours a run's state.
  static func look(_ run: RunSummary) -> String {
    switch run.state {
    case .finished:
      run.counts.items(in: .accepted) == run.items
        ? "good" : run.counts.items(in: .accepted) > 0 ? "held" : "bad"
    case .planning, .running: "busy"
    case .paused: "held"
    case .cancelled: "bad"
    }
  }

  private func why(_ run: RunSummary) -> String? {
    guard let reason = run.reason else { return nil }
    let detail = run.detail.map { ": \(VisibleText.escape($0, cutAt: 400))" } ?? ""
    if reason == .copied { return "Copied, and goes on in another database\(detail)" }
    guard run.state == .paused else { return nil }
    return "Paused because \(reason.words)\(detail)"
  }

  private func wait(_ run: RunSummary, _ settings: RunSettings) -> String? {
    var wait = run.state == .running || run.state == .paused ? run.wait : nil
    if run.state == .running, run.isLive, let closed = settings.windowWait(at: now),
      closed.until > wait?.until ?? now
    {
      wait = closed
    }
    guard let wait, wait.until > now else { return nil }
    return Self.capitalized(RunProgressText(zone: zone).waiting(wait, now: now)[...])
  }

  private static func capitalized(_ text: some StringProtocol) -> String {
    text.prefix(1).uppercased() + String(text.dropFirst())
  }

  private struct Step {
    let purpose: String
    let command: String
  }

  private struct Values {
    let state: String
    let look: String
    let headline: String
    let run: String
    let name: String?
    let why: String?
    let wait: String?
    let steps: [Step]
    let hasSteps: Bool
  }

  private static let template = HTMLTemplate(
    """
    <span class="badge {{look}}" id="state">{{state}}</span>
    <h1>{{headline}}</h1>
    <p class="quiet">run <span class="id">{{run}}</span>{{#name}} · {{name}}{{/name}}</p>
    {{#why}}
    <p class="why">{{why}}</p>
    {{/why}}
    {{#wait}}
    <p class="why">{{wait}}</p>
    {{/wait}}
    {{#hasSteps}}
    <ul class="steps">
    {{#steps}}
    <li>{{purpose}}:<code>{{command}}</code></li>
    {{/steps}}
    </ul>
    {{/hasSteps}}
    """)
}

/// The numbers of a run: cards, the share of each state, and a table.
struct RunFigures {
  /// The numbers.
  static func html(_ run: RunSummary) throws -> HTMLFragment {
    let counts = run.counts
    var cards = [
      Card(id: "items", name: "items", value: HumanNumber.text(run.items)),
      Card(id: "accepted", name: "accepted", value: HumanNumber.text(counts.items(in: .accepted))),
      Card(id: "lost", name: lostName(counts), value: HumanNumber.text(counts.lostItems)),
      Card(
        id: "left", name: "left",
        value: HumanNumber.text(counts.items(in: .pending, .submitting, .processing))),
      Card(id: "attempts", name: "requests", value: HumanNumber.text(run.attempts)),
    ]
    let unknown = counts.items(in: .unknown)
    if unknown > 0 {
      cards.insert(Card(id: "unknown", name: "unknown", value: HumanNumber.text(unknown)), at: 3)
    }
    if let time = run.sendingTime {
      cards.append(Card(id: "sending", name: "time sending", value: HumanDuration.text(time)))
      if time > .zero {
        let pace = Double(counts.items(in: .accepted)) / time.inSeconds
        cards.append(Card(id: "pace", name: "items/s", value: HumanNumber.pace(pace)))
      }
    }
    let states = ChunkState.allCases.compactMap { state -> Row? in
      let (items, chunks) = (counts.items(in: state), counts.chunks(in: state))
      guard items > 0 || chunks > 0 else { return nil }
      return Row(
        swatch: StateLook.swatch(state), state: state.rawValue,
        items: state == .split ? "–" : HumanNumber.text(items), chunks: HumanNumber.text(chunks))
    }
    return try template.render(Values(cards: cards, share: share(run), states: states))
  }

  /// What the items are called that will not be sent again by themselves: the names of their states.
  private static func lostName(_ counts: StateCounts) -> String {
    let states = [ChunkState.rejected, .failed].filter { counts.items(in: $0) > 0 }
    return states.isEmpty ? ChunkState.rejected.rawValue : states.map(\.rawValue).joined(separator: " or ")
  }

  /// One bar whose parts are the shares of the states.
  private static func share(_ run: RunSummary) -> HTMLFragment {
    let total = ChunkState.itemStates.reduce(0) { $0 + run.counts.items(in: $1) }
    guard total > 0 else { return .empty }
    var parts = ""
    var start = 0
    for state in ChunkMap.urgency.reversed() {
      let items = run.counts.items(in: state)
      guard items > 0 else { continue }
      // What is there is seen, however small it is beside the others.
      let width = max(5, Int((Double(items) * 1_000 / Double(total)).rounded()))
      parts += "<rect class=\"\(StateLook.name(state))\" x=\"\(start)\" width=\"\(width)\" height=\"10\"/>"
      start += width
    }
    return HTMLFragment(
      trusted: "<svg class=\"share\" viewBox=\"0 0 \(start) 10\" preserveAspectRatio=\"none\" "
        + "aria-hidden=\"true\">\(parts)</svg>")
  }

  private struct Card {
    let id: String
    let name: String
    let value: String
  }

  private struct Row {
    let swatch: HTMLFragment
    let state: String
    let items: String
    let chunks: String
  }

  private struct Values {
    let cards: [Card]
    let share: HTMLFragment
    let states: [Row]
  }

  private static let template = HTMLTemplate(
    """
    <dl class="cards">
    {{#cards}}
    <div><dt>{{name}}</dt><dd id="{{id}}">{{value}}</dd></div>
    {{/cards}}
    </dl>
    {{{share}}}
    <table>
    <thead><tr><th>state</th><th class="n">items</th><th class="n">chunks</th></tr></thead>
    <tbody>
    {{#states}}
    <tr><td>{{{swatch}}} {{state}}</td><td class="n" id="items-{{state}}">{{items}}</td><td class="n">{{chunks}}</td></tr>
    {{/states}}
    </tbody>
    </table>
    """)
}

/// Where a run came from, where it went, and when.
struct RunFacts {
  let zone: LocalZone
  let database: String?
  /// What it left out because earlier runs have it.
  let skips: [KnownGroup]

  /// The facts.
  func html(_ run: RunSummary) throws -> HTMLFragment {
    var facts = [Fact(name: "manifest", value: VisibleText.escape(run.manifest, cutAt: 400))]
    if let job = run.job { facts.append(Fact(name: "job", value: VisibleText.escape(job, cutAt: 400))) }
    facts.append(Fact(name: "destination", value: VisibleText.escape(run.destination, cutAt: 400)))
    facts.append(Fact(name: "created", value: zone.text(run.createdAt)))
    if let finishedAt = run.finishedAt {
      facts.append(
        Fact(name: run.state == .cancelled ? "cancelled" : "finished", value: zone.text(finishedAt)))
    }
    if run.repeated > 0 {
      facts.append(
        Fact(name: "repeated", value: "\(HumanNumber.text(run.repeated, "item")) sent once only"))
    }
    for (place, line) in SkippedText(database: database).lines(skips).enumerated() {
      facts.append(Fact(name: place == 0 ? "skipped" : "", value: line))
    }
    return try Self.template.render(Values(facts: facts))
  }

  private struct Fact {
    let name: String
    let value: String
  }

  private struct Values {
    let facts: [Fact]
  }

  private static let template = HTMLTemplate(
    """
    <dl class="facts">
    {{#facts}}
    <dt>{{name}}</dt><dd>{{value}}</dd>
    {{/facts}}
    </dl>
    """)
}

/// How a state of chunks looks in pages: a colour by class and, since colours are not for everyone, a mark.
enum StateLook {
  /// The class that gives its colour.
  static func name(_ state: ChunkState) -> String { "s-\(state.rawValue)" }

  /// What is drawn on a cell of the map beside its colour, as an SVG path in a square of 10; `nil` for none.
  static func mark(_ state: ChunkState) -> String? {
    switch state {
    case .accepted, .split: nil
    case .pending: "M4.5 5h1"
    case .submitting: "M2.5 5h5"
    case .processing: "M2.5 5h5M5 2.5v5"
    case .unknown: "M5 2.6v2.9M5 7v.6"
    case .rejected: "M3 3l4 4M7 3l-4 4"
    case .failed: "M3 3l4 4"
    case .cancelled: "M7 3l-4 4"
    }
  }

  /// The mark alone as a small picture, for legends and tables.
  static func swatch(_ state: ChunkState) -> HTMLFragment {
    HTMLFragment(
      trusted: "<svg class=\"swatch \(name(state))\" viewBox=\"0 0 10 10\" aria-hidden=\"true\">"
        + cell(state) + "</svg>")
  }

  /// A cell of the map in a square of 10.
  static func cell(_ state: ChunkState) -> String {
    "<rect width=\"9\" height=\"9\" x=\".5\" y=\".5\" rx=\"1.5\"/>"
      + (mark(state).map { "<path d=\"\($0)\"/>" } ?? "")
  }
}
