import BatchDomain

/// The items of a run in the table of items, where a row has those of a planned chunk, or a part of them: what came in one
/// batch, ``itemsPerRow`` at most. Rows are never changed.
struct ItemRows: Sendable {
  /// Items in a row at most: to look for one item, its row is read.
  static let itemsPerRow = 256

  /// `run.id`.
  let run: Int64

  /// Records the items of a batch.
  ///
  /// - Parameter chunks: the chunks that ended in this batch; each begins a new row, so that it can be read as a whole.
  func insert(_ batch: ItemBatch, chunks: [PlannedChunk], in connection: Connection) throws {
    let columns = ["position", "item_count", "in_wire_form", "checksum", "sources", "layouts"]
    try connection.insert(into: "item_block", columns) { try put(batch, chunks: chunks, into: $0) }
  }

  private func put(_ batch: ItemBatch, chunks: [PlannedChunk], into rows: any RowSink) throws {
    let all = batch.firstSequence..<batch.firstSequence + batch.entries.count
    var cuts = chunks.map { $0.firstItem + $0.itemCount }.filter(all.contains)[...]
    var array: [UInt8] = []
    var first = all.lowerBound
    while first < all.upperBound {
      cuts = cuts.drop { $0 <= first }
      let end = min(cuts.first ?? all.upperBound, first + Self.itemsPerRow, all.upperBound)
      defer { first = end }
      let entries = batch.entries[first - all.lowerBound..<end - all.lowerBound]
      batch.gather(entries, into: &array)
      let layouts = ItemLayouts(entries, of: batch)
      try array.withUnsafeBytes { text in
        try rows.put(.integer(position(first)))
        try rows.put(.integer(end - first))
        try rows.put(.flag(true))
        try rows.put(.integer(ItemBlock.checksum(of: text, at: position(first), isInWireForm: true)))
        try rows.put(keeping: text)
        try rows.put(.blob(layouts.areNone ? nil : layouts.column(at: position(first))))
        try rows.endRow()
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
    with items: Range<Int>, columns: String = ItemBlock.columns, in connection: Connection,
    look: (ItemBlock) throws -> Void
  ) throws {
    try connection.forEach(
      """
      SELECT \(columns) FROM item_block
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
      SELECT \(ItemBlock.columnsAndLayouts) FROM item_block WHERE position >= ? AND position < ? ORDER BY position
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

  /// Looks at the source texts of the first items of a range that are there, in order, byte for byte as they came.
  ///
  /// - Throws: ``StoreError`` with code `damaged` where a row does not say any more how its items were written.
  func forEachSource(
    _ items: Range<Int>, limit: Int, in connection: Connection, look: (Int, [UInt8]) -> Void
  ) throws {
    try firstOf(items, limit: limit) { part in
      var found = 0
      try forEachBlock(with: part, columns: ItemBlock.columnsAndLayouts, in: connection) { block in
        guard
          block.forEachSource(
            in: part,
            {
              found += 1; look($0, $1)
            })
        else {
          throw StoreError(
            .damaged,
            "the row of item \(block.items.lowerBound) does not say any more how its items were written",
            remedy: "\(command: .verify(nil)) shows where; restore the database from a backup")
        }
      }
      return found
    }
  }

  /// The fields of a range of items, in order: all of them, from rows that are as they were recorded. What is concluded
  /// from items must not be concluded from a part of them.
  ///
  /// - Throws: ``StoreError`` with code `damaged`.
  func texts(of items: Range<Int>, in connection: Connection) throws -> [Item] {
    var texts: [Item] = []
    var isIntact = true
    try forEachBlock(with: items, in: connection) { block in
      if block.isIntact == false { isIntact = false }
      block.forEach(in: items) { _, source in texts.append(Item(source)) }
    }
    guard isIntact, texts.count == items.count else {
      throw StoreError(
        .damaged,
        "items \(items.lowerBound) to \(items.upperBound - 1) are not those that were recorded",
        remedy: "\(command: .verify(nil)) shows where; restore the database from a backup")
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
        AND position < ?3 AND (\(connection.dialect.contains("sources", "?4")) OR \(connection.dialect.contains("sources", "?5"))) LIMIT 1
      """, .integer(position(0)), .integer(position(items.lowerBound)), .integer(position(items.upperBound)),
      .blob(Array(text.utf8)), .blob([UInt8(ascii: "\\")])
    ) { _ in true } ?? false
  }

  /// Looks at the first items of a range that are there, in order.
  func forEach(
    _ items: Range<Int>, limit: Int, in connection: Connection,
    look: (Int, UnsafeBufferPointer<UInt8>) throws -> Void
  ) throws {
    try firstOf(items, limit: limit) { part in
      var found = 0
      try forEach(part, in: connection) {
        found += 1
        try look($0, $1)
      }
      return found
    }
  }

  /// Reads parts of a range until as many items are found as are wanted.
  ///
  /// - Parameter read: reads a part, and returns how many items of it are there.
  private func firstOf(_ items: Range<Int>, limit: Int, _ read: (Range<Int>) throws -> Int) rethrows {
    var next = items.lowerBound
    var found = 0
    // As a rule one round; more only where items are missing.
    while found < limit, next < items.upperBound {
      let end = min(items.upperBound, next + limit - found)
      found += try read(next..<end)
      next = end
    }
  }

  /// The texts of items, by their sequence numbers; those that are not there are left out. Items of one row cost one look
  /// at it.
  func texts(of sequences: Set<Int>, in connection: Connection) throws -> [Int: [UInt8]] {
    var texts: [Int: [UInt8]] = [:]
    var left = sequences.sorted()[...]
    while let first = left.first {
      let end = try connection.first(
        """
        SELECT \(ItemBlock.columns) FROM item_block WHERE position BETWEEN ? AND ? ORDER BY position DESC LIMIT 1
        """, .integer(position(0)), .integer(position(first))
      ) { row in
        let block = ItemBlock(row)
        block.forEach(in: first..<max(first, block.items.upperBound)) { sequence, text in
          if sequences.contains(sequence) { texts[sequence] = [UInt8](text) }
        }
        return block.items.upperBound
      }
      left = left.drop { $0 < max(first + 1, end ?? 0) }
    }
    return texts
  }

  private func position(_ sequence: Int) -> Int64 { ItemPosition.of(run: run, sequence: sequence) }
}

extension ItemBatch {
  /// Makes `array` the array of some entries' wire forms.
  fileprivate func gather(_ entries: ArraySlice<Entry>, into array: inout [UInt8]) {
    array.removeAll(keepingCapacity: true)
    wire.withUnsafeBufferPointer { wire in
      for entry in entries {
        ItemArray.append(
          UnsafeBufferPointer(rebasing: wire[entry.offset..<entry.offset + entry.length]), to: &array)
      }
    }
    ItemArray.close(&array)
  }
}

/// Where an item stands in the table of items: `run.id * 2^40 + sequence`.
enum ItemPosition {
  /// Items a run can have: 2^40.
  static let runShift: Int64 = 40

  /// The position of an item; of one that no run can have, as a damaged chunk may say, the last one there is.
  static func of(run: Int64, sequence: Int) -> Int64 {
    let (position, isBeyond) = (run << runShift).addingReportingOverflow(Int64(sequence))
    return isBeyond ? .max : position
  }

  /// The sequence number of the item at a position.
  static func sequence(at position: Int64) -> Int { Int(position & ((1 << runShift) - 1)) }
}
