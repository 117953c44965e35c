/// A secret to be found in a text, letter by letter in any of the ways a letter may be written: plain,
/// percent-encoded, or JSON-escaped. Letters are compared without case: a gateway may fold them.
struct SecretPattern: Sendable {
  /// What may stand for each letter: its plain forms in lower case.
  let letters: [[UInt8]]
  /// Whether escapes in the text are understood; without that a text is compared byte by byte.
  let readsEscapes: Bool

  /// A pattern for that text as it stands.
  init(plain text: String, readsEscapes: Bool = true) {
    letters = text.utf8.map { [$0.lowerCased] }
    self.readsEscapes = readsEscapes
  }

  /// A pattern for a stretch of base64, in the standard and the URL-safe alphabet (RFC 4648).
  init(base64 stretch: some Sequence<UInt8>) {
    readsEscapes = true
    letters = stretch.map { letter in
      switch letter {
      case UInt8(ascii: "+"), UInt8(ascii: "-"): [UInt8(ascii: "+"), UInt8(ascii: "-")]
      case UInt8(ascii: "/"), UInt8(ascii: "_"): [UInt8(ascii: "/"), UInt8(ascii: "_")]
      default: [letter.lowerCased]
      }
    }
  }

  /// The stretches of base64 that a text shows wherever it stands in what was encoded: one for each of the
  /// three alignments, without the letters at its ends that depend on the neighbours.
  ///
  /// Worked value: after one unknown byte, letters 0 and 1 hold bits of that byte, so the stretch starts with
  /// letter 2; of a total of 5 bytes = 40 bits, 6 whole letters are known, so it ends before letter 6.
  static func base64Patterns(of text: String) -> [SecretPattern] {
    (0..<3).compactMap { offset in
      let bytes = [UInt8](repeating: 0, count: offset) + Array(text.utf8)
      let encoded = Array(Base64Letters(bytes))
      let stretch = encoded[[0, 2, 3][offset]..<(bytes.count * 8 / 6)]
      return stretch.count < 6 ? nil : SecretPattern(base64: stretch)
    }
  }

  /// Whether the pattern may begin with that byte: one of its first letters, or the start of an escape.
  func mayBegin(with byte: UInt8) -> Bool {
    if readsEscapes, byte == UInt8(ascii: "%") || byte == UInt8(ascii: "\\") { return true }
    return letters.first?.contains(byte.lowerCased) ?? false
  }

  /// Where the pattern ends when it begins at `start`; `nil` when it does not stand there.
  func end(in bytes: [UInt8], from start: Int) -> Int? {
    var position = start
    for letter in letters {
      guard let (found, next) = self.letter(in: bytes, at: position), letter.contains(found) else {
        return nil
      }
      position = next
    }
    return position
  }

  /// Whether the text breaks off within the pattern that begins at `start`.
  func breaksOff(in bytes: [UInt8], from start: Int) -> Bool {
    var position = start
    for letter in letters {
      guard let (found, next) = self.letter(in: bytes, at: position) else { return true }
      guard letter.contains(found) else {
        // A lone escape at the very end could have become any letter.
        return bytes.count - position < 6 && (bytes[position] == 0x25 || bytes[position] == 0x5C)
      }
      position = next
    }
    return false
  }

  /// The letter at a position, folded to lower case, and where the next one starts; `nil` at the end.
  private func letter(in bytes: [UInt8], at position: Int) -> (UInt8, Int)? {
    guard position < bytes.count else { return nil }
    let byte = bytes[position]
    guard readsEscapes else { return (byte.lowerCased, position + 1) }
    if byte == UInt8(ascii: "%"), let value = Self.hex(bytes, position + 1, digits: 2) {
      return (value.lowerCased, position + 3)
    }
    if byte == UInt8(ascii: "\\"), position + 1 < bytes.count {
      let kind = bytes[position + 1]
      if kind == UInt8(ascii: "u"), let value = Self.hex(bytes, position + 2, digits: 4) {
        return (value.lowerCased, position + 6)
      }
      if kind == UInt8(ascii: "/") || kind == UInt8(ascii: "\"") || kind == UInt8(ascii: "\\") {
        return (kind, position + 2)
      }
    }
    return (byte.lowerCased, position + 1)
  }

  /// The value of that many hex digits if it is ASCII.
  private static func hex(_ bytes: [UInt8], _ start: Int, digits: Int) -> UInt8? {
    guard start + digits <= bytes.count else { return nil }
    var value = 0
    for byte in bytes[start..<start + digits] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      value = value * 16 + digit
    }
    return value < 128 ? UInt8(value) : nil
  }
}

extension UInt8 {
  /// The byte with an ASCII capital letter made small.
  var lowerCased: UInt8 { (0x41...0x5A).contains(self) ? self + 0x20 : self }
}
