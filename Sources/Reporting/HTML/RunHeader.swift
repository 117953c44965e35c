import BatchDomain

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
        run: run.run.rawValue, name: run.name, why: why(run), wait: wait(run),
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
    guard run.state == .paused, let reason = run.reason else { return nil }
    let detail = run.detail.map { ": \(VisibleText.escape($0, cutAt: 400))" } ?? ""
    return "Paused because \(reason.words)\(detail)"
  }

  private func wait(_ run: RunSummary) -> String? {
    guard let wait = run.wait, wait.until > now, run.state == .running || run.state == .paused else {
      return nil
    }
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
