import BatchDomain
import Crypto
import KillPoints

extension SQLiteRunSession {
  func claim(at now: Timestamp) async throws -> Claim {
    try await database.write { [self] connection in
      try guardOwner(in: connection)
      return try claim(at: now, in: connection)
    }
  }

  func record(
    _ result: AttemptResult, claimingAt next: Timestamp?
  ) async throws -> (recorded: Recorded, claim: Claim?) {
    try await database.write { [self] connection -> (Recorded, Claim?) in
      try record(result, in: connection)
      let claim: Claim? = if let next { try claim(at: next, in: connection) } else { nil }
      return (try recorded(in: connection), claim)
    }
  }

  /// Takes the next chunk in the transaction that is under way, which has checked the owner.
  private func claim(at now: Timestamp, in connection: Connection) throws -> Claim {
    guard let next = try nextPending(in: connection) else { return .none }
    if let wait = try serviceWait(in: connection), now < wait.until {
      return .notBefore(wait.until, .wait(wait.reason))
    }
    for rate in settings.rates {
      if let free = try whenFree(rate, in: connection), now < free {
        // A clock that was set back leaves attempts in the future; no window is longer than itself.
        return .notBefore(min(free, now + rate.window.duration + .milliseconds(1)), .rate(rate))
      }
    }
    guard next.readyAt <= now else { return .notBefore(next.readyAt, .ready) }
    let content = try content(of: next, in: connection)
    let attempt = next.attempts + 1
    try move(next.number, from: .pending, on: .begun, in: connection) { state in
      try connection.run(
        """
        UPDATE chunk SET state = ?, owner = ?, attempts = ?
        WHERE run = ? AND number = ? AND state = 'pending'
        """, .text(state.rawValue), .integer(owner), .integer(attempt), .integer(row),
        .integer(next.number.rawValue))
    }
    try connection.run(
      """
      INSERT INTO attempt (run, chunk, number, origin, destination, owner, started_at, bytes, timeout_ms, intent)
      SELECT ?1, ?2, ?3, ?4, d.id, ?5, ?6, ?7, ?8, run.attempts + 1
      FROM destination AS d JOIN run ON run.id = ?1 WHERE d.url = ?9
      """, .integer(row), .integer(next.number.rawValue), .integer(attempt), .integer(origin),
      .integer(owner), .integer(now.milliseconds), .integer(content.count),
      .integer(settings.timeout.millisecondsRoundedUp), .text(settings.destination))
    try connection.run(
      """
      UPDATE run SET attempts = attempts + 1, first_intent_at = coalesce(first_intent_at, ?) WHERE id = ?
      """, .integer(now.milliseconds), .integer(row))
    return .chunk(
      ClaimedChunk(
        number: next.number, attempt: attempt, countedAttempts: next.countedAttempts,
        firstItem: next.firstItem, itemCount: next.itemCount, index: next.index, filePart: content,
        startedAt: now))
  }

  /// Ends an attempt in the transaction that is under way.
  private func record(_ result: AttemptResult, in connection: Connection) throws {
    let ended = try connection.run(
      """
      UPDATE attempt SET finished_at = ?, took_ms = ?, outcome = ?, status = ?, code = ?, message = ?,
                         counted = ?, in_outage = ?, ended_after = (SELECT attempts FROM run WHERE id = attempt.run)
      WHERE run = ? AND chunk = ? AND number = ? AND owner = ? AND finished_at IS NULL
      """, .integer(result.finishedAt.milliseconds), .integer(result.took.millisecondsRoundedUp),
      .text(result.outcome.rawValue), .integer(result.status), .text(result.code), .text(result.message),
      .flag(result.isCounted), .flag(result.isInOutage), .integer(row), .integer(result.chunk.rawValue),
      .integer(result.attempt), .integer(owner))
    guard ended == 1 else {
      throw StoreError(
        .conflict, "attempt \(result.attempt) of chunk \(result.chunk) of run \(run) was ended by another")
    }
    try move(result.chunk, from: .submitting, on: result.event, in: connection) { state in
      try connection.run(
        """
        UPDATE chunk SET state = ?, owner = NULL, ready_at = coalesce(?, ready_at), counted_attempts = counted_attempts + ?,
                         not_isolated = ? = 'rejected' AND item_count > 1,
                         last_outcome = ?, last_status = ?, last_code = ?, last_message = ?, last_at = ?
        WHERE run = ? AND number = ? AND state = 'submitting' AND owner = ?
        """, .text(state.rawValue), .integer(result.readyAt?.milliseconds), .flag(result.isCounted),
        .text(state.rawValue),
        .text(result.outcome.rawValue), .integer(result.status), .text(result.code),
        .text(result.message), .integer(result.finishedAt.milliseconds), .integer(row),
        .integer(result.chunk.rawValue), .integer(owner))
    }
    if let division = result.division { try divide(result.chunk, into: division, in: connection) }
    if result.rejectsRest { try rejectRest(of: result, in: connection) }
    try connection.run(
      "UPDATE run SET last_outcome_at = max(coalesce(last_outcome_at, 0), ?) WHERE id = ?",
      .integer(result.finishedAt.milliseconds), .integer(row))
    if let wait = result.wait { try remember(wait, in: connection) }
    KillPoint.beforeRecording.reached()
  }

