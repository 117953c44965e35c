/// Takes secrets out of texts that leave this target: the API key and a proxy's password in any usual spelling,
/// signatures and tokens in query strings, and user names and passwords in URLs. Each is replaced by
/// ``replacement``.
package struct Scrubber: Sendable {
  /// What stands in place of a secret.
  package static let replacement = "[removed]"

  private let patterns: [SecretPattern]
  private let fragments: KeyFragments
  /// For each byte whether a pattern may begin with it: most text is passed over by this look alone.
  private let mayBegin: [Bool]

  /// A scrubber for that key and for other secrets.
  package init(key: APIKey, secrets: [String] = []) {
    fragments = KeyFragments(of: key.value)
    let patterns = ([key.value] + secrets).flatMap(Self.patterns)
    self.patterns = patterns
    mayBegin = (UInt8.min...UInt8.max).map { byte in patterns.contains { $0.mayBegin(with: byte) } }
  }

  /// The text without secrets.
  ///
  /// - Parameter isCut: whether the text breaks off at its end, so that the beginning of a secret there is
  ///   dropped too.
  package func scrub(_ text: String, isCut: Bool = false) -> String {
    let bytes = fragments.removed(from: withoutKey(Array(text.utf8), isCut: isCut))
    return String(decoding: CredentialFinder(bytes).removed(), as: UTF8.self)
  }

  /// Whether the key stands in the text, in any spelling.
  package func findsKey(in text: String) -> Bool {
    let bytes = Array(text.utf8)
    return bytes.indices.contains { start in
      mayBegin[Int(bytes[start])] && patterns.contains { $0.end(in: bytes, from: start) != nil }
    }
  }

  private static func patterns(of secret: String) -> [SecretPattern] {
    let plain = SecretPattern(plain: secret)
    let literal = SecretPattern(plain: secret, readsEscapes: false)
    let hasEscape = secret.contains("%") || secret.contains("\\")
    return (hasEscape ? [literal, plain] : [plain]) + SecretPattern.base64Patterns(of: secret)
  }

  private func withoutKey(_ bytes: [UInt8], isCut: Bool) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var position = 0
    while position < bytes.count {
      if !mayBegin[Int(bytes[position])] {
        result.append(bytes[position])
        position += 1
      } else if let end = patterns.lazy.compactMap({ $0.end(in: bytes, from: position) }).max() {
        result += Self.replacement.utf8
        position = end
      } else if isCut, patterns.contains(where: { $0.breaksOff(in: bytes, from: position) }) {
        break
      } else {
        result.append(bytes[position])
        position += 1
      }
    }
    return result
  }
}

extension Scrubber: CustomReflectable {
  /// A mirror without children: the patterns spell the key.
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}
