import BatchDomain
import Testing

@testable import Reporting

@Suite("a run as a page")
struct RunPageTests {
  private let page = RunPage(
    now: Samples.created + .seconds(7_200), zone: LocalZone(offsetSeconds: 3_600), database: "/a b/o.db")

  static func content(
    _ change: (inout RunSummary) -> Void = { _ in }, causes: [CauseSummary] = [Samples.cause]
  ) -> RunPage.Content {
    var throughput = Throughput(Samples.created...(Samples.created + .seconds(5)))
    throughput.add(1_234, slot: 2)
    var latencies = LatencyHistogram()
    for milliseconds in [20, 40, 60, 1_500] { latencies.add(1, milliseconds: milliseconds) }
    var map = ChunkMap(items: 5_000, chunks: 2)
    map.add(1, .accepted, items: 0..<4_990, place: 0)
    map.add(1, .rejected, items: 4_990..<5_000, place: 4_990)
    let slow = SlowChunk(
      number: ChunkNumber(7), items: 4_990..<5_000, state: .rejected, attempts: 3,
      longest: .milliseconds(1_500))
    return RunPage.Content(
      run: Samples.run(change), settings: RunSettings(), causes: causes,
      settlements: [
        SettlementSummary(
          chunk: ChunkNumber(7), itemCount: 10, attempt: 1, verdict: .received, authority: .person,
          evidence: Evidence("seen <there>"), decidedAt: Samples.created)
      ], insight: RunInsight(throughput: throughput, latencies: latencies, map: map, slowest: [slow]))
  }

  @Test("what is unknown is not left: the figures say what the headline says")
  func unknown() throws {
    let html = try page.document(
      Self.content {
        $0.state = .paused
        $0.counts = StateCounts(
          chunks: [.accepted: 3, .unknown: 2, .processing: 1, .pending: 7],
          items: [.accepted: 4_990, .unknown: 2, .processing: 1, .pending: 7])
      })
    #expect(html.contains("<h1>4,990 of 5,000 items accepted, 2 unknown, 8 left</h1>"))
    #expect(html.contains("<dt>unknown</dt><dd id=\"unknown\">2</dd>"))
    #expect(html.contains("<dt>left</dt><dd id=\"left\">8</dd>"))
  }

