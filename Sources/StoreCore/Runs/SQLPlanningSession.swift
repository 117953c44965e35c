import BatchDomain
import KillPoints
import NIOConcurrencyHelpers

/// A run that is being planned: its items and chunks are written batch by batch, each batch one bounded
/// transaction. Only the last one, which makes it a run that can be sent, has to be durable, and makes the others so: a
/// plan that a power cut took a part of is made anew.
final class SQLPlanningSession: PlanningSession {
  /// Items removed in one transaction when a plan is abandoned, up to a row more.
  static let removalBatch: Int64 = 50_000

  let run: RunID
  private let store: SQLStore.Parts
  private let row: Int64
  private let settings: RunSettings
  /// What a chunk needs first.
  private let step: ChunkStep
  /// Items whose chunk has to be marked once all chunks are there: another item of their index has their name.
  private let clashes = NIOLockedValueBox<[Int]>([])
  private let nextChunk = NIOLockedValueBox(0)

  private var database: Database { store.database }

  init(store: SQLStore.Parts, row: Int64, run: RunID, settings: RunSettings) {
    self.store = store
    self.row = row
    self.run = run
    self.settings = settings
    step = settings.profile.firstStep
  }

  func append(_ batch: ItemBatch, chunks: [PlannedChunk]) async throws {
    clashes.withLockedValue { $0.append(contentsOf: batch.earlierClashes) }
    let first = number(chunks)
    try await database.write(isDurable: false) { [row, step] connection in
      try ItemRows(run: row).insert(batch, chunks: chunks, in: connection)
      KillPoint.inPlanning.reached()
      try Self.insert(chunks, from: first, run: row, step: step, in: connection)
    }
  }

  func add(_ chunks: [PlannedChunk]) async throws {
    let first = number(chunks)
    try await database.write(isDurable: false) { [row, step] connection in
      try Self.insert(chunks, from: first, run: row, step: step, in: connection)
    }
  }

  /// Numbers the next chunks; the first of them has the number returned.
  private func number(_ chunks: [PlannedChunk]) -> Int {
    nextChunk.withLockedValue { next in
      defer { next += chunks.count }
      return next
    }
  }

  private static func insert(
    _ chunks: [PlannedChunk], from first: Int, run row: Int64, step: ChunkStep, in connection: Connection
  ) throws {
    guard !chunks.isEmpty else { return }
    let columns = [
      "run", "number", "first_item", "item_count", "byte_count", "digest", "index_id", "names_clash", "state",
      "step",
    ]
    try connection.insert(into: "chunk", columns) { rows in
      for (offset, chunk) in chunks.enumerated() {
        try rows.put(.integer(row))
        try rows.put(.integer(first + offset))
        try rows.put(.integer(chunk.firstItem))
        try rows.put(.integer(chunk.itemCount))
        try rows.put(.integer(chunk.byteCount))
        try rows.put(.blob(chunk.digest))
        try rows.put(.text(chunk.indexID?.rawValue))
        try rows.put(.flag(chunk.nameClashes))
        try rows.put(.text(ChunkState.pending.rawValue))
        try rows.put(.text(step.rawValue))
        try rows.endRow()
      }
    }
  }

  func texts(of sequences: [Int]) async throws -> [[UInt8]] {
    try await database.write(isDurable: false) { [row, run] connection in
      let texts = try ItemRows(run: row).texts(of: Set(sequences), in: connection)
      return try sequences.map { sequence in
        guard let text = texts[sequence] else {
          throw StoreError(.damaged, "item \(sequence) of run \(run) was recorded and is not there")
        }
        return text
      }
    }
  }

  func fingerprints(from first: Int, limit: Int) async throws -> [ItemFingerprint] {
    try await store.reader.read { [row] connection in
      var maker = FingerprintMaker()
      var fingerprints: [ItemFingerprint] = []
      try ItemRows(run: row).forEach(first..<first + limit, in: connection) {
        fingerprints.append(maker.fingerprint(of: $1))
      }
      return fingerprints
    }
  }

