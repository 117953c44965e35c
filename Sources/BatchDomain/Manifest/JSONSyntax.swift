/// Steps over already validated JSON text.
package enum JSONSyntax {
  /// The whitespace of RFC 8259, section 2.
  @inline(__always)
  package static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
  }

  /// The position of the quote that ends the string literal that starts at `start`; `nil` when something in it is escaped,
  /// or it is cut off.
  package static func endOfPlainString(_ text: UnsafeBufferPointer<UInt8>, at start: Int) -> Int? {
    let bytes = UnsafeRawBufferPointer(text)
    var position = start + 1
    while position + 8 <= text.count {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
      let stops = zeroBytes(word ^ 0x2222_2222_2222_2222) | zeroBytes(word ^ 0x5C5C_5C5C_5C5C_5C5C)
      guard stops == 0 else {
        position += stops.trailingZeroBitCount >> 3
        return text[position] == UInt8(ascii: "\"") ? position : nil
      }
      position += 8
    }
    while position < text.count {
      if text[position] == UInt8(ascii: "\\") { return nil }
      if text[position] == UInt8(ascii: "\"") { return position }
      position += 1
    }
    return nil
  }

  /// The position after the string literal that starts at `start`; the end of the text when it is cut off.
  package static func endOfString(_ text: UnsafeBufferPointer<UInt8>, at start: Int) -> Int {
    let bytes = UnsafeRawBufferPointer(text)
    var position = start + 1
    while position < text.count {
      // Eight bytes at a time up to the next quote or backslash: strings are most of a manifest.
      while position + 8 <= text.count {
        let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
        let stops = zeroBytes(word ^ 0x2222_2222_2222_2222) | zeroBytes(word ^ 0x5C5C_5C5C_5C5C_5C5C)
        guard stops == 0 else {
          position += stops.trailingZeroBitCount >> 3
          break
        }
        position += 8
      }
      guard position < text.count else { break }
      let byte = text[position]
      if byte == UInt8(ascii: "\"") { return position + 1 }
      position += byte == UInt8(ascii: "\\") ? 2 : 1
    }
    return text.count
  }

  /// The position after the token that starts at `start`: one of `{ } [ ] : ,`, a string, or a number or word.
  package static func endOfToken(_ text: UnsafeBufferPointer<UInt8>, at start: Int) -> Int {
    if text[start] == UInt8(ascii: "\"") { return endOfString(text, at: start) }
    if isPunctuation(text[start]) { return start + 1 }
    var position = start + 1
    while position < text.count, !isPunctuation(text[position]), !isSpace(text[position]),
      text[position] != UInt8(ascii: "\"")
    {
      position += 1
    }
    return position
  }

  /// The position after the value that starts at `start`, whitespace behind it left out.
  package static func endOfValue(_ text: UnsafeBufferPointer<UInt8>, at start: Int) -> Int {
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

  private static func isPunctuation(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ":"),
      UInt8(ascii: ","):
      true
    default: false
    }
  }

  /// The high bit of each byte that is zero; bits above the lowest such byte may be wrong.
  @inline(__always)
  private static func zeroBytes(_ word: UInt64) -> UInt64 {
    (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
  }
}

/// Writes JSON string literals, and decodes those that a strict reader has already accepted.
package enum JSONString {
  /// Appends the literal of a text in UTF-8 to `target`, quotes included. Only what RFC 8259, section 7, demands is
  /// escaped: the quotation mark, the backslash and the control characters up to U+001F.
  package static func append(_ text: [UInt8], to target: inout [UInt8]) {
    target.append(UInt8(ascii: "\""))
    text.withUnsafeBufferPointer { text in
      // What needs no escape is copied together.
      var start = 0
      for place in 0..<text.count {
        let byte = text[place]
        guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
        target.append(contentsOf: text[start..<place])
        appendEscape(of: byte, to: &target)
        start = place + 1
      }
      target.append(contentsOf: text[start...])
    }
    target.append(UInt8(ascii: "\""))
  }

  private static func appendEscape(of byte: UInt8, to target: inout [UInt8]) {
    switch byte {
    case 0x08: target.append(contentsOf: "\\b".utf8)
    case 0x09: target.append(contentsOf: "\\t".utf8)
    case 0x0A: target.append(contentsOf: "\\n".utf8)
    case 0x0C: target.append(contentsOf: "\\f".utf8)
    case 0x0D: target.append(contentsOf: "\\r".utf8)
    case 0..<0x20:
      target.append(contentsOf: "\\u00".utf8)
      target.append(hexDigit(byte >> 4))
      target.append(hexDigit(byte & 0x0F))
    default:
      target.append(UInt8(ascii: "\\"))
      target.append(byte)
    }
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }

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
