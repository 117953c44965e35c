import BatchDomain

/// Whether the sums that are kept beside the rows, and the state of the run, are those of the rows.
struct TotalsAudit {
  /// Rows that are counted at one moment when the run moves meanwhile; counting more would be a long read.
  static let countedAtOnce = 200_000

  /// Chunks and items by state.
  let counted: [String: ChunkAudit.Tally]
  /// Attempts.
  let attempts: Int

  /// What was counted page by page, of a run that nobody moved meanwhile.
  init(counted: [String: ChunkAudit.Tally], attempts: Int) {
    self.counted = counted
    self.attempts = attempts
  }

  /// Counts as of now.
  ///
  /// - Returns: `nil` when there is too much to be counted at one moment.
  init?(countingOnce run: AuditedRun, in connection: Connection) throws {
    let chunks = try connection.first("SELECT sum(chunks) FROM tally WHERE run = ?", .integer(run.row)) {
      $0.int(0)
    }
    guard max(chunks ?? 0, run.attempts) <= Self.countedAtOnce else { return nil }
    var counted: [String: ChunkAudit.Tally] = [:]
    _ = try connection.rows(
      "SELECT state, count(*), sum(item_count) FROM chunk WHERE run = ? GROUP BY state", .integer(run.row)
    ) { counted[$0.text(0)] = ChunkAudit.Tally(chunks: $0.int(1), items: $0.int(2)) }
    self.counted = counted
    attempts =
      try connection.first("SELECT count(*) FROM attempt WHERE run = ?", .integer(run.row)) { $0.int(0) } ?? 0
  }

  /// Holds what was counted against what is kept.
  func check(_ run: AuditedRun, in connection: Connection, _ findings: inout AuditFindings) throws {
    var kept: [String: ChunkAudit.Tally] = [:]
    _ = try connection.rows("SELECT state, chunks, items FROM tally WHERE run = ?", .integer(run.row)) {
      kept[$0.text(0)] = ChunkAudit.Tally(chunks: $0.int(1), items: $0.int(2))
    }
    for state in Set(kept.keys).union(counted.keys).sorted() {
      let found = kept[state] ?? ChunkAudit.Tally()
      let expected = counted[state] ?? ChunkAudit.Tally()
      guard found != expected else { continue }
      findings.add(
        .totals, "the tally of state \(state)",
        "says \(found.chunks) chunks and \(found.items) items, expected \(expected.chunks) and \(expected.items)"
      )
    }
    if run.attempts != attempts {
      findings.addOfRun(.totals, "says \(run.attempts) attempts, expected \(attempts), one per row")
    }
    checkState(of: run, &findings)
  }

  private func checkState(of run: AuditedRun, _ findings: inout AuditFindings) {
    let open: [ChunkState] =
      switch RunState(rawValue: run.state) {
      case .running, nil: []
      case .paused: [.submitting]
      case .finished, .cancelled: [.pending, .submitting, .processing]
      case .planning: ChunkState.allCases.filter { $0 != .pending }
      }
    for state in open {
      guard let found = counted[state.rawValue], found.chunks > 0 else { continue }
      findings.addOfRun(
        .run, "is \(run.state) and has \(found.chunks) chunks that are \(state.rawValue), expected none")
    }
    // The engine checks these rules on writing, and not at all where it may only read.
    if (run.state == RunState.paused.rawValue) != (run.reason != nil) {
      findings.addOfRun(.run, "is \(run.state) with \(run.reason.map { "the reason \($0)" } ?? "no reason")")
    }
    let isOver = [RunState.finished.rawValue, RunState.cancelled.rawValue].contains(run.state)
    if isOver != (run.finishedAt != nil) {
      findings.addOfRun(.run, "is \(run.state) and has \(isOver ? "no time" : "a time") at which it ended")
    }
    if run.state == RunState.planning.rawValue, attempts > 0 {
      findings.addOfRun(.run, "is planning and has \(attempts) attempts, expected none")
    }
  }
}
