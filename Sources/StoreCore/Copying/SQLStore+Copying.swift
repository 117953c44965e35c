package import BatchDomain
import KillPoints
import NIOConcurrencyHelpers

extension SQLStore: RunCopying {
  package func copyStanding(of run: RunID) async throws -> CopyStanding {
    try await reader.read { try Self.found(run, in: $0)?.standing ?? .absent }
  }

  /// A run with its row, also one that nobody sees.
  private static func found(
    _ run: RunID, in connection: Connection
  ) throws -> (row: Int64, standing: CopyStanding)? {
    try connection.first(
      """
      SELECT run.id, state, reason, reason_detail, finished_at, owner, cancelling,
             EXISTS (SELECT 1 FROM removed_run WHERE removed_run.run = run.id),
             EXISTS (SELECT 1 FROM tally WHERE tally.run = run.id AND tally.state = 'submitting' AND tally.chunks > 0)
      FROM run WHERE run_id = ?
      """, .text(run.rawValue)
    ) { row in
      let isHidden = row.flag(7)
      let standing: CopyStanding
      switch CopyMark(state: row.text(1), detail: row.optionalText(3)) {
      case .copying(let arriving):
        standing = .arriving(from: arriving.from, isShown: !isHidden, copy: arriving.copy)
      case _ where isHidden:
        standing = .removed
      case .copied(let store):
        standing = .copied(to: store, at: Timestamp(milliseconds: Int64(row.int(4))), copy: row.int(5))
      case nil:
        guard let state = RunState(rawValue: row.text(1)) else {
          throw StoreError(.damaged, "run \(run) has no state this program knows")
        }
        let reason = row.optionalText(2).flatMap(PauseReason.init(rawValue:))
        standing = .present(
          CopyableRun(
            state: state, reason: reason, detail: row.optionalText(3), isBeingCancelled: row.flag(6),
            isLeftOpen: state == .running || row.flag(8) || reason == .failedOver))
      }
      return (Int64(row.int(0)), standing)
    }
  }

  package func depart(_ run: RunID) async throws -> any RunDeparture {
    try await taking(run) { row, _ in
      let host = Host.current
      let taken = try await database.write(scope: .store) { [engine] connection in
        try engine.own(seized: row, in: connection)
        let standing = try Self.found(run, in: connection)?.standing ?? .absent
        try RunCopier.refuse(standing, of: run)
        guard case .present(let found) = standing, !found.isLeftOpen else {
          throw StoreError(
            .owned, "another process worked on run \(run) meanwhile", remedy: "run the same command again")
        }
        let taken = try connection.first(
          """
          UPDATE run SET owner = owner + 1, owner_host = ?, owner_pid = ?, request = NULL WHERE id = ?
          RETURNING owner, origin, settings, (SELECT id FROM destination WHERE url = run.destination)
          """, .text(host.name), .integer(Int(host.processID)), .integer(row)
        ) {
          (
            owner: Int64($0.int(0)), origin: Int64($0.int(1)), settings: $0.text(2),
            destination: Int64($0.int(3))
          )
        }
        guard let taken else { throw try Self.noSuchRun(run, in: connection) }
        return taken
      }
      func giveBack() async throws {
        try await database.write { [engine] in try engine.disown(row, in: $0) }
      }
      do {
        let session = SQLRunSession(
          store: parts, row: row, run: run, owner: taken.owner, origin: taken.origin,
          destination: taken.destination, settings: try StoredSettings.read(taken.settings))
        try await session.applyLateWords()
        let budgets = session.settings.profile.budgets
        let head = try await reader.read {
          try Self.head(of: row, run, copy: Int(taken.owner), budgets, in: $0)
        }
        return SQLRunDeparture(head: head, session: session)
      } catch {
        do { try await giveBack() } catch _ { throw error }
        throw error
      }
    }
  }

