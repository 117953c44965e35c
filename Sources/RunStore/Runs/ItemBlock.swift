import BatchDomain

/// A row of the table of items: neighbours of one run, as one JSON array of their source texts.
struct ItemBlock {
  /// Columns that make a block, in the order ``init(_:)`` reads them.
  static let columns = "position, item_count, in_wire_form, checksum, sources"

  /// Sequence numbers of its items.
  let items: Range<Int>
  /// Whether the array is the content of a `file` part as it is.
  let isInWireForm: Bool
  private let row: Statement

  /// The block in a row that has the ``columns``; good until the next step or reset.
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

  /// Looks at items in order: those that are wanted and were recorded here.
  func forEach(in wanted: Range<Int>, _ look: (Int, UnsafeBufferPointer<UInt8>) throws -> Void) rethrows {
    let wanted = wanted.clamped(to: items)
    guard !wanted.isEmpty else { return }
    try withArray { array in
      for (sequence, source) in zip(items.lowerBound..<wanted.upperBound, SourceArray(array))
      where sequence >= wanted.lowerBound {
        try look(sequence, source)
      }
    }
  }
}
