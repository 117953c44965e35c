package import BatchDomain

/// An audit as a JSON document.
package enum AuditJSON {
  /// `{"run_id", "checked": {...}, "problems": [...], "problems_total": n}` with a line end.
  package static func document(_ audit: RunAudit, _ layout: JSONWriter.Layout = .pretty) -> String {
    var json = JSONWriter(layout)
    json.beginObject()
    json.key("run_id")
    json.value(audit.run.rawValue)
    json.key("checked")
    json.beginObject()
    json.key("items")
    json.value(audit.checked.items)
    json.key("chunks")
    json.value(audit.checked.chunks)
    json.key("attempts")
    json.value(audit.checked.attempts)
    json.key("settlements")
    json.value(audit.checked.settlements)
    json.endObject()
    json.key("problems")
    json.beginArray()
    for problem in audit.problems {
      json.beginObject()
      json.key("check")
      json.value(problem.check.rawValue)
      json.key("row")
      json.value(problem.row)
      json.key("message")
      json.value(problem.message)
      json.endObject()
    }
    json.endArray()
    json.key("problems_total")
    json.value(audit.problemsTotal)
    json.endObject()
    return json.take() + "\n"
  }
}
