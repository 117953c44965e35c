/// Makes text from outside safe to show: nothing in it moves a cursor or changes the direction of what follows.
///
/// Findings and everything that goes to a terminal use the same rule for hidden characters. In a manifest such a character
/// is a warning and not an error, since S3 allows it and the object may have that name.
package enum VisibleText {
  /// The text with everything that a terminal obeys or hides written out: control characters as `\n`, `\t`, `\x1b`, and
  /// the controls of writing direction, invisible marks and separators as `\u{202e}`.
  package static func escape(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isHidden) else { return text }
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x0A: escaped += "\\n"
      case 0x0D: escaped += "\\r"
      case 0x09: escaped += "\\t"
      case 0..<0x10: escaped += "\\x0" + String(scalar.value, radix: 16)
      case 0x10..<0x20, 0x7F...0x9F: escaped += "\\x" + String(scalar.value, radix: 16)
      case _ where isHidden(scalar): escaped += "\\u{" + String(scalar.value, radix: 16) + "}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// The escaped text, cut to `length` characters, the last of them an ellipsis when something was cut.
  package static func escape(_ text: String, cutAt length: Int) -> String {
    // The first cut keeps the work small; by scalar, because any number of marks can pile up on one character.
    let head = text.unicodeScalars.prefix(length * 8)
    let isWhole = head.endIndex == text.unicodeScalars.endIndex
    let escaped = escape(String(head))
    return escaped.count > length || !isWhole ? escaped.prefix(max(0, length - 1)) + "…" : escaped
  }

  /// Whether a character acts on the text around it or is not shown: control characters (Cc), line and paragraph
  /// separators, the controls of writing direction (UAX #9, section 2) and everything else that Unicode calls
  /// default-ignorable (DerivedCoreProperties.txt, 16.0).
  ///
  /// Characters that shape the visible characters beside them are not hidden: the joiners U+200C, U+200D and U+034F
  /// and the variation selectors, which emoji and several scripts need.
  package static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x20..<0x7F: false
    case 0..<0x20, 0x7F...0x9F, 0xAD, 0x061C, 0x115F...0x1160, 0x17B4...0x17B5, 0x180E, 0x200B,
      0x200E...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0x3164, 0xFEFF, 0xFFA0, 0xFFF0...0xFFFB,
      0x1BCA0...0x1BCA3, 0x1D173...0x1D17A, 0xE0000...0xE00FF, 0xE01F0...0xE0FFF:
      true
    default: false
    }
  }

  /// The code point and the name of a character, for example `U+00A0 NO-BREAK SPACE`; the code point alone where
  /// Unicode has no name.
  package static func name(of scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    let point = "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    let name = scalar.properties.name ?? controlName(scalar)
    return name.map { point + " " + $0 } ?? point
  }

  /// Unicode gives control characters no names, only aliases (NameAliases.txt), which the standard library lacks.
  private static func controlName(_ scalar: Unicode.Scalar) -> String? {
    let names = [
      "NULL", "START OF HEADING", "START OF TEXT", "END OF TEXT", "END OF TRANSMISSION", "ENQUIRY",
      "ACKNOWLEDGE", "ALERT", "BACKSPACE", "CHARACTER TABULATION", "LINE FEED", "LINE TABULATION",
      "FORM FEED", "CARRIAGE RETURN", "SHIFT OUT", "SHIFT IN", "DATA LINK ESCAPE", "DEVICE CONTROL ONE",
      "DEVICE CONTROL TWO", "DEVICE CONTROL THREE", "DEVICE CONTROL FOUR", "NEGATIVE ACKNOWLEDGE",
      "SYNCHRONOUS IDLE", "END OF TRANSMISSION BLOCK", "CANCEL", "END OF MEDIUM", "SUBSTITUTE", "ESCAPE",
      "INFORMATION SEPARATOR FOUR", "INFORMATION SEPARATOR THREE", "INFORMATION SEPARATOR TWO",
      "INFORMATION SEPARATOR ONE",
    ]
    return switch scalar.value {
    case 0..<0x20: names[Int(scalar.value)]
    case 0x7F: "DELETE"
    case 0x85: "NEXT LINE"
    case 0x80...0x9F: "CONTROL CHARACTER"
    default: nil
    }
  }
}
