import Crypto

/// A contiguous range of a run's items that go into one request.
package struct PlannedChunk: Sendable, Equatable {
  /// The sequence number of the first item.
  package var firstItem: Int
  /// How many items it has, at least one.
  package var itemCount: Int
  /// The length in bytes of the content of the request's `file` part: `[`, the wire forms joined by `,`, `]`.
  package var byteCount: Int
  /// The SHA-256 of that content, 32 raw bytes.
  package var digest: [UInt8]
  /// Whether an item of it was known, when the chunk was planned, to share its file name with another of its index.
  package var nameClashes: Bool
  /// The index of all its items, nil when they have different ones.
  package var indexID: IndexID?

  /// Makes a chunk from its parts.
  package init(
    firstItem: Int, itemCount: Int, byteCount: Int, digest: [UInt8], nameClashes: Bool, indexID: IndexID?
  ) {
    self.firstItem = firstItem
    self.itemCount = itemCount
    self.byteCount = byteCount
    self.digest = digest
    self.nameClashes = nameClashes
    self.indexID = indexID
  }
}

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
        if itemCount == maxItems || (itemCount > 0 && byteCount + 1 + entry.length > maxBytes) {
          planned.append(close())
        }
        if itemCount == 0 {
          open(at: batch.firstSequence + number, entry, of: batch)
        } else {
          if !entry.continuesIndex { hasOneIndex = false }
          content.append(UInt8(ascii: ","))
          byteCount += 1
        }
        let end = entry.offset + entry.length
        content.append(contentsOf: UnsafeBufferPointer(rebasing: wire[entry.offset..<end]))
        itemCount += 1
        byteCount += entry.length
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
      indexID = Item(batch.wireForm(of: entry)).indexID
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

/// An incremental SHA-256 (FIPS 180-4), so that other targets need no cryptography of their own.
package struct ContentDigest: Sendable {
  /// The number of bytes of a finished digest.
  package static let byteCount = 32

  private var hash = SHA256()

  /// Starts a digest of nothing.
  package init() {}

  /// Adds `bytes` to what is digested.
  package mutating func update(_ bytes: UnsafeBufferPointer<UInt8>) {
    hash.update(bufferPointer: UnsafeRawBufferPointer(bytes))
  }

  /// Adds `bytes` to what is digested.
  package mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBufferPointer { update($0) }
  }

  /// The digest of what was added so far, `byteCount` raw bytes; more may be added afterwards.
  package func finished() -> [UInt8] {
    Array(hash.finalize())
  }
}
