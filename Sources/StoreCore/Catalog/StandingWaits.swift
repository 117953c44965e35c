package import BatchDomain

/// The waits that services asked for, as the store has them.
package struct StandingWaits: Sendable, Equatable {
  /// One service's wait, and a run by which it can be ended.
  struct Entry: Sendable, Equatable {
    /// Scheme, host and port of the service.
    var origin: String
    /// The wait.
    var wait: StoredWait
    /// The run's id: the newest that is paused, else that is finished, else that is being sent, perhaps by a process that died.
    /// `nil` when there is none of these.
    var run: String?
  }

  /// The longest of each service, whether over or not.
  var entries: [Entry] = []

  /// None.
  package init() {}

  /// Reads the waits.
  package static func read(in connection: Connection) throws -> StandingWaits {
    var waits = StandingWaits()
    var last: Int?
    _ = try connection.rows(
      """
      SELECT origin.url, budget.wait_until, budget.wait_reason, budget.wait_ms,
             (SELECT run.run_id FROM run
              WHERE run.origin = origin.id AND run.state IN ('paused', 'finished', 'running')
                AND \(RemovedRuns.areOthers)
              ORDER BY CASE run.state WHEN 'paused' THEN 0 WHEN 'finished' THEN 1 ELSE 2 END, run.run_id DESC LIMIT 1),
             origin.id
      FROM budget JOIN origin ON origin.id = budget.origin WHERE budget.wait_until IS NOT NULL
      ORDER BY origin.url, origin.id, budget.wait_until DESC, budget.step
      """
    ) { row in
      // A service has a wait for each of its budgets, and the one that ends last comes first.
      guard last != row.int(5),
        let wait = StoredWait(
          untilColumn: row.optionalInt(1), reason: row.optionalText(2), lengthColumn: row.optionalInt(3))
      else { return }
      last = row.int(5)
      waits.entries.append(Entry(origin: row.text(0), wait: wait, run: row.optionalText(4)))
    }
    return waits
  }

  /// Whether one of them holds runs back.
  package func check(at now: Timestamp) -> HealthCheck {
    let standing = entries.filter { $0.wait.left(at: now) > .zero }
    guard let longest = standing.max(by: { $0.wait.left(at: now) < $1.wait.left(at: now) }) else {
      return HealthCheck(.waits, .ok, "no service asked to wait")
    }
    let others = standing.count > 1 ? " (and \(standing.count - 1) more)" : ""
    return HealthCheck(
      .waits, .problem,
      "nothing is sent to \(longest.origin) until \(now + longest.wait.left(at: now)): "
        + "\(VisibleText.escape(longest.wait.reason, cutAt: 200))\(others)",
      remedy:
        "wait until then; if the service takes requests already, \(command: .ignoreWait(longest.run)) ends the wait"
    )
  }
}
