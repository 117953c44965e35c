/// A compact open-addressing table from fingerprints of 32 bits to the sequence numbers of items: eight bytes a slot.
///
/// A fingerprint is both the place a search starts at and what is compared on the way; several items may share one. Tables
/// have 16, 24, 32, 48, 64, ... slots: an item needs 11 to 17 bytes.
struct FingerprintTable: Sendable {
  private struct Slot {
    var fingerprint: UInt32 = 0
    /// The sequence number plus one; 0 in a free slot.
    var mark: UInt32 = 0
  }

  private var slots: [Slot] = []
  private var fillLimit = 0
  private var count = 0

  /// The next item from `slot` on that has the fingerprint: its sequence number, with `slot` moved behind it; nil
  /// at the end of the chain. A search starts at `start(of:)`.
  @inline(__always)
  func next(_ fingerprint: UInt32, from slot: inout Int) -> Int? {
    guard !slots.isEmpty else { return nil }
    return slots.withUnsafeBufferPointer { slots in
      while true {
        let candidate = slots[slot]
        if candidate.mark == 0 { return nil }
        slot = slot + 1 == slots.count ? 0 : slot + 1
        if candidate.fingerprint == fingerprint { return Int(candidate.mark) - 1 }
      }
    }
  }

  /// The slot where the search for a fingerprint starts: slots are in the order of fingerprints, so that a table that
  /// grows is read and written from one end to the other.
  @inline(__always)
  func start(of fingerprint: UInt32) -> Int {
    Int(truncatingIfNeeded: (UInt64(fingerprint) &* UInt64(truncatingIfNeeded: slots.count)) >> 32)
  }

  /// Enters an item.
  mutating func insert(_ fingerprint: UInt32, mark: UInt32) {
    if count >= fillLimit { grow() }
    place(Slot(fingerprint: fingerprint, mark: mark))
    count += 1
  }

  private mutating func grow() {
    let old = slots
    let isPowerOfTwo = old.count & (old.count - 1) == 0
    slots = Array(repeating: Slot(), count: max(16, isPowerOfTwo ? old.count / 2 * 3 : old.count / 3 * 4))
    fillLimit = slots.count / 10 * 7
    for slot in old where slot.mark != 0 { place(slot) }
  }

  @inline(__always)
  private mutating func place(_ slot: Slot) {
    var position = start(of: slot.fingerprint)
    slots.withUnsafeMutableBufferPointer { slots in
      while slots[position].mark != 0 { position = position + 1 == slots.count ? 0 : position + 1 }
      slots[position] = slot
    }
  }
}
