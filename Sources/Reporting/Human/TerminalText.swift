import BatchDomain

/// Text from outside (service messages, names, paths, manifests) made harmless for a terminal.
package enum TerminalText {
  /// The text with everything that a terminal obeys or hides written out: control characters as `\n`, `\t`,
  /// `\x1b`, and the controls of writing direction, invisible marks and separators as `\u{202e}`.
  ///
  /// Which characters these are is decided by ``VisibleText/isHidden(_:)``.
  package static func escape(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isUnsafe) else { return text }
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x0A: escaped += "\\n"
      case 0x0D: escaped += "\\r"
      case 0x09: escaped += "\\t"
      case 0..<0x10: escaped += "\\x0" + String(scalar.value, radix: 16)
      case 0x10..<0x20, 0x7F...0x9F: escaped += "\\x" + String(scalar.value, radix: 16)
      case _ where isUnsafe(scalar): escaped += "\\u{" + String(scalar.value, radix: 16) + "}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// The escaped text, cut with an ellipsis when it is longer than `length` characters.
  package static func escape(_ text: String, cutAt length: Int) -> String {
    // The first cut keeps the work small; by scalar, because any number of marks can pile up on one character.
    let head = text.unicodeScalars.prefix(length * 8)
    let isWhole = head.endIndex == text.unicodeScalars.endIndex
    let escaped = escape(String(head))
    return escaped.count > length || !isWhole ? escaped.prefix(max(0, length - 1)) + "…" : escaped
  }

  /// Status, code and message of an answer in a row, as far as it has them, escaped and cut.
  static func answer(_ status: Int?, _ code: String?, _ message: String?, cutAt length: Int) -> String {
    escape(
      [status.map(String.init), code, message].compactMap { $0 }.joined(separator: " "), cutAt: length)
  }

  /// Whether a terminal obeys or hides it.
  static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool { VisibleText.isHidden(scalar) }
}
