/// Decodes JSON string literals that a strict reader has already accepted.
package enum JSONString {
  /// Appends the UTF-8 of the literal `text[start..<end]`, quotes included in the range, to `target`.
  ///
  /// Where the text breaks RFC 8259 after all, the result is unspecified but the call is safe and linear: a lone
  /// surrogate becomes U+FFFD.
  package static func decode(
    _ text: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int, into target: inout [UInt8]
  ) {
    var position = start + 1
    let last = end - 1
    while position < last {
      let byte = text[position]
      guard byte == UInt8(ascii: "\\"), position + 1 < last else {
        target.append(byte)
        position += 1
        continue
      }
      let kind = text[position + 1]
      position += 2
      switch kind {
      case UInt8(ascii: "b"): target.append(0x08)
      case UInt8(ascii: "f"): target.append(0x0C)
      case UInt8(ascii: "n"): target.append(0x0A)
      case UInt8(ascii: "r"): target.append(0x0D)
      case UInt8(ascii: "t"): target.append(0x09)
      case UInt8(ascii: "u"):
        var unit = codeUnit(text, at: position, before: last)
        position = min(position + 4, last)
        if unit & 0xFC00 == 0xD800, position + 1 < last, text[position] == UInt8(ascii: "\\"),
          text[position + 1] == UInt8(ascii: "u")
        {
          let low = codeUnit(text, at: position + 2, before: last)
          if low & 0xFC00 == 0xDC00 {
            unit = 0x10000 + ((unit & 0x3FF) << 10) + (low & 0x3FF)
            position = min(position + 6, last)
          }
        }
        append(Unicode.Scalar(unit) ?? "\u{FFFD}", to: &target)
      default: target.append(kind)
      }
    }
  }

  /// The value of one hexadecimal digit, nil for any other byte.
  package static func hexValue(_ byte: UInt8) -> UInt32? {
    switch byte {
    case 0x30...0x39: UInt32(byte) - 0x30
    case 0x41...0x46: UInt32(byte) - 0x37
    case 0x61...0x66: UInt32(byte) - 0x57
    default: nil
    }
  }

  private static func codeUnit(_ text: UnsafeBufferPointer<UInt8>, at start: Int, before end: Int) -> UInt32 {
    var unit: UInt32 = 0
    for position in start..<max(start, min(start + 4, end)) {
      unit = unit << 4 | (hexValue(text[position]) ?? 0)
    }
    return unit
  }

  private static func append(_ scalar: Unicode.Scalar, to target: inout [UInt8]) {
    target.append(contentsOf: scalar.utf8)
  }
}
