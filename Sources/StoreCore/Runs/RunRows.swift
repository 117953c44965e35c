import BatchDomain

/// All rows of a run, page by page: how much they are, or, for a run that nobody sees any more, their removal. What refers
/// to others goes before them, and the row of the run is the last.
///
/// Requests that began not long ago stay with their chunks: rates count them. The row of the run stays with them, and
/// the process that goes on later finds them.
struct RunRows: Sendable {
  private enum Stage: Sendable { case items, trackedItems, trackedVideos, chunks, run, end }

  /// `run.id`.
  private let run: Int64
  /// Requests that began at that moment or later stay.
  private let keptFrom: Timestamp
  private var stage = Stage.items
  /// Where the stage goes on: a position, a listing or the number of a chunk.
  private var next: Int64
  /// Whether chunks stay.
  private var keepsSome = false

  /// Longer than a request counts: a day is the longest window of a rate, and a commit may have taken long, or a clock may
  /// be put right.
  static let claimsCount: Duration = .seconds(26 * 3_600)

  /// Rows of the largest tables that are removed in one change, so that no other process waits for long: their items at most,
  /// their rows at most, and chunks with all that hangs on them.
  private static let itemsPerPage: Int64 = 50_000
  private static let rowsPerPage = 2_000
  private static let chunksPerPage = 500

  /// The rows of a run, of which none was looked at.
  init(run: Int64, at now: Timestamp) {
    self.run = run
    keptFrom = now - Self.claimsCount
    next = ItemPosition.of(run: run, sequence: 0)
  }

  /// Goes on to the next page.
  ///
  /// - Parameter isRemoving: whether the rows are removed.
  /// - Returns: about how many bytes the rows take, with their entries in indexes; `nil` at the end.
  mutating func page(isRemoving: Bool, in connection: Connection) throws -> Int? {
    while true {
      let bytes: Int? =
        switch stage {
        case .items: try positions(of: Self.items, isRemoving, in: connection)
        case .trackedItems: try positions(of: Self.trackedItems, isRemoving, in: connection)
        case .trackedVideos: try videos(isRemoving, in: connection)
        case .chunks: try chunks(isRemoving, in: connection)
        case .run: try ownRow(isRemoving, in: connection)
        case .end: nil
        }
      if let bytes { return bytes }
      switch stage {
      case .items: (stage, next) = (.trackedItems, ItemPosition.of(run: run, sequence: 0))
      case .trackedItems: (stage, next) = (.trackedVideos, 0)
      case .trackedVideos: (stage, next) = (.chunks, 0)
      case .chunks: stage = .run
      case .run: stage = .end
      case .end: return nil
      }
    }
  }

  // MARK: Tables whose keys are positions of items

  private struct PositionTable: Sendable {
    let name: String
    /// Bytes of a row, as SQL.
    let bytes: @Sendable (SQLDialect) -> String
  }

  private static let items = PositionTable(
    name: "item_block", bytes: { "\($0.byteCount("sources")) + coalesce(length(layouts), 0) + 32" })
  private static let trackedItems = PositionTable(
    name: "tracked_item",
    bytes: { _ in "150 + coalesce(length(external_id), 0) + coalesce(length(detail), 0)" })

  private mutating func positions(
    of table: PositionTable, _ isRemoving: Bool, in connection: Connection
  ) throws -> Int? {
    let end = ItemPosition.of(run: run + 1, sequence: 0)
    let first = try connection.first(
      "SELECT min(position) FROM \(table.name) WHERE position >= ? AND position < ?", .integer(next),
      .integer(end)
    ) { row in row.optionalInt(0).map { Int64($0) } }
    guard let first = first ?? nil else { return nil }
    let found = try connection.first(
      """
      SELECT max(position), sum(bytes) FROM
        (SELECT position, \(table.bytes(connection.dialect)) AS bytes FROM \(table.name)
         WHERE position >= ? AND position < ? ORDER BY position LIMIT ?) AS page
      """, .integer(first), .integer(min(end, first + Self.itemsPerPage)), .integer(Self.rowsPerPage)
    ) { (last: Int64($0.int(0)), bytes: $0.int(1)) }
    guard let found else { return nil }
    if isRemoving {
      try connection.run(
        "DELETE FROM \(table.name) WHERE position >= ? AND position <= ?", .integer(first),
        .integer(found.last))
    }
    next = found.last + 1
    return found.bytes
  }

  // MARK: What tracking put aside