  private static func head(
    of row: Int64, _ run: RunID, copy: Int, _ budgets: [Budget], in connection: Connection
  ) throws -> RunHead {
    let table = CopiedTables.run
    let count = table.columns.count
    let head = try connection.first(
      "SELECT \(table.selected), t.state, t.reason, t.reason_detail, t.finished_at FROM run AS t WHERE t.id = ?",
      .integer(row)
    ) { found in
      guard let state = RunState(rawValue: found.text(count)) else {
        throw StoreError(.damaged, "run \(run) has no state this program knows")
      }
      return RunHead(
        run: run, row: table.values(found),
        ending: RunHead.Ending(
          state: state, reason: found.optionalText(count + 1).flatMap(PauseReason.init(rawValue:)),
          detail: found.optionalText(count + 2),
          finishedAt: found.optionalInt(count + 3).map { Timestamp(milliseconds: Int64($0)) }),
        waits: [:], copy: copy)
    }
    guard var head else { throw try noSuchRun(run, in: connection) }
    try connection.forEach(
      """
      SELECT step, wait_until, wait_reason, wait_ms FROM budget
      WHERE origin = (SELECT origin FROM run WHERE id = ?) AND wait_until IS NOT NULL
      """, .integer(row)
    ) { found in
      let step = ChunkStep(rawValue: found.text(0))
      guard budgets.contains(Budget(step)) else { return }
      head.waits[step] = StoredWait(
        untilColumn: found.optionalInt(1), reason: found.optionalText(2), lengthColumn: found.optionalInt(3))
    }
    return head
  }

  package func receive(
    _ head: RunHead, from store: String, at now: Timestamp
  ) async throws -> any RunArrival {
    try await removeUnfinishedCopy(of: head.run)
    let detail = try CopyMark.copying(CopyMark.Arriving(head, from: store)).detail()
    let locked = NIOLockedValueBox<Int64?>(nil)
    do {
      let (row, owner) = try await database.write(scope: .store) { [self] connection in
        try insert(head, detail: detail, at: now, locked: locked, in: connection)
      }
      KillPoint.inCopying.reached()
      return SQLRunArrival(store: self, row: row, run: head.run, owner: owner, waits: head.waits)
    } catch {
      if let row = locked.withLockedValue({ $0 }) { engine.releaseRun(row) }
      throw error
    }
  }

  /// Inserts the row of a run that nobody sees yet, and owns it.
  private func insert(
    _ head: RunHead, detail: String, at now: Timestamp, locked: NIOLockedValueBox<Int64?>,
    in connection: Connection
  ) throws -> (row: Int64, owner: Int64) {
    guard try Self.found(head.run, in: connection) == nil else {
      throw StoreError(
        .conflict, "another process copied run \(head.run) to \(path) meanwhile",
        remedy: "run the same command again")
    }
    // What is left of the run's removal is in the run itself.
    try connection.run("DELETE FROM removed_run WHERE run_id = ?", .text(head.run.rawValue))
    let table = CopiedTables.run
    let names = table.columns.map(\.name) + ["state", "reason_detail", "finished_at"]
    let statement = try connection.prepare(
      """
      INSERT INTO run (\(names.joined(separator: ", "))) VALUES (\(names.map { _ in "?" }.joined(separator: ", ")))
      RETURNING id, owner, destination
      """)
    defer { statement.reset() }
    var known = KnownRows(run: 0)
    for (place, (column, value)) in zip(table.columns, head.row).enumerated() {
      try statement.bind(try known.bound(value, of: column, in: connection), at: place + 1)
    }
    try statement.bind(.text(RunState.cancelled.rawValue), at: names.count - 2)
    try statement.bind(.text(detail), at: names.count - 1)
    try statement.bind(.integer(now.milliseconds), at: names.count)
    guard try statement.step() else { throw StoreError(.internal, "a run was recorded and has no number") }
    let (row, owner, destination) = (Int64(statement.int(0)), Int64(statement.int(1)), statement.text(2))
    while try statement.step() {}
    try Self.noteDestination(destination, in: connection)
    try connection.run(
      "INSERT INTO removed_run (run, run_id, removed_at) VALUES (?, ?, ?)", .integer(row),
      .text(head.run.rawValue), .integer(now.milliseconds))
    let before = locked.withLockedValue { $0 }
    guard before != row else { return (row, owner) }
    if let before {
      engine.releaseRun(before)
      locked.withLockedValue { $0 = nil }
    }
    guard try engine.own(new: row, in: connection) else {
      throw StoreError(.owned, "the lock of the copied run \(head.run) is held by another process")
    }
    locked.withLockedValue { $0 = row }
    return (row, owner)
  }

