package import BatchDomain

extension SQLStore: RunCatalog {
  /// Finds the run a person means.
  package func resolve(_ text: String) async throws -> RunID {
    try await reader.read { connection in
      if text == "latest" {
        let newest = try connection.first(
          "SELECT run_id FROM run WHERE \(RemovedRuns.areOthers) ORDER BY run_id DESC LIMIT 1"
        ) { $0.text(0) }
        guard let newest, let run = RunID(rawValue: newest) else {
          throw StoreError(
            .noSuchRun, "there is no run yet", remedy: "\(command: .submitManifest) starts one")
        }
        return run
      }
      guard let wanted = RunID(rawValue: text) else {
        throw StoreError(
          .noSuchRun,
          "\"\(VisibleText.escape(text, cutAt: 100))\" is no run id: lower-case letters, digits and hyphens were expected",
          remedy: try Self.remedy(for: text, in: connection))
      }
      // "~" sorts after every character of a run id.
      let found = try connection.rows(
        """
        SELECT run_id FROM run WHERE run_id >= ?1 AND run_id < ?1 || '~' AND \(RemovedRuns.areOthers)
        ORDER BY run_id DESC LIMIT 11
        """, .text(wanted.rawValue)
      ) { $0.text(0) }
      if found.contains(wanted.rawValue) { return wanted }
      switch found.count {
      case 1:
        guard let run = RunID(rawValue: found[0]) else { break }
        return run
      case 0:
        break
      default:
        let shown = found.prefix(10).joined(separator: ", ") + (found.count > 10 ? ", ..." : "")
        throw StoreError(
          .noSuchRun, "\"\(wanted)\" is the beginning of several run ids: \(shown)",
          remedy: "give enough of the id to tell them apart")
      }
      throw try RemovedRuns.error(for: wanted, in: connection)
        ?? StoreError(
          .noSuchRun, "there is no run \(wanted)",
          remedy: try Self.remedy(for: wanted.rawValue, in: connection))
    }
  }

  package func run(submitting digest: [UInt8], to destination: String) async throws -> RunID? {
    try await reader.read {
      try SQLPlanningSession.latestRun(of: digest, to: destination, in: $0)
    }
  }

  /// Runs that a mistyped id is compared with.
  private static let runsCompared = 1_000

  /// What to say to somebody who named a run that is not there.
  private static func remedy(for typed: String, in connection: Connection) throws -> Remedy {
    let newest = try connection.rows(
      "SELECT run_id FROM run WHERE \(RemovedRuns.areOthers) ORDER BY run_id DESC LIMIT ?",
      .integer(Int64(runsCompared))
    ) { $0.text(0) }
    let near = NearestWord.run(for: typed, among: newest)
    return "\(near.map { "did you mean \($0)? " } ?? "")\(command: .history) lists the runs"
  }

  /// Runs, newest first; one page of them.
  package func summaries(before: RunID?, limit: Int) async throws -> [RunSummary] {
    try await reader.read { [engine] connection in
      let rows = try connection.rows(
        RunRow.select(connection.dialect)
          + " WHERE run_id < ? AND \(RemovedRuns.areOthers) ORDER BY run_id DESC LIMIT ?",
        .text(before?.rawValue ?? "~"), .integer(limit), read: RunRow.init)
      return try rows.map { try $0.summary(in: connection, engine: engine) }
    }
  }

  /// One run, as its owner's life or death makes it look.
  package func summary(of run: RunID) async throws -> RunSummary {
    try await reader.read { [engine] connection in
      let row = try connection.first(
        RunRow.select(connection.dialect) + " WHERE run_id = ? AND \(RemovedRuns.areOthers)",
        .text(run.rawValue),
        read: RunRow.init)
      guard let row else { throw try Self.noSuchRun(run, in: connection) }
      return try row.summary(in: connection, engine: engine)
    }
  }

  /// What a run was told.
  package func settings(of run: RunID) async throws -> RunSettings {
    try await reader.read { connection in
      let row = try Self.row(of: run, in: connection)
      let text = try connection.first("SELECT settings FROM run WHERE id = ?", .integer(row)) { $0.text(0) }
      return try StoredSettings.read(text ?? "")
    }
  }

  /// The manifest of a run as it was found on disk.
  package func manifestFile(of run: RunID) async throws -> ManifestFile? {
    try await reader.read { connection in
      let row = try Self.row(of: run, in: connection)
      return try connection.first(
        """
        SELECT manifest_path, manifest_bytes, manifest_modified_at FROM run
        WHERE id = ? AND manifest_path IS NOT NULL
        """, .integer(row)
      ) {
        ManifestFile(
          path: $0.text(0), bytes: Int64($0.int(1)),
          modifiedAt: Timestamp(milliseconds: Int64($0.int(2))))
      }
    }
  }

  /// Chunks in order of number; one page of them.
  package func chunks(of run: RunID, after: ChunkNumber?, limit: Int) async throws -> [ChunkSummary] {
    try await reader.read { connection in
      let row = try Self.row(of: run, in: connection)
      var chunks = try connection.rows(
        """
        SELECT number, first_item, item_count, state, attempts, last_status, last_code, last_message, parent,
               not_isolated, last_at
        FROM chunk WHERE run = ? AND number > ? ORDER BY number LIMIT ?
        """, .integer(row), .integer(after?.rawValue ?? -1), .integer(limit)
      ) {
        ChunkSummary(
          number: ChunkNumber($0.int(0)), firstItem: $0.int(1), itemCount: $0.int(2),
          state: try Self.state($0.text(3)),
          attempts: $0.int(4), status: $0.optionalInt(5), code: $0.optionalText(6),
          message: $0.optionalText(7), parent: $0.optionalInt(8).map { ChunkNumber($0) },
          isNotIsolated: $0.flag(9),
          lastAt: $0.optionalInt(10).map { Timestamp(milliseconds: Int64($0)) })
      }
      guard let first = chunks.first?.number.rawValue, let last = chunks.last?.number.rawValue else {
        return []
      }
      let settlements = try Self.settlements(of: row, chunks: first...last, in: connection)
      for index in chunks.indices { chunks[index].settlement = settlements[chunks[index].number] }
      return chunks
    }
  }

