package import BatchDomain

/// What was checked before a run, as a person reads it.
package enum HealthText {
  /// One line per check, each problem with its remedy below, then a summary.
  ///
  /// - Parameter database: the path given with `--db`, which advised commands then need, too.
  package static func text(_ checks: [HealthCheck], database: String? = nil) -> String {
    let statusWidth = HealthCheck.Status.allCases.map(\.rawValue.count).max() ?? 0
    let subjectWidth = checks.map(\.subject.rawValue.count).max() ?? 0
    var text = ""
    for check in checks {
      let start =
        pad(check.status.rawValue, statusWidth) + "  " + pad(check.subject.rawValue, subjectWidth) + "  "
      text += start + VisibleText.escape(check.message, cutAt: 1_000) + "\n"
      if let remedy = check.remedy?.text(database: database) {
        text += String(repeating: " ", count: start.count) + VisibleText.escape(remedy, cutAt: 1_000) + "\n"
      }
    }
    let problems = checks.filter { $0.status == .problem }.count
    return text
      + (problems == 0 ? "no problems found\n" : "\(HumanNumber.text(problems, "problem")) found\n")
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}

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

/// An audit as a person reads it.
package enum AuditText {
  /// One line per problem, naming the row; then what was left out; then a summary.
  package static func text(_ audit: RunAudit) -> String {
    var text = ""
    for problem in audit.problems {
      text +=
        VisibleText.escape("\(problem.row): \(problem.message) [\(problem.check.rawValue)]", cutAt: 1_000)
        + "\n"
    }
    let hidden = audit.problemsTotal - audit.problems.count
    if hidden > 0 { text += "and \(HumanNumber.text(hidden, "more problem")) not listed\n" }
    let found =
      audit.problemsTotal == 0
      ? "no problem found" : "\(HumanNumber.text(audit.problemsTotal, "problem")) found"
    let checked = audit.checked
    return text + "run \(audit.run): \(HumanNumber.text(checked.items, "item")), "
      + "\(HumanNumber.text(checked.chunks, "chunk")), \(HumanNumber.text(checked.attempts, "attempt")) and "
      + "\(HumanNumber.text(checked.settlements, "settlement")) checked, \(found)\n"
  }
}

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
