package import BatchDomain

/// Rows of a report, read page by page in their order, so that no read of the store lasts longer than one page and no
/// more than one page is in memory.
package struct RowPages<Row: Sendable, Cursor: Sendable>: Sendable {
  /// Rows in a page at most.
  package static var pageSize: Int { 500 }

  private let most: Int
  private let isChosen: Bool
  private let load: @Sendable (_ from: Cursor?, _ limit: Int) async throws -> DetailPage<Row, Cursor>

  /// Pages that a closure loads.
  ///
  /// - Parameters:
  ///   - most: rows in all, at most; `nil` for all there are.
  ///   - isChosen: whether a page may have fewer rows than were looked at; else no more are looked at than wanted.
  ///   - load: returns at most `limit` rows from a place on; `nil` begins with the first.
  package init(
    most: Int? = nil, isChosen: Bool = true,
    _ load: @escaping @Sendable (_ from: Cursor?, _ limit: Int) async throws -> DetailPage<Row, Cursor>
  ) {
    self.most = most ?? .max
    self.isChosen = isChosen
    self.load = load
  }

  /// Hands the pages over, one after the other; none is empty.
  package func forEachPage(_ take: (_ rows: [Row]) async throws -> Void) async throws {
    var left = most
    var cursor: Cursor?
    while left > 0 {
      let page = try await load(cursor, isChosen ? Self.pageSize : min(left, Self.pageSize))
      let rows = page.rows.prefix(left)
      if !rows.isEmpty { try await take(Array(rows)) }
      left -= rows.count
      guard let next = page.next else { return }
      cursor = next
    }
  }

  /// The first rows, as many as a person reads at once.
  ///
  /// - Parameter limit: that many at most, and no more than these pages have.
  /// - Returns: the rows, and whether there are more.
  package func first(_ limit: Int) async throws -> (rows: [Row], hasMore: Bool) {
    let shown = min(limit, most)
    var rows: [Row] = []
    try await RowPages(most: shown < .max ? shown + 1 : nil, isChosen: isChosen, load).forEachPage {
      rows += $0
    }
    return (Array(rows.prefix(shown)), rows.count > shown)
  }
}

/// Runs, newest first.
package typealias RunPages = RowPages<RunSummary, RunID>

/// Chunks of a run in order of number.
package typealias ChunkPages = RowPages<ChunkSummary, ChunkNumber>

/// Items of a run in order.
package typealias ItemPages = RowPages<ItemSummary, Int>

/// Attempts of a run in order of chunk and number.
package typealias AttemptPages = RowPages<AttemptSummary, AttemptSummary.Key>

extension RunPages {
  /// Runs of the store.
  package init(matching filter: RunFilter = RunFilter(), most: Int? = nil, in catalog: any RunCatalog) {
    self.init(most: most, isChosen: filter != RunFilter()) { before, limit in
      let runs = try await catalog.summaries(before: before, limit: limit)
      // Ids sort by creation: behind the first that is too old there are only older ones.
      let isPast = filter.since.map { since in runs.last.map { $0.createdAt < since } ?? true } ?? false
      return DetailPage(
        rows: runs.filter { filter.matches($0) },
        next: runs.count == limit && !isPast ? runs.last?.run : nil)
    }
  }

  /// No runs.
  package static var none: Self { Self { _, _ in DetailPage(rows: [], next: nil) } }
}

extension ChunkPages {
  /// Chunks of a run in the store.
  package init(
    of run: RunID, matching filter: RowFilter = RowFilter(), most: Int? = nil, in details: any RunCatalog
  ) {
    self.init(most: most, isChosen: filter != RowFilter()) {
      try await details.chunks(of: run, matching: filter, after: $0, limit: $1)
    }
  }
}

extension ItemPages {
  /// Items of a run in the store.
  package init(of run: RunID, matching filter: RowFilter, most: Int? = nil, in details: any RunCatalog) {
    self.init(most: most, isChosen: filter != RowFilter()) {
      try await details.items(of: run, matching: filter, from: $0 ?? 0, limit: $1)
    }
  }
}

extension AttemptPages {
  /// Attempts of a run in the store.
  package init(of run: RunID, matching filter: RowFilter, most: Int? = nil, in details: any RunCatalog) {
    self.init(most: most, isChosen: filter != RowFilter()) {
      try await details.attempts(of: run, matching: filter, after: $0, limit: $1)
    }
  }
}

/// Where text goes: standard output, a file, or a string in tests. Nothing in this target prints by itself.
package protocol TextOutput {
  /// Takes the next piece of text.
  ///
  /// - Throws: whatever the place the text goes to throws, for example when a pipe has lost its reader.
  mutating func write(_ text: String) throws
}

extension String: TextOutput {}

/// Hands text to a closure.
package struct ClosureOutput: TextOutput {
  private let take: (String) throws -> Void

  /// Hands every piece of text to `take`, in order.
  package init(_ take: @escaping (String) throws -> Void) { self.take = take }

  /// Takes the next piece of text.
  package mutating func write(_ text: String) throws { try take(text) }
}

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
  /// What its requests made at the service beside what is used.
  package var surplus: [SurplusRow]
  /// What its steps made for items that do not use it.
  package var leftOvers: LeftOvers
  /// What is left of it, where a limit or a window holds it back.
  package var remaining: RemainingWork?
  /// What it left out because earlier runs have it.
  package var skips: [KnownGroup]
  /// What the service makes of its accepted items; `nil` when nobody ever tracked it.
  package var tracking: TrackingSummary?

  /// A report in its parts.
  package init(
    run: RunSummary, settings: RunSettings = RunSettings(), causes: [CauseSummary] = [],
    settlements: [SettlementSummary] = [], timeline: RunTimeline = RunTimeline(),
    surplus: [SurplusRow] = [], leftOvers: LeftOvers = .none, skips: [KnownGroup] = [],
    remaining: RemainingWork? = nil, tracking: TrackingSummary? = nil
  ) {
    self.run = run
    self.settings = settings
    self.causes = causes
    self.settlements = settlements
    self.timeline = timeline
    self.surplus = surplus
    self.leftOvers = leftOvers
    self.remaining = remaining
    self.skips = skips
    self.tracking = tracking
  }

  /// Gathers a report of a run as it is at a moment. While the run goes on its parts may be milliseconds apart.
  package init(of run: RunID, in store: any RunCatalog, at now: Timestamp) async throws {
    let summary = try await store.summary(of: run)
    let settings = try await store.settings(of: run)
    self.init(
      run: summary, settings: settings,
      causes: try await store.causes(of: run),
      settlements: try await store.settlements(of: run, limit: RunText.settlementsShown),
      timeline: try await store.timeline(of: run), surplus: try await store.surplus(of: run),
      leftOvers: try await store.leftOvers(of: run, limit: RunText.leftOversShown),
      skips: try await store.skips(of: run),
      remaining: try await Self.remaining(of: summary, settings, in: store, at: now),
      tracking: try await store.tracking(of: run))
  }

  private static func remaining(
    of run: RunSummary, _ settings: RunSettings, in store: any RunCatalog, at now: Timestamp
  ) async throws -> RemainingWork? {
    guard run.state == .running || run.state == .paused, run.counts.openChunks > 0 else { return nil }
    do {
      return try await RemainingWork.of(run.run, settings: settings, in: store, at: now)
    } catch is ConfigurationError {
      // A zone that is not known on this machine: the report of a run of another one has no forecast.
      return nil
    }
  }
}
