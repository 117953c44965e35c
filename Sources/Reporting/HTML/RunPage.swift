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

    /// What a page shows.
    package init(
      run: RunSummary, settings: RunSettings, causes: [CauseSummary], settlements: [SettlementSummary],
      insight: RunInsight
    ) {
      self.run = run
      self.settings = settings
      self.causes = causes
      self.settlements = settlements
      self.insight = insight
    }
  }

  private let now: Timestamp
  private let zone: LocalZone
  private let database: String?

  /// Verdicts that ``Content`` is to have, at most.
  package static let settlementsShown = SettlementTable.shown + 1

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
      PageSection("causes", "Causes", try causes.html(content.causes, of: content.run, content.settings)),
      PageSection(
        "throughput", "Items accepted over time",
        try ThroughputChart(insight.throughput, zone: zone).html()),
      PageSection("map", "Chunks", try ChunkMapView(insight.map).html()),
      PageSection("latency", "How long requests took", try LatencyChart(insight.latencies).html()),
      PageSection("slowest", "Slowest chunks", try SlowChunkTable.html(insight.slowest)),
      PageSection("settlements", "Lost answers", try SettlementTable(zone: zone).html(content.settlements)),
      PageSection("facts", "Facts", try RunFacts(zone: zone).html(content.run)),
    ]
  }

  /// The page as a file of its own: no script, and nothing from elsewhere.
  package func document(_ content: Content) throws -> String {
    try PageFrame(title: "Run \(content.run.run)").document(
      try sections(content), footer: "As of \(zone.text(now)), by orchestrate.")
  }
}
