/// A hash that is the same in every process: draws made from it do not depend on the order of arrivals.
struct SeededHash {
  private var state: UInt64

  /// Starts a hash for `seed`; FNV-1a over the parts, mixed at the end as splitmix64 does.
  init(seed: UInt64) {
    state = 0xcbf2_9ce4_8422_2325 ^ seed
  }

  /// A copy with `text` and a separator mixed in.
  func adding(_ text: String) -> SeededHash {
    var copy = self
    for byte in text.utf8 { copy.add(byte) }
    copy.add(0xFF)
    return copy
  }

  /// A copy with `number` mixed in.
  func adding(_ number: Int) -> SeededHash {
    var copy = self
    withUnsafeBytes(of: Int64(number).littleEndian) { for byte in $0 { copy.add(byte) } }
    return copy
  }

  /// All bits of the hash.
  var value: UInt64 {
    var mixed = state &+ 0x9e37_79b9_7f4a_7c15
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// The hash as a number from 0 up to but not including 1.
  var unit: Double { Double(value >> 11) * 0x1p-53 }

  /// The hash as `digits` lowercase hexadecimal digits.
  func hex(_ digits: Int) -> String {
    var text = ""
    var part = 0
    while text.count < digits {
      let word = String(adding(part).value, radix: 16)
      text += String(repeating: "0", count: 16 - word.count) + word
      part += 1
    }
    return String(text.prefix(digits))
  }

  private mutating func add(_ byte: UInt8) {
    state = (state ^ UInt64(byte)) &* 0x100_0000_01b3
  }
}
