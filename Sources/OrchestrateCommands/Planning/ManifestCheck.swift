import BatchDomain
import Reporting

/// What the findings of a manifest mean under the settings.
struct ManifestVerdict {
  let findings: FindingLog
  let manifest: String
  let isStrict: Bool
  /// Items that earlier runs have with other content: no reason to refuse the manifest.
  var changes = FindingLog()

  /// The findings as reports show them.
  var reported: [ReportedFinding] {
    (findings.kept + changes.kept).prefix(FindingLog.keptLimit).map { finding in
      ReportedFinding(
        severity: finding.severity == .fatal ? .error : .warning, line: finding.line, column: finding.column,
        item: finding.item, message: finding.message)
    }
  }

  /// Lines for a person; empty when there is nothing to say.
  var text: String { ReportedFinding.text(reported, total: total, path: manifest) }

  /// All findings, shown or not.
  private var total: Int { findings.total + changes.total }

  /// Writes `findings` and `findings_total` into an object.
  func write(to json: inout JSONWriter) {
    ReportedFinding.write(reported, total: total, to: &json)
  }

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
    failure.findings = (reported, total)
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

/// A store that lasts for one validation: a manifest is checked by planning it into a temporary database, so that what
/// `validate` says is what `submit` does. Nothing is left of it, also when a signal ends the process.
///
/// It is SQLite's database with the empty name: in memory as long as it is small, and else in a file that is unlinked as
/// soon as it is open, in `$TMPDIR`, `/var/tmp`, `/usr/tmp` or `/tmp`. A named database would leave gigabytes behind after
/// Ctrl-C, a store in memory would grow with the manifest, and a session that is rolled back would write to the user's
/// database. Whether the manifest was submitted before is not known here; `submit` asks that in the transaction that
/// completes the plan.
enum ScratchStore {
  /// Plans into a store that nobody else sees.
  ///
  /// - Throws: what the body throws; ``CommandFailure`` that names `TMPDIR` when there is no room for the database.
  static func withPlan<T>(
    of settings: RunSettings, context: ProcessContext, _ body: (any PlanningSession) async throws -> T
  ) async throws -> T {
    try await translating { try await withPlain(of: settings, context: context, body) }
  }

  /// The same without a change of what the body throws, for one that also works on another store.
  static func withPlain<T>(
    of settings: RunSettings, context: ProcessContext, _ body: (any PlanningSession) async throws -> T
  ) async throws -> T {
    let (store, session) = try await translating {
      let store = try await StoreOpener.openTemporary(now: context.clock.now())
      let session = try await store.plan(
        RunDraft(
          createdAt: context.clock.now(), random: context.random.next(), name: nil, job: nil, manifest: "",
          manifestFile: nil, settings: settings))
      return (store, session)
    }
    let result = try await body(session)
    try await store.close()
    return result
  }

  /// Says of what a temporary store throws what to do about it.
  ///
  /// - Throws: what the work throws; ``CommandFailure`` that names `TMPDIR` when there is no room for the database.
  static func translating<T>(_ work: () async throws -> T) async throws -> T {
    do {
      return try await work()
    } catch let error as StoreError {
      switch error.code {
      case .unavailable, .unreachable, .full, .inputOutput:
        throw CommandFailure(
          .store, code: CommandFailure.Code(rawValue: error.code.rawValue),
          "failed to write temporary data while the manifest was checked: \(error.message)",
          remedy:
            """
            free space, or set TMPDIR to a folder that this user may write and that has room for about as much as the \
            manifest has without compression
            """)
      default: throw error
      }
    }
  }
}
