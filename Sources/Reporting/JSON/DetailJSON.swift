package import BatchDomain

/// Items and attempts of a run as JSON documents, written page by page.
package enum DetailJSON {
  /// `{"run": RUN, "items": [...]}` with a line end.
  package static func items(
    _ run: RunSummary, _ pages: ItemPages, _ layout: JSONWriter.Layout = .pretty,
    to output: inout some TextOutput
  ) async throws {
    try await write(run, "items", pages, layout, to: &output) { item, json in
      json.member("item", item.sequence)
      json.member("index_id", item.indexID.rawValue)
      json.member("object", item.object.rawValue)
      json.member("state", item.state.rawValue)
      json.member("chunk", item.chunk.rawValue)
      json.member("attempts", item.attempts)
      json.member("error_code", item.code)
      json.member("message", item.message)
      json.member("step", item.step?.rawValue)
      json.member("asset_id", item.assetID)
      json.member("indexed_asset_id", item.indexedAssetID)
    }
  }

  /// `{"run": RUN, "attempts": [...]}` with a line end.
  package static func attempts(
    _ run: RunSummary, _ pages: AttemptPages, _ layout: JSONWriter.Layout = .pretty,
    to output: inout some TextOutput
  ) async throws {
    try await write(run, "attempts", pages, layout, to: &output) { attempt, json in
      json.member("chunk", attempt.key.chunk.rawValue)
      json.member("attempt", attempt.key.number)
      json.key("started_at")
      json.value(attempt.startedAt)
      json.key("finished_at")
      json.value(attempt.finishedAt)
      json.key("seconds")
      json.seconds(attempt.took)
      json.member("outcome", attempt.outcome?.rawValue)
      json.member("http_status", attempt.status)
      json.member("error_code", attempt.code)
      json.member("message", attempt.message)
      json.member("step", attempt.step.rawValue)
      json.member("external_id", attempt.externalID)
    }
  }

  private static func write<Row, Cursor>(
    _ run: RunSummary, _ name: String, _ pages: RowPages<Row, Cursor>, _ layout: JSONWriter.Layout,
    to output: inout some TextOutput, members: (Row, inout JSONWriter) -> Void
  ) async throws {
    var json = JSONWriter(layout)
    json.beginObject()
    json.key("run")
    RunJSON.write(run, to: &json)
    json.key(name)
    json.beginArray()
    try await pages.forEachPage { rows in
      for row in rows {
        json.beginObject()
        members(row, &json)
        json.endObject()
      }
      try output.write(json.take())
    }
    json.endArray()
    json.endObject()
    try output.write(json.take() + "\n")
  }
}
