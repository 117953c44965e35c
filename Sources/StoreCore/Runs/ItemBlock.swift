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

/// How the items of a row were written, as the column `layouts` of `item_block` has it.
///
/// Items that follow one another with one layout are a group. The column begins with the XXH64 of the rest, eight bytes,
/// seeded with the row's position. Then comes each group: how many items it has, how many texts its layout has, and the
/// length and bytes of each text. Numbers have seven bits in a byte, the lowest first; all bytes but the last have the
/// eighth bit.
struct ItemLayouts {
  private var groups: [(items: Int, layout: ItemLayout)] = []

  /// The layouts of some entries of a batch.
  init(_ entries: ArraySlice<ItemBatch.Entry>, of batch: ItemBatch) {
    var last: Int?
    for entry in entries {
      if entry.layout == last {
        groups[groups.count - 1].items += 1
      } else {
        groups.append((1, batch.layouts[entry.layout]))
        last = entry.layout
      }
    }
  }

  /// The layouts in a column of the row at a position; `nil` when they are damaged.
  init?(_ column: UnsafeRawBufferPointer, at position: Int64) {
    guard var rest = Self.checked(column, at: position) else { return nil }
    while !rest.isEmpty {
      guard let items = Self.takeNumber(&rest), let count = Self.takeNumber(&rest), count <= rest.count
      else { return nil }
      var gaps: [[UInt8]] = []
      for _ in 0..<count {
        guard let length = Self.takeNumber(&rest), length <= rest.count else { return nil }
        gaps.append(Array(rest.prefix(length)))
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(length))
      }
      groups.append((items, ItemLayout(gaps: gaps)))
    }
  }

  /// Whether no item is written otherwise than it is sent.
  var areNone: Bool { groups.allSatisfy { $0.layout == .none } }

  /// The layout of each item, in order.
  var each: some Sequence<ItemLayout> {
    groups.lazy.flatMap { group in repeatElement(group.layout, count: group.items) }
  }

  /// The column for the row at a position.
  func column(at position: Int64) -> [UInt8] {
    var text: [UInt8] = []
    for group in groups {
      Self.append(group.items, to: &text)
      Self.append(group.layout.gaps.count, to: &text)
      for gap in group.layout.gaps {
        Self.append(gap.count, to: &text)
        text.append(contentsOf: gap)
      }
    }
    return Self.sealed(text, at: position)
  }

  /// What the column has behind its checksum; `nil` when it is damaged.
  private static func checked(_ column: UnsafeRawBufferPointer, at position: Int64) -> UnsafeRawBufferPointer?
  {
    let head = MemoryLayout<UInt64>.size
    guard column.count >= head else { return nil }
    let rest = UnsafeRawBufferPointer(rebasing: column.dropFirst(head))
    let stored = UInt64(littleEndian: column.loadUnaligned(as: UInt64.self))
    return stored == XXHash64.hash(rest, seed: UInt64(bitPattern: position)) ? rest : nil
  }

  /// The column without its checksum, which depends on the position; `nil` when it is damaged.
  static func unsealed(_ column: UnsafeRawBufferPointer, at position: Int64) -> [UInt8]? {
    checked(column, at: position).map { [UInt8]($0) }
  }

  /// The column for the row at a position, of what ``unsealed(_:at:)`` gave.
  static func sealed(_ text: [UInt8], at position: Int64) -> [UInt8] {
    let checksum = text.withUnsafeBytes { XXHash64.hash($0, seed: UInt64(bitPattern: position)) }
    return withUnsafeBytes(of: checksum.littleEndian) { Array($0) } + text
  }

  private static func append(_ number: Int, to text: inout [UInt8]) {
    var rest = number
    while rest > 0x7F {
      text.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    text.append(UInt8(rest))
  }

  private static func takeNumber(_ text: inout UnsafeRawBufferPointer) -> Int? {
    var number = 0
    for (place, byte) in text.prefix(5).enumerated() {
      number |= Int(byte & 0x7F) << (7 * place)
      if byte & 0x80 == 0 {
        text = UnsafeRawBufferPointer(rebasing: text.dropFirst(place + 1))
        return number
      }
    }
    return nil
  }
}
