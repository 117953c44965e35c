/// A run of consecutive distinct items on their way from the manifest reader to the store.
///
/// The texts lie one after the other in two flat arrays, so that an item costs no allocation of its own.
package struct ItemBatch: Sendable, Equatable {
  /// Where one item lies in its batch, and what the reader found out about it.
  package struct Entry: Sendable, Equatable {
    /// Where the source text starts in `bytes`.
    package var offset: Int
    /// The length of the source text in bytes.
    package var length: Int
    /// Where the wire form starts in `wire`.
    package var wireOffset: Int
    /// The length of the wire form in bytes, at most `length`.
    package var wireLength: Int
    /// The ordinal of the element in the file, from 0, repeated and refused elements included.
    package var element: Int
    /// Whether another item of the same index, known when the batch was made, has the same file name.
    package var nameClashes: Bool
    /// Whether the preceding item of the run, possibly in the batch before, has the same `index_id`.
    package var continuesIndex: Bool

    /// Makes an entry from its parts.
    package init(
      offset: Int, length: Int, wireOffset: Int, wireLength: Int, element: Int, nameClashes: Bool,
      continuesIndex: Bool
    ) {
      self.offset = offset
      self.length = length
      self.wireOffset = wireOffset
      self.wireLength = wireLength
      self.element = element
      self.nameClashes = nameClashes
      self.continuesIndex = continuesIndex
    }
  }

  /// The sequence number of the first entry; sequence numbers count distinct items from 0.
  package var firstSequence: Int
  /// The source texts, one after the other, byte for byte.
  package var bytes: [UInt8]
  /// The wire forms (see `WireForm`), one after the other.
  package var wire: [UInt8]
  /// The items, in order; entry `n` has the sequence number `firstSequence + n`.
  package var entries: [Entry]
  /// Sequence numbers, below `firstSequence` and ascending, of items whose file name an item of this batch has in the
  /// same index. Their `nameClashes` was false when they were handed on; the store that recorded them sets it, and
  /// that of their chunks.
  package var earlierClashes: [Int]

  /// Makes a batch from its parts.
  package init(
    firstSequence: Int, bytes: [UInt8], wire: [UInt8], entries: [Entry], earlierClashes: [Int] = []
  ) {
    self.firstSequence = firstSequence
    self.bytes = bytes
    self.wire = wire
    self.entries = entries
    self.earlierClashes = earlierClashes
  }

  /// The sequence number after the last entry's.
  package var endSequence: Int { firstSequence + entries.count }

  /// The source text of an entry of this batch.
  package func source(of entry: Entry) -> ArraySlice<UInt8> {
    bytes[entry.offset..<entry.offset + entry.length]
  }

  /// The wire form of an entry of this batch.
  package func wireForm(of entry: Entry) -> ArraySlice<UInt8> {
    wire[entry.wireOffset..<entry.wireOffset + entry.wireLength]
  }
}
