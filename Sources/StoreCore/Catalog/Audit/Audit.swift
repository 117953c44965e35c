package import BatchDomain

extension SQLStore {
  /// Audits one run from its records alone, page by page.
  package func audit(_ run: RunID, listing limit: Int) async throws -> RunAudit {
    try await audit(run, listing: limit, checksFile: true)
  }

  /// Audits one run.
  ///
  /// - Parameter checksFile: whether the whole file is checked, too, which takes a time that grows with the other runs.
  func audit(_ run: RunID, listing limit: Int, checksFile: Bool) async throws -> RunAudit {
    let row = try await reader.read { try Self.row(of: run, in: $0) }
    let wasLive = try await reader.read { [engine] in try engine.isRunOwned(row, in: $0) }
    let start = try await reader.read { [engine] in
      try AuditedRun.read(row, mayInherit: engine.sendingRules != nil, in: $0)
    }
    var findings = AuditFindings(run: run, limit: limit)
    var notes: [String] = []
    if checksFile { _ = try await walk(EngineAudit(engine: engine), &findings) }
    if let fault = start.settingsFault { findings.addOfRun(.run, "cannot be worked with: \(fault)") }
    if start.state == RunState.planning.rawValue {
      notes.append("run \(run) is being planned: its items are not all recorded, and are not audited")
    } else {
      _ = try await walk(ItemAudit(start), &findings)
      _ = try await walk(CoverageAudit(start), &findings)
    }
    if let chunks = try await walk(ChunkAudit(start), &findings) {
      let isLive = try await reader.read { [engine] in try engine.isRunOwned(row, in: $0) }
      if isLive { notes.append("run \(run) is live: it goes on while it is audited") }
      let isWhole = try await checkTotals(
        chunks, of: start, wasLive: wasLive || isLive, &findings)
      if !isWhole { notes.append("run \(run) moves and is too large for its sums to be compared meanwhile") }
    }
    _ = try await walk(ExternalIDAudit(start), &findings)
    if let tracked = try await walk(TrackedTotalsAudit(row), &findings), !tracked.isWhole {
      notes.append(
        "run \(run) is tracked meanwhile and is too large for its tracked items to be counted beside it")
    }
    return RunAudit(
      run: run, checked: findings.checked, problems: findings.problems, problemsTotal: findings.total,
      notes: notes)
  }

  /// Does one part of an audit to its end.
  ///
  /// - Returns: the part as it ended; `nil` when damage ended it, which is then a problem.
  private func walk<Pass: AuditPass>(_ pass: Pass, _ findings: inout AuditFindings) async throws -> Pass? {
    var pass = pass
    while true {
      do {
        let (next, found, hasMore) = try await reader.read { [pass, findings] connection in
          var next = pass
          var found = findings
          let hasMore = try next.page(in: connection, &found)
          return (next, found, hasMore)
        }
        pass = next
        findings = found
        if !hasMore { return pass }
        try Task.checkCancellation()
      } catch let error as StoreError where error.code == .damaged {
        findings.addOfDatabase(.integrity, "cannot be read to the end: \(error.message)")
        return nil
      }
    }
  }

  /// - Returns: whether the sums could be compared.
  private func checkTotals(
    _ chunks: ChunkAudit, of start: AuditedRun, wasLive: Bool, _ findings: inout AuditFindings
  ) async throws -> Bool {
    let (found, isWhole) = try await reader.read { [findings] connection in
      try connection.snapshot {
        var found = findings
        let run = try AuditedRun.read(start.row, mayInherit: start.mayInherit, in: connection)
        // A process that takes a run over changes its row, so what was counted page by page belongs together otherwise.
        let totals =
          wasLive || run != start
          ? try TotalsAudit(countingOnce: run, in: connection)
          : TotalsAudit(counted: chunks.counted, attempts: chunks.attempts)
        try totals?.check(run, in: connection, &found)
        return (found, totals != nil)
      }
    }
    findings = found
    return isWhole
  }
}

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

/// The row of a run as an audit reads it.
struct AuditedRun: Sendable, Equatable {
  let row: Int64
  let state: String
  let reason: String?
  /// Whether it was copied to another store, or is being copied to this one: its chunks are left as they were.
  let isCopied: Bool
  let finishedAt: Int?
  let items: Int
  let attempts: Int
  let owner: Int
  /// Digest of the items' wire forms; `nil` while the run is being planned.
  let manifestDigest: [UInt8]?
  /// The steps of a chunk, in order.
  let steps: [ChunkStep]
  /// Why its settings cannot be read; `nil` when they can.
  let settingsFault: String?
  /// Whether chunks may be under way for an owner that lost the run.
  let mayInherit: Bool

  /// The place of a step among the steps; after them where the run's service does not have it.
  func place(of step: ChunkStep) -> Int { steps.firstIndex(of: step) ?? steps.count }

  /// The step that follows another one; `nil` after the last.
  func step(after step: ChunkStep) -> ChunkStep? { steps.dropFirst(place(of: step) + 1).first }

  /// Whether another step follows.
  func isFollowed(_ step: ChunkStep) -> Bool { self.step(after: step) != nil }

  /// The steps of the service that settings name, or those of the oldest where they cannot be read.
  private static func steps(_ settings: String) -> (steps: [ChunkStep], fault: String?) {
    do throws(StoreError) {
      return (try StoredSettings.read(settings).profile.steps, nil)
    } catch {
      return (ServiceProfile.v1.steps, error.message)
    }
  }

  /// Reads the row as it is now.
  ///
  /// - Parameter mayInherit: whether chunks may be under way for an owner that lost the run.
  /// - Throws: ``StoreError`` with code `no_such_run` when it is gone.
  static func read(_ row: Int64, mayInherit: Bool, in connection: Connection) throws -> AuditedRun {
    let found = try connection.first(
      """
      SELECT state, items, attempts, owner, coalesce(items_digest, manifest_digest), reason, finished_at, settings,
             reason_detail
      FROM run WHERE id = ? AND \(RemovedRuns.areOthers)
      """, .integer(row)
    ) {
      let (steps, fault) = Self.steps($0.text(7))
      return AuditedRun(
        row: row, state: $0.text(0), reason: $0.optionalText(5),
        isCopied: CopyMark(state: $0.text(0), detail: $0.optionalText(8)) != nil,
        finishedAt: $0.optionalInt(6),
        items: $0.int(1), attempts: $0.int(2), owner: $0.int(3),
        manifestDigest: $0.bytes(4).isEmpty ? nil : [UInt8]($0.bytes(4)),
        steps: steps, settingsFault: fault, mayInherit: mayInherit)
    }
    guard let found else {
      throw StoreError(.noSuchRun, "the run was removed while it was looked at")
    }
    return found
  }
}

extension Connection {
  /// Reads several things as they were at one moment.
  func snapshot<T>(_ body: () throws -> T) throws -> T {
    try execute(dialect.snapshot)
    do {
      let value = try body()
      try execute("COMMIT")
      return value
    } catch {
      let cause = error
      if isInTransaction {
        // The cause is the better thing to report.
        do { try execute("ROLLBACK") } catch { throw cause }
      }
      throw cause
    }
  }
}

/// The engine's own checks of the whole database.
struct EngineAudit: AuditPass {
  let engine: any StoreEngine

  mutating func page(in connection: Connection, _ findings: inout AuditFindings) throws -> Bool {
    for problem in try engine.problems(in: connection) {
      findings.addOfDatabase(problem.check, problem.message)
    }
    return false
  }
}
