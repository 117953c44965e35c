/// Finds the sequence numbers of items by a fingerprint of 64 bits, of which 42 count.
///
/// Ten bits choose one of 1,024 tables and are not stored; the table has 32 others. So a slot has eight bytes, and
/// items that merely share a fingerprint are rare: with 32 bits alone some 12,000 such pairs are to be expected among
/// ten million items, and each costs a read from the store. The tables grow one by one, so that no large table exists
/// twice.
package struct DuplicateIndex: Sendable {
  /// Sequence numbers are stored in 32 bits, and one value marks a free slot.
  package static let sequenceLimit = Int(UInt32.max) - 1

  private var tables = Array(repeating: FingerprintTable(), count: 1 << 10)

  /// Makes an empty index.
  package init() {}

  /// The next item from `slot` on that has the fingerprint: its sequence number, with `slot` moved behind it; nil
  /// at the end of the chain. A search starts at `start(of:)`.
  @inline(__always)
  package func next(_ fingerprint: UInt64, from slot: inout Int) -> Int? {
    tables[table(of: fingerprint)].next(Self.stored(fingerprint), from: &slot)
  }

  /// The slot where the search for a fingerprint starts.
  @inline(__always)
  package func start(of fingerprint: UInt64) -> Int {
    tables[table(of: fingerprint)].start(of: Self.stored(fingerprint))
  }

  /// Enters an item; `sequence` is from 0 to below `sequenceLimit`.
  package mutating func insert(_ fingerprint: UInt64, sequence: Int) {
    tables[table(of: fingerprint)].insert(Self.stored(fingerprint), mark: UInt32(sequence + 1))
  }

  @inline(__always)
  private func table(of fingerprint: UInt64) -> Int {
    Int(truncatingIfNeeded: fingerprint) & (tables.count - 1)
  }

  @inline(__always)
  private static func stored(_ fingerprint: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: fingerprint >> 32)
  }
}
