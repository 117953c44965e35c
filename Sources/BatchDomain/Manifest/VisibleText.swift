/// Makes text from outside safe to show: nothing in it moves a cursor or changes the direction of what follows.
///
/// Findings and everything that goes to a terminal use the same rule for hidden characters. In a manifest such a character
/// is a warning and not an error, since S3 allows it and the object may have that name.
package enum VisibleText {
  /// `text` with control characters written visibly (`\n`, `\t`, `\u{1B}`), cut to `limit` characters, the last
  /// of them an ellipsis when something was cut. `limit` is at least 1.
  package static func escaped(_ text: String, limit: Int) -> String {
    var result = ""
    var count = 0
    for character in text {
      var piece = ""
      for scalar in character.unicodeScalars {
        if isHidden(scalar) { piece += escape(scalar) } else { piece.unicodeScalars.append(scalar) }
      }
      let length = piece.count
      if count + length > limit {
        while count >= limit {
          result.removeLast()
          count = result.count
        }
        return result + "…"
      }
      result += piece
      count += length
    }
    return result
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

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": "\\n"
    case "\r": "\\r"
    case "\t": "\\t"
    default: "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
    }
  }
}