  func sources(from first: Int, limit: Int) async throws -> [StoredItem] {
    try await store.reader.read { [row] connection in
      var items: [StoredItem] = []
      try ItemRows(run: row).forEachSource(first..<first + limit, limit: limit, in: connection) {
        items.append(StoredItem(sequence: $0, source: $1))
      }
      return items
    }
  }

  private enum Completed: Sendable {
    case planned(owner: Int64, origin: Int64, destination: Int64)
    case repeats(RunID)
    case nothingNew
    case outdated
  }

  func complete(_ totals: PlanTotals, at now: Timestamp) async throws -> PlanCompletion {
    let flagged = clashes.withLockedValue { $0 }
    let completed = try await database.write(scope: .store) {
      [row, run, engine = store.engine] connection -> Completed in
      if let skips = totals.skips {
        guard try SQLStore.knownRevision(in: connection) == skips.revision else { return .outdated }
        if skips.refusesRepeats, totals.items == 0,
          let earlier = try Self.earlierRun(than: row, of: totals, in: connection)
        {
          return .repeats(earlier)
        }
        try Self.record(skips, of: row, in: connection)
      } else if let earlier = try Self.earlierRun(than: row, of: totals, in: connection) {
        return .repeats(earlier)
      }
      try Self.markClashes(of: flagged, run: row, in: connection)
      try SQLStore.reviseKnown(in: connection)
      guard totals.items > 0 else {
        try Self.finish(row, run, totals, at: now, in: connection)
        try engine.disown(row, in: connection)
        return .nothingNew
      }
      let changed = try connection.run(
        """
        UPDATE run SET state = 'running', items = ?, repeated = ?, manifest_digest = ?
        WHERE id = ? AND state = 'planning'
        """,
        .integer(totals.items), .integer(totals.repeated), .blob(totals.digest), .integer(row))
      let found = try connection.first(
        """
        SELECT owner, origin, (SELECT id FROM destination WHERE url = run.destination) FROM run WHERE id = ?
        """, .integer(row)
      ) { (Int64($0.int(0)), Int64($0.int(1)), Int64($0.int(2))) }
      guard changed == 1, let found else { throw Self.takenOver(run) }
      return .planned(owner: found.0, origin: found.1, destination: found.2)
    }
    switch completed {
    case .repeats(let earlier):
      return .repeats(earlier)
    case .outdated:
      return .outdated
    case .nothingNew:
      store.engine.releaseRun(row)
      return .nothingNew
    case .planned(let owner, let origin, let destination):
      try await database.checkpoint(truncating: false)
      return .planned(
        SQLRunSession(
          store: store, row: row, run: run, owner: owner, origin: origin, destination: destination,
          settings: settings))
    }
  }

  /// Records what the run leaves out.
  private static func record(
    _ skips: PlanTotals.Skips, of row: Int64, in connection: Connection
  ) throws {
    for group in skips.groups {
      try connection.run(
        """
        INSERT INTO run_skipped (run, kind, earlier, code, items) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (run, kind, earlier, code) DO UPDATE SET items = run_skipped.items + excluded.items
        """, .integer(row), .text(group.kind.word), .text(group.run.rawValue), .text(group.code ?? ""),
        .integer(group.items))
    }
    try connection.run(
      "UPDATE run SET skipped = ?, items_digest = ? WHERE id = ?",
      .integer(skips.groups.reduce(0) { $0 + $1.items }), .blob(skips.itemsDigest), .integer(row))
  }

  /// Ends a run of which every item is known.
  private static func finish(
    _ row: Int64, _ run: RunID, _ totals: PlanTotals, at now: Timestamp, in connection: Connection
  ) throws {
    let changed = try connection.run(
      """
      UPDATE run SET state = 'finished', finished_at = ?, items = 0, repeated = ?, manifest_digest = ?, request = NULL
      WHERE id = ? AND state = 'planning'
      """, .integer(now.milliseconds), .integer(totals.repeated), .blob(totals.digest), .integer(row))
    guard changed == 1 else { throw takenOver(run) }
  }

  private static func takenOver(_ run: RunID) -> StoreError {
    StoreError(
      .conflict, "run \(run) was planned, and another process took it over meanwhile",
      remedy: "\(command: .report(run)) shows how it stands")
  }

