package import BatchDomain

extension SQLStore {
  /// Parts of a time in which requests are told together.
  private static let groups: Int64 = 2_000

  /// What requests to a service used of its limits, by step, and the waits that it asked for.
  package func budgetUse(
    of address: String, from first: Timestamp, to last: Timestamp
  ) async throws -> [ChunkStep: BudgetUse] {
    try await reader.read { connection in
      var uses: [ChunkStep: BudgetUse] = [:]
      let width = max(1, last.since(first).millisecondsRoundedUp / Self.groups)
      for origin in try Self.origins(of: Origin.of(address), in: connection) {
        try connection.forEach(
          "SELECT step, wait_until, wait_reason, wait_ms FROM budget WHERE origin = ?", .integer(origin)
        ) { row in
          var use = uses[ChunkStep(rawValue: row.text(0))] ?? BudgetUse()
          if let until = row.optionalInt(1) {
            use.wait = StoredWait(
              until: Timestamp(milliseconds: Int64(until)), reason: row.optionalText(2) ?? "",
              length: row.optionalInt(3).map { .milliseconds(Int64($0)) })
          }
          uses[ChunkStep(rawValue: row.text(0))] = use
        }
        for step in uses.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
          try connection.forEach(
            """
            SELECT max(a.started_at), count(*), sum(c.item_count), sum(coalesce(a.media_ms, 0))
            FROM attempt AS a INDEXED BY attempt_started JOIN chunk AS c ON c.run = a.run AND c.number = a.chunk
            WHERE a.origin = ? AND a.step = ? AND a.started_at > ? AND a.started_at <= ?
            GROUP BY a.started_at / ? ORDER BY 1
            """, .integer(origin), .text(step.rawValue), .integer(first.milliseconds),
            .integer(last.milliseconds), .integer(width)
          ) { row in
            uses[step]?.sent.append(
              BudgetUse.Sent(
                at: Timestamp(milliseconds: Int64(row.int(0))), requests: row.int(1), items: row.int(2),
                media: .milliseconds(Int64(row.int(3)))))
          }
        }
      }
      return uses
    }
  }
}
