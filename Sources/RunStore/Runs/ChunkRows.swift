import BatchDomain

/// Fragments of SQL over the table of chunks that several statements share.
enum ChunkRows {
  /// The terms of the index `chunk_open`, which statements have to repeat for SQLite to see that the index serves them.
  static let indexed = "state <> 'accepted' AND state <> 'split' AND state <> 'cancelled'"
  /// Chunks that are still to be decided.
  static let open = "state IN (\(words(ChunkState.allCases.filter { !$0.isFinal }))) AND \(indexed)"

  /// States as the right side of `IN`. Only the enumeration's own words get into a statement.
  static func words(_ states: some Sequence<ChunkState>) -> String {
    states.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
  }
}
