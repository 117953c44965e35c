/// A JSON value of any shape, for answers whose shape is not to be relied on.
///
/// Foundation's `JSONDecoder` rejects a whole body for one value that no Swift type holds: a number like `1e999`, or half of
/// a surrogate pair in any string or member name, which a service writes that cuts texts at a number of UTF-16 units. Both
/// are valid JSON (RFC 8259, sections 6 and 8.2), and the error code beside them would be lost: a 400 with
/// `insufficient_funds` would count as a refusal of the chunk. What is not JSON is not read in part: a page is evidence.
package enum LenientJSON: Sendable, Equatable {
  /// An object; of a repeated name the last value.
  case object([String: LenientJSON])
  /// An array.
  case array([LenientJSON])
  /// A string.
  case string(String)
  /// A number of any size, as it stands in the text.
  case number(String)
  /// `true` or `false`.
  case boolean(Bool)
  /// `null`.
  case null

  /// Parses a whole body; bytes that are not UTF-8 are repaired first.
  ///
  /// - Returns: `nil` when it is not JSON, or nested deeper than ``LenientJSONParser/depthLimit``.
  package static func parse(_ bytes: some Collection<UInt8>) -> LenientJSON? {
    var parser = LenientJSONParser(Array(String(decoding: bytes, as: UTF8.self).utf8))
    return parser.document()
  }

  /// The value of a member, if this is an object that has it.
  package subscript(name: String) -> LenientJSON? {
    guard case .object(let members) = self else { return nil }
    return members[name]
  }

  /// The text, if this is a string.
  package var string: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }
}
