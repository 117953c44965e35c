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
