import BatchDomain

/// Runs as comma-separated values, with a header record, written page by page.
package enum RunCSV {
  /// Names of the columns of the history, one record per run.
  package static let runColumns =
    [
      "run_id", "name", "job", "state", "reason", "created_at", "finished_at", "manifest", "items",
      "repeated",
      "attempts", "sending_seconds",
    ] + ChunkState.itemStates.map { "items_\($0.rawValue)" }
    + ChunkState.allCases.map { "chunks_\($0.rawValue)" }

  /// Names of the columns of one run, one record per chunk.
  package static let chunkColumns = [
    "chunk", "first_item", "item_count", "state", "attempts", "http_status", "error_code", "message",
  ]

  /// The history, newest first.
  package static func history(_ pages: RunPages, to output: inout some TextOutput) async throws {
    try await write(runColumns, pages, to: &output, record: record)
  }

  /// The chunks of one run in order of number.
  package static func report(_ pages: ChunkPages, to output: inout some TextOutput) async throws {
    try await write(chunkColumns, pages, to: &output, record: record)
  }

  /// Names of the columns of a run's items, one record per item.
  package static let itemColumns = [
    "item", "index_id", "object", "state", "chunk", "attempts", "error_code", "message", "step", "asset_id",
    "indexed_asset_id",
  ]

  /// Names of the columns of a run's attempts, one record per attempt.
  package static let attemptColumns = [
    "chunk", "attempt", "started_at", "finished_at", "seconds", "outcome", "http_status", "error_code",
    "message", "step", "external_id",
  ]

  /// The items of one run in order.
  package static func items(_ pages: ItemPages, to output: inout some TextOutput) async throws {
    try await write(itemColumns, pages, to: &output) { item in
      [
        String(item.sequence), item.indexID.rawValue, item.object.rawValue, item.state.rawValue,
        String(item.chunk.rawValue),
        String(item.attempts), item.code, item.message, item.step?.rawValue, item.assetID,
        item.indexedAssetID,
      ]
    }
  }

  /// The attempts of one run in order of chunk and number.
  package static func attempts(_ pages: AttemptPages, to output: inout some TextOutput) async throws {
    try await write(attemptColumns, pages, to: &output) { attempt in
      [
        String(attempt.key.chunk.rawValue), String(attempt.key.number), attempt.startedAt.description,
        attempt.finishedAt?.description, attempt.took.map(JSONText.seconds), attempt.outcome?.rawValue,
        attempt.status.map(String.init), attempt.code, attempt.message, attempt.step.rawValue,
        attempt.externalID,
      ]
    }
  }

  private static func write<Row, Cursor>(
    _ columns: [String], _ pages: RowPages<Row, Cursor>, to output: inout some TextOutput,
    record: (Row) -> [String?]
  ) async throws {
    var csv = CSVWriter()
    csv.add(columns)
    try output.write(csv.take())
    try await pages.forEachPage { page in
      for row in page { csv.add(record(row)) }
      try output.write(csv.take())
    }
  }

  private static func record(of run: RunSummary) -> [String?] {
    [
      run.run.rawValue, run.name, run.job, run.state.rawValue, run.reason?.rawValue,
      run.createdAt.description, run.finishedAt?.description, run.manifest, String(run.items),
      String(run.repeated), String(run.attempts), run.sendingTime.map(JSONText.seconds),
    ] + ChunkState.itemStates.map { String(run.counts.items(in: $0)) }
      + ChunkState.allCases.map { String(run.counts.chunks(in: $0)) }
  }

  private static func record(of chunk: ChunkSummary) -> [String?] {
    [
      String(chunk.number.rawValue), String(chunk.firstItem), String(chunk.itemCount), chunk.state.rawValue,
      String(chunk.attempts), chunk.status.map(String.init), chunk.code, chunk.message,
    ]
  }
}

extension ItemSummary {
  /// The id of the asset that the service made of the item.
  var assetID: String? { externalIDs[ChunkStep(rawValue: "upload")] }

  /// The id of the asset in its index.
  var indexedAssetID: String? { externalIDs[ChunkStep(rawValue: "index")] }
}

/// Writes records of comma-separated values (RFC 4180), safe to open in a spreadsheet.
package struct CSVWriter {
  private var text = ""

  /// No records yet.
  package init() {}

  /// Returns what was written since the last call, and forgets it.
  package mutating func take() -> String {
    defer { text.removeAll(keepingCapacity: true) }
    return text
  }

  /// Adds a record, ended by CR LF as the standard has it. `nil` is an empty cell.
  package mutating func add(_ cells: [String?]) {
    for (column, cell) in cells.enumerated() {
      if column > 0 { text += "," }
      if let cell { text += Self.cell(cell) }
    }
    text += "\r\n"
  }

  /// One cell: control characters escaped, in quotes where the standard demands it.
  ///
  /// What a spreadsheet would run as a formula gets an apostrophe in front (OWASP, "CSV Injection").
  package static func cell(_ value: String) -> String {
    let escaped = VisibleText.escape(value)
    if let first = value.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first) {
      return quote("'" + escaped)
    }
    return escaped.utf8.contains { $0 == 0x22 || $0 == 0x2C } || escaped != value ? quote(escaped) : escaped
  }

  private static func quote(_ value: String) -> String {
    "\"" + value.replacing(scalar: "\"", by: "\"\"") + "\""
  }
}
