import BatchDomain
import Synchronization

/// A run that is being planned: its items and chunks are written batch by batch, each batch one bounded
/// transaction.
final class SQLitePlanningSession: PlanningSession {
  /// Rows removed in one transaction when a plan is given up.
  static let removalBatch: Int64 = 50_000

  let run: RunID
  private let database: Database
  private let row: Int64
  private let settings: RunSettings
  /// Items whose chunk has to be marked once all chunks are there: another item of their index has their name.
  private let clashes = Mutex<[Int]>([])
  private let nextChunk = Mutex(0)

  init(database: Database, row: Int64, run: RunID, settings: RunSettings) {
    self.database = database
    self.row = row
    self.run = run
    self.settings = settings
  }

  func append(_ batch: ItemBatch) async throws {
    clashes.withLock { $0.append(contentsOf: batch.earlierClashes) }
    try await database.write { [row] connection in
      let statement = try connection.prepare("INSERT INTO item (position, source) VALUES (?, ?)")
      defer { statement.reset() }
      try batch.bytes.withUnsafeBytes { bytes in
        var position = ItemPosition.of(run: row, sequence: batch.firstSequence)
        for entry in batch.entries {
          try statement.bind(position, at: 1)
          let text = UnsafeRawBufferPointer(rebasing: bytes[entry.offset..<entry.offset + entry.length])
          try statement.bind(text: text, at: 2)
          _ = try statement.step()
          statement.reset()
          position += 1
        }
      }
    }
  }

  func add(_ chunks: [PlannedChunk]) async throws {
    guard !chunks.isEmpty else { return }
    let first = nextChunk.withLock { next in
      defer { next += chunks.count }
      return next
    }
    try await database.write { [row] connection in
      for (offset, chunk) in chunks.enumerated() {
        try connection.run(
          """
          INSERT INTO chunk (run, number, first_item, item_count, byte_count, digest, index_id, names_clash,
                             state)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending')
          """,
          .integer(row), .integer(first + offset), .integer(chunk.firstItem), .integer(chunk.itemCount),
          .integer(chunk.byteCount), .blob(chunk.digest), .text(chunk.indexID), .flag(chunk.nameClashes))
      }
    }
  }

  func sources(of sequences: [Int]) async throws -> [[UInt8]] {
    try await database.write { [row, run] connection in
      try sequences.map { sequence in
        let source = try connection.first(
          "SELECT source FROM item WHERE position = ?",
          .integer(ItemPosition.of(run: row, sequence: sequence))
        ) { [UInt8]($0.bytes(0)) }
        guard let source else {
          throw StoreError(.damaged, "item \(sequence) of run \(run) was recorded and is not there")
        }
        return source
      }
    }
  }

  func complete(_ totals: PlanTotals, at now: Timestamp) async throws -> any RunSession {
    let flagged = clashes.withLock { $0 }
    let (owner, origin) = try await database.write { [row] connection -> (Int64, Int64) in
      for item in flagged {
        try connection.run(
          """
          UPDATE chunk SET names_clash = 1 WHERE run = ?1 AND first_item =
            (SELECT max(first_item) FROM chunk WHERE run = ?1 AND first_item <= ?2)
          """,
          .integer(row), .integer(item))
      }
      try connection.run(
        """
        UPDATE run SET state = 'running', items = ?, repeated = ?, manifest_digest = ?
        WHERE id = ? AND state = 'planning'
        """,
        .integer(totals.items), .integer(totals.repeated), .blob(totals.digest), .integer(row))
      let found = try connection.first("SELECT owner, origin FROM run WHERE id = ?", .integer(row)) {
        (Int64($0.int(0)), Int64($0.int(1)))
      }
      guard let found else { throw StoreError(.damaged, "the run that was planned is not there") }
      return found
    }
    try await database.checkpoint(truncating: false)
    return SQLiteRunSession(
      database: database, row: row, run: run, owner: owner, origin: origin, settings: settings)
  }

  func abandon() async throws {
    try await clear()
    try await database.write { [row] connection in
      try connection.run("DELETE FROM run WHERE id = ?", .integer(row))
    }
    database.locks.releaseRun(row)
  }

  /// Removes the items and chunks, in transactions of bounded size.
  func clear() async throws {
    let end = ItemPosition.of(run: row + 1, sequence: 0)
    while true {
      let removed = try await database.write { [row] connection -> Int in
        let start = ItemPosition.of(run: row, sequence: 0)
        let last = try connection.first(
          "SELECT max(position) FROM item WHERE position >= ? AND position < ?", .integer(start),
          .integer(end)
        ) { $0.optionalInt(0) }
        guard let last = last ?? nil else { return 0 }
        return try connection.run(
          "DELETE FROM item WHERE position > ? AND position <= ?",
          .integer(max(start - 1, Int64(last) - Self.removalBatch)), .integer(last))
      }
      if removed == 0 { break }
    }
    try await database.write { [row] connection in
      try connection.run("DELETE FROM chunk WHERE run = ?", .integer(row))
      try connection.run("DELETE FROM tally WHERE run = ?", .integer(row))
    }
    clashes.withLock { $0.removeAll() }
    nextChunk.withLock { $0 = 0 }
  }
}
