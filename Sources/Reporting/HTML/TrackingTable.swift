import BatchDomain

/// What the service makes of the accepted items of a run, on its page.
struct TrackingTable {
  let zone: LocalZone

  /// The section; empty for a run that was never tracked.
  func html(_ tracking: TrackingSummary?) throws -> HTMLFragment {
    guard let tracking else { return .empty }
    return try Self.template.render(
      Values(
        sentence: TrackingText.sentence(tracking),
        looked: tracking.lookedAt.map { "As of \(zone.text($0))." } ?? "Not looked at yet.",
        states: TrackedState.allCases.filter { tracking.states[$0] > 0 }.map {
          State(
            state: $0.rawValue.split(separator: "_").joined(separator: " "),
            items: HumanNumber.text(tracking.states[$0]))
        },
        reasons: tracking.reasons.map {
          Reason(items: HumanNumber.text($0.items), text: TrackingText.words($0))
        }, hint: TrackingText.hint(tracking).map { "\($0.prefix(1).uppercased())\($0.dropFirst())." }))
  }

  private struct State {
    let state: String
    let items: String
  }

  private struct Reason {
    let items: String
    let text: String
  }

  private struct Values {
    let sentence: String
    let looked: String
    let states: [State]
    let reasons: [Reason]
    let hint: String?
  }

  private static let template = HTMLTemplate(
    """
    <p>At the service: {{sentence}}. <span class="quiet">{{looked}}</span></p>
    <div class="scroll"><table>
    <thead><tr><th>state at the service</th><th class="n">items</th></tr></thead>
    <tbody>
    {{#states}}
    <tr><td>{{state}}</td><td class="n">{{items}}</td></tr>
    {{/states}}
    </tbody>
    </table></div>
    {{#reasons}}
    <p>{{items}} failed: {{text}}</p>
    {{/reasons}}
    {{#hint}}
    <p class="quiet">{{hint}}</p>
    {{/hint}}
    """)
}
