import BatchDomain

/// A row of the table of items: neighbours of one run, as one JSON array of their texts.
struct ItemBlock {
  /// Columns that make a block, in the order ``init(_:)`` reads them.
  static let columns = "position, item_count, in_wire_form, checksum, sources"
  /// The same, and what ``forEachSource(in:_:)`` needs in addition: it lies behind the texts, so that others do not read it.
  static let columnsAndLayouts = columns + ", layouts"

  /// Sequence numbers of its items.
  let items: Range<Int>
  /// Whether the array is the content of a `file` part as it is.
  let isInWireForm: Bool
  private let row: Statement

  /// The block in a row that has the ``columns`` or the ``columnsAndLayouts``; good until the next step or reset.
  init(_ row: Statement) {
    let first = ItemPosition.sequence(at: Int64(row.int(0)))
    items = first..<first + min(max(0, row.int(1)), 1 << ItemPosition.runShift)
    isInWireForm = row.flag(2)
    self.row = row
  }

  /// The checksum of an array, as it is stored. Its seed is the position, complemented for an array in wire form: a row in
  /// another's place is damage, too, and so is one that is taken for what it is not.
  static func checksum(
    of array: UnsafeRawBufferPointer, at position: Int64, isInWireForm: Bool
  ) -> Int64 {
    let seed = UInt64(bitPattern: isInWireForm ? ~position : position)
    return Int64(bitPattern: XXHash64.hash(array, seed: seed))
  }

  /// Whether the array has the checksum it was recorded with; `nil` where there is none, in rows that came from an older
  /// schema.
  var isIntact: Bool? {
    row.optionalInt(3).map { stored in
      Int64(stored)
        == Self.checksum(of: row.bytes(4), at: Int64(row.int(0)), isInWireForm: isInWireForm)
    }
  }

  /// Looks at the array, which is there as long as the row is.
  func withArray<T>(_ look: (UnsafeBufferPointer<UInt8>) throws -> T) rethrows -> T {
    try row.bytes(4).withMemoryRebound(to: UInt8.self, look)
  }

  /// Looks at the texts of items in order, wire forms where the row is in wire form: those that are wanted and were
  /// recorded here.
  func forEach(in wanted: Range<Int>, _ look: (Int, UnsafeBufferPointer<UInt8>) throws -> Void) rethrows {
    let wanted = wanted.clamped(to: items)
    guard !wanted.isEmpty else { return }
    try withArray { array in
      for (sequence, source) in zip(items.lowerBound..<wanted.upperBound, ItemArray(array))
      where sequence >= wanted.lowerBound {
        try look(sequence, source)
      }
    }
  }

  /// Looks at the source texts of items in order, in a row that has the ``columnsAndLayouts``: those that are wanted and were recorded here.
  ///
  /// - Returns: whether it is known how they were written; where it is not, nothing more is looked at.
  func forEachSource(in wanted: Range<Int>, _ look: (Int, [UInt8]) -> Void) -> Bool {
    guard !row.isNull(5) else {
      forEach(in: wanted) { look($0, Array($1)) }
      return true
    }
    guard let layouts = ItemLayouts(row.bytes(5), at: Int64(row.int(0))) else { return false }
    let wanted = wanted.clamped(to: items)
    return withArray { array in
      for ((sequence, wire), layout) in zip(zip(items, ItemArray(array)), layouts.each)
      where wanted.contains(sequence) {
        var source: [UInt8] = []
        guard layout.appendSource(of: wire, to: &source) else { return false }
        look(sequence, source)
      }
      return true
    }
  }
}
