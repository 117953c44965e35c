import BatchDomain
import ManifestReader
import Reporting
import ServiceHTTP

/// How a command fails: what to say and which status to end with.
struct CommandFailure: Error {
  /// The exit status.
  let status: ExitStatus
  /// What was found, and the advice.
  let document: ErrorDocument
  /// The manifest that findings belong to.
  let manifest: String?

  init(_ status: ExitStatus, _ document: ErrorDocument, manifest: String? = nil) {
    self.status = status
    self.document = document
    self.manifest = manifest
  }

  init(_ status: ExitStatus, code: String, _ message: String, remedy: String?) {
    self.init(status, ErrorDocument(code: code, message: message, remedy: remedy))
  }

  /// The same with `--db` in the commands that are advised, where they do not have it.
  func naming(database: String?) -> CommandFailure {
    guard let database, let remedy = document.remedy else { return self }
    var document = document
    // Commands stand between back quotes.
    document.remedy = remedy.split(separator: "`", omittingEmptySubsequences: false).enumerated()
      .map { place, part in
        let isCommand = !place.isMultiple(of: 2) && part.hasPrefix("orchestrate ")
        return isCommand && !part.contains(" --db ")
          ? "\(part) --db \(ShellText.quote(database))" : String(part)
      }.joined(separator: "`")
    return CommandFailure(status, document, manifest: manifest)
  }

  private static let reportIt = "please report it with the command you ran"

  /// Puts any error into words and a status: the one place where that is decided.
  init(_ error: any Error) {
    switch error {
    case let failure as CommandFailure:
      self = failure
    case let error as ConfigurationError:
      self.init(
        .badInput,
        ErrorDocument(
          code: error.code.rawValue, message: error.message, remedy: error.remedy,
          findings: error.problems.map {
            ReportedFinding(
              severity: .error, line: $0.line, column: $0.column, item: nil, message: $0.message)
          }))
    case let error as ManifestError:
      self.init(.badInput, code: error.code.rawValue, error.message, remedy: error.remedy)
    case let error as ServiceHTTPError:
      self.init(.badInput, code: error.code.rawValue, error.message, remedy: error.remedy)
    case let error as StoreError:
      let remedy = error.code == .internal ? Self.reportIt : nil
      self.init(
        ExitStatus(of: error), code: error.code.rawValue, error.message, remedy: error.remedy ?? remedy)
    case let error as OutputFailed:
      self.init(
        .store, code: "output_failed", "failed to write the result: \(error.reason)",
        remedy: "`orchestrate report` shows what became of the runs")
    default:
      self.init(
        .bug, code: "internal", "internal error: \(error)", remedy: Self.reportIt)
    }
  }
}
