import BatchDomain

/// The wording of findings: what was found and what was expected.
enum FindingText {
  /// How much of a value from the manifest a message shows, so that what was expected still fits.
  private static let excerptLimit = 60

  /// A value from the manifest in quotes, cut.
  static func quoted(_ bytes: some Collection<UInt8>) -> String {
    let text = String(decoding: bytes.prefix(excerptLimit * 4 + 4), as: UTF8.self)
    return "\"" + VisibleText.escaped(text, limit: excerptLimit) + "\""
  }

  /// The source of a value as it stands in the manifest, cut.
  static func source(_ bytes: some Collection<UInt8>) -> String {
    let text = String(decoding: bytes.prefix(excerptLimit * 4 + 4), as: UTF8.self)
    return VisibleText.escaped(text, limit: excerptLimit)
  }

  /// A byte outside any string.
  static func byte(_ byte: UInt8) -> String {
    switch byte {
    case 0x21...0x7E: "`" + String(Unicode.Scalar(byte)) + "`"
    case 0x20: "a space"
    case 0x0A: "the end of the line"
    default: "the byte 0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
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

  /// The kind of finding that a broken rule of RFC 8259 is, and its message; `found` is the offending byte.
  static func syntax(_ kind: SyntaxFault.Kind, found byte: UInt8) -> (code: Finding.Code, message: String) {
    let found = self.byte(byte)
    return switch kind {
    case .incomplete: (.truncated, "the text ends inside an element")
    case .expectedValue: (.syntaxError, "found \(found), expected a JSON value")
    case .expectedName: (.syntaxError, "found \(found), expected a member name in double quotes")
    case .trailingComma:
      (.syntaxError, "found \(found) after a comma, expected a further element or no comma")
    case .expectedColon: (.syntaxError, "found \(found) after a member name, expected `:`")
    case .expectedCommaOrBrace: (.syntaxError, "found \(found) after a member, expected `,` or `}`")
    case .expectedCommaOrBracket: (.syntaxError, "found \(found) after an element, expected `,` or `]`")
    case .invalidNumber:
      (.syntaxError, "the number that starts with \(found) is not a JSON number, expected one as in RFC 8259")
    case .invalidLiteral:
      (.syntaxError, "found a word that starts with \(found), expected true, false or null")
    case .invalidEscape:
      (
        .syntaxError,
        "the escape is not one of JSON, expected \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\u and 4 hex digits"
      )
    case .controlCharacter:
      (.syntaxError, "a string holds \(found) as it is, expected control characters to be escaped")
    case .invalidUTF8: (.invalidUTF8, "\(found) is not valid UTF-8 here, expected UTF-8 text")
    case .tooDeep:
      (.nestingTooDeep, "values are nested deeper than \(ElementScanner.depthLimit) levels, expected fewer")
    case .tooManyMembers:
      (.tooManyMembers, "the item has more than \(ElementScanner.memberLimit) members, expected fewer")
    }
  }
}
