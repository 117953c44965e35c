package import BatchDomain

/// What the service makes of the accepted items of a run as JSON.
package enum TrackingJSON {
  /// `{"run": RUN, "tracking": {...}}` with a line end.
  package static func document(
    _ run: RunSummary, _ tracking: TrackingSummary?, _ layout: JSONWriter.Layout = .pretty
  ) -> String {
    var json = JSONWriter(layout)
    json.beginObject()
    json.key("run")
    RunJSON.write(run, to: &json)
    write(tracking, to: &json)
    json.endObject()
    return json.take() + "\n"
  }

  /// Writes the member `tracking` of an object; null for a run that was never tracked.
  package static func write(_ tracking: TrackingSummary?, to json: inout JSONWriter) {
    json.key("tracking")
    guard let tracking else { return json.value(String?.none) }
    json.beginObject()
    json.key("looked_at")
    json.value(tracking.lookedAt)
    writeStates(tracking.states, to: &json)
    json.endObject()
  }

  /// Writes the member `states` of an object, every state listed.
  package static func writeStates(_ states: TrackedCounts, to json: inout JSONWriter) {
    json.key("states")
    json.beginObject()
    for state in TrackedState.allCases { json.member(state.rawValue, states[state]) }
    json.endObject()
  }
}
