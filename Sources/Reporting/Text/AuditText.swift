package import BatchDomain

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
