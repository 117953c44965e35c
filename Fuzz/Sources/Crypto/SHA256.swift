/// SHA-256 (FIPS 180-4) with the few calls of swift-crypto's type that the sources use.
public struct SHA256: Sendable {
  private var state: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
  ]
  private var block: [UInt8] = []
  private var byteCount: UInt64 = 0

  /// Starts a digest of nothing.
  public init() { block.reserveCapacity(64) }

  /// Adds bytes to what is digested.
  public mutating func update(bufferPointer bytes: UnsafeRawBufferPointer) {
    for byte in bytes { append(byte) }
    byteCount += UInt64(bytes.count)
  }

  /// The digest of what was added so far, 32 bytes; more may be added afterwards.
  public func finalize() -> [UInt8] {
    var rest = self
    rest.append(0x80)
    while rest.block.count != 56 { rest.append(0) }
    for shift in stride(from: 56, through: 0, by: -8) {
      rest.append(UInt8(truncatingIfNeeded: (byteCount << 3) >> UInt64(shift)))
    }
    return [UInt8](unsafeUninitializedCapacity: 32) { bytes, count in
      for place in 0..<32 {
        bytes[place] = UInt8(truncatingIfNeeded: rest.state[place / 4] >> UInt32(24 - place % 4 * 8))
      }
      count = 32
    }
  }

  private mutating func append(_ byte: UInt8) {
    block.append(byte)
    guard block.count == 64 else { return }
    compress()
    block.removeAll(keepingCapacity: true)
  }

  /// FIPS 180-4, section 6.2.2.
  private mutating func compress() {
    // The schedule and, behind it, the eight working variables: on the stack, since allocations are counted.
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 72) { schedule in
      let words = UnsafeMutableBufferPointer(rebasing: schedule[64...])
      for index in 0..<16 {
        schedule[index] = (0..<4).reduce(0) { ($0 << 8) | UInt32(block[index * 4 + $1]) }
      }
      for index in 16..<64 {
        let early = schedule[index - 15]
        let late = schedule[index - 2]
        schedule[index] =
          schedule[index - 16] &+ schedule[index - 7]
          &+ (Self.turned(early, 7) ^ Self.turned(early, 18) ^ (early >> 3))
          &+ (Self.turned(late, 17) ^ Self.turned(late, 19) ^ (late >> 10))
      }
      for index in 0..<8 { words[index] = state[index] }
      for index in 0..<64 {
        let (first, fifth) = (words[0], words[4])
        let sumFifth = Self.turned(fifth, 6) ^ Self.turned(fifth, 11) ^ Self.turned(fifth, 25)
        let sumFirst = Self.turned(first, 2) ^ Self.turned(first, 13) ^ Self.turned(first, 22)
        let choice = fifth & words[5] ^ ~fifth & words[6]
        let majority = first & words[1] ^ first & words[2] ^ words[1] & words[2]
        let sum = words[7] &+ sumFifth &+ choice &+ Self.constants[index] &+ schedule[index]
        for place in stride(from: 7, to: 0, by: -1) { words[place] = words[place - 1] }
        words[0] = sum &+ sumFirst &+ majority
        words[4] = words[4] &+ sum
      }
      for index in 0..<8 { state[index] = state[index] &+ words[index] }
    }
  }

  private static func turned(_ word: UInt32, _ count: UInt32) -> UInt32 {
    (word >> count) | (word << (32 - count))
  }

  private static let constants: [UInt32] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
  ]
}
