/// Makes text from outside safe to show: nothing in it moves a cursor or changes the direction of what follows.
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

  /// Control characters (Cc), line and paragraph separators and the bidirectional controls of UAX #9.
  private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0...0x1F, 0x7F...0x9F, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
    default: false
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
