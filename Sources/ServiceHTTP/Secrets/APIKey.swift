import BatchDomain

/// The key of the service, sent as header `x-api-key` and never shown.
///
/// Deliberately neither `Codable` nor `Equatable` nor reflecting its content: the only readers of the key are
/// the request builder and the ``Scrubber`` of this target.
package struct APIKey: Sendable {
  /// The key itself.
  let value: String
  /// Bytes of the key: one too short to be real cannot be told from other words.
  package var length: Int { value.utf8.count }

  /// Takes a key as it was found in the environment or a file; white space around it is dropped, and so is a pair of quotes,
  /// which belongs to whatever it was copied from.
  ///
  /// - Throws: ``ServiceHTTPError`` with code `key_invalid` when nothing is left, when it is something around a key, such as
  ///   a line of an env-file, or when it has a character that cannot stand in a header (anything but visible ASCII). The
  ///   error never repeats the text.
  package init(_ text: String) throws(ServiceHTTPError) {
    let bytes = Array(text.utf8)
    let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
    let start = bytes.firstIndex { !isSpace($0) } ?? bytes.endIndex
    let end = bytes.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? start
    let trimmed = Self.unquoted(bytes[start..<end])
    guard !trimmed.isEmpty else {
      throw ServiceHTTPError(
        .keyInvalid, "the API key is empty",
        remedy: "put the key from the service's dashboard where this program looks for it")
    }
    if let wrapping = Self.wrapping(trimmed) {
      throw ServiceHTTPError(
        .keyInvalid, "what should be the API key is \(wrapping)",
        remedy: "put the key alone there; it is one word")
    }
    guard trimmed.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw ServiceHTTPError(
        .keyInvalid, "the API key has a space, a control character or a letter outside ASCII",
        remedy: "copy the key again from the service's dashboard; it is one word")
    }
    value = String(decoding: trimmed, as: UTF8.self)
  }

  private static func unquoted(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard let first = text.first, text.count >= 2, text.last == first,
      first == UInt8(ascii: "\"") || first == UInt8(ascii: "'")
    else { return text }
    return text.dropFirst().dropLast()
  }

  /// What a text is that has a key somewhere in it, or says where one is; `nil` for one that may be a key.
  private static func wrapping(_ text: ArraySlice<UInt8>) -> String? {
    switch text.first {
    case UInt8(ascii: "{"), UInt8(ascii: "["): return "JSON"
    case UInt8(ascii: "$"): return "the name of a variable"
    default: break
    }
    let line = String(decoding: text, as: UTF8.self)
    // A word of base64 may end with one or two of that sign.
    return line.prefixMatch(of: /(export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*[^=\s]/) == nil
      ? nil : "an assignment, as in an env-file"
  }
}

extension APIKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// A fixed text in place of the key.
  package var description: String { "APIKey([removed])" }

  /// A fixed text in place of the key.
  package var debugDescription: String { description }

  /// A mirror without children, so that `dump` shows nothing.
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}
