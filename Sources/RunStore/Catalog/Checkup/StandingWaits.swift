import BatchDomain

/// The waits that services asked for, as the store has them.
struct StandingWaits: Sendable, Equatable {
  /// One service's wait, and the newest unfinished run that it holds back.
  struct Entry: Sendable, Equatable {
    /// Scheme, host and port of the service.
    var origin: String
    /// The wait.
    var wait: StoredWait
    /// The run's id; `nil` when every run of that service is over.
    var run: String?
  }

  /// All of them, whether over or not.
  var entries: [Entry] = []

  /// Reads the waits.
  static func read(in connection: Connection) throws -> StandingWaits {
    let rows = try connection.rows(
      """
      SELECT url, wait_until, wait_reason, wait_ms,
             (SELECT max(run_id) FROM run WHERE run.origin = origin.id AND state IN ('running', 'paused'))
      FROM origin WHERE wait_until IS NOT NULL ORDER BY url
      """
    ) { row in
      StoredWait(
        untilColumn: row.optionalInt(1), reason: row.optionalText(2), lengthColumn: row.optionalInt(3)
      ).map { Entry(origin: row.text(0), wait: $0, run: row.optionalText(4)) }
    }
    return StandingWaits(entries: rows.compactMap { $0 })
  }

  /// Whether one of them holds runs back.
  func check(at now: Timestamp) -> HealthCheck {
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
