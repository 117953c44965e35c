package import BatchDomain
import Hummingbird
import Reporting

/// What a dashboard serves, and with what.
package struct DashboardSite: Sendable {
  /// Where runs are read.
  package let store: any RunCatalog & RunControl
  /// Where time comes from.
  package let clock: any BatchClock
  /// The time zone times are shown in.
  package let zone: LocalZone
  /// The path given with `--db`, for the commands that are advised; `nil` without that option.
  package let database: String?
  /// What buttons do; `nil` for a dashboard that only shows.
  package let actions: Actions?
  /// Where the marks of pages come from.
  package let random: any RandomSource
  /// Takes webhooks of the service; `nil` for a dashboard that takes none.
  package let webhooks: WebhookReceiver?

  /// What a dashboard needs to change something.
  package struct Actions: Sendable {
    /// Starts processes for runs that nobody owns.
    package let launcher: any RunLauncher
    /// Known to pages of this process only: a page from elsewhere cannot send it.
    let token: String

    /// Actions whose token is drawn from `random`.
    package init(launcher: any RunLauncher, random: any RandomSource) {
      self.launcher = launcher
      token = Nonce.make(random)
    }
  }

  /// A site.
  package init(
    store: any RunCatalog & RunControl, clock: any BatchClock, zone: LocalZone,
    database: String? = nil,
    actions: Actions? = nil, webhooks: WebhookReceiver? = nil, random: any RandomSource
  ) {
    self.webhooks = webhooks
    self.store = store
    self.clock = clock
    self.zone = zone
    self.database = database
    self.actions = actions
    self.random = random
  }
}

/// Starts processes that work on a run.
package protocol RunLauncher: Sendable {
  /// Starts one that goes on with a run; it lives on when the dashboard ends.
  ///
  /// - Throws: when it could not be started; what becomes of it is seen in the store.
  func resume(_ run: RunID) async throws

  /// Starts one that cancels a run that nobody owns.
  func cancel(_ run: RunID) async throws
}

/// Text that cannot be guessed.
enum Nonce {
  /// 256 bits of randomness in hexadecimal digits.
  static func make(_ random: any RandomSource) -> String {
    (0..<4).map { _ in
      let digits = String(random.next(), radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  /// Whether two texts are the same, in a time that does not tell where they differ.
  static func isSame(_ left: String, _ right: String) -> Bool {
    let (left, right) = (Array(left.utf8), Array(right.utf8))
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for (one, other) in zip(left, right) { difference |= one ^ other }
    return difference == 0
  }
}

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
    let tracking = try await site.store.tracking(of: run)
    let content = RunPage.Content(
      run: summary, settings: try await site.store.settings(of: run), causes: gathered.causes,
      settlements: try await site.store.settlements(of: run, limit: RunPage.settlementsShown),
      insight: gathered.insight, skips: try await site.store.skips(of: run), surplus: gathered.surplus,
      leftOvers: gathered.leftOvers, tracking: tracking)
    let page = RunPage(now: site.clock.now(), zone: site.zone, database: site.database)
    var sections = try page.sections(content)
    if let actions = site.actions {
      sections.insert(try ActionForms.section(summary, token: actions.token), at: 1)
    }
    // What the service works on may still change, while somebody looks.
    let isOver = summary.state == .finished || summary.state == .cancelled
    return Parts(sections: sections, isOver: isOver && tracking.map { $0.states.open == 0 } ?? true)
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

/// Remembers what is gathered from all chunks of a run, so that a large one that is looked at costs its process little.
actor GatheredCache {
  /// What is gathered.
  struct Gathered: Sendable {
    /// What pictures are drawn from.
    let insight: RunInsight
    /// Why items are not accepted.
    let causes: [CauseSummary]
    /// What requests made twice at the service.
    let surplus: [SurplusRow]
    /// What steps made for items that do not use it.
    let leftOvers: LeftOvers
  }

  private struct Entry {
    let run: RunSummary
    let gathered: Gathered
    let at: Duration
    let took: Duration
  }

  private let clock: any BatchClock
  private var entries: [RunID: Entry] = [:]

  /// Runs remembered.
  private static let limit = 16
  /// Gathering takes at most this part of the time.
  private static let restraint = 20

  init(clock: any BatchClock) { self.clock = clock }

  /// How a run went: as it was when it last changed, or a little earlier where gathering that takes long.
  func gathered(of run: RunSummary, from store: any RunCatalog) async throws -> Gathered {
    if let entry = entries[run.run] {
      if entry.run == run { return entry.gathered }
      if run.isLive, clock.elapsed() - entry.at < entry.took * Self.restraint { return entry.gathered }
    }
    let start = clock.elapsed()
    let gathered = Gathered(
      insight: try await store.insight(into: run.run), causes: try await store.causes(of: run.run),
      surplus: try await store.surplus(of: run.run),
      leftOvers: try await store.leftOvers(of: run.run, limit: RunPage.leftOversShown))
    if entries.count >= Self.limit, let oldest = entries.min(by: { $0.value.at < $1.value.at }) {
      entries[oldest.key] = nil
    }
    let end = clock.elapsed()
    entries[run.run] = Entry(run: run, gathered: gathered, at: end, took: end - start)
    return gathered
  }
}

/// The script that keeps a page up to date: it puts what the server rendered where it belongs, and nothing else.
enum LiveScript {
  /// The text. It names no run: the page's own address does.
  static let text = """
    const link = document.getElementById('link');
    const source = new EventSource(location.pathname + '/events');
    source.addEventListener('section', event => {
      const end = event.data.indexOf('\\n');
      const place = document.getElementById(event.data.slice(0, end));
      if (place) place.innerHTML = event.data.slice(end + 1);
      link.textContent = 'live';
    });
    source.addEventListener('end', () => { source.close(); link.textContent = ''; });
    source.addEventListener('error', () => { link.textContent = 'not connected, trying again'; });
    """
}
