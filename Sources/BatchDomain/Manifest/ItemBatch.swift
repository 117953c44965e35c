/// A run of consecutive distinct items on their way from the manifest reader to the store.
///
/// The wire forms lie one after the other in one flat array, so that an item costs no allocation of its own.
package struct ItemBatch: Sendable, Equatable {
  /// Where one item lies in its batch, and what the reader found out about it.
  package struct Entry: Sendable, Equatable {
    /// Where the wire form starts in `wire`.
    package var offset: Int
    /// The length of the wire form in bytes.
    package var length: Int
    /// Which of the batch's `layouts` the item has.
    package var layout: Int
    /// The ordinal of the element in the file, from 0, repeated and refused elements included.
    package var element: Int
    /// Whether another item of the same index, known when the batch was made, has the same file name.
    package var nameClashes: Bool
    /// Whether the preceding item of the run, possibly in the batch before, has the same `index_id`.
    package var continuesIndex: Bool

    /// Makes an entry from its parts.
    package init(
      offset: Int, length: Int, layout: Int, element: Int, nameClashes: Bool, continuesIndex: Bool
    ) {
      self.offset = offset
      self.length = length
      self.layout = layout
      self.element = element
      self.nameClashes = nameClashes
      self.continuesIndex = continuesIndex
    }
  }

  /// The sequence number of the first entry; sequence numbers count distinct items from 0.
  package var firstSequence: Int
  /// The wire forms (see `WireForm`), one after the other.
  package var wire: [UInt8]
  /// How the items were written, each layout as often as it follows another.
  package var layouts: [ItemLayout]
  /// The items, in order; entry `n` has the sequence number `firstSequence + n`.
  package var entries: [Entry]
  /// Sequence numbers, below `firstSequence` and ascending, of items whose file name an item of this batch has in the
  /// same index. Their `nameClashes` was false when they were handed on; the store that recorded them sets it, and
  /// that of their chunks.
  package var earlierClashes: [Int]

  /// Makes a batch from its parts.
  package init(
    firstSequence: Int, wire: [UInt8] = [], layouts: [ItemLayout] = [], entries: [Entry] = [],
    earlierClashes: [Int] = []
  ) {
    self.firstSequence = firstSequence
    self.wire = wire
    self.layouts = layouts
    self.entries = entries
    self.earlierClashes = earlierClashes
  }

  /// The sequence number after the last entry's.
  package var endSequence: Int { firstSequence + entries.count }

  /// The wire form of an entry of this batch.
  package func wireForm(of entry: Entry) -> ArraySlice<UInt8> {
    wire[entry.offset..<entry.offset + entry.length]
  }

  /// The fingerprints of the items, in order.
  package var fingerprints: [ItemFingerprint] {
    var maker = FingerprintMaker()
    return wire.withUnsafeBufferPointer { wire in
      entries.map {
        maker.fingerprint(of: UnsafeBufferPointer(rebasing: wire[$0.offset..<$0.offset + $0.length]))
      }
    }
  }

  /// The source text of an entry of this batch.
  package func source(of entry: Entry) -> [UInt8] {
    var source: [UInt8] = []
    wire.withUnsafeBufferPointer { wire in
      let form = UnsafeBufferPointer(rebasing: wire[entry.offset..<entry.offset + entry.length])
      _ = layouts[entry.layout].appendSource(of: form, to: &source)
    }
    return source
  }

  /// Adds an item with the given source text.
  ///
  /// - Parameter wireLength: the length of its wire form in bytes.
  package mutating func append(
    source: UnsafeBufferPointer<UInt8>, wireLength: Int, element: Int, nameClashes: Bool, continuesIndex: Bool
  ) {
    let offset = wire.count
    if wireLength == source.count {
      // The wire form only leaves bytes out, so one as long as its source is its source.
      if layouts.last != ItemLayout.none { layouts.append(.none) }
      wire.append(contentsOf: source)
    } else if layouts.last?.appendWireForm(of: source, length: wireLength, to: &wire) != true {
      layouts.append(ItemLayout(source: source))
      WireForm.append(source: source, to: &wire)
    }
    entries.append(
      Entry(
        offset: offset, length: wire.count - offset, layout: layouts.count - 1, element: element,
        nameClashes: nameClashes, continuesIndex: continuesIndex))
  }
}

/// Texts of items as one JSON array: `[`, the unchanged texts joined by `,`, and `]`. Several items are stored in this
/// form.
///
/// A sequence of the texts, in order. It checks nothing: text that was not made by ``append(_:to:)`` gives unspecified
/// elements, but never a trap.
package struct ItemArray: Sequence, IteratorProtocol {
  private let text: UnsafeBufferPointer<UInt8>
  private var position = 1

  /// The texts in `text`, which must outlive this value and its elements.
  package init(_ text: UnsafeBufferPointer<UInt8>) { self.text = text }

  /// The next text; `nil` after the last.
  package mutating func next() -> UnsafeBufferPointer<UInt8>? {
    guard position < text.count else { return nil }
    let end = JSONSyntax.endOfValue(text, at: position)
    guard end > position else { return nil }
    defer { position = end + 1 }
    return UnsafeBufferPointer(rebasing: text[position..<end])
  }

  /// Appends a text to an unfinished array; an empty `array` is started. Call ``close(_:)`` at the end.
  package static func append(_ item: UnsafeBufferPointer<UInt8>, to array: inout [UInt8]) {
    array.append(array.isEmpty ? UInt8(ascii: "[") : UInt8(ascii: ","))
    array.append(contentsOf: item)
  }

  /// Ends an array that ``append(_:to:)`` made.
  package static func close(_ array: inout [UInt8]) { array.append(UInt8(ascii: "]")) }
}

/// Gives back the texts of items that a manifest reader has already handed on.
///
/// The reader keeps a fingerprint per item, not its text; when two fingerprints agree it asks here and compares.
package protocol EarlierItems: Sendable {
  /// The wire forms of the items with these sequence numbers, in the order asked for.
  ///
  /// Asked only for items of batches the reader has already returned, each number at most once in a call.
  /// An implementation that records in the background waits until it has them. Throws when they cannot be read.
  func texts(of sequences: [Int]) async throws -> [[UInt8]]
}
