import BatchDomain

/// The items of a run in the table of items, where a row has those of a planned chunk, or the part of them that came in
/// one batch. Rows are never changed.
struct ItemRows: Sendable {
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
    let cuts = chunks.map { $0.firstItem + $0.itemCount }.filter { all.contains($0) && $0 > all.lowerBound }
    var array: [UInt8] = []
    for (first, end) in zip([all.lowerBound] + cuts, cuts + [all.upperBound]) where first < end {
      let isInWireForm = batch.gather(first - all.lowerBound..<end - all.lowerBound, into: &array)
      try array.withUnsafeBytes { text in
        try statement.bind(position(first), at: 1)
        try statement.bind(Int64(end - first), at: 2)
        try statement.bind(isInWireForm ? 1 : 0, at: 3)
        try statement.bind(ItemBlock.checksum(of: text, at: position(first)), at: 4)
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
      """, .integer(position(items.lowerBound)), .integer(position(items.upperBound))
    ) { try look(ItemBlock($0)) }
  }

  /// Where the first row begins that does not begin before an item; `nil` when there is none.
  func nextBlock(from sequence: Int, in connection: Connection) throws -> Int? {
    try connection.first(
      "SELECT position FROM item_block WHERE position >= ? AND position < ? ORDER BY position LIMIT 1",
      .integer(position(sequence)), .integer(ItemPosition.of(run: run + 1, sequence: 0))
    ) { ItemPosition.sequence(at: Int64($0.int(0))) }
  }

  /// The fields of a range of items, in order.
  func texts(of items: Range<Int>, in connection: Connection) throws -> [ItemText] {
    var texts: [ItemText] = []
    try forEach(items, in: connection) { _, source in texts.append(ItemText(source)) }
    return texts
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