  package func continueArrival(of run: RunID) async throws -> any RunArrival {
    let arrival = try await takeArrival(of: run)
    guard let arrival else { throw StoreError(.noSuchRun, "there is no run \(run)", remedy: nil) }
    return arrival
  }

  /// Removes what a copy that was cut off left of a run.
  private func removeUnfinishedCopy(of run: RunID) async throws {
    try await takeArrival(of: run)?.abandon()
  }

  /// Takes a run that is not complete from a dead process; `nil` where there is none.
  private func takeArrival(of run: RunID) async throws -> SQLRunArrival? {
    let found = try await database.read { try Self.found(run, in: $0) }
    guard let found, case .arriving = found.standing else { return nil }
    let row = found.row
    return try await engine.whileTaking {
      guard try await engine.seize(row, in: database) != .owned else { throw try await ownedError(row, run) }
      do {
        let owner = try await database.write(scope: .store) { [engine] connection in
          try engine.own(seized: row, in: connection)
          guard case .arriving = try Self.found(run, in: connection)?.standing,
            let owner = try connection.first(
              "UPDATE run SET owner = owner + 1 WHERE id = ? RETURNING owner", .integer(row),
              read: { Int64($0.int(0)) })
          else {
            // As a change that fails: a run that goes on must not stay owned.
            throw StoreError(
              .conflict, "another process completed the copy of run \(run) meanwhile",
              remedy: "\(command: .report(run)) shows how it stands")
          }
          return owner
        }
        return SQLRunArrival(store: self, row: row, run: run, owner: owner, waits: [:])
      } catch {
        engine.releaseRun(row)
        throw error
      }
    }
  }
}

/// A run that is copied from a store on an SQL engine.
private final class SQLRunDeparture: RunDeparture {
  let head: RunHead
  private let session: SQLRunSession

  init(head: RunHead, session: SQLRunSession) {
    self.head = head
    self.session = session
  }

  func records(
    after mark: RunRecords.Mark?
  ) async throws -> (records: RunRecords, mark: RunRecords.Mark)? {
    try await session.reader.read { [session] in try CopiedTables.page(of: session.row, after: mark, in: $0) }
  }

  func leave(to store: String, at now: Timestamp) async throws {
    let detail = try CopyMark.copied(to: store).detail()
    try await session.change { [session] connection, _ in
      try connection.run(
        """
        UPDATE run SET state = 'cancelled', reason = NULL, reason_detail = ?, finished_at = ?, request = NULL
        WHERE id = ? AND owner = ?
        """, .text(detail), .integer(now.milliseconds), .integer(session.row), .integer(session.owner))
      try session.engine.disown(session.row, in: connection)
    }
    KillPoint.inCopying.reached()
    session.engine.releaseRun(session.row)
    try await session.database.checkpoint(truncating: true)
  }

  func stay() async throws {
    try await session.change(isLast: true) { [session] connection, _ in
      try session.engine.disown(session.row, in: connection)
    }
    session.engine.releaseRun(session.row)
  }
}

/// A run that is copied to a store on an SQL engine: hidden like one that is being removed until all of it is there.
private final class SQLRunArrival: RunArrival {
  private let store: SQLStore
  private let row: Int64
  private let run: RunID
  /// `run.owner` while this process owns the run.
  private let owner: Int64
  private let waits: [ChunkStep: StoredWait]

  init(store: SQLStore, row: Int64, run: RunID, owner: Int64, waits: [ChunkStep: StoredWait]) {
    self.store = store
    self.row = row
    self.run = run
    self.owner = owner
    self.waits = waits
  }

  func records(
    after mark: RunRecords.Mark?
  ) async throws -> (records: RunRecords, mark: RunRecords.Mark)? {
    try await store.reader.read { [row] in try CopiedTables.page(of: row, after: mark, in: $0) }
  }

  func add(_ records: RunRecords) async throws {
    // What a power cut takes of it is recorded anew: the run is not complete before a later change is durable.
    try await change(isDurable: false) { [row] connection, _ in
      try CopiedTables.insert(records, of: row, in: connection)
    }
    KillPoint.inCopying.reached()
  }