  /// Source texts of items in order; one page of them.
  package func items(
    of run: RunID, in states: Set<ChunkState>, after: Int?, limit: Int
  ) async throws -> [StoredItem] {
    try await reader.read { connection in
      let row = try Self.row(of: run, in: connection)
      let next = (after ?? -1) + 1
      let ranges = try connection.rows(
        """
        SELECT first_item, item_count FROM chunk INDEXED BY chunk_items
        WHERE run = ?1 AND state IN (\(ChunkRows.words(states))) AND state <> 'split'
          AND first_item >= coalesce((SELECT max(first_item) FROM chunk WHERE run = ?1 AND first_item <= ?2), 0)
          AND first_item + item_count > ?2
        ORDER BY first_item LIMIT ?3
        """, .integer(row), .integer(next), .integer(limit)
      ) { Range(firstItem: $0.int(0), count: $0.int(1)).clamped(to: next..<Int.max) }
      var items: [StoredItem] = []
      for range in ranges where items.count < limit {
        try ItemRows(run: row).forEachSource(range, limit: limit - items.count, in: connection) {
          items.append(StoredItem(sequence: $0, source: $1))
        }
      }
      return items
    }
  }
}

/// A row of the table of runs, as reports read it.
struct RunRow {
  /// The columns ``init(_:)`` expects.
  static func select(_ dialect: SQLDialect) -> String {
    """
    SELECT run.id, run_id, name, job, state, reason, reason_detail, created_at, finished_at, manifest,
           destination, items, repeated, attempts, first_intent_at, last_outcome_at, wait.wait_until,
           wait.wait_reason, wait.wait_ms, skipped, job_path
    FROM run LEFT JOIN budget AS wait ON wait.origin = run.origin
      -- The longest wait of a budget that the run uses up.
      AND wait.step = (SELECT b.step FROM budget AS b
                       WHERE b.origin = run.origin AND b.wait_until IS NOT NULL
                         AND b.step IN (\(budgets(dialect)))
                       ORDER BY b.wait_until DESC, b.step LIMIT 1)
    """
  }

  /// The budgets of a run, as SQL: its profile is in its settings.
  private static func budgets(_ dialect: SQLDialect) -> String {
    ServiceProfile.allCases.map { profile in
      profile.budgets.map {
        "CASE \(dialect.jsonMember("run.settings", "profile")) WHEN '\(profile.rawValue)' THEN '\($0)' END"
      }.joined(separator: ", ")
    }.joined(separator: ", ")
  }

  private let id: Int64
  private var summary: RunSummary

  /// Reads the row a statement stands on.
  init(_ row: Statement) throws {
    guard let run = RunID(rawValue: row.text(1)), let state = RunState(rawValue: row.text(4)) else {
      throw StoreError(.damaged, "the run \"\(row.text(1))\" has the state \"\(row.text(4))\"")
    }
    id = Int64(row.int(0))
    let sendingTime = row.optionalInt(14).flatMap { first in
      row.optionalInt(15).map { last in
        max(.zero, Timestamp(milliseconds: Int64(last)).since(Timestamp(milliseconds: Int64(first))))
      }
    }
    let (reason, detail): (PauseReason?, String?) =
      switch CopyMark(state: row.text(4), detail: row.optionalText(6)) {
      case .copied(let store): (.copied, store)
      case .copying(let arriving): (nil, "being copied from \(arriving.from)")
      case nil: (row.optionalText(5).flatMap(PauseReason.init(rawValue:)), row.optionalText(6))
      }
    summary = RunSummary(
      run: run, name: row.optionalText(2), job: row.optionalText(3), jobPath: row.optionalText(20),
      state: state, reason: reason,
      detail: detail,
      createdAt: Timestamp(milliseconds: Int64(row.int(7))),
      finishedAt: row.optionalInt(8).map { Timestamp(milliseconds: Int64($0)) }, manifest: row.text(9),
      destination: row.text(10), items: row.int(11), repeated: row.int(12), skipped: row.int(19),
      counts: StateCounts(),
      attempts: row.int(13), sendingTime: sendingTime,
      wait: StoredWait(
        untilColumn: row.optionalInt(16), reason: row.optionalText(17), lengthColumn: row.optionalInt(18)),
      isLive: false)
  }

  /// The run with its counts, and with the state its owner's life or death gives it: a run that says it is
  /// running while nobody holds its lock is paused by a crash.
  func summary(in connection: Connection, engine: any StoreEngine) throws -> RunSummary {
    var summary = summary
    summary.counts = try StateCounts.read(run: id, in: connection)
    if summary.counts.chunks(in: .submitting) > 0 {
      summary.inheritance = try engine.inheritance(of: id, in: connection)
    }
    switch summary.state {
    case .running:
      summary.isLive = try engine.isRunOwned(id, in: connection)
      if !summary.isLive {
        summary.state = .paused
        summary.reason = .crash
        summary.detail = try engine.lifeOfOwner(of: id, in: connection)
      }
    case .planning:
      // The lock is what tells; a run that died in planning keeps its state, and `resume` plans it again.
      summary.isLive = try engine.isRunOwned(id, in: connection)
      summary.items = summary.counts.items(in: .pending)
    case .paused, .finished, .cancelled:
      break
    }
    return summary
  }
}
