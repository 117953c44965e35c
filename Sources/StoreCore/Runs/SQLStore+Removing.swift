package import BatchDomain
import KillPoints

/// Runs that were removed, or are being removed.
enum RemovedRuns {
  /// That a row of the table `run` is none of them, as SQL: every query for runs has this term.
  static let areOthers = "NOT EXISTS (SELECT 1 FROM removed_run WHERE removed_run.run = run.id)"

  /// What to say when a run is looked for that was removed; `nil` when it was not. The beginning of an id will do.
  static func error(for run: RunID, in connection: Connection) throws -> StoreError? {
    // "~" sorts after every character of a run id.
    try connection.first(
      """
      SELECT r.run_id, removed_at, run.state, run.reason_detail FROM removed_run AS r LEFT JOIN run ON run.id = r.run
      WHERE r.run_id >= ?1 AND r.run_id < ?1 || '~' ORDER BY r.run_id LIMIT 1
      """, .text(run.rawValue)
    ) { row in
      if case .copying(let arriving)? = CopyMark(state: row.text(2), detail: row.optionalText(3)) {
        return StoreError(
          .noSuchRun, "run \(row.text(0)) is being copied here from \(arriving.from), or that was cut off",
          remedy: "`orchestrate copy \(row.text(0))` from there completes it")
      }
      return StoreError(
        .noSuchRun,
        "run \(row.text(0)) was removed by `orchestrate prune` on \(Timestamp(milliseconds: Int64(row.int(1))))",
        remedy:
          "what it had accepted, and what was rejected for good, stays known to --new-only; \(command: .history) lists the runs that are there"
      )
    }
  }
}

extension SQLStore: RunRemoving {
  package func oldRuns(before moment: Timestamp) async throws -> [OldRun] {
    try await reader.read { [engine] connection in
      try connection.rows("\(OldRunRow.select(connection.dialect)) ORDER BY run_id", read: OldRunRow.init).map
      {
        try $0.oldRun(before: moment, engine: engine, in: connection)
      }
    }
  }

  package func removal(of run: RunID) async throws -> Timestamp? {
    try await reader.read { connection in
      try connection.first(
        "SELECT removed_at FROM removed_run WHERE run_id = ?", .text(run.rawValue)
      ) { Timestamp(milliseconds: Int64($0.int(0))) }
    }
  }

  package func examine(_ run: OldRun, at now: Timestamp) async throws -> RunRemoval {
    if let kept = run.kept { return RunRemoval(kept: kept) }
    guard let row = try await row(ofAny: run.run) else { return RunRemoval() }
    if !run.isBegun {
      if let other = try await runWithLostNames(besides: row, sentUntil: run.lastChangeAt) {
        return RunRemoval(kept: .needed(by: other))
      }
      // What was accepted is not all known where records are damaged: `verify` says more, and the rest of the file has
      // nothing to do with it.
      let audit = try await audit(run.run, listing: 0, checksFile: false)
      guard audit.problemsTotal == 0 else { return RunRemoval(kept: .inconsistent) }
    }
    var rows = RunRows(run: row, at: now)
    var bytes = 0
    while true {
      let (page, next) = try await reader.read { [rows] connection in
        var rows = rows
        let page = try rows.page(isRemoving: false, in: connection)
        return (page, rows)
      }
      guard let page else { return RunRemoval(bytes: bytes) }
      rows = next
      bytes += page
      try Task.checkCancellation()
    }
  }

  package func remove(_ run: OldRun, at now: Timestamp) async throws -> RunRemoval {
    try engine.confirmSchema()
    let examined = try await examine(run, at: now)
    guard examined.kept == nil, let row = try await row(ofAny: run.run) else { return examined }
    // The process that has its lock resumes it, or removes it.
    guard try await engine.seize(row, in: database) != .owned else { return RunRemoval(kept: .live) }
    defer { engine.releaseRun(row) }
    if run.isBegun {
      guard try await takeBegun(row) else { return RunRemoval(kept: .live) }
    } else {
      let isHidden = try await database.write(scope: .store) { try Self.hide(run, row, at: now, in: $0) }
      guard isHidden else { return RunRemoval(kept: .recent) }
    }
    KillPoint.inRemoval.reached()
    do {
      try await removeRows(of: row, at: now)
    } catch {
      // The process that goes on need not wait for this one to end.
      if run.isBegun { do { try await giveBack(row) } catch _ { throw error } }
      throw error
    }
    // Requests that still count keep the row.
    if run.isBegun { try await giveBack(row) }
    try await database.checkpoint(truncating: true)
    return examined
  }

