import BatchDomain

/// Amounts of bytes as people read them.
package enum HumanBytes {
  private static let units = ["kB", "MB", "GB", "TB", "PB", "EB"]

  /// In the unit that leaves one to three digits, powers of 1,000, with one decimal below ten: `512 B`, `1.5 kB`,
  /// `190 MB`.
  package static func text(_ bytes: Int) -> String {
    guard bytes >= 1_000 else { return "\(max(0, bytes)) B" }
    var rest = bytes
    var unit = 0
    while rest >= 1_000_000 {
      rest /= 1_000
      unit += 1
    }
    // Cut, not rounded: what is read of a file never shows as more than there is.
    let whole = rest / 1_000
    let tenth = rest % 1_000 / 100
    return "\(whole)" + (whole < 10 && tenth > 0 ? ".\(tenth)" : "") + " \(units[unit])"
  }
}

extension VisibleText {
  /// Status, code and message of an answer in a row, as far as it has them, escaped and cut.
  static func answer(_ status: Int?, _ code: String?, _ message: String?, cutAt length: Int) -> String {
    escape(
      [status.map(String.init), code, message].compactMap { $0 }.joined(separator: " "), cutAt: length)
  }
}

/// How many columns of a terminal text takes.
package enum TextColumns {
  /// The columns of a text without control characters: 2 for a wide character, 0 for a mark that combines with the
  /// one before it, 1 for any other. Where terminals differ, the greater number: a line that is cut early is better
  /// than one that wraps.
  package static func count(_ text: String) -> Int {
    text.utf8.allSatisfy { $0 < 0x80 } ? text.utf8.count : text.unicodeScalars.reduce(0) { $0 + of($1) }
  }

  /// The text cut to that many columns, the last of them an ellipsis when something was cut.
  package static func cut(_ text: String, to columns: Int) -> String {
    guard count(text) > columns else { return text }
    guard columns > 0 else { return "" }
    var head = ""
    var room = columns - 1
    for character in text {
      let width = count(String(character))
      guard width <= room else { break }
      head.append(character)
      room -= width
    }
    return head + "…"
  }

  private static func of(_ scalar: Unicode.Scalar) -> Int {
    guard scalar.value >= 0x300 else { return 1 }
    // It asks for the sign before it as a picture, which some terminals draw twice as wide.
    if scalar.value == 0xFE0F { return 1 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: return isWide(scalar) ? 2 : 1
    }
  }

  /// Source: Unicode Standard Annex 11, the ranges with East Asian Width W and F, taken somewhat too wide.
  private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x1100...0x115F, 0x2329...0x232A, 0x2E80...0x303E, 0x3041...0x4DBF, 0x4E00...0xA4CF, 0xA960...0xA97F,
      0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
      0x16FE0...0x1B2FF, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
      true
    default: scalar.properties.isEmojiPresentation
    }
  }
}
