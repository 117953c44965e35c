/// XXH64: a checksum of 64 bits that tells texts apart that damage made different, four times as fast as
/// SHA-256. It does not withstand an adversary.
///
/// The algorithm and its constants are those of the specification
/// (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
package enum XXHash64 {
  private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
  private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
  private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
  private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
  private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

  /// The checksum of bytes under a seed.
  package static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
    var position = 0
    var state: UInt64
    if bytes.count >= 32 {
      state = stripes(of: bytes, seed, &position)
    } else {
      state = seed &+ prime5
    }
    state &+= UInt64(bytes.count)
    while position + 8 <= bytes.count {
      state = rotated(state ^ round(0, word(bytes, position)), 27) &* prime1 &+ prime4
      position += 8
    }
    if position + 4 <= bytes.count {
      let half = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
      state = rotated(state ^ UInt64(half) &* prime1, 23) &* prime2 &+ prime3
      position += 4
    }
    while position < bytes.count {
      state = rotated(state ^ UInt64(bytes[position]) &* prime5, 11) &* prime1
      position += 1
    }
    state = (state ^ state >> 33) &* prime2
    state = (state ^ state >> 29) &* prime3
    return state ^ state >> 32
  }

  /// All whole stripes of 32 bytes, in four lanes.
  private static func stripes(
    of bytes: UnsafeRawBufferPointer, _ seed: UInt64, _ position: inout Int
  ) -> UInt64 {
    var (one, two, three, four) = (seed &+ prime1 &+ prime2, seed &+ prime2, seed, seed &- prime1)
    while position + 32 <= bytes.count {
      one = round(one, word(bytes, position))
      two = round(two, word(bytes, position + 8))
      three = round(three, word(bytes, position + 16))
      four = round(four, word(bytes, position + 24))
      position += 32
    }
    var state = rotated(one, 1) &+ rotated(two, 7) &+ rotated(three, 12) &+ rotated(four, 18)
    for lane in [one, two, three, four] { state = (state ^ round(0, lane)) &* prime1 &+ prime4 }
    return state
  }

  @inline(__always)
  private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
    rotated(lane &+ word &* prime2, 31) &* prime1
  }

  @inline(__always)
  private static func word(_ bytes: UnsafeRawBufferPointer, _ position: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
  }

  @inline(__always)
  private static func rotated(_ value: UInt64, _ bits: UInt64) -> UInt64 {
    value << bits | value >> (64 - bits)
  }
}
