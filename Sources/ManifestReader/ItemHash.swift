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
