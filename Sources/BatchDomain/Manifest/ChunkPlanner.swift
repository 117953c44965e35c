/// Cuts a run's items, batch by batch and in order, into chunks within two limits.
package struct ChunkPlanner: Sendable {
  /// How much content is gathered before it is digested.
  private static let digestBlock = 64 * 1024

  private let maxItems: Int
  private let maxBytes: Int
  private var firstItem = 0
  private var itemCount = 0
  private var byteCount = 0
  private var nameClashes = false
  private var hasOneIndex = true
  private var indexID: IndexID = ""
  private var digest = ContentDigest()
  private var content: [UInt8] = []

  /// Plans chunks of at most `maxItems` items (at least 1) whose content, brackets and commas included, has at
  /// most `maxBytes` bytes. An item that alone is larger gets a chunk of its own; refusing it is the reader's duty.
  package init(maxItems: Int, maxBytes: Int) {
    self.maxItems = max(1, maxItems)
    self.maxBytes = maxBytes
  }

  /// Takes the next batch and returns the chunks that are now complete.
  ///
  /// `earlierClashes` of the batch are applied to the chunk still open; those of chunks already returned are the
  /// caller's to set.
  package mutating func add(_ batch: ItemBatch) -> [PlannedChunk] {
    var planned: [PlannedChunk] = []
    if itemCount > 0, let latest = batch.earlierClashes.last, latest >= firstItem { nameClashes = true }
    batch.wire.withUnsafeBufferPointer { wire in
      for (number, entry) in batch.entries.enumerated() {
        if itemCount == maxItems || (itemCount > 0 && byteCount + 1 + entry.wireLength > maxBytes) {
          planned.append(close())
        }
        if itemCount == 0 {
          open(at: batch.firstSequence + number, entry, of: batch)
        } else {
          if !entry.continuesIndex { hasOneIndex = false }
          content.append(UInt8(ascii: ","))
          byteCount += 1
        }
        let end = entry.wireOffset + entry.wireLength
        content.append(contentsOf: UnsafeBufferPointer(rebasing: wire[entry.wireOffset..<end]))
        itemCount += 1
        byteCount += entry.wireLength
        if entry.nameClashes { nameClashes = true }
        if content.count >= ChunkPlanner.digestBlock { digestContent() }
      }
    }
    return planned
  }

  /// The last chunk, nil when every item is already in one.
  package mutating func finish() -> PlannedChunk? {
    itemCount > 0 ? close() : nil
  }

  private mutating func open(at sequence: Int, _ entry: ItemBatch.Entry, of batch: ItemBatch) {
    // The index of the chunk before still stands when it had only one and this item goes on with it.
    if !(entry.continuesIndex && hasOneIndex && sequence > 0) || indexID.isEmpty {
      indexID = ItemText(batch.source(of: entry)).indexID
    }
    firstItem = sequence
    nameClashes = false
    hasOneIndex = true
    digest = ContentDigest()
    content.append(UInt8(ascii: "["))
    byteCount = 2
  }

  private mutating func close() -> PlannedChunk {
    content.append(UInt8(ascii: "]"))
    digestContent()
    let chunk = PlannedChunk(
      firstItem: firstItem, itemCount: itemCount, byteCount: byteCount, digest: digest.finished(),
      nameClashes: nameClashes, indexID: hasOneIndex ? indexID : nil)
    itemCount = 0
    return chunk
  }

  private mutating func digestContent() {
    digest.update(content)
    content.removeAll(keepingCapacity: true)
  }
}