  /// Makes one guarded move and checks that exactly one row took it.
  func move(
    _ chunk: ChunkNumber, from: ChunkState, on event: ChunkEvent, in connection: Connection,
    update: (ChunkState) throws -> Int
  ) throws {
    let changed = try update(try from.after(event))
    guard changed == 1 else {
      throw StoreError(
        .conflict,
        "chunk \(chunk) of run \(run) was expected to be \(from.rawValue) and owned by this process")
    }
  }

  private struct Pending {
    let number: ChunkNumber
    let firstItem: Int
    let itemCount: Int
    let byteCount: Int
    let digest: [UInt8]
    let index: IndexID?
    let attempts: Int
    let countedAttempts: Int
    let readyAt: Timestamp
  }

  private func guardOwner(in connection: Connection) throws {
    let found = try connection.first(
      "SELECT 1 FROM run WHERE id = ? AND owner = ?", .integer(row), .integer(owner)
    ) { _ in true }
    guard found != nil else {
      throw StoreError(.conflict, "run \(run) was taken over by another process")
    }
  }

  /// When the next request is within a limit, judged by the intents of every run of the same service.
  ///
  /// The window is a rolling one: the request `count` before the next has to be a whole window old. One
  /// millisecond is added, since stored times are cut to milliseconds.
  private func whenFree(_ rate: Rate, in connection: Connection) throws -> Timestamp? {
    try connection.first(
      "SELECT started_at FROM attempt WHERE origin = ? ORDER BY started_at DESC LIMIT 1 OFFSET ?",
      .integer(origin), .integer(rate.count - 1)
    ) { Timestamp(milliseconds: Int64($0.int(0))) + rate.window.duration + .milliseconds(1) }
  }

  /// A wait that the service asked any run of this store for: its budget is common.
  private func serviceWait(in connection: Connection) throws -> StoredWait? {
    try connection.first("SELECT wait_until, wait_reason FROM origin WHERE id = ?", .integer(origin)) {
      StoredWait(untilColumn: $0.optionalInt(0), reason: $0.optionalText(1))
    }.flatMap { $0 }
  }

  private func nextPending(in connection: Connection) throws -> Pending? {
    try connection.first(
      """
      SELECT number, first_item, item_count, byte_count, digest, index_id, attempts, counted_attempts, ready_at
      FROM chunk
      WHERE run = ? AND state = 'pending' AND state <> 'accepted' AND state <> 'split' AND state <> 'cancelled'
      ORDER BY ready_at, number LIMIT 1
      """, .integer(row)
    ) {
      Pending(
        number: ChunkNumber($0.int(0)), firstItem: $0.int(1), itemCount: $0.int(2), byteCount: $0.int(3),
        digest: [UInt8]($0.bytes(4)), index: $0.optionalText(5).map(IndexID.init), attempts: $0.int(6),
        countedAttempts: $0.int(7), readyAt: Timestamp(milliseconds: Int64($0.int(8))))
    }
  }

  /// Rebuilds the content of the `file` part from the items and checks it against the planned digest: the same
  /// chunk has the same bytes on every attempt.
  private func content(of chunk: Pending, in connection: Connection) throws -> [UInt8] {
    let items = chunk.firstItem..<chunk.firstItem + chunk.itemCount
    let part = try filePart(of: items, plannedBytes: chunk.byteCount, in: connection)
    guard Array(SHA256.hash(data: part.content)) == chunk.digest else {
      throw StoreError(
        .damaged,
        "the items of chunk \(chunk.number) of run \(run) are not those that were planned: "
          + "\(part.items) of \(chunk.itemCount) items, and another digest",
        remedy: "restore the database from a backup; nothing more is sent from this one")
    }
    return part.content
  }

  /// The content of the `file` part for a range of items, and how many of them are there.
  ///
  /// - Parameter bytes: the length it was planned with. Items whose texts alone make up that length have nothing that
  ///   the wire form leaves out, and are taken as they are.
  func filePart(
    of items: Range<Int>, plannedBytes bytes: Int = 0, in connection: Connection
  ) throws -> (content: [UInt8], items: Int) {
    let asTheyAre = try filePart(of: items, reserving: bytes, in: connection) { source, content in
      content.append(contentsOf: source)
    }
    if asTheyAre.content.count == bytes { return asTheyAre }
    return try filePart(of: items, reserving: bytes, in: connection) { source, content in
      source.withMemoryRebound(to: UInt8.self) { WireForm.append(source: $0, to: &content) }
    }
  }

  private func filePart(
    of items: Range<Int>, reserving bytes: Int, in connection: Connection,
    append: (UnsafeRawBufferPointer, inout [UInt8]) -> Void
  ) throws -> (content: [UInt8], items: Int) {
    var content: [UInt8] = []
    content.reserveCapacity(bytes)
    content.append(UInt8(ascii: "["))
    var count = 0
    try connection.forEach(
      "SELECT source FROM item WHERE position >= ? AND position < ? ORDER BY position",
      .integer(ItemPosition.of(run: row, sequence: items.lowerBound)),
      .integer(ItemPosition.of(run: row, sequence: items.upperBound))
    ) { item in
      if count > 0 { content.append(UInt8(ascii: ",")) }
      append(item.bytes(0), &content)
      count += 1
    }
    content.append(UInt8(ascii: "]"))
    return (content, count)
  }
}
