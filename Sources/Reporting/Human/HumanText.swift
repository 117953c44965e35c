import BatchDomain

/// Numbers as people read them.
package enum HumanNumber {
  /// A whole number with thousands separators, for example `12,345`.
  package static func text(_ number: Int) -> String {
    let digits = String(number.magnitude)
    var text = ""
    for (offset, digit) in digits.enumerated() {
      if offset > 0, (digits.count - offset) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return number < 0 ? "-" + text : text
  }

  /// A number of things, for example `1 item` or `2,000 items`.
  package static func text(_ number: Int, _ singular: String) -> String {
    "\(text(number)) \(singular)\(number == 1 ? "" : "s")"
  }

  /// A pace, with fewer decimals the greater it is, for example `0.035`, `3.5` or `1,250`.
  package static func pace(_ pace: Double) -> String {
    guard pace.isFinite, pace > 0 else { return "0" }
    guard pace < 1e15 else { return "more than 1,000,000,000,000,000" }
    let decimals = pace >= 100 ? 0 : pace >= 1 ? 1 : 3
    let scale = [1, 10, 100, 1_000][decimals]
    let scaled = Int((pace * Double(scale)).rounded())
    guard scaled > 0 else { return "less than 0.001" }
    var rest = String(scaled % scale)
    rest = String(repeating: "0", count: max(0, decimals - rest.count)) + rest
    while rest.hasSuffix("0") { rest.removeLast() }
    return text(scaled / scale) + (decimals == 0 || rest.isEmpty ? "" : "." + rest)
  }
}

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
