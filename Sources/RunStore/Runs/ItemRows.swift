import BatchDomain

/// The items of a run in the table of items, where a row has those of a planned chunk, or a part of them: what came in one
/// batch, ``itemsPerRow`` at most. Rows are never changed.
struct ItemRows: Sendable {
  /// Items in a row at most: whoever looks for one item reads its row.
  static let itemsPerRow = 256

  /// `run.id`.
  let run: Int64

  /// Records the items of a batch.
  ///
  /// - Parameter chunks: the chunks that ended in this batch; each begins a new row, so that it can be read as a whole.
  func insert(_ batch: ItemBatch, chunks: [PlannedChunk], in connection: Connection) throws {
    let statement = try connection.prepare(
      "INSERT INTO item_block (position, item_count, in_wire_form, checksum, sources) VALUES (?, ?, ?, ?, ?)")
    defer { statement.reset() }
    let all = batch.firstSequence..<batch.firstSequence + batch.entries.count
    var cuts = chunks.map { $0.firstItem + $0.itemCount }.filter(all.contains)[...]
    var array: [UInt8] = []
    var first = all.lowerBound
    while first < all.upperBound {
      cuts = cuts.drop { $0 <= first }
      let end = min(cuts.first ?? all.upperBound, first + Self.itemsPerRow, all.upperBound)
      defer { first = end }
      let isInWireForm = batch.gather(first - all.lowerBound..<end - all.lowerBound, into: &array)
      try array.withUnsafeBytes { text in
        try statement.bind(position(first), at: 1)
        try statement.bind(Int64(end - first), at: 2)
        try statement.bind(isInWireForm ? 1 : 0, at: 3)
        try statement.bind(
          ItemBlock.checksum(of: text, at: position(first), isInWireForm: isInWireForm), at: 4)
        try statement.bind(keeping: text, at: 5)
        _ = try statement.step()
        statement.rewind()
      }
    }
  }

  /// Looks at a range of items in order, at those of them that are there.
  func forEach(
    _ items: Range<Int>, in connection: Connection, look: (Int, UnsafeBufferPointer<UInt8>) throws -> Void
  ) throws {
    try forEachBlock(with: items, in: connection) { try $0.forEach(in: items, look) }
  }

  /// Looks at the rows that have items of a range, in order.
  func forEachBlock(
    with items: Range<Int>, in connection: Connection, look: (ItemBlock) throws -> Void
  ) throws {
    try connection.forEach(
      """
      SELECT \(ItemBlock.columns) FROM item_block
      WHERE position >= coalesce((SELECT max(position) FROM item_block WHERE position BETWEEN ?1 AND ?2), ?2)
        AND position < ?3 ORDER BY position
      """, .integer(position(0)), .integer(position(items.lowerBound)), .integer(position(items.upperBound))
    ) { try look(ItemBlock($0)) }
  }

  /// Looks at the rows that begin within a range of items, in order.
  func forEachBlock(
    beginningIn items: Range<Int>, in connection: Connection, look: (ItemBlock) throws -> Void
  ) throws {
    try connection.forEach(
      """
      SELECT \(ItemBlock.columns) FROM item_block WHERE position >= ? AND position < ? ORDER BY position
      """, .integer(position(items.lowerBound)),
      .integer(position(min(items.upperBound, 1 << Int(ItemPosition.runShift))))
    ) { try look(ItemBlock($0)) }
  }

  /// Where the first row begins that does not begin before an item; `nil` when there is none.
  func nextBlock(from sequence: Int, in connection: Connection) throws -> Int? {
    try connection.first(
      "SELECT position FROM item_block WHERE position >= ? AND position < ? ORDER BY position LIMIT 1",
      .integer(position(sequence)), .integer(ItemPosition.of(run: run + 1, sequence: 0))
    ) { ItemPosition.sequence(at: Int64($0.int(0))) }
  }

