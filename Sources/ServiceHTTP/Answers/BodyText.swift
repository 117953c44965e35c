/// Turns bodies and messages into texts that may be stored and shown.
enum BodyText {
  /// Longest message that is kept, in bytes of UTF-8.
  static let longestMessage = 2_048

  /// A body as text, if it looks like text: no NUL, and hardly a byte that is neither printable nor white space.
  ///
  /// Bytes that are not UTF-8 are repaired with U+FFFD.
  static func text(of body: some Collection<UInt8>) -> String? {
    guard !body.isEmpty, !body.contains(0) else { return nil }
    let text = String(decoding: body, as: UTF8.self)
    let odd = text.unicodeScalars.count { $0 == "\u{FFFD}" || isControl($0) }
    return odd * 10 <= text.unicodeScalars.count ? text : nil
  }

  /// The text without control characters that a terminal would obey, and at most ``longestMessage`` long; `nil`
  /// when nothing but white space is left. Secrets must be out already: cutting could hide a part of one.
  static func message(_ text: String) -> String? {
    var scalars = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      scalars.append(isControl(scalar) ? "\u{FFFD}" : scalar)
    }
    let cut = prefix(of: String(scalars), bytes: longestMessage)
    return cut.allSatisfy(\.isWhitespace) ? nil : cut
  }

  /// As many whole characters from the beginning as fit into that many bytes of UTF-8.
  static func prefix(of text: String, bytes limit: Int) -> String {
    guard text.utf8.count > limit else { return text }
    var end = text.startIndex
    while end < text.endIndex {
      let next = text.index(after: end)
      guard text.utf8.distance(from: text.startIndex, to: next) <= limit else { break }
      end = next
    }
    return String(text[..<end])
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x0A, 0x0D: false
    case 0..<0x20, 0x7F..<0xA0: true
    default: false
    }
  }
}
