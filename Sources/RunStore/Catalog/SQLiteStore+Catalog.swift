package import BatchDomain

extension SQLiteStore: RunCatalog {
  /// Finds the run a person means.
  package func resolve(_ text: String) async throws -> RunID {
    try await reader.read { connection in
      if text == "latest" {
        let newest = try connection.first("SELECT run_id FROM run ORDER BY run_id DESC LIMIT 1") {
          $0.text(0)
        }
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
        "SELECT run_id FROM run WHERE run_id >= ?1 AND run_id < ?1 || '~' ORDER BY run_id DESC LIMIT 11",
        .text(wanted.rawValue)
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
      throw StoreError(
        .noSuchRun, "there is no run \(wanted)",
        remedy: try Self.remedy(for: wanted.rawValue, in: connection))
    }
  }

  /// Runs that a mistyped id is compared with.
  private static let runsCompared = 1_000

  /// What to say to somebody who named a run that is not there.
  private static func remedy(for typed: String, in connection: Connection) throws -> Remedy {
    let newest = try connection.rows(
      "SELECT run_id FROM run ORDER BY run_id DESC LIMIT ?", .integer(Int64(runsCompared))
    ) { $0.text(0) }
    let near = NearestWord.run(for: typed, among: newest)
    return "\(near.map { "did you mean \($0)? " } ?? "")\(command: .history) lists the runs"
  }

  /// Runs, newest first; one page of them.
  package func summaries(before: RunID?, limit: Int) async throws -> [RunSummary] {
    try await reader.read { [database] connection in
      let rows = try connection.rows(
        RunRow.select + " WHERE run_id < ? ORDER BY run_id DESC LIMIT ?",
        .text(before?.rawValue ?? "~"), .integer(limit), read: RunRow.init)
      return try rows.map { try $0.summary(in: connection, locks: database.locks) }
    }
  }

  /// One run, as its owner's life or death makes it look.
  package func summary(of run: RunID) async throws -> RunSummary {
    try await reader.read { [database] connection in
      let row = try connection.first(
        RunRow.select + " WHERE run_id = ?", .text(run.rawValue), read: RunRow.init)
      guard let row else {
        throw StoreError(.noSuchRun, "there is no run \(run)", remedy: "\(command: .history) lists the runs")
      }
      return try row.summary(in: connection, locks: database.locks)
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
        WHERE run = ?1 AND state IN (\(ChunkRows.words(states)))
          AND first_item >= coalesce((SELECT max(first_item) FROM chunk WHERE run = ?1 AND first_item <= ?2), 0)
          AND first_item + item_count > ?2
        ORDER BY first_item LIMIT ?3
        """, .integer(row), .integer(next), .integer(limit)
      ) { max(next, $0.int(0))..<($0.int(0) + $0.int(1)) }
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