  @Test("it says what happened, with the numbers and the commands")
  func numbers() throws {
    let html = try page.document(Self.content())
    #expect(html.contains("<h1>4,990 of 5,000 items accepted, 10 rejected</h1>"))
    #expect(html.contains("<dd id=\"accepted\">4,990</dd>"))
    // What the text calls rejected is called so here, too.
    #expect(html.contains("<dt>rejected</dt><dd id=\"lost\">10</dd>"))
    #expect(!html.contains(">lost<"))
    #expect(html.contains("<td class=\"n\" id=\"items-rejected\">10</td>"))
    #expect(html.contains("at most 1,234 in 1s"))
    #expect(html.contains("<dd id=\"p50\">40ms</dd>"))
    #expect(html.contains("<dd id=\"longest\">1.5s</dd>"))
    #expect(html.contains("<title>items 4,990 to 4,999: rejected</title>"))
    #expect(
      html.contains(
        "<code>orchestrate export 20261123-201505-042-9222 --state rejected --db &#39;/a b/o.db&#39; &gt; corrected.json"
          + "</code>"))
    #expect(html.contains("e.g. item 350 s3://b/&lt;i&gt;.mp4"))
    #expect(html.contains("sending again does not help: correct the items, then submit them"))
    #expect(html.contains("received (10 items), by a person"))
    #expect(html.contains("seen &lt;there&gt;"))
  }

  @Test("what nothing uses at the service is listed with its id and the reason, and the total")
  func leftOvers() throws {
    let plain = Self.content()
    let html = try page.document(
      RunPage.Content(
        run: plain.run, settings: plain.settings, causes: [], settlements: [], insight: plain.insight,
        surplus: [
          SurplusRow(item: 4, step: .upload, externalID: "twice<1>", seenAt: Samples.created)
        ],
        leftOvers: LeftOvers(
          rows: [
            LeftOverRow(item: 7, step: .upload, externalID: "asset-7", state: .rejected),
            LeftOverRow(item: 8, step: .upload, externalID: "asset-8", state: .accepted),
          ], total: 1_200)))
    #expect(html.contains("<h2>Left over at the service</h2>\n<p>1,201 in all."))
    #expect(html.contains("<td class=\"id\">twice&lt;1&gt;</td><td>made twice: an answer was lost</td>"))
    #expect(html.contains("<td class=\"id\">asset-7</td><td>the item is rejected</td>"))
    #expect(html.contains("<td class=\"id\">asset-8</td><td>the step is done again</td>"))
    #expect(html.contains("1,198 more are not shown."))
  }

  @Test("it needs no script and nothing from elsewhere")
  func selfContained() throws {
    let html = try page.document(Self.content())
    #expect(html.contains("content=\"default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;"))
    #expect(!html.contains("<script"))
    for word in ["src=", "@import", "url(", "http-equiv=\"refresh\""] { #expect(!html.contains(word)) }
    // The one link is to nothing, which keeps a browser from asking for an icon.
    #expect(html.split(separator: "href=").count == 2)
  }

  /// What could break out of an element or an attribute; the combining mark makes another character of the quote
  /// before it.
  static let hostile = [
    "</title></style><script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "\"\u{301} onmouseover=\"\u{301}alert(1)", "'><svg onload=alert(1)>", "{{run}}{{{state}}}",
    "\u{202e}\u{0}\u{1b}[31m",
  ]

  @Test("text from outside stays text, wherever it is shown", arguments: hostile)
  func hostileText(text: String) throws {
    let cause = CauseSummary(
      code: text, message: text, outcome: .content, items: 10, chunks: 1, firstAt: Samples.created,
      lastAt: Samples.created, states: [.rejected],
      samples: [CauseSummary.Sample(chunk: ChunkNumber(0), item: 0, object: ObjectName(text), message: text)])
    let html = try page.document(
      Self.content(
        {
          $0.name = text
          $0.job = text
          $0.manifest = text
          $0.destination = text
          $0.state = .paused
          $0.reason = .account
          $0.detail = text
          $0.wait = StoredWait(until: Samples.created + .seconds(90_000), reason: text)
        }, causes: [cause]))
    for part in ["<script", "<img", "<svg onload", "\u{202e}", "\u{0}", "\u{1b}"] {
      #expect(!html.contains(part))
    }
    // By scalar: after the escape of everything of ours no quote is left in what came from outside.
    let escaped = HTMLText.escape(text)
    #expect(!escaped.unicodeScalars.contains { "<>\"'".unicodeScalars.contains($0) })
    #expect(html.ranges(of: escaped).count >= 5)
  }

  @Test("a run of which nothing was sent has no empty parts", arguments: RunState.allCases)
  func nothingSent(state: RunState) throws {
    let run = Samples.run {
      $0.state = state
      $0.sendingTime = nil
      $0.attempts = 0
      $0.counts = StateCounts(chunks: [.pending: 100], items: [.pending: 5_000])
    }
    let insight = RunInsight(
      throughput: Throughput(nil), latencies: LatencyHistogram(), map: ChunkMap(items: 0, chunks: 0))
    let content = RunPage.Content(
      run: run, settings: RunSettings(), causes: [], settlements: [], insight: insight)
    let sections = try page.sections(content)
    #expect(
      sections.filter { $0.content == .empty }.map(\.id) == [
        "tracking", "causes", "throughput", "map", "latency", "slowest", "settlements", "leftovers",
      ])
    #expect(try sections.map(\.id) == page.sections(Self.content()).map(\.id))
  }

  @Test("the history escapes too, and has links only where there is something to go to")
  func history() throws {
    let runs = [Samples.run { $0.name = "<b>\(Samples.hostile)" }]
    let plain = try RunsPage(now: Samples.created, zone: .utc, hasLinks: false).document(runs)
    #expect(plain.contains("&lt;b&gt;bad"))
    #expect(!plain.contains("href=\"/runs"))
    let linked = try RunsPage(now: Samples.created, zone: .utc, hasLinks: true).document(runs)
    #expect(linked.contains("href=\"/runs/20261123-201505-042-9222\""))
    #expect(
      try RunsPage(now: Samples.created, zone: .utc, hasLinks: true).document([]).contains("No runs yet"))
  }

  @Test("a small bar beside a great one is seen")
  func smallBar() {
    let chart = BarChart(
      bars: [BarChart.Bar(value: 1_000_000, title: "a"), BarChart.Bar(value: 1, title: "\"<")], label: "x")
    #expect(chart.svg.description.contains("height=\"1\""))
    #expect(chart.svg.description.contains("<title>&quot;&lt;</title>"))
  }
}
