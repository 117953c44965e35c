package import BatchDomain

/// What was checked before a run, as a person reads it.
package enum HealthText {
  /// One line per check, each problem with its remedy below, then a summary.
  ///
  /// - Parameter database: the path given with `--db`, which advised commands then need, too.
  package static func text(_ checks: [HealthCheck], database: String? = nil) -> String {
    let statusWidth = HealthCheck.Status.allCases.map(\.rawValue.count).max() ?? 0
    let subjectWidth = HealthCheck.Subject.allCases.map(\.rawValue.count).max() ?? 0
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
