import BatchDomain

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
