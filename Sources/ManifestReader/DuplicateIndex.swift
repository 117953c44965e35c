/// A compact open-addressing table from fingerprints to the sequence numbers of items: eight bytes a slot.
///
/// A fingerprint is both the place a search starts at and what is compared on the way; several items may share one.
package struct DuplicateIndex: Sendable {
  /// Sequence numbers are stored in 32 bits, and one value marks a free slot.
  package static let sequenceLimit = Int(UInt32.max) - 1

  private struct Slot {
    var fingerprint: UInt32 = 0
    /// The sequence number plus one; 0 in a free slot.
    var mark: UInt32 = 0
  }

  private var slots: [Slot]
  private var mask: Int
  private var fillLimit: Int
  /// How many items are in the table.
  package private(set) var count = 0

  /// Makes an empty table of `capacity` slots, a power of two.
  package init(capacity: Int = 1 << 10) {
    slots = Array(repeating: Slot(), count: capacity)
    mask = capacity - 1
    fillLimit = DuplicateIndex.fillLimit(capacity)
  }

  /// How many slots the table has.
  package var capacity: Int { slots.count }

  /// The next item from `slot` on that has the fingerprint: its sequence number, with `slot` moved behind it; nil
  /// at the end of the chain. A search starts at `start(of:)`.
  @inline(__always)
  package func next(_ fingerprint: UInt32, from slot: inout Int) -> Int? {
    slots.withUnsafeBufferPointer { slots in
      while true {
        let candidate = slots[slot]
        if candidate.mark == 0 { return nil }
        slot = (slot + 1) & mask
        if candidate.fingerprint == fingerprint { return Int(candidate.mark) - 1 }
      }
    }
  }

  /// The slot where the search for a fingerprint starts.
  @inline(__always)
  package func start(of fingerprint: UInt32) -> Int { Int(fingerprint) & mask }

  /// Enters an item; `sequence` is from 0 to below `sequenceLimit`.
  package mutating func insert(_ fingerprint: UInt32, sequence: Int) {
    if count >= fillLimit { grow() }
    place(Slot(fingerprint: fingerprint, mark: UInt32(sequence + 1)))
    count += 1
  }

  /// Seven tenths: ten million items fit in 2^24 slots.
  private static func fillLimit(_ capacity: Int) -> Int { capacity / 10 * 7 }

  private mutating func grow() {
    let old = slots
    slots = Array(repeating: Slot(), count: old.count * 2)
    mask = slots.count - 1
    fillLimit = DuplicateIndex.fillLimit(slots.count)
    for slot in old where slot.mark != 0 { place(slot) }
  }

  @inline(__always)
  private mutating func place(_ slot: Slot) {
    var position = start(of: slot.fingerprint)
    slots.withUnsafeMutableBufferPointer { slots in
      while slots[position].mark != 0 { position = (position + 1) & mask }
      slots[position] = slot
    }
  }
}
