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
    var csv = CSVWriter()
    csv.add(runColumns)
    var last: RunID?
    while true {
      let page = try await pages.page(before: last)
      for run in page { csv.add(record(of: run)) }
      try output.write(csv.take())
      guard let oldest = page.last, page.count == RunPages.pageSize else { return }
      last = oldest.run
    }
  }

  /// The chunks of one run in order of number.
  package static func report(_ pages: ChunkPages, to output: inout some TextOutput) async throws {
    var csv = CSVWriter()
    csv.add(chunkColumns)
    var last: ChunkNumber?
    while true {
      let page = try await pages.page(after: last)
      for chunk in page { csv.add(record(of: chunk)) }
      try output.write(csv.take())
      guard let newest = page.last, page.count == ChunkPages.pageSize else { return }
      last = newest.number
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
