import BatchDomain
import Hummingbird
import Reporting

/// The pages of the dashboard: the views of the report, in a frame that keeps them up to date.
struct DashboardPages: Sendable {
  private let site: DashboardSite
  private let insights: GatheredCache

  init(site: DashboardSite) {
    self.site = site
    insights = GatheredCache(clock: site.clock)
  }

  /// All runs.
  func runs() async throws -> Response {
    let runs = try await site.store.summaries(before: nil, limit: RunsPage.shown + 1)
    let page = RunsPage(now: site.clock.now(), zone: site.zone, hasLinks: true)
    return try document(
      of: try page.sections(runs) + [try ObjectPage.form()], title: "Runs", script: nil)
  }

  /// Where a video is; the form alone while nothing is looked for.
  func search(for object: String?) async throws -> Response {
    let found =
      if let object { try await site.store.appearances(of: ObjectName(object)) } else { [ObjectAppearance]() }
    return try document(
      of: try ObjectPage(zone: site.zone).sections(object, found), title: "Find a video", script: nil)
  }

  /// One run.
  func run(_ run: RunID) async throws -> Response {
    let parts = try await parts(of: run)
    return try document(
      of: parts.sections, title: "Run \(run)", script: parts.isOver ? nil : LiveScript.text)
  }

  /// What a page of a run shows now.
  struct Parts {
    /// Its sections.
    let sections: [PageSection]
    /// Whether nothing changes any more.
    let isOver: Bool
  }

  /// What the page of a run shows now.
  func parts(of run: RunID) async throws -> Parts {
    let summary = try await site.store.summary(of: run)
    let gathered = try await insights.gathered(of: summary, from: site.store)
    let content = RunPage.Content(
      run: summary, settings: try await site.store.settings(of: run), causes: gathered.causes,
      settlements: try await site.store.settlements(of: run, limit: RunPage.settlementsShown),
      insight: gathered.insight)
    let page = RunPage(now: site.clock.now(), zone: site.zone, database: site.database)
    var sections = try page.sections(content)
    if let actions = site.actions {
      sections.insert(try ActionForms.section(summary, token: actions.token), at: 1)
    }
    return Parts(sections: sections, isOver: summary.state == .finished || summary.state == .cancelled)
  }

  private func document(of sections: [PageSection], title: String, script: String?) throws -> Response {
    let nonce = Nonce.make(site.random)
    let frame = PageFrame(
      title: title, navigation: try Self.navigation.render(["isLive": script != nil]),
      place: .server(script.map { PageFrame.Script($0, nonce: nonce) }))
    return Answer.html(
      try frame.document(
        sections, footer: "As of \(site.zone.text(site.clock.now())). Served on this machine only."),
      policy: "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'nonce-\(nonce)'; "
        + "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
  }

  private static let navigation = HTMLTemplate(
    """
    <nav><a href="/">All runs</a><a href="/search">Find a video</a>{{#isLive}}<span id="link">live</span>{{/isLive}}</nav>
    """)
}
