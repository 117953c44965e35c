/// Stretches of the key: services like to repeat the beginning of a key they refuse.
struct KeyFragments: Sendable {
  /// Letters in a row that are too many to be shown; four, as many services show, are not.
  static let shortest = 8

  private let key: [UInt8]

  /// The stretches of that key.
  init(of key: String) { self.key = key.utf8.map(\.lowerCased) }

  /// The text with ``Scrubber/replacement`` in place of each stretch of the key.
  func removed(from bytes: [UInt8]) -> [UInt8] {
    guard key.count > Self.shortest else { return bytes }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var position = 0
    while position < bytes.count {
      let length = longestStretch(in: bytes, at: position)
      if length >= Self.shortest {
        result += Scrubber.replacement.utf8
        position += length
      } else {
        result.append(bytes[position])
        position += 1
      }
    }
    return result
  }

  /// How many bytes of the text from `start` on stand in a row anywhere in the key.
  private func longestStretch(in bytes: [UInt8], at start: Int) -> Int {
    let first = bytes[start].lowerCased
    var longest = 0
    for offset in key.indices where key[offset] == first {
      var length = 1
      while offset + length < key.count, start + length < bytes.count,
        key[offset + length] == bytes[start + length].lowerCased
      {
        length += 1
      }
      longest = max(longest, length)
    }
    return longest
  }
}