  private mutating func videos(_ isRemoving: Bool, in connection: Connection) throws -> Int? {
    let found = try connection.first(
      "SELECT min(id) FROM tracked_listing WHERE run = ? AND id >= ?", .integer(run), .integer(next)
    ) { row in row.optionalInt(0).map { Int64($0) } }
    guard let listing = found ?? nil else { return nil }
    let sum = try connection.first(
      """
      SELECT count(*), coalesce(sum(80 + length(id) + coalesce(length(detail), 0)), 0) FROM
        (SELECT id, detail FROM tracked_video WHERE listing = ? ORDER BY mark, id LIMIT ?) AS page
      """, .integer(listing), .integer(isRemoving ? Self.rowsPerPage : .max)
    ) { (rows: $0.int(0), bytes: $0.int(1)) }
    if isRemoving {
      try connection.run(
        """
        DELETE FROM tracked_video WHERE listing = ?1 AND (mark, id) IN
          (SELECT mark, id FROM tracked_video WHERE listing = ?1 ORDER BY mark, id LIMIT ?2)
        """, .integer(listing), .integer(Self.rowsPerPage))
    }
    if !isRemoving || (sum?.rows ?? 0) < Self.rowsPerPage { next = listing + 1 }
    return sum?.bytes ?? 0
  }

  // MARK: Chunks, and what hangs on them

  /// Tables with a run and a chunk, those that refer to others first, and the bytes of a row, as SQL.
  private static let chunkTables = [
    ("settlement", "chunk", "150 + length(evidence) + coalesce(length(controls), 0)"),
    ("surplus", "chunk", "60 + length(external_id)"),
    (
      "attempt", "chunk",
      "150 + coalesce(length(code), 0) + coalesce(length(message), 0) + coalesce(length(external_id), 0)"
    ),
    (
      "chunk", "number",
      "130 + coalesce(length(index_id), 0) + coalesce(length(last_code), 0) + coalesce(length(last_message), 0)"
    ),
  ]

  private mutating func chunks(_ isRemoving: Bool, in connection: Connection) throws -> Int? {
    let page = try connection.first(
      """
      SELECT min(number), max(number) FROM
        (SELECT number FROM chunk WHERE run = ? AND number >= ? ORDER BY number LIMIT ?) AS page
      """, .integer(run), .integer(next), .integer(Self.chunksPerPage)
    ) { row in row.optionalInt(0).map { Int64($0)...Int64(row.int(1)) } }
    guard let range = page ?? nil else { return nil }
    next = range.upperBound + 1
    let (first, last) = (SQLValue.integer(range.lowerBound), SQLValue.integer(range.upperBound))
    let isYoung = try connection.first(
      "SELECT 1 FROM attempt WHERE run = ? AND chunk >= ? AND chunk <= ? AND started_at >= ? LIMIT 1",
      .integer(run), first, last, .integer(keptFrom.milliseconds)
    ) { _ in true }
    guard isYoung != true else {
      keepsSome = true
      return 0
    }
    if isRemoving {
      try connection.run(
        """
        UPDATE budget SET removals = removals + 1 WHERE (origin, step) IN
          (SELECT DISTINCT origin, step FROM attempt WHERE run = ? AND chunk >= ? AND chunk <= ?)
        """, .integer(run), first, last)
    }
    var bytes = 0
    for (table, column, size) in Self.chunkTables {
      let isIn = "run = ? AND \(column) >= ? AND \(column) <= ?"
      bytes +=
        try connection.first(
          "SELECT coalesce(sum(\(size)), 0) FROM \(table) WHERE \(isIn)", .integer(run), first, last
        ) { $0.int(0) } ?? 0
      if isRemoving {
        try connection.run("DELETE FROM \(table) WHERE \(isIn)", .integer(run), first, last)
      }
    }
    return bytes
  }

  // MARK: The run

  /// Tables with few rows for a run. The last one is that of the runs.
  private static let lastTables = [
    ("tracked_tally", "run"), ("tracked_listing", "run"), ("tracked_run", "run"), ("listing_lag", "run"),
    ("run_skipped", "run"), ("rate_share", "run"), ("tally", "run"), ("run", "id"),
  ]

  private mutating func ownRow(_ isRemoving: Bool, in connection: Connection) throws -> Int? {
    defer { stage = .end }
    guard !keepsSome else { return nil }
    let bytes = try connection.first(
      "SELECT 500 + length(settings) + length(manifest) FROM run WHERE id = ?", .integer(run)
    ) { $0.int(0) }
    if isRemoving {
      for (table, column) in Self.lastTables {
        try connection.run("DELETE FROM \(table) WHERE \(column) = ?", .integer(run))
      }
    }
    return bytes
  }
}
