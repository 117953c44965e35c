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
    var position = range.lowerBound
    var runStart = position
    while position < range.upperBound {
      let byte = text[position]
      if byte == UInt8(ascii: "\"") {
        position = endOfString(text, at: position)
      } else if isSpace(byte) {
        target.append(contentsOf: UnsafeBufferPointer(rebasing: text[runStart..<position]))
        while position < range.upperBound, isSpace(text[position]) { position += 1 }
        runStart = position
      } else {
        position += 1
      }
    }
    if runStart < range.upperBound {
      target.append(contentsOf: UnsafeBufferPointer(rebasing: text[runStart..<range.upperBound]))
    }
  }
}
