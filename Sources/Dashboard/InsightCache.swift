import BatchDomain

/// Remembers what pictures are drawn from, so that a large run that is looked at costs its process little.
actor InsightCache {
  private struct Entry {
    let run: RunSummary
    let insight: RunInsight
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
  func insight(into run: RunSummary, from store: any RunInsights) async throws -> RunInsight {
    if let entry = entries[run.run] {
      if entry.run == run { return entry.insight }
      if run.isLive, clock.elapsed() - entry.at < entry.took * Self.restraint { return entry.insight }
    }
    let start = clock.elapsed()
    let insight = try await store.insight(into: run.run)
    if entries.count >= Self.limit, let oldest = entries.min(by: { $0.value.at < $1.value.at }) {
      entries[oldest.key] = nil
    }
    let end = clock.elapsed()
    entries[run.run] = Entry(run: run, insight: insight, at: end, took: end - start)
    return insight
  }
}
