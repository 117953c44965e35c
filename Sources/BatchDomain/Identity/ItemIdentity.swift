internal import Crypto

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

  /// The identity of the item with that source text, which a manifest reader has accepted.
  package init(source: UnsafeBufferPointer<UInt8>) {
    let members = ItemMembers(source)
    var index: [UInt8] = []
    var object: [UInt8] = []
    for member in members.members {
      switch members.name(of: member).count {
      case 8 where members.name(of: member).elementsEqual("index_id".utf8):
        index = members.string(of: member) ?? []
      case 6 where members.name(of: member).elementsEqual("object".utf8):
        object = members.string(of: member) ?? []
      default: break
      }
    }
    self.init(index: index, object: object)
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
