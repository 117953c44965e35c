import BatchDomain

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
    for chunk in evidence.controls { json.value(chunk.rawValue) }
    json.endArray()
    json.endObject()
  }
}
