import BatchDomain

/// Checks JSON against RFC 8259 as it comes, byte by byte: one value after the other, as documents that were put together
/// are. Strings need not be UTF-8: a key that is none is left out by itself.
struct JSONCheck {
  /// The first byte that cannot stand where it stands.
  struct Fault {
    /// Where it is in the block that was given.
    let offset: Int
    /// The line that it is on, from 1.
    let line: Int
    /// What can stand there, for people.
    let expected: String
  }

  /// The deepest nesting followed.
  static let depthLimit = 512

  private enum Place {
    case document, value, valueOrEnd, name, nameOrEnd, colon, separator
  }

  private enum Token {
    case none, string, escape
    /// Digits of `\u` that are still to come.
    case code(Int)
    /// A word, and how much of it has come.
    case word(StaticString, Int)
    case number(NumberPart)
  }

  /// The part of a number that came last (RFC 8259, section 6).
  private enum NumberPart {
    case minus, zero, digits, point, fraction, exponent, exponentSign, exponentDigits

    /// Whether a number can end with it.
    var canEnd: Bool {
      switch self {
      case .zero, .digits, .fraction, .exponentDigits: true
      case .minus, .point, .exponent, .exponentSign: false
      }
    }

    /// The part that a byte is after this one; `nil` where none can follow.
    func next(_ byte: UInt8) -> NumberPart? {
      let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      let isExponent = byte | 0x20 == UInt8(ascii: "e")
      switch self {
      case .minus: return isDigit ? byte == UInt8(ascii: "0") ? .zero : .digits : nil
      case .zero, .digits:
        if byte == UInt8(ascii: ".") { return .point }
        if isExponent { return .exponent }
        return isDigit && self == .digits ? .digits : nil
      case .point: return isDigit ? .fraction : nil
      case .fraction: return isDigit ? .fraction : isExponent ? .exponent : nil
      case .exponent:
        if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { return .exponentSign }
        return isDigit ? .exponentDigits : nil
      case .exponentSign, .exponentDigits: return isDigit ? .exponentDigits : nil
      }
    }
  }

  private var place = Place.document
  private var token = Token.none
  /// What is open: `true` is an object, `false` an array.
  private var open: [Bool] = []
  private var line = 1
  /// Whether the string that is read is the name of a member.
  private var isName = false

  /// Takes the next bytes; the fault where there is one. Nothing can be taken after it.
  mutating func take(_ text: UnsafeBufferPointer<UInt8>) -> Fault? {
    var position = 0
    while position < text.count {
      let byte = text[position]
      switch token {
      case .none:
        if let expected = begin(byte) { return fault(position, expected) }
      case .string:
        while position < text.count, text[position] >= 0x20, text[position] != UInt8(ascii: "\""),
          text[position] != UInt8(ascii: "\\")
        {
          position += 1
        }
        guard position < text.count else { return nil }
        guard text[position] >= 0x20 else {
          return fault(position, "the rest of a string, with control characters escaped")
        }
        if text[position] == UInt8(ascii: "\\") { token = .escape } else { endString() }
      case .escape:
        guard "\"\\/bfnrtu".utf8.contains(byte) else {
          return fault(position, "one of \" \\ / b f n r t u after a backslash")
        }
        token = byte == UInt8(ascii: "u") ? .code(4) : .string
      case .code(let left):
        guard JSONString.hexValue(byte) != nil else {
          return fault(position, "four hexadecimal digits after \\u")
        }
        token = left == 1 ? .string : .code(left - 1)
      case .word(let word, let count):
        guard byte == word.utf8Start[count] else { return fault(position, "the word \(word)") }
        if count + 1 == word.utf8CodeUnitCount { endValue() } else { token = .word(word, count + 1) }
      case .number(let part):
        if let next = part.next(byte) {
          token = .number(next)
        } else {
          guard part.canEnd else { return fault(position, "a digit") }
          // The byte belongs to what follows the number.
          endValue()
          continue
        }
      }
      position += 1
    }
    return nil
  }

  /// Whether a byte can stand before a document, beside white space: that of a byte order mark, also of files that were put
  /// together, and the record separator of a sequence (RFC 7464, section 2.2).
  static func isBeforeDocument(_ byte: UInt8) -> Bool { [0xEF, 0xBB, 0xBF, 0x1E].contains(byte) }

  private func fault(_ offset: Int, _ expected: String) -> Fault {
    Fault(offset: offset, line: line, expected: expected)
  }

  /// Takes a byte outside of any string, number or word; what was expected where it cannot be.
  private mutating func begin(_ byte: UInt8) -> String? {
    if JSONSyntax.isSpace(byte) {
      if byte == 0x0A { line += 1 }
      return nil
    }
    switch place {
    case .document:
      return JSONCheck.isBeforeDocument(byte) ? nil : beginValue(byte)
    case .value: return beginValue(byte)
    case .valueOrEnd: return byte == UInt8(ascii: "]") ? close() : beginValue(byte)
    case .nameOrEnd where byte == UInt8(ascii: "}"): return close()
    case .name, .nameOrEnd:
      guard byte == UInt8(ascii: "\"") else { return "the name of a member" }
      (token, isName) = (.string, true)
    case .colon:
      guard byte == UInt8(ascii: ":") else { return "a colon" }
      place = .value
    case .separator:
      let isObject = open.last ?? false
      if byte == UInt8(ascii: ",") {
        place = isObject ? .name : .value
      } else if byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
        return close()
      } else {
        return isObject ? "a comma or }" : "a comma or ]"
      }
    }
    return nil
  }

  private mutating func beginValue(_ byte: UInt8) -> String? {
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      guard open.count < Self.depthLimit else {
        return "at most \(Self.depthLimit) brackets inside each other"
      }
      open.append(byte == UInt8(ascii: "{"))
      place = byte == UInt8(ascii: "{") ? .nameOrEnd : .valueOrEnd
    case UInt8(ascii: "\""): (token, isName) = (.string, false)
    case UInt8(ascii: "t"): token = .word("true", 1)
    case UInt8(ascii: "f"): token = .word("false", 1)
    case UInt8(ascii: "n"): token = .word("null", 1)
    case UInt8(ascii: "-"): token = .number(.minus)
    case UInt8(ascii: "0"): token = .number(.zero)
    case UInt8(ascii: "1")...UInt8(ascii: "9"): token = .number(.digits)
    default: return "a value"
    }
    return nil
  }

  private mutating func close() -> String? {
    open.removeLast()
    endValue()
    return nil
  }

  private mutating func endString() {
    guard isName else { return endValue() }
    (token, place) = (.none, .colon)
  }

  private mutating func endValue() {
    token = .none
    place = open.isEmpty ? .document : .separator
  }
}
