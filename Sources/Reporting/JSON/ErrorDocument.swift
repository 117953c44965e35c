import BatchDomain

/// Why a command did nothing, as the JSON document that goes with exit status 2 and as text.
package struct ErrorDocument: Sendable, Equatable {
  /// A short stable word for what is wrong.
  package var code: String
  /// One clear sentence.
  package var message: String
  /// What the user can do; `nil` when there is nothing to advise.
  package var remedy: String?
  /// What validation found, as far as it is shown in full.
  package var findings: [ReportedFinding]
  /// All that validation found, shown or not.
  package var findingsTotal: Int

  /// An error with what validation found.
  ///
  /// - Parameter findingsTotal: all that was found; `nil` when `findings` is all.
  package init(
    code: String, message: String, remedy: String? = nil, findings: [ReportedFinding] = [],
    findingsTotal: Int? = nil
  ) {
    self.code = code
    self.message = message
    self.remedy = remedy
    self.findings = findings
    self.findingsTotal = findingsTotal ?? findings.count
  }

  /// `{"error": {...}, "findings": [...], "findings_total": n}` with a line end.
  package func json(_ layout: JSONWriter.Layout = .pretty) -> String {
    var json = JSONWriter(layout)
    json.beginObject()
    json.key("error")
    json.beginObject()
    json.key("code")
    json.value(code)
    json.key("message")
    json.value(message)
    json.key("remedy")
    json.value(remedy)
    json.endObject()
    json.key("findings")
    json.beginArray()
    for finding in findings { finding.write(to: &json) }
    json.endArray()
    json.key("findings_total")
    json.value(findingsTotal)
    json.endObject()
    return json.take() + "\n"
  }

  /// The findings, one per line, then `error: ` and the sentence, then the advice.
  ///
  /// - Parameter path: what the findings' lines and columns are of; `nil` leaves it out.
  package func text(path: String? = nil) -> String {
    var text = ReportedFinding.text(findings, total: findingsTotal, path: path)
    text += "error: \(VisibleText.escape(message))\n"
    if let remedy { text += "  \(VisibleText.escape(remedy))\n" }
    return text
  }
}
