package import BatchDomain

extension RunPages {
  /// Runs of the store.
  package init(matching filter: RunFilter = RunFilter(), most: Int? = nil, in catalog: any RunCatalog) {
    self.init(most: most) { before, limit in
      let runs = try await catalog.summaries(before: before, limit: limit)
      return DetailPage(
        rows: runs.filter { filter.matches($0) }, next: runs.count == limit ? runs.last?.run : nil)
    }
  }

  /// No runs.
  package static var none: Self { Self { _, _ in DetailPage(rows: [], next: nil) } }
}

extension ChunkPages {
  /// Chunks of a run in the store.
  package init(
    of run: RunID, matching filter: RowFilter = RowFilter(), most: Int? = nil, in details: any RunDetails
  ) {
    self.init(most: most) { try await details.chunks(of: run, matching: filter, after: $0, limit: $1) }
  }
}

extension ItemPages {
  /// Items of a run in the store.
  package init(of run: RunID, matching filter: RowFilter, most: Int? = nil, in details: any RunDetails) {
    self.init(most: most) { try await details.items(of: run, matching: filter, from: $0 ?? 0, limit: $1) }
  }
}

extension AttemptPages {
  /// Attempts of a run in the store.
  package init(of run: RunID, matching filter: RowFilter, most: Int? = nil, in details: any RunDetails) {
    self.init(most: most) { try await details.attempts(of: run, matching: filter, after: $0, limit: $1) }
  }
}
