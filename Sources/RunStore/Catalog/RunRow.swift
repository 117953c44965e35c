import BatchDomain

/// A row of the table of runs, as reports read it.
struct RunRow {
  /// The columns ``init(_:)`` expects.
  static let select = """
    SELECT run.id, run_id, name, job, state, reason, reason_detail, created_at, finished_at, manifest,
           destination, items, repeated, attempts, first_intent_at, last_outcome_at, origin.wait_until,
           origin.wait_reason, origin.wait_ms
    FROM run JOIN origin ON origin.id = run.origin
    """

  private let id: Int64
  private var summary: RunSummary

  /// Reads the row a statement stands on.
  init(_ row: Statement) throws {
    guard let run = RunID(rawValue: row.text(1)), let state = RunState(rawValue: row.text(4)) else {
      throw StoreError(.damaged, "the run \"\(row.text(1))\" has the state \"\(row.text(4))\"")
    }
    id = Int64(row.int(0))
    let sendingTime = row.optionalInt(14).flatMap { first in
      row.optionalInt(15).map { last in Duration.milliseconds(max(0, last - first)) }
    }
    summary = RunSummary(
      run: run, name: row.optionalText(2), job: row.optionalText(3), state: state,
      reason: row.optionalText(5).flatMap(PauseReason.init(rawValue:)), detail: row.optionalText(6),
      createdAt: Timestamp(milliseconds: Int64(row.int(7))),
      finishedAt: row.optionalInt(8).map { Timestamp(milliseconds: Int64($0)) }, manifest: row.text(9),
      destination: row.text(10), items: row.int(11), repeated: row.int(12), counts: StateCounts(),
      attempts: row.int(13), sendingTime: sendingTime,
      wait: StoredWait(
        untilColumn: row.optionalInt(16), reason: row.optionalText(17), lengthColumn: row.optionalInt(18)),
      isLive: false)
  }

  /// The run with its counts, and with the state its owner's life or death gives it: a run that says it is
  /// running while nobody holds its lock is paused by a crash.
  func summary(in connection: Connection, locks: LockFile) throws -> RunSummary {
    var summary = summary
    summary.counts = try StateCounts.read(run: id, in: connection)
    switch summary.state {
    case .running:
      summary.isLive = try locks.isRunOwned(id)
      if !summary.isLive {
        summary.state = .paused
        summary.reason = .crash
      }
    case .planning:
      // The lock is what tells; a run that died in planning keeps its state, and `resume` plans it again.
      summary.isLive = try locks.isRunOwned(id)
      summary.items = summary.counts.items(in: .pending)
    case .paused, .finished, .cancelled:
      break
    }
    return summary
  }
}
