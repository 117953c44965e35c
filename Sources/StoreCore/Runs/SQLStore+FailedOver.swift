import BatchDomain

// Runs whose last changes may be lost, because another server took the place of the one that had confirmed them.

extension SQLStore {
  /// Why a run is paused as `failed_over`.
  static let lostChanges =
    "the database lost changes that it had confirmed, or another server took its place while no process worked on the run"

  /// Whether changes of a run may be lost, by what is on record of it before this process owns it.
  static func hasLostChanges(
    _ row: Int64, _ engine: any StoreEngine, in connection: Connection
  ) throws -> Bool {
    let reason = try connection.first("SELECT reason FROM run WHERE id = ?", .integer(row)) {
      $0.optionalText(0)
    }
    return try reason == PauseReason.failedOver.rawValue
      || hasChangedServer(row, engine, in: connection)
  }

  /// Whether the owner of a run died on another server, or another history of it, which nobody has noticed yet.
  ///
  /// Of a run that nobody was at work on, another history says nothing: a promotion with nothing missing makes one.
  static func hasChangedServer(
    _ row: Int64, _ engine: any StoreEngine, in connection: Connection
  ) throws -> Bool {
    let isRunning = try connection.first(
      "SELECT 1 FROM run WHERE id = ? AND state = 'running'", .integer(row)
    ) { _ in true }
    return try isRunning == true && engine.mayHaveLostChanges(row, in: connection)
  }

  /// Pauses a run as `failed_over`, in the transaction that found that its changes may be lost.
  static func leaveToPerson(_ row: Int64, in connection: Connection) throws {
    try connection.run(
      "UPDATE run SET state = 'paused', reason = ?, reason_detail = ?, finished_at = NULL WHERE id = ?",
      .text(PauseReason.failedOver.rawValue), .text(lostChanges), .integer(row))
  }

  /// Gives the chunks that a lost owner has under way an attempt that nothing late can be said of: the one on record may have
  /// been settled and sent again, in a change that was lost. They stay `submitting` for D, from this take-over on.
  static func replaceInherited(
    _ row: Int64, by taken: Taken, at now: Timestamp, in connection: Connection
  ) throws {
    let timeout = try StoredSettings.read(taken.settings).timeout.millisecondsRoundedUp
    let message = LostAnswer.lostChanges.message
    let before = try intents(of: row, in: connection)
    let added = try connection.run(
      """
      INSERT INTO attempt (run, chunk, number, origin, destination, step, owner, started_at, bytes, timeout_ms, code,
                           message, intent)
      SELECT run, chunk, number + 1, ?1, ?2, step, ?3, started_at, bytes,
             CASE WHEN timeout_ms > ?4 THEN timeout_ms ELSE ?4 END, '\(SQLRunSession.failedOverCode)', ?5, ?6 + place
      FROM (SELECT a.run, a.chunk, a.number, a.step, a.started_at, a.bytes, a.timeout_ms,
                   row_number() OVER (ORDER BY a.chunk) AS place
            FROM chunk AS c JOIN attempt AS a ON a.run = c.run AND a.chunk = c.number AND a.number = c.attempts
            WHERE c.run = ?7 AND c.state = 'submitting' AND \(ChunkRows.indexed)) AS open
      """, .integer(taken.origin), .integer(taken.destination), .integer(taken.owner - 1), .integer(timeout),
      .text(message), .integer(before), .integer(row))
    guard added > 0 else { return }
    try count(added, of: row, in: connection)
    try connection.run(
      """
      UPDATE attempt SET finished_at = CASE WHEN ?1 < started_at THEN started_at ELSE ?1 END,
                         took_ms = CASE WHEN ?1 < started_at THEN 0
                                        WHEN ?1 - started_at < timeout_ms THEN ?1 - started_at ELSE timeout_ms END,
                         ended_after = ?2, outcome = 'unknown', code = '\(SQLRunSession.failedOverCode)', message = ?3
      WHERE run = ?4 AND finished_at IS NULL AND intent <= ?5
        AND chunk IN (SELECT number FROM chunk WHERE run = ?4 AND state = 'submitting' AND \(ChunkRows.indexed))
      """, .integer(now.milliseconds), .integer(before + added), .text(message), .integer(row),
      .integer(before))
    try connection.run(
      """
      UPDATE chunk SET owner = ?1, attempts = attempts + 1, last_outcome = 'unknown', last_status = NULL,
                       last_code = '\(SQLRunSession.failedOverCode)', last_message = ?2, last_at = ?3
      WHERE run = ?4 AND state = 'submitting' AND \(ChunkRows.indexed)
      """, .integer(taken.owner - 1), .text(message), .integer(now.milliseconds), .integer(row))
  }

  private static func intents(of row: Int64, in connection: Connection) throws -> Int {
    try connection.first("SELECT attempts FROM run WHERE id = ?", .integer(row)) { $0.int(0) } ?? 0
  }

  private static func count(_ attempts: Int, of row: Int64, in connection: Connection) throws {
    try connection.run(
      "UPDATE run SET attempts = attempts + ? WHERE id = ?", .integer(attempts), .integer(row))
  }

