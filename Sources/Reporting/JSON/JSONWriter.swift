package import BatchDomain

/// Writes one JSON document (RFC 8259) piece by piece. Members come out in the order they are written, so that
/// documents can be streamed and compared.
///
/// The caller keeps the grammar: inside an object every value follows a key.
package struct JSONWriter {
  /// How the document is laid out.
  package enum Layout: Sendable {
    /// Everything on one line.
    case compact
    /// One member or element per line, indented by two spaces.
    case pretty
  }

  private let layout: Layout
  private var text = ""
  /// Whether each open container already has a member or element.
  private var isFilled: [Bool] = []
  private var isAfterKey = false

  /// An empty document.
  package init(_ layout: Layout = .pretty) { self.layout = layout }

  /// Returns what was written since the last call, and forgets it.
  package mutating func take() -> String {
    defer { text.removeAll(keepingCapacity: true) }
    return text
  }

  /// Opens an object.
  package mutating func beginObject() { open("{") }

  /// Closes the innermost object.
  package mutating func endObject() { close("}") }

  /// Opens an array.
  package mutating func beginArray() { open("[") }

  /// Closes the innermost array.
  package mutating func endArray() { close("]") }

  /// Writes the name of the next member.
  package mutating func key(_ name: String) {
    separate()
    JSONText.append(name, to: &text)
    text += layout == .pretty ? ": " : ":"
    isAfterKey = true
  }

  /// Writes a member that is a string, `null` for `nil`.
  package mutating func member(_ name: String, _ value: String?) {
    key(name)
    self.value(value)
  }

  /// Writes a member that is a whole number, `null` for `nil`.
  package mutating func member(_ name: String, _ value: Int?) {
    key(name)
    self.value(value)
  }

  /// Writes a string, `null` for `nil`.
  package mutating func value(_ string: String?) {
    separate()
    guard let string else {
      text += "null"
      return
    }
    JSONText.append(string, to: &text)
  }

  /// Writes a whole number, `null` for `nil`.
  package mutating func value(_ number: Int?) { raw(number.map { String($0) }) }

  /// Writes a number without an exponent; `null` for `nil` and for what JSON cannot say (NaN, infinity).
  package mutating func value(_ number: Double?) { raw(number.flatMap(JSONText.plain)) }

  /// Writes `true` or `false`, `null` for `nil`.
  package mutating func value(_ flag: Bool?) { raw(flag.map { $0 ? "true" : "false" }) }

  /// Writes a moment as RFC 3339 in UTC with milliseconds and `Z`, `null` for `nil`.
  package mutating func value(_ moment: Timestamp?) { value(moment?.description) }

  /// Writes a length of time in seconds with up to three decimals, `null` for `nil`.
  package mutating func seconds(_ duration: Duration?) { raw(duration.map(JSONText.seconds)) }

  /// Writes a value that is a whole document of the same layout already.
  package mutating func document(_ document: String) {
    let indentation = String(repeating: "  ", count: isFilled.count)
    let lines = document.split(separator: "\n")
    raw(layout == .pretty ? lines.joined(separator: "\n" + indentation) : lines.joined())
  }

  private mutating func raw(_ token: String?) {
    separate()
    text += token ?? "null"
  }

  private mutating func open(_ bracket: String) {
    separate()
    text += bracket
    isFilled.append(false)
  }

  private mutating func close(_ bracket: String) {
    if isFilled.popLast() == true { breakLine() }
    text += bracket
  }

  /// Writes what stands between the value before and the one to come.
  private mutating func separate() {
    guard !isAfterKey else {
      isAfterKey = false
      return
    }
    guard let hasSibling = isFilled.last else { return }
    if hasSibling { text += "," }
    isFilled[isFilled.count - 1] = true
    breakLine()
  }

  private mutating func breakLine() {
    guard layout == .pretty else { return }
    text += "\n"
    text += String(repeating: "  ", count: isFilled.count)
  }
}

/// The tokens of JSON (RFC 8259 sections 6 and 7).
enum JSONText {
  /// Appends a string in quotes.
  ///
  /// Beside what the standard demands, everything is escaped that a terminal obeys or hides: the document may be looked
  /// at in one.
  static func append(_ string: String, to text: inout String) {
    if string.utf8.allSatisfy(isPlain) {
      text += "\"\(string)\""
      return
    }
    text.unicodeScalars.append("\"")
    for scalar in string.unicodeScalars {
      switch scalar.value {
      case 0x22: text += "\\\""
      case 0x5C: text += "\\\\"
      case 0x0A: text += "\\n"
      case 0x0D: text += "\\r"
      case 0x09: text += "\\t"
      case _ where VisibleText.isHidden(scalar):
        for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
          text += "\\u" + hexadecimal(UInt32(unit))
        }
      default: text.unicodeScalars.append(scalar)
      }
    }
    text.unicodeScalars.append("\"")
  }

  /// Whether a byte of UTF-8 stands for itself, as nearly all do; such strings are written in one go.
  private static func isPlain(_ byte: UInt8) -> Bool {
    (0x20..<0x7F).contains(byte) && byte != 0x22 && byte != 0x5C
  }

  /// Four hexadecimal digits, as `\u` wants them.
  static func hexadecimal(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: Swift.max(0, 4 - digits.count)) + digits
  }

  /// A length of time in seconds, rounded to milliseconds, for example `12.5`.
  static func seconds(_ duration: Duration) -> String {
    let milliseconds = (duration - .microseconds(500)).millisecondsRoundedUp
    let magnitude = milliseconds.magnitude
    var decimals = Int(magnitude % 1_000).padded(3)
    while decimals.hasSuffix("0") { decimals.removeLast() }
    let sign = milliseconds < 0 ? "-" : ""
    return sign + String(magnitude / 1_000) + (decimals.isEmpty ? "" : "." + decimals)
  }

  /// The shortest digits that give the number back, never with an exponent; `nil` for NaN and infinity.
  static func plain(_ number: Double) -> String? {
    guard number.isFinite else { return nil }
    let shortest = "\(number)"
    guard let mark = shortest.firstIndex(of: "e") else {
      return shortest.hasSuffix(".0") ? String(shortest.dropLast(2)) : shortest
    }
    guard let exponent = Int(shortest[shortest.index(after: mark)...]) else { return nil }
    let sign = number < 0 ? "-" : ""
    let mantissa = shortest[..<mark].drop { $0 == "-" }.split(separator: ".")
    let whole = String(mantissa[0])
    let part = mantissa.count > 1 && mantissa[1] != "0" ? String(mantissa[1]) : ""
    if exponent < 0 {
      return sign + "0." + String(repeating: "0", count: -exponent - 1) + whole + part
    }
    return sign + whole + part + String(repeating: "0", count: Swift.max(0, exponent - part.count))
  }
}
