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
  private var table = DuplicateIndex()

  /// Which pending items are new, by their place in the pending batch.
  private(set) var kept: [Int] = []
  /// Items of earlier batches that were found to share their file name.
  private(set) var earlierClashes: Set<Int> = []
  /// How many elements repeated an earlier item, in all batches.
  private(set) var repeatedCount = 0
  private var next = 0

  init(hash: ItemHash) {
    self.hash = hash
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
