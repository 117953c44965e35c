/// Steps over already validated JSON text.
enum JSONWalk {
  /// The whitespace of RFC 8259, section 2.
  @inline(__always)
  static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
  }

  /// The position after the string literal that starts at `start`.
  @inline(__always)
  static func endOfString(_ text: UnsafeBufferPointer<UInt8>, at start: Int) -> Int {
    var position = start + 1
    while position < text.count {
      let byte = text[position]
      if byte == UInt8(ascii: "\"") { return position + 1 }
      position += byte == UInt8(ascii: "\\") ? 2 : 1
    }
    return text.count
  }

  /// The position after the value that starts at `start`, whitespace behind it left out.
  static func endOfValue(_ text: UnsafeBufferPointer<UInt8>, at start: Int) -> Int {
    var position = start
    var depth = 0
    while position < text.count {
      switch text[position] {
      case UInt8(ascii: "\""):
        position = endOfString(text, at: position)
        if depth == 0 { return position }
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        position += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return position }
        depth -= 1
        position += 1
        if depth == 0 { return position }
      case UInt8(ascii: ","), 0x20, 0x0A, 0x0D, 0x09:
        if depth == 0 { return position }
        position += 1
      default: position += 1
      }
    }
    return text.count
  }

  /// Appends `text[range]` to `target`, leaving out the whitespace outside strings.
  static func appendWithoutSpace(
    _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, to target: inout [UInt8]
  ) {
    let source = UnsafeBufferPointer(rebasing: text[range])
    let start = target.count
    // Makes room by copying everything; what is left out is overwritten or cut off.
    target.append(contentsOf: source)
    let length = target.withUnsafeMutableBufferPointer {
      copyWithoutSpace(source, to: UnsafeMutableBufferPointer(rebasing: $0[start...]))
    }
    target.removeLast(source.count - length)
  }

  /// Copies `source` to `target`, which is as long, and returns how many bytes it kept.
  private static func copyWithoutSpace(
    _ source: UnsafeBufferPointer<UInt8>, to target: UnsafeMutableBufferPointer<UInt8>
  ) -> Int {
    var position = 0
    var length = 0
    while position < source.count {
      let byte = source[position]
      position += 1
      if isSpace(byte) { continue }
      target[length] = byte
      length += 1
      if byte == UInt8(ascii: "\"") { copyRestOfString(source, &position, to: target, &length) }
    }
    return length
  }

  /// Copies up to and including the closing quote.
  @inline(__always)
  private static func copyRestOfString(
    _ source: UnsafeBufferPointer<UInt8>, _ position: inout Int, to target: UnsafeMutableBufferPointer<UInt8>,
    _ length: inout Int
  ) {
    let from = UnsafeRawBufferPointer(source)
    let into = UnsafeMutableRawBufferPointer(target)
    while position < source.count {
      // Eight bytes at a time: bytes stored behind a quote or backslash are overwritten later, and never lie beyond
      // the target, where less was written than was read.
      while position + 8 <= source.count {
        let word = UInt64(littleEndian: from.loadUnaligned(fromByteOffset: position, as: UInt64.self))
        into.storeBytes(of: word.littleEndian, toByteOffset: length, as: UInt64.self)
        let stops = zeroBytes(word ^ 0x2222_2222_2222_2222) | zeroBytes(word ^ 0x5C5C_5C5C_5C5C_5C5C)
        let count = stops == 0 ? 8 : stops.trailingZeroBitCount >> 3
        position += count
        length += count
        if stops != 0 { break }
      }
      guard position < source.count else { return }
      let byte = source[position]
      target[length] = byte
      position += 1
      length += 1
      if byte == UInt8(ascii: "\"") { return }
      if byte == UInt8(ascii: "\\"), position < source.count {
        target[length] = source[position]
        position += 1
        length += 1
      }
    }
  }

  /// The high bit of each byte that is zero; bits above the lowest such byte may be wrong.
  @inline(__always)
  private static func zeroBytes(_ word: UInt64) -> UInt64 {
    (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
  }
}
