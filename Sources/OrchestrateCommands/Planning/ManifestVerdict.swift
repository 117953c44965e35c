import BatchDomain
import Reporting

/// What the findings of a manifest mean under the settings.
struct ManifestVerdict {
  let findings: FindingLog
  let manifest: String
  let isStrict: Bool

  /// The findings as reports show them.
  var reported: [ReportedFinding] {
    findings.kept.map { finding in
      ReportedFinding(
        severity: finding.severity == .fatal ? .error : .warning, line: finding.line, column: finding.column,
        item: finding.item, message: finding.message)
    }
  }

  /// Lines for a person; empty when there is nothing to say.
  var text: String { ReportedFinding.text(reported, total: findings.total, path: manifest) }

  /// Why the manifest is refused; `nil` when it is good.
  var refusal: CommandFailure? {
    let name = VisibleText.escape(manifest)
    let message: String
    let remedy: Remedy
    if findings.hasFatal {
      let count = findings.fatalCount
      message = "manifest \(name) is refused: \(count) \(count == 1 ? "error" : "errors") found"
      remedy = advice
    } else if isStrict, findings.warningCount > 0 {
      let count = findings.warningCount
      message =
        "manifest \(name) is refused: \(count) \(count == 1 ? "warning" : "warnings") found, "
        + "and --strict makes warnings errors"
      remedy = "fix the problems listed or leave --strict out; nothing was recorded and nothing was sent"
    } else {
      return nil
    }
    var failure = CommandFailure(.badInput, code: "manifest_refused", message, remedy: remedy)
    failure.findings = (reported, findings.total)
    failure.manifest = manifest
    return failure
  }

  /// What to do about the errors: what the first of them that knows better says, else to correct them.
  private var advice: Remedy {
    let nothingDone = "nothing was recorded and nothing was sent"
    let remedies = findings.kept.filter { $0.severity == .fatal }.compactMap(\.remedy)
    guard let remedy = remedies.first else {
      return "fix the problems listed and submit it again; \(nothingDone)"
    }
    let file = manifest == "-" ? "FILE" : ShellText.quote(manifest)
    return "\(remedy.text(file: file)) Nothing was recorded and nothing was sent."
  }
}
