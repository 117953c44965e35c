package import BatchDomain
import Dispatcher
import ManifestListing
import Reporting
import S3Access

/// The exit statuses, a contract with scripts (`docs/exit-statuses.md`).
package enum ExitStatus: Int32, Sendable, CaseIterable {
  /// Every item accepted; for other commands: they did their work.
  case done = 0
  /// Finished, some items rejected, failed or cancelled.
  case lost = 1
  /// Bad manifest, job file, combination of settings, key or run id; nothing was sent.
  case badInput = 2
  /// Stopped early, resumable.
  case stopped = 3
  /// The service refused the account, the endpoint or the index; paused, resumable.
  case refused = 4
  /// Store trouble.
  case store = 5
  /// The run is owned by another live process, or was taken over by one.
  case owned = 6
  /// Finished, some items unknown and held.
  case held = 7
  /// Wrong arguments.
  case usage = 64
  /// A bug in the program.
  case bug = 70

  /// The status of a run as it was left.
  package init(of run: RunSummary) {
    switch run.state {
    case .finished:
      self = ExitStatus(ofDecided: run.counts)
    case .cancelled:
      self = run.counts.items(in: .unknown) > 0 ? .held : .lost
    case .planning, .running:
      self = .stopped
    case .paused:
      switch run.reason {
      case .account, .endpoint, .index, .source, .credentials: self = .refused
      case .store: self = .store
      case .signal, .window, .throttled, .unreachable, .failures, .detached, .failedOver, .crash, .copied,
        nil:
        self = .stopped
      }
    }
  }

  /// The status of a run in which nothing is left to send.
  private init(ofDecided counts: StateCounts) {
    if counts.items(in: .unknown) > 0 {
      self = .held
    } else if counts.items(in: .rejected, .failed, .cancelled) > 0 {
      self = .lost
    } else {
      self = .done
    }
  }

  /// The status of a run whose accepted items were followed.
  ///
  /// - Parameters:
  ///   - ending: how following them ended.
  ///   - failed: accepted items that the service could not index.
  init(of ending: Tracker.Ending, failed: Int) {
    switch ending {
    case .final: self = failed > 0 ? .lost : .done
    case .open: self = .held
    case .stopped, .failed: self = .stopped
    case .refused: self = .refused
    }
  }

  /// The status of a run that was sent and whose items were followed: what has to be done first.
  init(sent: ExitStatus, tracked: ExitStatus) {
    let order: [ExitStatus] = [.refused, .stopped, .held, .lost, .done]
    self = order.first { $0 == sent || $0 == tracked } ?? sent
  }

  /// Which of several statuses a command ends with: the first that is there.
  private static let order: [ExitStatus] = [
    .bug, .usage, .store, .owned, .badInput, .refused, .stopped, .held, .lost, .done,
  ]

  /// The status of a command that did several things, one after the other.
  init(worstOf statuses: [ExitStatus]) { self = Self.order.first(where: statuses.contains) ?? .done }

  /// The status of a command that S3 did not serve.
  init(of error: S3Error) {
    switch error.kind {
    case .missingCredentials: self = .badInput
    case .credentials, .source, .clock, .way: self = .refused
    case .network: self = .stopped
    }
  }

  /// The status of an error of the store.
  package init(of error: StoreError) {
    switch error.code {
    case .locked, .full, .damaged, .schema, .unavailable, .unreachable, .lostChanges, .inputOutput:
      self = .store
    case .owned, .busy, .conflict: self = .owned
    case .noSuchRun, .wrongState: self = .badInput
    case .internal: self = .bug
    }
  }
}

/// How a command fails: what to say and which status to end with.
struct CommandFailure: AdvisedError {
  /// A stable word of a failure that only commands have.
  struct Code: RawRepresentable, ExpressibleByStringLiteral, Sendable, Equatable {
    let rawValue: String
    init(rawValue: String) { self.rawValue = rawValue }
    init(stringLiteral value: String) { rawValue = value }
  }

  /// The exit status.
  let status: ExitStatus
  let code: Code
  let message: String
  let remedy: Remedy?
  /// What validation found, as far as it is shown in full, and all of it.
  var findings: (shown: [ReportedFinding], total: Int) = ([], 0)
  /// The manifest that findings belong to.
  var manifest: String?
  /// The database as advised commands have to name it, where that is not the path given with `--db`.
  var database: String?

  init(_ status: ExitStatus, code: Code, _ message: String, remedy: Remedy?) {
    self.status = status
    self.code = code
    self.message = message
    self.remedy = remedy
  }

  /// The same failure of a database that another option than `--db` names.
  ///
  /// - Parameter database: as advised commands have to name it.
  func about(_ option: String, _ database: String?) -> CommandFailure {
    var failure = CommandFailure(
      status, code: code, message.contains(option) ? message : "\(option): \(message)",
      remedy: remedy?.naming(option))
    failure.findings = findings
    failure.manifest = manifest
    failure.database = database
    return failure
  }

  private static let reportIt: Remedy = "please report this with the command you ran"

  /// Gives any error a status: the one place where that is decided.
  ///
  /// - Parameter database: as advised commands have to name it.
  init(_ error: any Error, database: String? = nil) {
    switch error {
    case let failure as CommandFailure:
      self = failure
    case let error as ConfigurationError:
      self.init(.badInput, error, error.remedy)
      let shown = error.problems.map {
        ReportedFinding(severity: .error, line: $0.line, column: $0.column, item: nil, message: $0.message)
      }
      findings = (shown, shown.count)
    case let error as StoreError:
      self.init(
        ExitStatus(of: error), error, error.remedy ?? (error.code == .internal ? Self.reportIt : nil))
    case let error as ListError where error.code == .temporaryFile:
      self.init(.store, error, error.remedy)
    case let error as S3Error:
      self.init(ExitStatus(of: error), error, error.remedy)
    case let error as any AdvisedError:
      // What a manifest, a key, an address or a proxy is, is the user's to say.
      self.init(.badInput, error, error.remedy)
    case let error as OutputFailed:
      self.init(
        .store, code: "output_failed", "failed to write the result: \(error.reason)",
        remedy: "\(command: .history) shows the runs")
    default:
      self.init(.bug, code: "internal", "internal error: \(error)", remedy: Self.reportIt)
    }
    self.database = self.database ?? database
  }

  private init(_ status: ExitStatus, _ error: some AdvisedError, _ remedy: Remedy?) {
    self.init(status, code: Code(rawValue: error.code.rawValue), error.message, remedy: remedy)
  }

  /// Findings that a document has at most; the text lists the problems of a job file all at once.
  private static let findingsInDocument = 20

  /// The document that reports it.
  ///
  /// - Parameter database: the path given with `--db`, which advised commands then need, too.
  func document(database: String? = nil) -> ErrorDocument {
    ErrorDocument(
      code: code.rawValue, message: message, remedy: remedy?.text(database: self.database ?? database),
      findings: Array(findings.shown.prefix(Self.findingsInDocument)), findingsTotal: findings.total)
  }
}
