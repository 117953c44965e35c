/// How often chunks moved, by state, cause and new state.
struct Edges: Sendable {
  private(set) var counts: [String: Int] = [:]

  /// Moves that the scenarios have to bring about; one that none of thousands of seeds makes is not tested at all.
  static let required = [
    "pending > submitting",
    "pending > cancelled",
    "submitting (accepted) > accepted",
    "submitting (account) > pending",
    "submitting (endpoint) > pending",
    "submitting (index) > pending",
    "submitting (throttled) > pending",
    "submitting (not_processed) > pending",
    "submitting (not_processed) > failed",
    "submitting (unknown) > unknown",
    "submitting (owner_died) > unknown",
    "submitting (content) > rejected",
    "submitting (index) > rejected",
    "unknown (listing received) > accepted",
    "unknown (listing not_received) > pending",
    "unknown (listing not_received) > failed",
    "unknown (policy not_received) > pending",
    "unknown (listing undecided)",
    "unknown (policy undecided)",
    "rejected > pending",
    "failed > pending",
  ]

  /// Adds the moves of a run.
  mutating func add(_ records: Records) {
    for move in records.moves where !move.old.isEmpty {
      count(move.old + (move.cause.isEmpty ? "" : " (\(move.cause))") + " > \(move.new)")
    }
    // A verdict that leaves the chunk where it is.
    for settlement in records.settlements where settlement.verdict == "undecided" {
      count("unknown (\(settlement.authority) undecided)")
    }
  }

  /// Adds the moves of other runs.
  mutating func add(_ others: Edges) {
    for (edge, count) in others.counts { counts[edge, default: 0] += count }
  }

  /// Those that have to be there and are not.
  var missing: [String] { Self.required.filter { counts[$0] == nil } }

  /// One line for each.
  var table: String {
    Set(counts.keys).union(Self.required).sorted()
      .map { edge in
        let count = "\(counts[edge, default: 0])"
        return String(repeating: " ", count: max(0, 9 - count.count)) + count + "  \(edge)"
      }.joined(separator: "\n")
  }

  private mutating func count(_ edge: String) { counts[edge, default: 0] += 1 }
}
