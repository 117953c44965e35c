package import BatchDomain

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
