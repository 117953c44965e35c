package import BatchDomain

/// What the morning report shows of a run, in text and in JSON alike.
package struct RunReport: Sendable {
  /// The run.
  package var run: RunSummary
  /// What it was told.
  package var settings: RunSettings
  /// Why items are not accepted, most items first.
  package var causes: [CauseSummary]
  /// Verdicts on lost answers, the latest first.
  package var settlements: [SettlementSummary]
  /// How it went in time.
  package var timeline: RunTimeline

  /// A report in its parts.
  package init(
    run: RunSummary, settings: RunSettings = RunSettings(), causes: [CauseSummary] = [],
    settlements: [SettlementSummary] = [], timeline: RunTimeline = RunTimeline()
  ) {
    self.run = run
    self.settings = settings
    self.causes = causes
    self.settlements = settlements
    self.timeline = timeline
  }

  /// Gathers a report. While the run goes on its parts may be milliseconds apart.
  package init(of run: RunID, in store: any RunCatalog) async throws {
    self.init(
      run: try await store.summary(of: run), settings: try await store.settings(of: run),
      causes: try await store.causes(of: run),
      settlements: try await store.settlements(of: run, limit: RunText.settlementsShown),
      timeline: try await store.timeline(of: run))
  }
}