  /// Marks the chunks of items whose name another item has: in one walk along the chunks, and with one change for each
  /// range of neighbours.
  private static func markClashes(of items: [Int], run row: Int64, in connection: Connection) throws {
    guard !items.isEmpty else { return }
    var left = items.sorted()[...]
    var ranges: [ClosedRange<Int>] = []
    var last: Int?
    func close(before end: Int) {
      guard let number = last, let item = left.first, item < end else { return }
      left = left.drop { $0 < end }
      if let range = ranges.last, range.upperBound + 1 == number {
        ranges[ranges.count - 1] = range.lowerBound...number
      } else {
        ranges.append(number...number)
      }
    }
    try connection.forEach(
      "SELECT first_item, number FROM chunk INDEXED BY chunk_items WHERE run = ? ORDER BY first_item",
      .integer(row)
    ) { chunk in
      close(before: chunk.int(0))
      last = chunk.int(1)
    }
    close(before: .max)
    for range in ranges {
      try connection.run(
        "UPDATE chunk SET names_clash = 1 WHERE run = ? AND number BETWEEN ? AND ?", .integer(row),
        .integer(range.lowerBound), .integer(range.upperBound))
    }
  }

  /// Another run of the same manifest and destination, unless this one was told to be sent all the same. Asked in
  /// the transaction that makes this run one, so that of two submissions at once only one passes.
  private static func earlierRun(
    than row: Int64, of totals: PlanTotals, in connection: Connection
  ) throws -> RunID? {
    let mine = try connection.first(
      "SELECT destination FROM run WHERE id = ? AND again = 0", .integer(row)
    ) { $0.text(0) }
    guard let mine else { return nil }
    return try latestRun(of: totals.digest, to: mine, besides: row, in: connection)
  }

  /// The latest run of a manifest and destination, perhaps removed since.
  ///
  /// - Parameter row: a run that does not count.
  static func latestRun(
    of digest: [UInt8], to destination: String, besides row: Int64? = nil, in connection: Connection
  ) throws -> RunID? {
    let wanted = Origin.canonical(destination)
    let others = try connection.rows(
      """
      SELECT run_id, destination FROM run
      WHERE manifest_digest = ?1 AND manifest_digest IS NOT NULL AND id <> coalesce(?2, 0)
        AND \(RemovedRuns.areOthers)
      UNION ALL SELECT run_id, destination FROM removed_run
      WHERE manifest_digest = ?1 AND manifest_digest IS NOT NULL
      ORDER BY run_id DESC
      """, .blob(digest), .integer(row)
    ) { (run: $0.text(0), destination: $0.text(1)) }
    // One service has several spellings.
    return others.first { Origin.canonical($0.destination) == wanted }.flatMap { RunID(rawValue: $0.run) }
  }

  func abandon() async throws {
    try await clear()
    try await database.write { [row] connection in
      try connection.run("DELETE FROM run WHERE id = ?", .integer(row))
    }
    store.engine.releaseRun(row)
  }

  /// Removes the items and chunks, in transactions of bounded size.
  func clear() async throws {
    let end = ItemPosition.of(run: row + 1, sequence: 0)
    while true {
      let removed = try await database.write { [row] connection -> Int in
        let start = ItemPosition.of(run: row, sequence: 0)
        let last = try connection.first(
          "SELECT max(position) FROM item_block WHERE position >= ? AND position < ?", .integer(start),
          .integer(end)
        ) { $0.optionalInt(0) }
        guard let last = last ?? nil else { return 0 }
        return try connection.run(
          "DELETE FROM item_block WHERE position > ? AND position <= ?",
          .integer(max(start - 1, Int64(last) - Self.removalBatch)), .integer(last))
      }
      if removed == 0 { break }
    }
    try await database.write { [row] connection in
      try connection.run("DELETE FROM chunk WHERE run = ?", .integer(row))
      try connection.run("DELETE FROM tally WHERE run = ?", .integer(row))
    }
    clashes.withLockedValue { $0.removeAll() }
    nextChunk.withLockedValue { $0 = 0 }
  }
}
