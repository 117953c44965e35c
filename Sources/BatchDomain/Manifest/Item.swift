import Crypto

/// One video of a manifest, read from its already validated text.
package struct Item: Sendable, Equatable {
  /// The index that receives the video.
  package private(set) var indexID: IndexID = ""
  /// The language of the video.
  package private(set) var language = ""
  /// The video, `s3://bucket/key`.
  package private(set) var object: ObjectName = ""
  /// The transcription, `s3://bucket/key`; nil when the item has none (absent, null or "").
  package private(set) var transcription: String?

  /// Reads the fields of `text`, a source text or a wire form; one that is missing or not a string is left empty. Linear.
  package init(_ text: some Sequence<UInt8>) {
    var fields = self
    Array(text).withUnsafeBufferPointer { fields.read($0) }
    self = fields
  }

  /// The file name: the last path segment of `object`, by which the service's task listing names the video.
  package var name: FileName { object.fileName }

  /// The last path segment of an `object` given as UTF-8: what follows the last slash.
  package static func name(ofObject object: [UInt8]) -> ArraySlice<UInt8> {
    object[(object.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)...]
  }

  private mutating func read(_ text: UnsafeBufferPointer<UInt8>) {
    let members = ItemMembers(text)
    for member in members.members {
      guard let bytes = members.string(of: member) else { continue }
      let value = String(decoding: bytes, as: UTF8.self)
      switch String(decoding: members.name(of: member), as: UTF8.self) {
      case "index_id": indexID = IndexID(value)
      case "language": language = value
      case "object": object = ObjectName(value)
      case "transcription": transcription = value.isEmpty ? nil : value
      default: break
      }
    }
  }
}

/// What makes an item the same across runs: its `index_id` and its `object`, byte for byte, as 128 bits of a SHA-256
/// over both. In practice, items that differ never have the same identity.
package struct ItemIdentity: Hashable, Comparable, Sendable {
  /// The first 64 bits.
  package let high: Int64
  /// The other 64 bits.
  package let low: Int64

  /// An identity as a store has it.
  package init(high: Int64, low: Int64) {
    self.high = high
    self.low = low
  }

  /// The identity of the item with that text, a source text or a wire form, which a manifest reader has accepted.
  package init(_ text: UnsafeBufferPointer<UInt8>) {
    let names = ItemMembers(text).identity
    self.init(index: names.index, object: names.object)
  }

  /// The identity of an item by its parts, in UTF-8.
  package init(index: [UInt8], object: [UInt8]) {
    var hash = SHA256()
    // The length tells where one ends and the other begins.
    withUnsafeBytes(of: UInt64(index.count).littleEndian) { hash.update(bufferPointer: $0) }
    index.withUnsafeBytes { hash.update(bufferPointer: $0) }
    object.withUnsafeBytes { hash.update(bufferPointer: $0) }
    let halves = hash.finalize().withUnsafeBytes {
      ($0.loadUnaligned(as: Int64.self), $0.loadUnaligned(fromByteOffset: 8, as: Int64.self))
    }
    self.init(high: Int64(littleEndian: halves.0), low: Int64(littleEndian: halves.1))
  }

  /// The order in which a store keeps them.
  package static func < (one: ItemIdentity, other: ItemIdentity) -> Bool {
    (one.high, one.low) < (other.high, other.low)
  }
}
