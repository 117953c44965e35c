import BatchDomain

/// What an audit found so far: a bounded list and a count.
struct AuditFindings: Sendable {
  private(set) var problems: [AuditProblem] = []
  private(set) var total = 0
  /// How much was looked at.
  var checked = RunAudit.Checked()

  private let run: RunID
  private let limit: Int

  /// Nothing found yet; at most `limit` problems are listed.
  init(run: RunID, limit: Int) {
    self.run = run
    self.limit = limit
  }

  /// Adds a problem of some row of the run.
  mutating func add(_ check: AuditProblem.Check, _ row: String, _ message: String) {
    total += 1
    if problems.count < limit { problems.append(AuditProblem(check, row: "\(row) of run \(run)", message)) }
  }

  /// Adds a problem of the run itself.
  mutating func addOfRun(_ check: AuditProblem.Check, _ message: String) {
    total += 1
    if problems.count < limit { problems.append(AuditProblem(check, row: "run \(run)", message)) }
  }

  /// Adds a problem of the whole database.
  mutating func addOfDatabase(_ check: AuditProblem.Check, _ message: String) {
    total += 1
    if problems.count < limit { problems.append(AuditProblem(check, row: "the database", message)) }
  }
}

/// One part of an audit, done page by page so that neither memory nor a read transaction grows with the run.
protocol AuditPass: Sendable {
  /// Looks at the next page.
  ///
  /// - Returns: whether there is more.
  mutating func page(in connection: Connection, _ findings: inout AuditFindings) throws -> Bool
}
