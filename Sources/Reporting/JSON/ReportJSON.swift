package import BatchDomain

/// The report of a run as a JSON document.
package enum ReportJSON {
  /// `{"run": RUN, "causes": [...], "timeline": {...}, "surplus": [...], "left_over": n, "tracking": {...}, "chunks": [...]}`
  /// with a line end, the chunks written page by page.
  ///
  /// - Parameter commands: the command lines that are advised.
  package static func write(
    _ report: RunReport, commands: RunCommands, chunks: ChunkPages, _ layout: JSONWriter.Layout = .pretty,
    to output: inout some TextOutput
  ) async throws {
    var json = JSONWriter(layout)
    json.beginObject()
    json.key("run")
    RunJSON.write(report.run, to: &json)
    json.key("causes")
    json.beginArray()
    for cause in report.causes {
      write(cause, CauseAdvice(cause, of: report.run, report.settings, commands), to: &json)
    }
    json.endArray()
    json.key("timeline")
    write(report.timeline, to: &json)
    json.key("surplus")
    json.beginArray()
    for row in report.surplus {
      json.beginObject()
      json.member("item", row.item)
      json.member("step", row.step.rawValue)
      json.member("external_id", row.externalID)
      json.endObject()
    }
    json.endArray()
    json.member("left_over", report.leftOvers.total)
    TrackingJSON.write(report.tracking, to: &json)
    json.key("chunks")
    json.beginArray()
    try await chunks.forEachPage { page in
      for chunk in page { write(chunk, to: &json) }
      try output.write(json.take())
    }
    json.endArray()
    json.endObject()
    try output.write(json.take() + "\n")
  }

  private static func write(_ cause: CauseSummary, _ advice: CauseAdvice, to json: inout JSONWriter) {
    json.beginObject()
    json.member("code", cause.code)
    json.member("message", cause.message)
    json.member("outcome", cause.outcome.rawValue)
    json.member("items", cause.items)
    json.member("chunks", cause.chunks)
    json.key("first_at")
    json.value(cause.firstAt)
    json.key("last_at")
    json.value(cause.lastAt)
    json.member("pattern", cause.pattern)
    json.key("states")
    json.beginArray()
    for state in ChunkState.itemStates where cause.states.contains(state) { json.value(state.rawValue) }
    json.endArray()
    json.member("repeating", word(cause.repeating))
    json.member("command", advice.command)
    json.key("samples")
    json.beginArray()
    for sample in cause.samples {
      json.beginObject()
      json.member("chunk", sample.chunk.rawValue)
      json.member("item", sample.item)
      json.member("object", sample.object?.rawValue)
      json.member("message", sample.message)
      json.endObject()
    }
    json.endArray()
    json.endObject()
  }

  private static func word(_ repeating: Repeating) -> String {
    switch repeating {
    case .helps: "helps"
    case .helpsAfter(let change): "helps_after_\(change.rawValue)"
    case .refusedAgain: "refused_again"
    case .unclear: "unclear"
    }
  }

  private static func write(_ timeline: RunTimeline, to json: inout JSONWriter) {
    json.beginObject()
    json.key("first_request_at")
    json.value(timeline.firstIntentAt)
    json.key("first_accepted_at")
    json.value(timeline.firstAcceptedAt)
    json.key("last_outcome_at")
    json.value(timeline.lastOutcomeAt)
    json.key("longest_wait")
    if let wait = timeline.longestWait {
      json.beginObject()
      json.key("from")
      json.value(wait.from)
      json.key("until")
      json.value(wait.until)
      json.member("reason", wait.idleness.rawValue)
      json.endObject()
    } else {
      json.value(String?.none)
    }
    json.key("throttled_seconds")
    json.seconds(timeline.throttledTime)
    json.key("outcomes")
    json.beginObject()
    for outcome in Outcome.allCases {
      json.member(outcome.rawValue, timeline.outcomes[outcome, default: 0])
    }
    json.endObject()
    json.member("settled", timeline.settled)
    json.endObject()
  }

  private static func write(_ chunk: ChunkSummary, to json: inout JSONWriter) {
    json.beginObject()
    json.member("chunk", chunk.number.rawValue)
    json.member("first_item", chunk.firstItem)
    json.member("item_count", chunk.itemCount)
    json.member("state", chunk.state.rawValue)
    json.member("attempts", chunk.attempts)
    json.member("http_status", chunk.status)
    json.member("error_code", chunk.code)
    json.member("message", chunk.message)
    json.member("split_from", chunk.parent?.rawValue)
    json.key("not_isolated")
    json.value(chunk.isNotIsolated)
    json.key("settlement")
    SettlementJSON.write(chunk.settlement, to: &json)
    json.endObject()
  }
}

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
