package import BatchDomain

/// What was checked before a run, as a JSON document.
package enum HealthJSON {
  /// `{"checks": [{"check", "status", "message", "remedy"}, ...]}` with a line end.
  ///
  /// - Parameter database: the path given with `--db`, which advised commands then need, too.
  package static func document(
    _ checks: [HealthCheck], database: String? = nil, _ layout: JSONWriter.Layout = .pretty
  ) -> String {
    var json = JSONWriter(layout)
    json.beginObject()
    json.key("checks")
    json.beginArray()
    for check in checks {
      json.beginObject()
      json.key("check")
      json.value(check.subject.rawValue)
      json.key("status")
      json.value(check.status.rawValue)
      json.key("message")
      json.value(check.message)
      json.key("remedy")
      json.value(check.remedy?.text(database: database))
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return json.take() + "\n"
  }
}
