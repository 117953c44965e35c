package import BatchDomain

/// The history of runs as a page.
package struct RunsPage: Sendable {
  private let now: Timestamp
  private let zone: LocalZone
  private let hasLinks: Bool

  /// Runs that are shown at most.
  package static let shown = 200

  /// Pages as of a moment.
  ///
  /// - Parameter hasLinks: whether each run leads to `/runs/<run-id>`, which only the dashboard has.
  package init(now: Timestamp, zone: LocalZone, hasLinks: Bool) {
    self.now = now
    self.zone = zone
    self.hasLinks = hasLinks
  }

  /// The parts of the page.
  ///
  /// - Parameters:
  ///   - runs: newest first; one more than ``shown`` when there are more.
  ///   - isChosen: whether there may be others, which were not asked for.
  package func sections(_ runs: [RunSummary], isChosen: Bool = false) throws -> [PageSection] {
    [
      PageSection(
        "runs",
        try Self.template.render(
          Values(
            runs: runs.prefix(Self.shown).map(row), isEmpty: runs.isEmpty, isChosen: isChosen,
            isCut: runs.count > Self.shown)))
    ]
  }

  /// The page as a file of its own.
  package func document(_ runs: [RunSummary], isChosen: Bool = false) throws -> String {
    try PageFrame(title: "Runs").document(
      try sections(runs, isChosen: isChosen), footer: "As of \(zone.text(now)), by orchestrate.")
  }

  private func row(_ run: RunSummary) -> Row {
    Row(
      run: run.run.rawValue, link: hasLinks ? "/runs/\(run.run)" : nil,
      name: (run.name ?? run.job).map { VisibleText.escape($0, cutAt: 60) }, look: RunHeader.look(run),
      state: run.state.rawValue, reason: run.reason?.rawValue, items: HumanNumber.text(run.items),
      accepted: HumanNumber.text(run.counts.items(in: .accepted)),
      notAccepted: HumanNumber.text(run.counts.items(in: .rejected, .failed, .cancelled)),
      left: HumanNumber.text(run.counts.openItems),
      created: zone.brief(run.createdAt))
  }

  private struct Row {
    let run: String
    let link: String?
    let name: String?
    let look: String
    let state: String
    let reason: String?
    let items: String
    let accepted: String
    let notAccepted: String
    let left: String
    let created: String
  }

  private struct Values {
    let runs: [Row]
    let isEmpty: Bool
    let isChosen: Bool
    let isCut: Bool
  }

  private static let template = HTMLTemplate(
    """
    <h1>Runs</h1>
    {{#isEmpty}}
    <p>{{#isChosen}}No run fits.{{/isChosen}}{{^isChosen}}No runs yet. <code>orchestrate submit &lt;manifest&gt;</code> starts one.{{/isChosen}}</p>
    {{/isEmpty}}
    {{^isEmpty}}
    <div class="scroll"><table>
    <thead><tr><th>run</th><th>state</th><th class="n">items</th><th class="n">accepted</th><th class="n">not accepted</th><th class="n">left</th><th>created</th></tr></thead>
    <tbody>
    {{#runs}}
    <tr><td class="nowrap">{{#link}}<a class="id" href="{{link}}">{{run}}</a>{{/link}}{{^link}}<span class="id">{{run}}</span>{{/link}}{{#name}}<br><span class="quiet">{{name}}</span>{{/name}}</td><td class="nowrap"><span class="badge {{look}}">{{state}}{{#reason}}: {{reason}}{{/reason}}</span></td><td class="n">{{items}}</td><td class="n">{{accepted}}</td><td class="n">{{notAccepted}}</td><td class="n">{{left}}</td><td class="nowrap">{{created}}</td></tr>
    {{/runs}}
    </tbody>
    </table></div>
    {{/isEmpty}}
    {{#isCut}}
    <p class="quiet">Older runs are not shown; --format csv or json lists all of them.</p>
    {{/isCut}}
    """)
}
