import BatchDomain

/// The wording of findings: what was found and what was expected.
enum FindingText {
  /// How much of a value from the manifest a message shows, so that what was expected still fits.
  private static let excerptLimit = 60

  /// A value from the manifest in quotes, cut.
  static func quoted(_ bytes: some Collection<UInt8>) -> String {
    let text = String(decoding: bytes.prefix(excerptLimit * 4 + 4), as: UTF8.self)
    return "\"" + VisibleText.escape(text, cutAt: excerptLimit) + "\""
  }

  /// The source of a value as it stands in the manifest, cut.
  static func source(_ bytes: some Collection<UInt8>) -> String {
    let text = String(decoding: bytes.prefix(excerptLimit * 4 + 4), as: UTF8.self)
    return VisibleText.escape(text, cutAt: excerptLimit)
  }

  /// The character at `offset`, where `text` breaks a rule: as it is when everyone can see it, else by its number and
  /// name in Unicode.
  static func character(_ text: UnsafeBufferPointer<UInt8>, at offset: Int) -> String {
    // The scanner's padding stands for the end of the text.
    guard offset < text.count else { return "the end of the manifest" }
    switch text[offset] {
    case 0x21...0x7E: return "`" + String(Unicode.Scalar(text[offset])) + "`"
    case 0x20: return "a space"
    case 0x0A: return "the end of the line"
    default: break
    }
    guard let scalar = scalar(text, at: offset) else {
      if let half = surrogate(text, at: offset) {
        return "U+" + String(half, radix: 16, uppercase: true) + " (half of a surrogate pair)"
      }
      return "the byte 0x" + (text[offset] < 16 ? "0" : "")
        + String(text[offset], radix: 16, uppercase: true)
    }
    let name = VisibleText.name(of: scalar)
    if scalar == "\u{FEFF}" { return name + " (a byte order mark)" }
    return VisibleText.isHidden(scalar) || scalar.properties.isWhitespace ? name : "`\(scalar)` (\(name))"
  }

  /// The scalar at `offset`, nil where the bytes are not UTF-8.
  static func scalar(_ text: UnsafeBufferPointer<UInt8>, at offset: Int) -> Unicode.Scalar? {
    var decoder = UTF8()
    var bytes = text[offset..<min(text.count, offset + 4)].makeIterator()
    guard case .scalarValue(let scalar) = decoder.decode(&bytes) else { return nil }
    return scalar
  }

  /// The half of a surrogate pair that stands at `offset` as if UTF-8 had it: from UTF-16, or from CESU-8.
  private static func surrogate(_ text: UnsafeBufferPointer<UInt8>, at offset: Int) -> UInt32? {
    guard offset + 2 < text.count, text[offset] == 0xED, (0xA0...0xBF).contains(text[offset + 1]),
      text[offset + 2] & 0xC0 == 0x80
    else { return nil }
    return 0xD000 | UInt32(text[offset + 1] & 0x3F) << 6 | UInt32(text[offset + 2] & 0x3F)
  }

  /// Quotation marks of typography, which editors for prose put in place of `"`.
  static func isTypographicQuote(_ scalar: Unicode.Scalar?) -> Bool {
    switch scalar?.value ?? 0 {
    case 0x2018...0x201F, 0xAB, 0xBB, 0x2039, 0x203A, 0x300C...0x300F, 0x301D...0x301F, 0xFF02: true
    default: false
    }
  }

  /// The kind of a value with its article.
  static func kind(_ kind: ElementScanner.ValueKind) -> String {
    switch kind {
    case .absent: "nothing"
    case .string: "a string"
    case .null: "null"
    case .boolean: "a boolean"
    case .number: "a number"
    case .object: "an object"
    case .array: "an array"
    }
  }

