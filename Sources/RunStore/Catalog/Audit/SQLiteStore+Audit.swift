package import BatchDomain

extension SQLiteStore {
  /// Audits one run from its records alone, page by page.
  package func audit(_ run: RunID, listing limit: Int) async throws -> RunAudit {
    let row = try await reader.read { try Self.row(of: run, in: $0) }
    let wasLive = try database.locks.isRunOwned(row)
    let start = try await reader.read { try AuditedRun.read(row, in: $0) }
    var findings = AuditFindings(run: run, limit: limit)
    var notes: [String] = []
    _ = try await walk(EngineAudit(), &findings)
    if let fault = start.settingsFault { findings.addOfRun(.run, "cannot be worked with: \(fault)") }
    if start.state == RunState.planning.rawValue {
      notes.append("run \(run) is being planned: its items are not all recorded, and are not audited")
    } else {
      _ = try await walk(ItemAudit(start), &findings)
      _ = try await walk(CoverageAudit(start), &findings)
    }
    if let chunks = try await walk(ChunkAudit(start), &findings) {
      let isLive = try database.locks.isRunOwned(row)
      if isLive { notes.append("run \(run) is live: it goes on while it is audited") }
      let isWhole = try await checkTotals(
        chunks, of: start, wasLive: wasLive || isLive, &findings)
      if !isWhole { notes.append("run \(run) moves and is too large for its sums to be compared meanwhile") }
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
        let run = try AuditedRun.read(start.row, in: connection)
        // Whoever takes a run over changes its row, so what was counted page by page belongs together otherwise.
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
