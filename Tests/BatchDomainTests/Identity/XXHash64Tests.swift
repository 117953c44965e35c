import Testing

@testable import BatchDomain

@Suite("XXH64")
struct XXHash64Tests {
  private func hash(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 {
    bytes.withUnsafeBytes { XXHash64.hash($0, seed: seed) }
  }

  /// What the reference implementation makes of these texts under these seeds.
  @Test(
    "it is the checksum of the reference implementation",
    arguments: [
      ("", 0, 0xEF46_DB37_51D8_E999),
      ("a", 0, 0xD24E_C4F1_A98C_6E5B),
      ("abc", 0, 0x44BC_2CF5_AD77_0999),
      ("Nobody inspects the spammish repetition", 0, 0xFBCE_A83C_8A37_8BF1),
      ("", 20_141_025, 0x493D_554C_5266_25BA),
      ("abc", 1, 0xBEA9_CA81_9932_8908),
      ("Nobody inspects the spammish repetition", 1 << 40, 0x4E98_5241_7B65_79C6),
    ] as [(String, UInt64, UInt64)])
  func vectors(text: String, seed: UInt64, expected: UInt64) {
    #expect(hash(Array(text.utf8), seed: seed) == expected)
  }

  @Test("stripes of 32 bytes and what is left after them go in")
  func long() {
    let bytes = (0..<3).flatMap { _ in (0...255).map { UInt8($0) } } + Array("xyz12".utf8)
    #expect(hash(bytes) == 0x9B7D_50C0_4781_8B1B)
  }

  @Test("each byte and the length count", arguments: [1, 4, 8, 31, 32, 33, 100])
  func everyByteCounts(length: Int) {
    let bytes = [UInt8](repeating: 7, count: length)
    var seen: Set<UInt64> = [hash(bytes)]
    for position in 0..<length {
      var changed = bytes
      changed[position] ^= 1
      seen.insert(hash(changed))
    }
    seen.insert(hash(bytes + [7]))
    #expect(seen.count == length + 2)
  }
}
