import BatchDomain

/// Tells which pending items are new, which repeat or contradict an earlier one, and which only share a file name.
///
/// An item is entered once: under its index and file name, or, when that name is taken, under index and object.
/// So a manifest whose items all have one file name costs two searches per item, not one per pair.
struct DuplicateResolver {
  private enum Match {
    case none, sameName, sameObject
  }

  private enum Verdict {
    case new(clash: Int?)
    case repeats(Int)
    /// The text of an earlier item is needed to tell.
    case needs(Int)
  }

  private let hash: ItemHash
  private let warnsOfEqualNames: Bool
  private var table = DuplicateIndex()

  /// Which pending items are new, by their place in the pending batch.
  private(set) var kept: [Int] = []
  /// Items of earlier batches that were found to share their file name.
  private(set) var earlierClashes: Set<Int> = []
  /// How many elements repeated an earlier item, in all batches.
  private(set) var repeatedCount = 0
  private var next = 0

  init(hash: ItemHash, warnsOfEqualNames: Bool) {
    self.hash = hash
    self.warnsOfEqualNames = warnsOfEqualNames
  }

  /// Starts on a new pending batch.
  mutating func begin() {
    kept.removeAll(keepingCapacity: true)
    if !earlierClashes.isEmpty { earlierClashes.removeAll() }
    next = 0
  }

  /// The earlier items whose texts deciding `pending` will probably need, ascending.
  func candidates(of pending: PendingBatch) -> [Int] {
    var result: Set<Int> = []
    for item in pending.items {
      var slot = table.start(of: item.nameFingerprint)
      var isFirst = true
      while let sequence = table.next(item.nameFingerprint, from: &slot) {
        result.insert(sequence)
        guard isFirst else { continue }
        isFirst = false
        let fingerprint = pending.withIdentity(of: item) { hash.fingerprint($0, $1) }
        var second = table.start(of: fingerprint)
        while let sequence = table.next(fingerprint, from: &second) { result.insert(sequence) }
      }
    }
    return result.sorted()
  }

  /// Decides the pending items in order, the first new one getting the sequence number `first`. Returns nil when
  /// done, or the number of an earlier item that must be in `recorded` before it can go on.
  mutating func resolve(
    _ collector: inout ItemCollector, first: Int, recorded: [Int: RecordedItem]
  ) -> Int? {
    while next < collector.pending.items.count {
      let item = collector.pending.items[next]
      var fingerprint = item.nameFingerprint
      var verdict = search(fingerprint, item, collector.pending, first: first, recorded)
      if case .new(let clash?) = verdict {
        fingerprint = collector.pending.withIdentity(of: item) { hash.fingerprint($0, $1) }
        verdict = search(fingerprint, item, collector.pending, first: first, recorded)
        if case .new = verdict { verdict = .new(clash: clash) }
      }
      switch verdict {
      case .needs(let sequence): return sequence
      case .repeats(let sequence):
        reportRepeat(item, of: sequence, first: first, recorded, &collector)
      case .new(let clash):
        if let clash { noteClash(of: item, with: clash, first: first, &collector) }
        table.insert(fingerprint, sequence: first + kept.count)
        kept.append(next)
      }
      next += 1
    }
    return nil
  }

  /// Follows the whole chain of a fingerprint: an equal object behind an equal name must still be found.
  private func search(
    _ fingerprint: UInt64, _ item: PendingItem, _ pending: PendingBatch, first: Int,
    _ recorded: [Int: RecordedItem]
  ) -> Verdict {
    var slot = table.start(of: fingerprint)
    var clash: Int?
    while let sequence = table.next(fingerprint, from: &slot) {
      let match: Match
      if sequence >= first {
        let other = pending.items[kept[sequence - first]]
        match = pending.withIdentity(of: item) { index, object in
          pending.withIdentity(of: other) { otherIndex, otherObject in
            Self.match(index, object, nameLength: item.nameLength, otherIndex, otherObject)
          }
        }
      } else if let other = recorded[sequence] {
        match = pending.withIdentity(of: item) { index, object in
          other.indexID.withUnsafeBufferPointer { otherIndex in
            other.object.withUnsafeBufferPointer { otherObject in
              Self.match(index, object, nameLength: item.nameLength, otherIndex, otherObject)
            }
          }
        }
      } else {
        return .needs(sequence)
      }
      switch match {
      case .sameObject: return .repeats(sequence)
      case .sameName: if clash == nil { clash = sequence }
      case .none: break
      }
    }
    return .new(clash: clash)
  }

  private static func match(
    _ index: UnsafeBufferPointer<UInt8>, _ object: UnsafeBufferPointer<UInt8>, nameLength: Int,
    _ otherIndex: UnsafeBufferPointer<UInt8>, _ otherObject: UnsafeBufferPointer<UInt8>
  ) -> Match {
    guard index.count == otherIndex.count, index.elementsEqual(otherIndex) else { return .none }
    if object.count == otherObject.count, object.elementsEqual(otherObject) { return .sameObject }
    // Names have no slash and every object has one before its name, so comparing with that slash is exact.
    guard otherObject.count > nameLength else { return .none }
    return object.suffix(nameLength + 1).elementsEqual(otherObject.suffix(nameLength + 1)) ? .sameName : .none
  }

