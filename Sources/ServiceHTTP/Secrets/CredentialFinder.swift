/// Finds what is secret by where it stands rather than by what it is: values of query parameters that sign or
/// authorise (Amazon and Google query signing, shared-access signatures), and user info in URLs (RFC 3986
/// section 3.2.1). Works on bytes; the separators may be percent-encoded or JSON-escaped.
struct CredentialFinder {
  /// UTF-8 of the text.
  let bytes: [UInt8]

  /// A finder for that text.
  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The text with ``Scrubber/replacement`` in place of each finding.
  func removed() -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var position = 0
    while position < bytes.count {
      if let secret = parameterValue(at: position) ?? userInfo(at: position) {
        result += bytes[position..<secret.lowerBound]
        result += Scrubber.replacement.utf8
        position = secret.upperBound
      } else {
        result.append(bytes[position])
        position += 1
      }
    }
    return result
  }

  /// Names in lower case of parameters whose values are secret.
  private static let names = [
    "x-amz-signature", "x-amz-credential", "x-amz-security-token", "x-goog-signature", "x-goog-credential",
    "signature", "sig", "awsaccesskeyid", "googleaccessid", "access_token", "api_key", "x-api-key", "token",
  ].map { Array($0.utf8) }
  private static let equals = ["=", "%3d", "\\u003d"].map { Array($0.utf8) }
  private static let separators = ["%26", "%3f", "\\u0026", "\\u003f"].map { Array($0.utf8) }
  private static let schemeMarks = ["://", ":\\/\\/", "%3a%2f%2f"].map { Array($0.utf8) }
  /// What ends a parameter's value.
  private static let valueEnds = Set("&;,#\"'<>()[]{}|\\ \t\r\n".utf8)
  /// What ends the authority of a URL.
  private static let authorityEnds = Set("/?#\"'<>()[]{}|\\ \t\r\n".utf8)

  /// Where the value lies when the name of a secret parameter begins here.
  private func parameterValue(at start: Int) -> Range<Int>? {
    guard beginsName(at: start) else { return nil }
    for name in Self.names where stands(name, at: start) {
      let afterName = start + name.count
      guard let mark = Self.equals.first(where: { stands($0, at: afterName) }) else { continue }
      let lower = afterName + mark.count
      let upper = (lower..<bytes.count).first {
        Self.valueEnds.contains(bytes[$0]) || stands(Array("%26".utf8), at: $0)
      }
      let value = lower..<(upper ?? bytes.count)
      return value.isEmpty ? nil : value
    }
    return nil
  }

  /// Where the user info lies when `://` stands here.
  private func userInfo(at start: Int) -> Range<Int>? {
    guard let mark = Self.schemeMarks.first(where: { stands($0, at: start) }) else { return nil }
    let lower = start + mark.count
    let end = (lower..<bytes.count).first { Self.authorityEnds.contains(bytes[$0]) } ?? bytes.count
    guard let at = bytes[lower..<end].lastIndex(of: UInt8(ascii: "@")) else { return nil }
    return lower..<at
  }

  private func beginsName(at start: Int) -> Bool {
    guard start > 0 else { return true }
    switch bytes[start - 1].lowerCased {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
      UInt8(ascii: "_"):
      return Self.separators.contains { $0.count <= start && stands($0, at: start - $0.count) }
    default:
      return true
    }
  }

  private func stands(_ text: [UInt8], at start: Int) -> Bool {
    guard start + text.count <= bytes.count else { return false }
    return text.indices.allSatisfy { bytes[start + $0].lowerCased == text[$0] }
  }
}
