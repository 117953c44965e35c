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
    ReportedFinding.write(findings, total: findingsTotal, to: &json)
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

/// One thing validation has to say, as reports show it.
package struct ReportedFinding: Sendable, Equatable {
  /// How bad a finding is.
  package enum Severity: String, Sendable, CaseIterable {
    /// Nothing is sent.
    case error
    /// Something looks wrong, and it can be sent.
    case warning
  }

  /// How bad it is.
  package var severity: Severity
  /// Line, from 1; `nil` when it has no place.
  package var line: Int?
  /// Column, from 1.
  package var column: Int?
  /// The element of the manifest, from 0 unless the caller counts otherwise; `nil` when it is about no item.
  package var item: Int?
  /// What it says.
  package var message: String

  /// A finding.
  package init(severity: Severity, line: Int?, column: Int?, item: Int?, message: String) {
    self.severity = severity
    self.line = line
    self.column = column
    self.item = item
    self.message = message
  }

  /// Findings as lines such as `videos.json:12:5: error: item 3: ...`, with a last line that counts the rest.
  ///
  /// - Parameters:
  ///   - total: all that was found, shown or not.
  ///   - path: what lines and columns are of; `nil` writes `line 12, column 5: ` instead.
  package static func text(_ findings: [ReportedFinding], total: Int, path: String?) -> String {
    var text = ""
    for finding in findings { text += finding.text(path: path) + "\n" }
    if total > findings.count {
      text += "... and \(HumanNumber.text(total - findings.count)) more\n"
    }
    return text
  }

  private func text(path: String?) -> String {
    var parts: [String] = []
    if let path {
      parts.append(
        ([VisibleText.escape(path)] + [line, column].compactMap { $0.map(String.init) }).joined(
          separator: ":"))
    } else if let line {
      parts.append("line \(line)" + (column.map { ", column \($0)" } ?? ""))
    }
    parts.append(severity.rawValue)
    if let item { parts.append("item \(item)") }
    parts.append(VisibleText.escape(message))
    return parts.joined(separator: ": ")
  }

  /// Writes `findings` and `findings_total` into an object.
  package static func write(_ findings: [ReportedFinding], total: Int, to json: inout JSONWriter) {
    json.key("findings")
    json.beginArray()
    for finding in findings { finding.write(to: &json) }
    json.endArray()
    json.key("findings_total")
    json.value(total)
  }

  private func write(to json: inout JSONWriter) {
    json.beginObject()
    json.key("severity")
    json.value(severity.rawValue)
    json.key("line")
    json.value(line)
    json.key("column")
    json.value(column)
    json.key("item")
    json.value(item)
    json.key("message")
    json.value(message)
    json.endObject()
  }
}
