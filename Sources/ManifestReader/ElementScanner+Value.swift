extension ElementScanner {
  /// Scans a number or one of `true`, `false` and `null`; returns the offset after it or -1.
  mutating func scanScalar(at start: Int, kind: inout ValueKind) -> Int {
    switch text[start] {
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      kind = .number
      return scanNumber(at: start)
    case UInt8(ascii: "t"):
      kind = .boolean
      return scanLiteral("true", at: start)
    case UInt8(ascii: "f"):
      kind = .boolean
      return scanLiteral("false", at: start)
    case UInt8(ascii: "n"):
      kind = .null
      return scanLiteral("null", at: start)
    default: return fail(.expectedValue, at: start)
    }
  }

  /// RFC 8259, section 6.
  private mutating func scanNumber(at start: Int) -> Int {
    var position = start
    if text[position] == UInt8(ascii: "-") { position += 1 }
    if text[position] == UInt8(ascii: "0") {
      position += 1
      if isDigit(position) { return fail(.invalidNumber, at: start) }
    } else {
      guard skipDigits(&position) else { return failNumber(start, stoppedAt: position) }
    }
    if text[position] == UInt8(ascii: ".") {
      position += 1
      guard skipDigits(&position) else { return failNumber(start, stoppedAt: position) }
    }
    if text[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      if text[position] == UInt8(ascii: "+") || text[position] == UInt8(ascii: "-") { position += 1 }
      guard skipDigits(&position) else { return failNumber(start, stoppedAt: position) }
    }
    return position
  }

  private mutating func failNumber(_ start: Int, stoppedAt position: Int) -> Int {
    fail(.invalidNumber, at: position >= end ? end : start)
  }

  private func isDigit(_ position: Int) -> Bool {
    text[position] &- UInt8(ascii: "0") < 10
  }

  /// Whether there was at least one digit.
  private func skipDigits(_ position: inout Int) -> Bool {
    let start = position
    while isDigit(position) { position += 1 }
    return position > start
  }

  private mutating func scanLiteral(_ literal: StaticString, at start: Int) -> Int {
    for index in 0..<literal.utf8CodeUnitCount where text[start + index] != literal.utf8Start[index] {
      return fail(.invalidLiteral, at: start + index >= end ? end : start)
    }
    return start + literal.utf8CodeUnitCount
  }

  private enum Expectation {
    case nameOrEnd, name, valueOrEnd, value, separator
  }

  /// Scans the object or array at `start`, inside `depth` levels already, without recursion: one bit per level says
  /// which it is. Returns the offset after it or -1.
  mutating func scanNested(at start: Int, depth: Int) -> Int {
    var level = depth
    var objects = (low: UInt64(0), high: UInt64(0))
    var position = start
    var expectation = Expectation.value
    while true {
      let byte = text[position]
      switch expectation {
      case .value, .valueOrEnd:
        if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
          level += 1
          guard level <= ElementScanner.depthLimit else { return fail(.tooDeep, at: position) }
          set(&objects, level, isObject: byte == UInt8(ascii: "{"))
          expectation = byte == UInt8(ascii: "{") ? .nameOrEnd : .valueOrEnd
          position += 1
        } else if byte == UInt8(ascii: "]") && expectation == .valueOrEnd {
          expectation = .separator
          continue
        } else {
          if byte == UInt8(ascii: "]") && !isObject(objects, level) {
            return fail(.trailingComma, at: position)
          }
          var kind = ValueKind.absent
          position =
            byte == UInt8(ascii: "\"") ? scanString(at: position) : scanScalar(at: position, kind: &kind)
          if position < 0 { return -1 }
          expectation = .separator
        }
      case .name, .nameOrEnd:
        if byte == UInt8(ascii: "}") {
          guard expectation == .nameOrEnd else { return fail(.trailingComma, at: position) }
          expectation = .separator
          continue
        }
        guard byte == UInt8(ascii: "\"") else { return fail(.expectedName, at: position) }
        position = scanString(at: position)
        if position < 0 { return -1 }
        position = skipSpace(position)
        guard text[position] == UInt8(ascii: ":") else { return fail(.expectedColon, at: position) }
        position += 1
        expectation = .value
      case .separator:
        let isObject = isObject(objects, level)
        if byte == UInt8(ascii: ",") {
          expectation = isObject ? .name : .value
          position += 1
        } else if byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
          level -= 1
          position += 1
          if level == depth {
            isEscaped = false
            return position
          }
        } else {
          return fail(isObject ? .expectedCommaOrBrace : .expectedCommaOrBracket, at: position)
        }
      }
      position = skipSpace(position)
    }
  }

  @inline(__always)
  private func isObject(_ objects: (low: UInt64, high: UInt64), _ level: Int) -> Bool {
    let bit = level - 1
    return (bit < 64 ? objects.low >> UInt64(bit) : objects.high >> UInt64(bit - 64)) & 1 == 1
  }

  @inline(__always)
  private func set(_ objects: inout (low: UInt64, high: UInt64), _ level: Int, isObject: Bool) {
    let bit = level - 1
    let mask: UInt64 = 1 << UInt64(bit & 63)
    if bit < 64 {
      objects.low = isObject ? objects.low | mask : objects.low & ~mask
    } else {
      objects.high = isObject ? objects.high | mask : objects.high & ~mask
    }
  }
}
