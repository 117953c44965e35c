import BatchDomain

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
    let head = MemoryLayout<UInt64>.size
    guard column.count >= head else { return nil }
    var rest = UnsafeRawBufferPointer(rebasing: column.dropFirst(head))
    let stored = UInt64(littleEndian: column.loadUnaligned(as: UInt64.self))
    guard stored == XXHash64.hash(rest, seed: UInt64(bitPattern: position)) else { return nil }
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