  func show(at now: Timestamp) async throws {
    try await change(scope: .store) { [row, waits] connection, _ in
      for (step, wait) in waits.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
        try connection.run(
          """
          INSERT INTO budget (origin, step, wait_until, wait_reason, wait_ms)
          SELECT origin, ?1, ?2, ?3, ?4 FROM run WHERE id = ?5
          ON CONFLICT (origin, step) DO UPDATE
            SET wait_until = excluded.wait_until, wait_reason = excluded.wait_reason, wait_ms = excluded.wait_ms
            WHERE budget.wait_until IS NULL OR budget.wait_until < excluded.wait_until
          """, .text(step.rawValue), .integer(wait.until.milliseconds), .text(wait.reason),
          .integer(wait.length?.millisecondsRoundedUp), .integer(row))
      }
      connection.revise()
      // Its items are open, or known, from now on.
      try SQLStore.reviseKnown(in: connection)
      try connection.run("DELETE FROM removed_run WHERE run = ?", .integer(row))
    }
    KillPoint.inCopying.reached()
  }

  func audit() async throws -> RunAudit { try await store.audit(run, listing: 1, checksFile: false) }

  func settle() async throws {
    try await change(scope: .store) { [row, owner, engine = store.engine] connection, arriving in
      try connection.run(
        "UPDATE run SET state = ?, reason = ?, reason_detail = ?, finished_at = ? WHERE id = ? AND owner = ?",
        .text(arriving.state), .text(arriving.reason), .text(arriving.detail), .integer(arriving.finishedAt),
        .integer(row), .integer(owner))
      try engine.disown(row, in: connection)
    }
    store.engine.releaseRun(row)
    try await store.database.checkpoint(truncating: true)
  }

  func abandon() async throws {
    try await change(scope: .store) { [row, run] connection, _ in
      try connection.run(
        "INSERT INTO removed_run (run, run_id, removed_at) VALUES (?, ?, 0) ON CONFLICT DO NOTHING",
        .integer(row), .text(run.rawValue))
    }
    // None of its requests counts here: all are kept where it came from.
    var rows = RunRows(run: row, at: Timestamp(milliseconds: .max))
    var isDone = false
    while !isDone {
      let next = try await store.database.write(isDurable: false) { [rows, row] connection -> RunRows? in
        var rows = rows
        // A process that follows a budget finds that something else happened than that intents were added at its end.
        try connection.run(
          """
          UPDATE budget SET intents = intents + 1 WHERE (origin, step) IN
            (SELECT DISTINCT origin, step FROM attempt WHERE run = ?)
          """, .integer(row))
        connection.revise()
        guard try rows.page(isRemoving: true, in: connection) != nil else {
          try connection.run("DELETE FROM removed_run WHERE run = ?", .integer(row))
          return nil
        }
        return rows
      }
      KillPoint.inCopying.reached()
      if let next { rows = next } else { isDone = true }
    }
    store.engine.releaseRun(row)
  }

  func release() async throws {
    try await store.database.write { [row, engine = store.engine] in try engine.disown(row, in: $0) }
    store.engine.releaseRun(row)
  }

  /// Makes a change of the run, as long as this process owns it and it is not complete.
  private func change(
    isDurable: Bool = true, scope: ChangeScope = .rows,
    _ body: @escaping @Sendable (Connection, CopyMark.Arriving) throws -> Void
  ) async throws {
    try await store.database.write(isDurable: isDurable, scope: scope) { [row, run, owner] connection in
      let detail = try connection.first(
        "SELECT reason_detail FROM run WHERE id = ? AND owner = ? AND state = 'cancelled'\(connection.dialect.locking)",
        .integer(row), .integer(owner)
      ) { $0.optionalText(0) }.flatMap { $0 }
      guard case .copying(let arriving)? = CopyMark(state: RunState.cancelled.rawValue, detail: detail) else {
        throw StoreError(
          .owned, "another process took the copy of run \(run) over", remedy: "run the same command again")
      }
      try body(connection, arriving)
    }
  }
}