  /// Takes the chunks that would be claimed next for sent by an owner that was lost: their intents may be among the changes that
  /// were lost, and such an owner may still be at work. They become unknown when nothing of it can reach the service any more.
  /// What is unknown already may have been settled and sent again, and gets an attempt that nothing late can be said of.
  ///
  /// As many as were claimed in ten minutes like the last one that is recorded, and 1,000 at least.
  static func assumeSent(
    _ row: Int64, by taken: Taken, at now: Timestamp, in connection: Connection
  ) throws {
    let last = try connection.first(
      "SELECT max(started_at) FROM attempt WHERE run = ?", .integer(row)
    ) { $0.optionalInt(0) }.flatMap { $0 }
    let recent =
      try connection.first(
        "SELECT count(*) FROM attempt WHERE run = ? AND started_at > ?", .integer(row),
        .integer((last ?? 0) - 60_000)
      ) { $0.int(0) } ?? 0
    let created = try connection.first("SELECT created_at FROM run WHERE id = ?", .integer(row)) { $0.int(0) }
    let started = (last ?? created).map { Int64($0) } ?? now.milliseconds
    let timeout = try StoredSettings.read(taken.settings).timeout.millisecondsRoundedUp
    let message = LostAnswer.lostChanges.message

    // Those that are pending: under way for an owner before this one.
    var before = try intents(of: row, in: connection)
    try count(
      try connection.run(
        """
        INSERT INTO attempt (run, chunk, number, origin, destination, step, owner, started_at, bytes, timeout_ms, code,
                             message, intent)
        SELECT run, number, attempts + 1, ?1, ?2, step, ?3, ?4, byte_count, ?5, '\(SQLRunSession.failedOverCode)', ?6,
               ?7 + place
        FROM (SELECT run, number, attempts, step, byte_count, row_number() OVER (ORDER BY ready_at, number) AS place
              FROM chunk WHERE run = ?8 AND state = 'pending' AND \(ChunkRows.indexed)) AS next
        WHERE place <= ?9
        """, .integer(taken.origin), .integer(taken.destination), .integer(taken.owner - 1),
        .integer(started),
        .integer(timeout), .text(message), .integer(before), .integer(row), .integer(max(1_000, 10 * recent))),
      of: row, in: connection)
    let moved =
      try connection.first(
        """
        SELECT count(*), sum(item_count) FROM chunk
        WHERE run = ?1 AND state = 'pending' AND number IN (SELECT chunk FROM attempt WHERE run = ?1 AND intent > ?2)
        """, .integer(row), .integer(before)
      ) { (chunks: $0.int(0), items: $0.int(1)) } ?? (chunks: 0, items: 0)
    try connection.run(
      """
      UPDATE chunk SET state = 'submitting', owner = ?1, attempts = attempts + 1
      WHERE run = ?2 AND state = 'pending' AND number IN (SELECT chunk FROM attempt WHERE run = ?2 AND intent > ?3)
      """, .integer(taken.owner - 1), .integer(row), .integer(before))
    // No trigger counts this move: it is one of two that the statement's caller counts.
    for (state, sign) in [(ChunkState.pending, -1), (.submitting, 1)] where moved.chunks > 0 {
      try connection.run(
        """
        INSERT INTO tally (run, state, chunks, items) VALUES (?, ?, ?, ?)
        ON CONFLICT (run, state) DO UPDATE
          SET chunks = tally.chunks + excluded.chunks, items = tally.items + excluded.items
        """, .integer(row), .text(state.rawValue), .integer(sign * moved.chunks), .integer(sign * moved.items)
      )
    }

    // Those that the service works on: the step after may have been sent once it was done, and is asked about before it is sent.
    try connection.run(
      """
      UPDATE attempt SET code = '\(SQLRunSession.failedOverCode)', message = ?1
      WHERE run = ?2 AND number = (SELECT attempts FROM chunk WHERE chunk.run = ?2 AND chunk.number = attempt.chunk
                                   AND chunk.state = 'processing')
        AND chunk IN (SELECT number FROM chunk WHERE run = ?2 AND state = 'processing' AND \(ChunkRows.indexed))
      """, .text(message), .integer(row))

    before = try intents(of: row, in: connection)
    let added = try connection.run(
      """
      INSERT INTO attempt (run, chunk, number, origin, destination, step, owner, started_at, finished_at, took_ms, bytes,
                           timeout_ms, outcome, code, message, intent, ended_after)
      SELECT run, number, attempts + 1, ?1, ?2, step, ?3, ?4, CASE WHEN ?5 < ?4 THEN ?4 ELSE ?5 END, 0, byte_count, ?6,
             'unknown', '\(SQLRunSession.failedOverCode)', ?7, ?8 + place, ?8
      FROM (SELECT run, number, attempts, step, byte_count, row_number() OVER (ORDER BY number) AS place
            FROM chunk WHERE run = ?9 AND state = 'unknown' AND \(ChunkRows.indexed)) AS next
      """, .integer(taken.origin), .integer(taken.destination), .integer(taken.owner - 1), .integer(started),
      .integer(now.milliseconds), .integer(timeout), .text(message), .integer(before), .integer(row))
    try connection.run(
      """
      UPDATE chunk SET attempts = attempts + 1, last_outcome = 'unknown', last_status = NULL,
                       last_code = '\(SQLRunSession.failedOverCode)', last_message = ?1, last_at = ?2
      WHERE run = ?3 AND state = 'unknown' AND number IN (SELECT chunk FROM attempt WHERE run = ?3 AND intent > ?4)
      """, .text(message), .integer(now.milliseconds), .integer(row), .integer(before))
    try connection.run(
      "UPDATE attempt SET ended_after = ? WHERE run = ? AND intent > ? AND outcome IS NOT NULL",
      .integer(before + added), .integer(row), .integer(before))
    try count(added, of: row, in: connection)
    try connection.run(
      "UPDATE budget SET intents = intents + 1 WHERE origin = ?", .integer(taken.origin))
  }
}
