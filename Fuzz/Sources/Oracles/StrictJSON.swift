/// A reader of JSON texts written down from RFC 8259 alone, slow and plain, to hold the project's readers against.
package struct StrictJSON {
  /// A value with the place of its source.
  package struct Value {
    /// What the value is.
    package var kind: Kind
    /// Where its source stands in the text, in scalars.
    package var range: Range<Int>
  }

  /// What a value is.
  package enum Kind {
    /// A string.
    case string(CodePoints)
    /// A number; its source says which.
    case number
    /// `true` or `false`.
    case boolean
    /// `null`.
    case null
    /// An array.
    case array([Value])
    /// An object with its members in order, repeated names included.
    case object([Member])
  }

  /// A member of an object.
  package struct Member {
    /// The decoded name.
    package var name: CodePoints
    /// Where the name's literal stands.
    package var nameRange: Range<Int>
    /// The value.
    package var value: Value
  }

  /// A decoded string: code points, halves of surrogate pairs that stand alone included.
  package struct CodePoints: Hashable {
    /// The code points in order.
    package var values: [UInt32] = []

    /// Whether the string has half of a surrogate pair.
    package var isUnfitToSend: Bool { values.contains { (0xD800...0xDFFF).contains($0) } }

    /// The string, with U+FFFD in place of each half of a surrogate pair.
    package var text: String {
      var scalars = String.UnicodeScalarView()
      for value in values { scalars.append(Unicode.Scalar(value) ?? "\u{FFFD}") }
      return String(scalars)
    }
  }

  private struct Refused: Error {}

  private let text: [Unicode.Scalar]
  private let depthLimit: Int
  private var position: Int
  private let end: Int

  private init(_ text: [Unicode.Scalar], _ range: Range<Int>, depthLimit: Int) {
    self.text = text
    self.depthLimit = depthLimit
    position = range.lowerBound
    end = range.upperBound
  }

  /// Reads one JSON text with white space around it; nil when it is none, or nested deeper than `depthLimit`.
  package static func read(
    _ text: [Unicode.Scalar], in range: Range<Int>? = nil, depthLimit: Int
  ) -> Value? {
    var reader = StrictJSON(text, range ?? 0..<text.count, depthLimit: depthLimit)
    do {
      reader.skipSpace()
      let value = try reader.value(depth: 0)
      reader.skipSpace()
      return reader.position == reader.end ? value : nil
    } catch {
      return nil
    }
  }

  /// Reads the JSON text that a range begins with; nil when it begins with none, or one nested deeper than `depthLimit`.
  package static func readFirst(_ text: [Unicode.Scalar], in range: Range<Int>, depthLimit: Int) -> Value? {
    var reader = StrictJSON(text, range, depthLimit: depthLimit)
    return try? reader.value(depth: 0)
  }

  /// Whether RFC 8259, section 2, calls it white space.
  package static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar == " " || scalar == "\t" || scalar == "\n" || scalar == "\r"
  }

  private var next: Unicode.Scalar? { position < end ? text[position] : nil }

  private mutating func skipSpace() {
    while let next, Self.isSpace(next) { position += 1 }
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard next == scalar else { return false }
    position += 1
    return true
  }

  private mutating func require(_ word: String) throws {
    for scalar in word.unicodeScalars where !take(scalar) { throw Refused() }
  }

  private mutating func value(depth: Int) throws -> Value {
    let start = position
    let kind: Kind
    switch next {
    case "{": kind = .object(try members(depth: depth + 1))
    case "[": kind = .array(try elements(depth: depth + 1))
    case "\"": kind = .string(try string())
    case "t":
      try require("true")
      kind = .boolean
    case "f":
      try require("false")
      kind = .boolean
    case "n":
      try require("null")
      kind = .null
    default:
      try number()
      kind = .number
    }
    return Value(kind: kind, range: start..<position)
  }

  private mutating func members(depth: Int) throws -> [Member] {
    guard depth <= depthLimit else { throw Refused() }
    try require("{")
    skipSpace()
    if take("}") { return [] }
    var members: [Member] = []
    repeat {
      skipSpace()
      let start = position
      let name = try string()
      let nameRange = start..<position
      skipSpace()
      try require(":")
      skipSpace()
      members.append(Member(name: name, nameRange: nameRange, value: try value(depth: depth)))
      skipSpace()
    } while take(",")
    try require("}")
    return members
  }

  private mutating func elements(depth: Int) throws -> [Value] {
    guard depth <= depthLimit else { throw Refused() }
    try require("[")
    skipSpace()
    if take("]") { return [] }
    var elements: [Value] = []
    repeat {
      skipSpace()
      elements.append(try value(depth: depth))
      skipSpace()
    } while take(",")
    try require("]")
    return elements
  }

  private mutating func digits() throws {
    let start = position
    while let next, ("0"..."9").contains(next) { position += 1 }
    if position == start { throw Refused() }
  }

  private mutating func number() throws {
    _ = take("-")
    if !take("0") { try digits() }
    if take(".") { try digits() }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      try digits()
    }
  }

  private mutating func string() throws -> CodePoints {
    try require("\"")
    var units: [UInt32] = []
    while !take("\"") {
      guard let scalar = next, scalar.value >= 0x20 else { throw Refused() }
      position += 1
      units.append(scalar == "\\" ? try escape() : scalar.value)
    }
    return CodePoints(values: Self.paired(units))
  }

  private mutating func escape() throws -> UInt32 {
    guard let letter = next else { throw Refused() }
    position += 1
    switch letter {
    case "\"", "\\", "/": return letter.value
    case "b": return 0x08
    case "f": return 0x0C
    case "n": return 0x0A
    case "r": return 0x0D
    case "t": return 0x09
    case "u":
      var unit: UInt32 = 0
      for _ in 0..<4 {
        guard let next, next.isASCII, let digit = Character(next).hexDigitValue else { throw Refused() }
        unit = unit * 16 + UInt32(digit)
        position += 1
      }
      return unit
    default: throw Refused()
    }
  }

  /// Only escapes can have made surrogates, since the text is UTF-8.
  private static func paired(_ units: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    for unit in units {
      if (0xDC00...0xDFFF).contains(unit), let high = result.last, (0xD800...0xDBFF).contains(high) {
        result[result.count - 1] = 0x10000 + (high - 0xD800) * 0x400 + (unit - 0xDC00)
      } else {
        result.append(unit)
      }
    }
    return result
  }
}
