import BatchDomain

/// Remembers what is gathered from all chunks of a run, so that a large one that is looked at costs its process little.
actor GatheredCache {
  /// What is gathered.
  struct Gathered: Sendable {
    /// What pictures are drawn from.
    let insight: RunInsight
    /// Why items are not accepted.
    let causes: [CauseSummary]
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
      insight: try await store.insight(into: run.run), causes: try await store.causes(of: run.run))
    if entries.count >= Self.limit, let oldest = entries.min(by: { $0.value.at < $1.value.at }) {
      entries[oldest.key] = nil
    }
    let end = clock.elapsed()
    entries[run.run] = Entry(run: run, gathered: gathered, at: end, took: end - start)
    return gathered
  }
}
