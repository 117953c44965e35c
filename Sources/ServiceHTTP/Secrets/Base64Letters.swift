/// The base64 form of some bytes (RFC 4648, standard alphabet, without padding), letter by letter.
struct Base64Letters: Sequence {
  /// The bytes to be encoded.
  let bytes: [UInt8]

  /// The base64 form of those bytes.
  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The letters in order.
  func makeIterator() -> AnyIterator<UInt8> {
    var bit = 0
    return AnyIterator {
      guard bit < bytes.count * 8 else { return nil }
      let pair = UInt16(bytes[bit / 8]) << 8 | (bit / 8 + 1 < bytes.count ? UInt16(bytes[bit / 8 + 1]) : 0)
      let value = pair >> (10 - UInt16(bit % 8)) & 0x3F
      bit += 6
      return Self.alphabet[Int(value)]
    }
  }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
}
