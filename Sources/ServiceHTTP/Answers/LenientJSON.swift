internal import BatchDomain

/// A JSON value of any shape, for answers whose shape is not to be relied on.
///
/// Foundation's `JSONDecoder` rejects a whole body for one value that no Swift type holds: a number like `1e999`, or half of
/// a surrogate pair in any string or member name, which a service writes that cuts texts at a number of UTF-16 units. Both
/// are valid JSON (RFC 8259, sections 6 and 8.2), and the error code beside them would be lost: a 400 with
/// `insufficient_funds` would count as a refusal of the chunk. What is not JSON is not read in part: a page is evidence.
package enum LenientJSON: Sendable, Equatable {
  /// An object; of a repeated name the last value.
  case object([String: LenientJSON])
  /// An array.
  case array([LenientJSON])
  /// A string.
  case string(String)
  /// A number of any size, as it stands in the text.
  case number(String)
  /// `true` or `false`.
  case boolean(Bool)
  /// `null`.
  case null

  /// Parses a whole body; bytes that are not UTF-8 are repaired first.
  ///
  /// - Returns: `nil` when it is not JSON, or nested deeper than ``LenientJSONParser/depthLimit``.
  package static func parse(_ bytes: some Collection<UInt8>) -> LenientJSON? {
    var parser = LenientJSONParser(Array(String(decoding: bytes, as: UTF8.self).utf8))
    return parser.document()
  }

  /// Parses the beginning of a body that is longer: an object or an array with what stands whole before the cut.
  ///
  /// - Returns: `nil` when it is not the beginning of an object or an array.
  package static func parse(beginning bytes: some Collection<UInt8>) -> LenientJSON? {
    var parser = LenientJSONParser(Array(String(decoding: bytes, as: UTF8.self).utf8), isCut: true)
    return parser.document()
  }

  /// The value of a member, if this is an object that has it.
  package subscript(name: String) -> LenientJSON? {
    guard case .object(let members) = self else { return nil }
    return members[name]
  }

  /// The text, if this is a string.
  package var string: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  /// The value as JSON without white space, the members of objects by name: equal values are equal texts.
  var text: String {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  private func append(to bytes: inout [UInt8]) {
    switch self {
    case .object(let members):
      bytes.append(UInt8(ascii: "{"))
      for (place, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
        if place > 0 { bytes.append(UInt8(ascii: ",")) }
        JSONString.append(Array(member.key.utf8), to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        member.value.append(to: &bytes)
      }
      bytes.append(UInt8(ascii: "}"))
    case .array(let values):
      bytes.append(UInt8(ascii: "["))
      for (place, value) in values.enumerated() {
        if place > 0 { bytes.append(UInt8(ascii: ",")) }
        value.append(to: &bytes)
      }
      bytes.append(UInt8(ascii: "]"))
    case .string(let text): JSONString.append(Array(text.utf8), to: &bytes)
    case .number(let digits): bytes.append(contentsOf: digits.utf8)
    case .boolean(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
    case .null: bytes.append(contentsOf: "null".utf8)
    }
  }
}

/// Parses JSON as RFC 8259 has it, except that nothing valid makes it give up: a number too large for any type
/// stays its digits, and half of a surrogate pair becomes U+FFFD. What else stands in an answer must not hide its
/// error code.
struct LenientJSONParser {
  /// The deepest nesting followed; what is deeper is not read.
  static let depthLimit = 128

  private let bytes: [UInt8]
  /// Whether the text goes on behind the last byte.
  private let isCut: Bool
  private var position = 0

  /// A parser at the beginning of a text in UTF-8.
  init(_ bytes: [UInt8], isCut: Bool = false) {
    self.bytes = bytes
    self.isCut = isCut
  }

  /// What was read of an object or an array, where the cut ended it; `nil` where it is not JSON.
  private func cut(_ value: LenientJSON) -> LenientJSON? {
    isCut && position == bytes.count ? value : nil
  }

  /// The value that is the whole text, a byte order mark before it left out; `nil` when it is not JSON.
  mutating func document() -> LenientJSON? {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    guard let value = value(depth: 0) else { return nil }
    return position == bytes.count ? value : nil
  }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let next, next == 0x20 || next == 0x0A || next == 0x0D || next == 0x09 { position += 1 }
  }

  private mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard let next, next == UInt8(ascii: byte) else { return false }
    position += 1
    return true
  }

  private mutating func take(word: StaticString) -> Bool {
    let word = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
    guard bytes[position...].starts(with: word) else {
      if isCut, word.starts(with: bytes[position...]) { position = bytes.count }
      return false
    }
    position += word.count
    return true
  }

  /// A value with the white space around it.
  private mutating func value(depth: Int) -> LenientJSON? {
    skipSpace()
    defer { skipSpace() }
    switch next {
    case UInt8(ascii: "{"): return object(depth: depth + 1)
    case UInt8(ascii: "["): return array(depth: depth + 1)
    case UInt8(ascii: "\""): return string().map(LenientJSON.string)
    case UInt8(ascii: "t"): return take(word: "true") ? .boolean(true) : nil
    case UInt8(ascii: "f"): return take(word: "false") ? .boolean(false) : nil
    case UInt8(ascii: "n"): return take(word: "null") ? .null : nil
    default: return number().map(LenientJSON.number)
    }
  }

  private mutating func object(depth: Int) -> LenientJSON? {
    guard take("{"), depth <= Self.depthLimit else { return nil }
    var members: [String: LenientJSON] = [:]
    skipSpace()
    if take("}") { return .object(members) }
    repeat {
      skipSpace()
      guard let name = string() else { return cut(.object(members)) }
      skipSpace()
      guard take(":"), let value = value(depth: depth) else { return cut(.object(members)) }
      members[name] = value
    } while take(",")
    return take("}") ? .object(members) : cut(.object(members))
  }

  private mutating func array(depth: Int) -> LenientJSON? {
    guard take("["), depth <= Self.depthLimit else { return nil }
    var elements: [LenientJSON] = []
    skipSpace()
    if take("]") { return .array(elements) }
    repeat {
      guard let element = value(depth: depth) else { return cut(.array(elements)) }
      elements.append(element)
    } while take(",")
    return take("]") ? .array(elements) : cut(.array(elements))
  }

  /// RFC 8259, section 6.
  private mutating func number() -> String? {
    let start = position
    _ = take("-")
    guard take("0") || takeDigits() else { return nil }
    if take("."), !takeDigits() { return nil }
    if take("e") || take("E") {
      _ = take("+") || take("-")
      guard takeDigits() else { return nil }
    }
    // More digits may stand behind the cut.
    if isCut, position == bytes.count { return nil }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  /// Whether there was at least one digit.
  private mutating func takeDigits() -> Bool {
    let start = position
    while let next, (0x30...0x39).contains(next) { position += 1 }
    return position > start
  }

  /// RFC 8259, section 7.
  private mutating func string() -> String? {
    guard take("\"") else { return nil }
    var text: [UInt8] = []
    while let byte = next, byte >= 0x20 {
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard let scalar = escape() else { return nil }
        text += Array(String(scalar).utf8)
      default: text.append(byte)
      }
    }
    return nil
  }

  /// The scalar of the escape whose backslash was taken.
  private mutating func escape() -> Unicode.Scalar? {
    guard let letter = next else { return nil }
    position += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
    case UInt8(ascii: "b"): return "\u{08}"
    case UInt8(ascii: "f"): return "\u{0C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      guard let unit = codeUnit() else { return nil }
      guard unit & 0xFC00 == 0xD800 else { return Unicode.Scalar(unit) ?? "\u{FFFD}" }
      // Only a low half makes a pair; anything else stands for itself.
      let afterHigh = position
      if take(word: "\\u"), let low = codeUnit(), low & 0xFC00 == 0xDC00 {
        return Unicode.Scalar(0x10000 + ((unit & 0x3FF) << 10 | low & 0x3FF))
      }
      position = afterHigh
      return "\u{FFFD}"
    default: return nil
    }
  }

  /// Four hex digits.
  private mutating func codeUnit() -> UInt32? {
    guard position + 4 <= bytes.count else {
      position = bytes.count
      return nil
    }
    var unit: UInt32 = 0
    for byte in bytes[position..<position + 4] {
      guard byte < 0x80, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      unit = unit << 4 | UInt32(digit)
    }
    position += 4
    return unit
  }
}
