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

  /// Ends every wait that the service of a run asked for.
  package func endWaits(holding run: RunID, at now: Timestamp) async throws -> StoredWait? {
    let service = try await settings(of: run).origin
    return try await database.write { connection in
      var ended: [StoredWait] = []
      // A service may have several rows in a database of an older version.
      for origin in try Self.origins(of: service, in: connection) {
        ended += try connection.rows(
          "SELECT wait_until, wait_reason, wait_ms FROM budget WHERE origin = ? AND wait_until IS NOT NULL",
          .integer(origin)
        ) {
          StoredWait(
            untilColumn: $0.optionalInt(0), reason: $0.optionalText(1), lengthColumn: $0.optionalInt(2))
        }.compactMap(\.self)
        try connection.run(
          "UPDATE budget SET wait_until = NULL, wait_reason = NULL, wait_ms = NULL WHERE origin = ?",
          .integer(origin))
      }
      connection.revise()
      return ended.filter { $0.left(at: now) > .zero }.max { $0.left(at: now) < $1.left(at: now) }
    }
  }

  /// Chunks of a run that are still to be decided, by step and state.
  package func openChunks(of run: RunID) async throws -> [OpenChunks] {
    try await reader.read { connection in
      let row = try Self.row(of: run, in: connection)
      let settings = try connection.first("SELECT settings FROM run WHERE id = ?", .integer(row)) {
        $0.text(0)
      }
      let profile = try StoredSettings.read(settings ?? "").profile
      let states = ChunkState.allCases.filter { !$0.isFinal }
      var open = profile.steps.flatMap { step in
        states.map { OpenChunks($0, at: step, chunks: 0, items: 0) }
      }
      let rows = try connection.rows(Self.openChunks(profile), .integer(row)) {
        OpenChunks(
          try Self.state($0.text(0)), at: ChunkStep(rawValue: $0.text(1)), chunks: $0.int(2),
          items: $0.int(3))
      }
      for found in rows {
        for place in open.indices where open[place].state == found.state {
          if open[place].step == found.step {
            open[place].chunks += found.chunks
            open[place].items += found.items
          } else if open[place].step == profile.firstStep {
            open[place].chunks -= found.chunks
            open[place].items -= found.items
          }
        }
      }
      return open.filter { $0.chunks > 0 }
    }
  }

  /// What is kept of the open chunks by state, as if all were at the first step, and how many of them are at a later one:
  /// few of a run are, and those at the first step may be a million. One statement, so that both are of one moment.
  private static func openChunks(_ profile: ServiceProfile) -> String {
    let all = """
      SELECT state, '\(profile.firstStep)', chunks, items FROM tally
      WHERE run = ?1 AND state IN (\(ChunkRows.words(ChunkState.allCases.filter { !$0.isFinal })))
      """
    let later = profile.steps.dropFirst().map { "'\($0)'" }.joined(separator: ", ")
    guard !later.isEmpty else { return all }
    return all + """

      UNION ALL
      SELECT state, step, count(*), sum(item_count) FROM chunk INDEXED BY chunk_open
      WHERE run = ?1 AND \(ChunkRows.open) AND step IN (\(later)) GROUP BY state, step
      """
  }
}
