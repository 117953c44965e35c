package import BatchDomain

/// Runs as JSON documents, member by member as the command line's contract has them.
package enum RunJSON {
  /// `{"run": RUN}` with a line end: what `submit` and `resume` print.
  package static func document(_ run: RunSummary, _ layout: JSONWriter.Layout = .pretty) -> String {
    var json = JSONWriter(layout)
    json.beginObject()
    json.key("run")
    write(run, to: &json)
    json.endObject()
    return json.take() + "\n"
  }

  /// `{"runs": [RUN, ...]}` with a line end, newest first, written page by page.
  package static func history(
    _ pages: RunPages, _ layout: JSONWriter.Layout = .pretty, to output: inout some TextOutput
  ) async throws {
    var json = JSONWriter(layout)
    json.beginObject()
    json.key("runs")
    json.beginArray()
    var last: RunID?
    while true {
      let page = try await pages.page(before: last)
      for run in page { write(run, to: &json) }
      try output.write(json.take())
      guard let oldest = page.last, page.count == RunPages.pageSize else { break }
      last = oldest.run
    }
    json.endArray()
    json.endObject()
    try output.write(json.take() + "\n")
  }

  /// `{"run": RUN, "causes": [...], "chunks": [...]}` with a line end, the chunks written page by page.
  package static func report(
    _ run: RunSummary, causes: [CauseSummary], chunks: ChunkPages, _ layout: JSONWriter.Layout = .pretty,
    to output: inout some TextOutput
  ) async throws {
    var json = JSONWriter(layout)
    json.beginObject()
    json.key("run")
    write(run, to: &json)
    json.key("causes")
    json.beginArray()
    for cause in causes { write(cause, to: &json) }
    json.endArray()
    json.key("chunks")
    json.beginArray()
    var last: ChunkNumber?
    while true {
      let page = try await chunks.page(after: last)
      for chunk in page { write(chunk, to: &json) }
      try output.write(json.take())
      guard let newest = page.last, page.count == ChunkPages.pageSize else { break }
      last = newest.number
    }
    json.endArray()
    json.endObject()
    try output.write(json.take() + "\n")
  }

  /// Writes the object RUN.
  package static func write(_ run: RunSummary, to json: inout JSONWriter) {
    json.beginObject()
    json.key("run_id")
    json.value(run.run.rawValue)
    json.key("name")
    json.value(run.name)
    json.key("job")
    json.value(run.job)
    json.key("state")
    json.value(run.state.rawValue)
    json.key("reason")
    json.value(run.reason?.rawValue)
    json.key("created_at")
    json.value(run.createdAt)
    json.key("finished_at")
    json.value(run.finishedAt)
    json.key("manifest")
    json.value(run.manifest)
    json.key("items")
    json.value(run.items)
    json.key("repeated")
    json.value(run.repeated)
    write(run.counts, to: &json)
    json.key("attempts")
    json.value(run.attempts)
    json.key("sending_seconds")
    json.seconds(run.sendingTime)
    json.endObject()
  }

  /// Writes an object of counts by state, zeros included.
  static func write(
    _ counts: [ChunkState: Int], of states: [ChunkState], to json: inout JSONWriter
  ) {
    json.beginObject()
    for state in states {
      json.key(state.rawValue)
      json.value(counts[state, default: 0])
    }
    json.endObject()
  }

  private static func write(_ cause: CauseSummary, to json: inout JSONWriter) {
    json.beginObject()
    json.key("code")
    json.value(cause.code)
    json.key("message")
    json.value(cause.message)
    json.key("outcome")
    json.value(cause.outcome.rawValue)
    json.key("items")
    json.value(cause.items)
    json.key("chunks")
    json.value(cause.chunks)
    json.key("first_at")
    json.value(cause.firstAt)
    json.key("last_at")
    json.value(cause.lastAt)
    json.endObject()
  }

  private static func write(_ chunk: ChunkSummary, to json: inout JSONWriter) {
    json.beginObject()
    json.key("chunk")
    json.value(chunk.number.rawValue)
    json.key("first_item")
    json.value(chunk.firstItem)
    json.key("item_count")
    json.value(chunk.itemCount)
    json.key("state")
    json.value(chunk.state.rawValue)
    json.key("attempts")
    json.value(chunk.attempts)
    json.key("http_status")
    json.value(chunk.status)
    json.key("error_code")
    json.value(chunk.code)
    json.key("message")
    json.value(chunk.message)
    json.key("split_from")
    json.value(chunk.parent?.rawValue)
    json.key("not_isolated")
    json.value(chunk.isNotIsolated)
    json.key("settlement")
    SettlementJSON.write(chunk.settlement, to: &json)
    json.endObject()
  }
}