  /// The fields of a range of items, in order: all of them, from rows that are as they were recorded. What is concluded
  /// from items must not be concluded from a part of them.
  ///
  /// - Throws: ``StoreError`` with code `damaged`.
  func texts(of items: Range<Int>, in connection: Connection) throws -> [ItemText] {
    var texts: [ItemText] = []
    var isIntact = true
    try forEachBlock(with: items, in: connection) { block in
      if block.isIntact == false { isIntact = false }
      block.forEach(in: items) { _, source in texts.append(ItemText(source)) }
    }
    guard isIntact, texts.count == items.count else {
      throw StoreError(
        .damaged,
        "items \(items.lowerBound) to \(items.upperBound - 1) are not those that were recorded",
        remedy: "`orchestrate verify` shows where; restore the database from a backup")
    }
    return texts
  }

  /// Whether the rows that have items of a range may have a text somewhere. What is written with a backslash may be
  /// anything.
  func mayHave(_ text: String, in items: Range<Int>, _ connection: Connection) throws -> Bool {
    try connection.first(
      """
      SELECT 1 FROM item_block
      WHERE position >= coalesce((SELECT max(position) FROM item_block WHERE position BETWEEN ?1 AND ?2), ?2)
        AND position < ?3 AND (instr(sources, ?4) > 0 OR instr(sources, '\\') > 0) LIMIT 1
      """, .integer(position(0)), .integer(position(items.lowerBound)), .integer(position(items.upperBound)),
      .text(text)
    ) { _ in true } ?? false
  }

  /// Looks at the first items of a range that are there, in order.
  func forEach(
    _ items: Range<Int>, limit: Int, in connection: Connection,
    look: (Int, UnsafeBufferPointer<UInt8>) throws -> Void
  ) throws {
    var next = items.lowerBound
    var found = 0
    // As a rule one round; more only where items are missing.
    while found < limit, next < items.upperBound {
      let end = min(items.upperBound, next + limit - found)
      try forEach(next..<end, in: connection) {
        found += 1
        try look($0, $1)
      }
      next = end
    }
  }

  /// The source texts of items, by their sequence numbers; those that are not there are left out. Items of one row cost
  /// one look at it.
  func sources(of sequences: Set<Int>, in connection: Connection) throws -> [Int: [UInt8]] {
    var sources: [Int: [UInt8]] = [:]
    var left = sequences.sorted()[...]
    while let first = left.first {
      let end = try connection.first(
        """
        SELECT \(ItemBlock.columns) FROM item_block WHERE position BETWEEN ? AND ? ORDER BY position DESC LIMIT 1
        """, .integer(position(0)), .integer(position(first))
      ) { row in
        let block = ItemBlock(row)
        block.forEach(in: first..<max(first, block.items.upperBound)) { sequence, source in
          if sequences.contains(sequence) { sources[sequence] = [UInt8](source) }
        }
        return block.items.upperBound
      }
      left = left.drop { $0 < max(first + 1, end ?? 0) }
    }
    return sources
  }

  private func position(_ sequence: Int) -> Int64 { ItemPosition.of(run: run, sequence: sequence) }
}

extension ItemBatch {
  /// Makes `array` the array of some entries' source texts.
  ///
  /// - Returns: whether their wire forms are the same.
  fileprivate func gather(_ range: Range<Int>, into array: inout [UInt8]) -> Bool {
    array.removeAll(keepingCapacity: true)
    var isInWireForm = true
    bytes.withUnsafeBufferPointer { bytes in
      for entry in entries[range] {
        // The wire form only leaves bytes out, so one as long as its source is its source.
        if entry.wireLength != entry.length { isInWireForm = false }
        SourceArray.append(
          UnsafeBufferPointer(rebasing: bytes[entry.offset..<entry.offset + entry.length]), to: &array)
      }
    }
    SourceArray.close(&array)
    return isInWireForm
  }
}
