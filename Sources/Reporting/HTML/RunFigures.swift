import BatchDomain

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
        id: "left", name: "still open",
        value: HumanNumber.text(counts.openItems)),
      Card(id: "attempts", name: "requests", value: HumanNumber.text(run.attempts)),
    ]
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