  /// Takes a run whose removal was begun, or that was being copied here by a process that is not heard of any more: that one
  /// records nothing more of it.
  ///
  /// - Returns: `false` where another process goes on with it, or has completed it meanwhile.
  private func takeBegun(_ row: Int64) async throws -> Bool {
    do {
      try await database.write(scope: .store) { [engine] connection in
        // The row of the run is locked first, as by those who copy it.
        try engine.own(seized: row, in: connection)
        let isHidden = try connection.first("SELECT 1 FROM removed_run WHERE run = ?", .integer(row)) { _ in
          true
        }
        guard isHidden == true else {
          throw StoreError(.owned, "the run was completed by another process meanwhile")
        }
        try connection.run("UPDATE run SET owner = owner + 1 WHERE id = ?", .integer(row))
      }
    } catch let error as StoreError where error.code == .owned {
      return false
    }
    return true
  }

  private func giveBack(_ row: Int64) async throws {
    try await database.write { [engine] in try engine.disown(row, in: $0) }
  }

  private func removeRows(of row: Int64, at now: Timestamp) async throws {
    var rows = RunRows(run: row, at: now)
    while true {
      // The next removal, by a newer program, goes on with it.
      try engine.confirmSchema()
      let start = ContinuousClock.now
      // What a power cut takes back of it is removed by the next removal.
      let (page, next) = try await database.write(isDurable: false) { [rows] connection in
        var rows = rows
        let page = try rows.page(isRemoving: true, in: connection)
        return (page, rows)
      }
      guard page != nil else { break }
      rows = next
      KillPoint.inRemoval.reached()
      // SQLite lets nobody wait in a line: without a pause the process that waits might never get its turn.
      if try await reader.read({ [engine] in try engine.isAnyRunOwned(besides: row, in: $0) }) {
        try await Task.sleep(for: max(Self.shortestPause, ContinuousClock.now - start))
      }
    }
  }

  /// How long other processes have the database to themselves between two changes, at least.
  private static let shortestPause: Duration = .milliseconds(25)

  /// Makes a run invisible for everybody: its removal is begun, and will be ended by somebody.
  ///
  /// - Returns: whether it is as it was when it was examined.
  /// - Throws: ``StoreError`` with code `conflict` when its items are not in the index of known items.
  private static func hide(
    _ run: OldRun, _ row: Int64, at now: Timestamp, in connection: Connection
  ) throws -> Bool {
    let facts = try connection.first(
      "\(OldRunRow.select(connection.dialect)) WHERE run.id = ?", .integer(row), read: OldRunRow.init)
    guard let facts, facts.isAs(run) else { return false }
    let isUnread = try connection.first(
      """
      SELECT 1 FROM run
      LEFT JOIN tally AS a ON a.run = run.id AND a.state = 'accepted'
      LEFT JOIN tally AS r ON r.run = run.id AND r.state = 'rejected'
      LEFT JOIN known_run ON known_run.run = run.id
      WHERE run.id = ? AND \(isUnread)
      """, .integer(row)
    ) { _ in true }
    guard isUnread != true else {
      throw StoreError(
        .conflict, "what run \(run.run) had accepted is not in the index of known items yet",
        remedy: "run the same command again")
    }
    try connection.run(
      """
      INSERT INTO removed_run (run, run_id, removed_at, manifest_digest, destination)
      SELECT run.id, run_id, ?2, CASE WHEN items_accepted THEN manifest_digest END,
             CASE WHEN items_accepted THEN destination END
      FROM (SELECT *, EXISTS (SELECT 1 FROM tally WHERE tally.run = run.id AND state = 'accepted' AND tally.items > 0)
              AND manifest_digest IS NOT NULL AS items_accepted
            FROM run WHERE id = ?1) AS run
      """, .integer(row), .integer(now.milliseconds))
    return true
  }

  /// The row of a run, also of one that is being removed.
  private func row(ofAny run: RunID) async throws -> Int64? {
    try await reader.read { connection in
      try connection.first("SELECT id FROM run WHERE run_id = ?", .text(run.rawValue)) { Int64($0.int(0)) }
    }
  }
}

/// What the table of runs says of a run that may be old.
private struct OldRunRow: Sendable {
  static func select(_ dialect: SQLDialect) -> String {
    let lastChange = dialect.greatest([
      "created_at", "coalesce(finished_at, 0)", "coalesce(last_outcome_at, 0)", "coalesce(looked_at, 0)",
      "coalesce(changed_at, 0)",
    ])
    return """
      SELECT run.id, run_id, state, items, \(lastChange),
             EXISTS (SELECT 1 FROM tally WHERE tally.run = run.id AND tally.items > 0
                     AND tally.state IN ('pending', 'submitting', 'processing')),
             EXISTS (SELECT 1 FROM tally WHERE tally.run = run.id AND tally.items > 0 AND tally.state = 'unknown'),
             EXISTS (SELECT 1 FROM removed_run WHERE removed_run.run = run.id), reason_detail
      FROM run LEFT JOIN tracked_run ON tracked_run.run = run.id
      """
  }

  private let row: Int64
  private let run: RunID
  private let state: RunState
  private let items: Int
  private let lastChangeAt: Timestamp
  private let hasOpen: Bool
  private let hasUnknown: Bool
  private let isBegun: Bool
  private let copy: CopyMark?

