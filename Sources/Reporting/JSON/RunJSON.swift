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
    try await pages.forEachPage { page in
      for run in page { write(run, to: &json) }
      try output.write(json.take())
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
    json.key("live")
    json.value(run.isLive)
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
    json.key("skipped")
    json.value(run.skipped)
    write(run.counts, to: &json)
    json.key("attempts")
    json.value(run.attempts)
    json.key("sending_seconds")
    json.seconds(run.sendingTime)
    json.endObject()
  }

  /// Writes an object of counts by state, zeros included.
  static func write(
    _ counts: CountByState, of states: [ChunkState], to json: inout JSONWriter
  ) {
    json.beginObject()
    for state in states {
      json.key(state.rawValue)
      json.value(counts[state])
    }
    json.endObject()
  }
}

extension RunJSON {
  /// Writes the members `chunks` and `items_by_state` of an object, every state listed.
  package static func write(_ counts: StateCounts, to json: inout JSONWriter) {
    json.key("chunks")
    write(counts.chunks, of: ChunkState.allCases, to: &json)
    json.key("items_by_state")
    write(counts.items, of: ChunkState.itemStates, to: &json)
  }
}

/// A verdict on a lost answer as an object of the JSON report.
enum SettlementJSON {
  /// Writes the object, or null.
  static func write(_ settlement: SettlementSummary?, to json: inout JSONWriter) {
    guard let settlement else { return json.value(String?.none) }
    let evidence = settlement.evidence
    json.beginObject()
    json.key("attempt")
    json.value(settlement.attempt)
    json.key("verdict")
    json.value(settlement.verdict.rawValue)
    json.key("authority")
    json.value(settlement.authority.rawValue)
    json.key("decided_at")
    json.value(settlement.decidedAt)
    json.key("evidence")
    json.value(evidence.text)
    json.key("first_look_at")
    json.value(evidence.firstLookAt)
    json.key("last_look_at")
    json.value(evidence.lastLookAt)
    json.key("tasks_listed")
    json.value(evidence.tasksListed)
    json.key("items_seen")
    json.value(evidence.itemsSeen)
    json.key("controls")
    json.beginArray()
    for chunk in evidence.witnesses { json.value(chunk.rawValue) }
    json.endArray()
    json.endObject()
  }
}
