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