  /// The kind of finding that a broken rule of RFC 8259 is, and its message; `offset` is where `text` breaks it.
  static func syntax(
    _ kind: SyntaxFault.Kind, _ text: UnsafeBufferPointer<UInt8>, at offset: Int
  ) -> (code: Finding.Code, message: String) {
    let found = character(text, at: offset)
    if isTypographicQuote(offset < text.count ? scalar(text, at: offset) : nil) {
      return (.syntaxError, "found the typographic quotation mark \(found), expected `\"`")
    }
    return switch kind {
    case .incomplete: (.truncated, "the text ends inside an element")
    case .expectedValue where found == "`N`" || found == "`T`" || found == "`F`":
      (
        .syntaxError,
        "found a word that starts with \(found), as Python writes values, expected null, true, false or another JSON value"
      )
    case .expectedValue: (.syntaxError, "found \(found), expected a JSON value" + comment(found))
    case .expectedName where found == "`'`":
      (
        .syntaxError,
        "found \(found), as Python and JavaScript quote names, expected a member name in double quotes"
      )
    case .expectedName:
      (.syntaxError, "found \(found), expected a member name in double quotes" + comment(found))
    case .trailingComma:
      (.syntaxError, "found \(found) after a comma, expected another element or no comma")
    case .expectedColon: (.syntaxError, "found \(found) after a member name, expected `:`")
    case .expectedCommaOrBrace:
      (.syntaxError, "found \(found) after a member, expected `,` or `}`" + comment(found))
    case .expectedCommaOrBracket:
      (.syntaxError, "found \(found) after an element, expected `,` or `]`" + comment(found))
    case .invalidNumber:
      (.syntaxError, "the number that starts with \(found) is not a JSON number, expected one as in RFC 8259")
    case .invalidLiteral:
      (.syntaxError, "found a word that starts with \(found), expected true, false or null")
    case .invalidEscape:
      (
        .syntaxError,
        "the escape is not valid in JSON, expected \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\u and 4 hex digits"
      )
    case .controlCharacter:
      (.syntaxError, "a string contains \(found) unescaped, expected control characters to be escaped")
    case .invalidUTF8 where found.hasPrefix("U+"):
      (.invalidUTF8, "found \(found), expected a high and a low half together")
    case .invalidUTF8: (.invalidUTF8, "\(found) is not valid UTF-8 here, expected UTF-8 text")
    case .tooDeep:
      (.nestingTooDeep, "values are nested deeper than \(ElementScanner.depthLimit) levels, expected fewer")
    case .tooManyMembers:
      (.tooManyMembers, "the item has more than \(ElementScanner.memberLimit) members, expected fewer")
    }
  }

  private static func comment(_ found: String) -> String {
    found == "`/`" || found == "`#`" ? "; JSON has no comments" : ""
  }
}

/// Where and how a text breaks RFC 8259, or that it ends too early to tell.
struct SyntaxFault: Equatable {
  enum Kind: Equatable {
    /// The text ends before the element does.
    case incomplete
    case expectedValue
    case expectedName
    case trailingComma
    case expectedColon
    case expectedCommaOrBrace
    case expectedCommaOrBracket
    case invalidNumber
    case invalidLiteral
    case invalidEscape
    case controlCharacter
    case invalidUTF8
    case tooDeep
    case tooManyMembers
  }

  var kind: Kind
  /// The offset of the offending byte in the scanned text.
  var offset: Int
}

/// A place in the text of a manifest.
struct TextPosition: Equatable {
  /// From 1; lines end with a line feed.
  var line: Int
  /// From 1, in Unicode scalars.
  var column: Int

  /// The place `offset` bytes into `text`, which itself starts at this place.
  func advanced(over text: UnsafeBufferPointer<UInt8>, to offset: Int) -> TextPosition {
    var result = self
    var lineStart = 0
    for position in 0..<offset where text[position] == 0x0A {
      result.line += 1
      result.column = 1
      lineStart = position + 1
    }
    result.column += TextPosition.scalarCount(text, from: lineStart, to: offset)
    return result
  }

  /// How many Unicode scalars start in `text[start..<end]`: the bytes that are not continuation bytes.
  static func scalarCount(_ text: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int) -> Int {
    guard start < end else { return 0 }
    if text.isUniform(start..<end) { return text[start] & 0xC0 == 0x80 ? 0 : end - start }
    var count = 0
    for position in start..<end where text[position] & 0xC0 != 0x80 { count += 1 }
    return count
  }
}