  init(_ row: Statement) throws {
    guard let run = RunID(rawValue: row.text(1)), let state = RunState(rawValue: row.text(2)) else {
      throw StoreError(.damaged, "the run \"\(row.text(1))\" has the state \"\(row.text(2))\"")
    }
    self.row = Int64(row.int(0))
    self.run = run
    self.state = state
    items = row.int(3)
    lastChangeAt = Timestamp(milliseconds: Int64(row.int(4)))
    hasOpen = row.flag(5)
    hasUnknown = row.flag(6)
    isBegun = row.flag(7)
    copy = CopyMark(state: row.text(2), detail: row.optionalText(8))
  }

  /// Whether nothing was recorded of it since it was read.
  func isAs(_ run: OldRun) -> Bool {
    (run.run, run.items, run.lastChangeAt, run.isBegun) == (self.run, items, lastChangeAt, isBegun)
      && kept(before: Timestamp(milliseconds: .max), isLive: false) == nil
  }

  func oldRun(before moment: Timestamp, engine: any StoreEngine, in connection: Connection) throws -> OldRun {
    OldRun(
      run: run, items: items, lastChangeAt: lastChangeAt, isBegun: isBegun,
      kept: kept(before: moment, isLive: try engine.isRunOwned(row, in: connection)))
  }

  private func kept(before moment: Timestamp, isLive: Bool) -> KeptRun? {
    if isLive { return .live }
    if isBegun { return nil }
    switch state {
    case .planning, .running, .paused: return .unfinished
    case .finished, .cancelled: break
    }
    if case .copying = copy { return .unfinished }
    if lastChangeAt >= moment { return .recent }
    // What is left of it to be done is done in another store.
    if copy != nil { return nil }
    if hasOpen { return .unfinished }
    return hasUnknown ? .unknown : nil
  }
}

// MARK: Names that settling may ask for

extension SQLStore {
  /// How long before the oldest request of a run settling may look back (``SettlingEvidence``), with some time to spare.
  private static let settlingLooksBack: Duration = .seconds(2 * 3_600)
  /// Items that are read at a time.
  private static let namesPerRead = 1 << 14

  /// A run with a lost answer whose settling has to know what another run sent: versions 1 to 1.2 list videos by their
  /// names, and a video with the same name would be taken for the one that is looked for.
  ///
  /// - Parameter moment: when the other run last sent something, or later.
  private func runWithLostNames(besides row: Int64, sentUntil moment: Timestamp) async throws -> RunID? {
    let lost = try await reader.read { connection in
      try connection.rows(
        """
        SELECT run.id, run_id, \(connection.dialect.jsonMember("settings", "profile")) FROM run
        WHERE run.id <> ? AND created_at <= ? AND \(RemovedRuns.areOthers)
          AND EXISTS (SELECT 1 FROM tally WHERE tally.run = run.id AND tally.items > 0
                      AND tally.state IN ('unknown', 'submitting'))
        ORDER BY run_id
        """, .integer(row), .integer((moment + Self.settlingLooksBack).milliseconds)
      ) {
        (
          row: Int64($0.int(0)), run: RunID(rawValue: $0.text(1)),
          family: (ServiceProfile(rawValue: $0.text(2)) ?? .v1).family
        )
      }
    }
    for other in lost where other.family == .transfers {
      let names = try await lostNames(of: other.row)
      if let run = other.run, try await hasAny(of: names, row) { return run }
    }
    return nil
  }

  private struct ListedName: Hashable {
    let index: IndexID
    let name: FileName

    init(_ source: UnsafeBufferPointer<UInt8>) {
      let item = Item(source)
      index = item.indexID
      name = item.name
    }
  }

  /// The names of chunks whose answer was lost, and of those that may prove what became of them and share a name.
  private func lostNames(of row: Int64) async throws -> Set<ListedName> {
    try await reader.read { connection in
      var names: Set<ListedName> = []
      try connection.forEach(
        """
        SELECT first_item, item_count FROM chunk
        WHERE run = ? AND (state = 'unknown' OR state = 'submitting' OR names_clash = 1)
        """, .integer(row)
      ) { chunk in
        let items = Range(firstItem: chunk.int(0), count: chunk.int(1))
        try ItemRows(run: row).forEach(items, in: connection) { names.insert(ListedName($1)) }
      }
      return names
    }
  }

  private func hasAny(of names: Set<ListedName>, _ row: Int64) async throws -> Bool {
    var next = 0
    while true {
      let (start, hasAny) = try await reader.read { [next] connection -> (Int?, Bool) in
        guard let start = try ItemRows(run: row).nextBlock(from: next, in: connection) else {
          return (nil, false)
        }
        var hasAny = false
        try ItemRows(run: row).forEach(start..<start + Self.namesPerRead, in: connection) {
          if !hasAny, names.contains(ListedName($1)) { hasAny = true }
        }
        return (start, hasAny)
      }
      if hasAny { return true }
      guard let start else { return false }
      next = start + Self.namesPerRead
    }
  }
}