  private mutating func reportRepeat(
    _ item: PendingItem, of sequence: Int, first: Int, _ recorded: [Int: RecordedItem],
    _ collector: inout ItemCollector
  ) {
    let pending = collector.pending
    let isEqual = pending.bytes.withUnsafeBufferPointer { bytes in
      let text = UnsafeBufferPointer(rebasing: bytes[item.offset..<item.offset + item.length])
      if sequence >= first {
        let other = pending.items[kept[sequence - first]]
        return ItemContent.areEqual(
          text, UnsafeBufferPointer(rebasing: bytes[other.offset..<other.offset + other.length]))
      }
      return (recorded[sequence]?.text ?? []).withUnsafeBufferPointer { ItemContent.areEqual(text, $0) }
    }
    if isEqual {
      repeatedCount += 1
      collector.report(
        .repeatedItem, element: item.element, from: item.position, at: item.position,
        "\(Self.naming(item, pending)) repeats an earlier item; it is sent once")
    } else {
      collector.report(
        .conflictingItem, element: item.element, from: item.position, at: item.position,
        "\(Self.naming(item, pending)) occurs earlier with different content, expected one item for it")
    }
  }

  private mutating func noteClash(
    of item: PendingItem, with sequence: Int, first: Int, _ collector: inout ItemCollector
  ) {
    collector.pending.items[next].nameClashes = true
    if sequence >= first {
      collector.pending.items[kept[sequence - first]].nameClashes = true
    } else {
      earlierClashes.insert(sequence)
    }
    guard warnsOfEqualNames else { return }
    let pending = collector.pending
    collector.report(
      .nameClash, element: item.element, from: item.position, at: item.position,
      """
      \(Self.naming(item, pending)) has the same file name as an earlier item, \
      expected file names that differ within an index
      """)
  }

  private static func naming(_ item: PendingItem, _ pending: PendingBatch) -> String {
    pending.withIdentity(of: item) { index, object in
      "object \(FindingText.quoted(object)) of index \(FindingText.quoted(index.prefix(30)))"
    }
  }
}

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

/// The hash by which items are looked up; what it finds is always confirmed by comparing texts.
package struct ItemHash: Sendable {
  /// Hashes an index and the name or object in it.
  package let fingerprint: @Sendable (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<UInt8>) -> UInt64

  /// Uses `fingerprint` instead of the standard one.
  package init(
    fingerprint: @escaping @Sendable (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<UInt8>) -> UInt64
  ) {
    self.fingerprint = fingerprint
  }

  /// Multiplies and folds eight bytes at a time; not meant to withstand an adversary.
  package static let standard = ItemHash { index, name in
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    mix(index, into: &state)
    mix(name, into: &state)
    return fold(state ^ 0xD6E8_FEB8_6659_FD93, 0xA076_1D64_78BD_642F)
  }

  @inline(__always)
  private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.high ^ product.low
  }

  @inline(__always)
  private static func mix(_ bytes: UnsafeBufferPointer<UInt8>, into state: inout UInt64) {
    let raw = UnsafeRawBufferPointer(bytes)
    var offset = 0
    while offset + 8 <= raw.count {
      let word = raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      state = fold(state ^ word, 0xE703_7ED1_A0B4_28DB)
      offset += 8
    }
    var rest = UInt64(truncatingIfNeeded: raw.count) << 56
    while offset < raw.count {
      rest = rest << 8 | UInt64(raw[offset])
      offset += 1
    }
    // The length goes in as well, so that ("ab", "c") and ("a", "bc") differ.
    state = fold(
      state ^ rest ^ UInt64(truncatingIfNeeded: raw.count) &* 0x9FB2_1C65_1E98_DF25, 0x8EBC_6AF0_9C88_C6E3)
  }
}

/// An item of an earlier batch, as the store gave it back.
struct RecordedItem {
  let text: [UInt8]
  let indexID: [UInt8]
  let object: [UInt8]

  init(_ text: [UInt8]) {
    self.text = text
    (indexID, object) = text.withUnsafeBufferPointer { ItemMembers($0).identity }
  }
}

/// Whether two items say the same, however they are written.
enum ItemContent {
  /// Compares members by decoded name in any order: strings decoded, a transcription that is absent, null or ""
  /// as none, notes for this program not at all, other values by their text without whitespace. Both texts are
  /// already validated.
  static func areEqual(_ first: UnsafeBufferPointer<UInt8>, _ second: UnsafeBufferPointer<UInt8>) -> Bool {
    first.count == second.count && first.elementsEqual(second) || members(of: first) == members(of: second)
  }

  private enum Value: Equatable {
    case string([UInt8])
    case other([UInt8])
  }

  private static func members(of text: UnsafeBufferPointer<UInt8>) -> [[UInt8]: Value] {
    let walk = ItemMembers(text)
    var result: [[UInt8]: Value] = [:]
    for member in walk.members where !walk.isLeftOut(member) {
      let value = walk.string(of: member).map(Value.string) ?? .other(walk.wireText(of: member))
      result[walk.name(of: member)] = value
    }
    return result
  }
}
