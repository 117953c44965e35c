import BatchDomain

extension ElementScanner {
  private static let ones: UInt64 = 0x0101_0101_0101_0101
  private static let highs: UInt64 = 0x8080_8080_8080_8080

  /// Scans the string literal whose opening quote is at `start`; returns the offset after its closing quote, with
  /// `isEscaped` set, or -1.
  @inline(__always)
  mutating func scanString(at start: Int) -> Int {
    let position = plainRun(from: start + 1)
    if text[position] == UInt8(ascii: "\"") {
      isEscaped = false
      return position + 1
    }
    return scanRestOfString(from: position)
  }

  /// The offset of the first byte from `start` that is a quote, a backslash, a control character or not ASCII.
  ///
  /// Eight bytes at a time, by the usual "has a zero byte" arithmetic: only the lowest flag has to be right, since
  /// only the first such byte is looked for.
  @inline(__always)
  private func plainRun(from start: Int) -> Int {
    var position = start
    while true {
      let word = UInt64(
        littleEndian: UnsafeRawPointer(text + position).loadUnaligned(as: UInt64.self))
      let quote = word ^ 0x2222_2222_2222_2222
      let backslash = word ^ 0x5C5C_5C5C_5C5C_5C5C
      let flags =
        (word &- 0x2020_2020_2020_2020) & ~word
        | (quote &- ElementScanner.ones) & ~quote
        | (backslash &- ElementScanner.ones) & ~backslash
        | word
      let found = flags & ElementScanner.highs
      if found != 0 { return position + found.trailingZeroBitCount >> 3 }
      position += 8
    }
  }

  private mutating func scanRestOfString(from start: Int) -> Int {
    var position = start
    var hasIssue = false
    var escaped = false
    while true {
      let byte = text[position]
      switch byte {
      case UInt8(ascii: "\""):
        isEscaped = escaped
        return position + 1
      case UInt8(ascii: "\\"):
        escaped = true
        let next = scanEscape(at: position, hasIssue: &hasIssue)
        if next < 0 { return -1 }
        position = next
      case 0x80...:
        let next = scanMultibyte(at: position)
        if next < 0 { return -1 }
        position = next
      case ..<0x20: return fail(.controlCharacter, at: position)
      default: position = plainRun(from: position)
      }
    }
  }

  /// RFC 8259, section 7. `hasIssue` lets one finding per string be recorded.
  private mutating func scanEscape(at start: Int, hasIssue: inout Bool) -> Int {
    switch text[start + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      return start + 2
    case UInt8(ascii: "u"): break
    default: return start + 1 >= end ? fail(.invalidEscape, at: end) : fail(.invalidEscape, at: start)
    }
    let unit = codeUnit(of: start)
    guard unit >= 0 else { return -1 }
    var isAlone = false
    var next = start + 6
    if unit & 0xFC00 == 0xDC00 {
      isAlone = true
    } else if unit & 0xFC00 == 0xD800 {
      isAlone = true
      if text[next] == UInt8(ascii: "\\"), text[next + 1] == UInt8(ascii: "u") {
        let low = codeUnit(of: next)
        guard low >= 0 else { return -1 }
        if low & 0xFC00 == 0xDC00 {
          isAlone = false
          next += 6
        }
      }
    }
    if isAlone, !hasIssue, issues.count < ElementScanner.issueLimit {
      hasIssue = true
      issues.append(Issue(offset: start))
    }
    return next
  }

  /// The four digits of the `\u` escape at `start`, or -1.
  private mutating func codeUnit(of start: Int) -> Int {
    var unit = 0
    for position in start + 2..<start + 6 {
      guard let digit = JSONString.hexValue(text[position]) else {
        return position >= end ? fail(.invalidEscape, at: end) : fail(.invalidEscape, at: start)
      }
      unit = unit << 4 | Int(digit)
    }
    return unit
  }

  /// The well-formed sequences of RFC 3629, section 4: nothing overlong, no surrogate, nothing above U+10FFFF.
  private mutating func scanMultibyte(at start: Int) -> Int {
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch text[start] {
    case 0xC2...0xDF: length = 2
    case 0xE0:
      length = 3
      second = 0xA0...0xBF
    case 0xED:
      length = 3
      second = 0x80...0x9F
    case 0xE1...0xEF: length = 3
    case 0xF0:
      length = 4
      second = 0x90...0xBF
    case 0xF1...0xF3: length = 4
    case 0xF4:
      length = 4
      second = 0x80...0x8F
    default: return fail(.invalidUTF8, at: start)
    }
    for position in start + 1..<start + length {
      let allowed = position == start + 1 ? second : 0x80...0xBF
      guard allowed.contains(text[position]) else {
        return position >= end ? fail(.invalidUTF8, at: end) : fail(.invalidUTF8, at: start)
      }
    }
    return start + length
  }
}
