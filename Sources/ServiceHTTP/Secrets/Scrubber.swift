/// Takes secrets out of texts that leave this target: the API key and a proxy's password in any usual spelling,
/// signatures and tokens in query strings, and user names and passwords in URLs. Each is replaced by
/// ``replacement``.
package struct Scrubber: Sendable {
  /// What stands in place of a secret.
  package static let replacement = "[removed]"

  private let secrets: SecretSet
  private let fragments: KeyFragments
  private let later: @Sendable () -> SecretSet?

  /// A scrubber for that key and for other secrets.
  package init(key: APIKey, secrets: [String] = []) { self.init(key: key, secrets: secrets) { nil } }

  /// A scrubber that asks for more secrets each time.
  init(key: APIKey, secrets: [String], later: @escaping @Sendable () -> SecretSet?) {
    fragments = KeyFragments(of: key.value)
    self.secrets = SecretSet(([key.value] + secrets).flatMap(SecretPattern.all))
    self.later = later
  }

  /// The text without secrets.
  ///
  /// - Parameter isCut: whether the text breaks off at its end, so that the beginning of a secret there is
  ///   dropped too.
  package func scrub(_ text: String, isCut: Bool = false) -> String {
    var bytes = secrets.removed(from: Array(text.utf8), isCut: isCut)
    if let later = later() { bytes = later.removed(from: bytes, isCut: isCut) }
    bytes = fragments.removed(from: bytes)
    return String(decoding: CredentialFinder(bytes).removed(), as: UTF8.self)
  }

  /// Whether the key stands in the text, in any spelling.
  package func findsKey(in text: String) -> Bool {
    secrets.stands(in: Array(text.utf8))
  }
}

/// Secrets to be looked for together.
struct SecretSet: Sendable {
  /// The secrets in all their spellings.
  private let patterns: [SecretPattern]
  /// For each byte whether a pattern may begin with it: most text is passed over by this look alone.
  private let mayBegin: [Bool]

  /// A set of those patterns.
  init(_ patterns: [SecretPattern]) {
    self.patterns = patterns
    mayBegin = (UInt8.min...UInt8.max).map { byte in patterns.contains { $0.mayBegin(with: byte) } }
  }

  /// Whether one of them stands in the text.
  func stands(in bytes: [UInt8]) -> Bool {
    bytes.indices.contains { start in
      mayBegin[Int(bytes[start])] && patterns.contains { $0.end(in: bytes, from: start) != nil }
    }
  }

  /// The text with ``Scrubber/replacement`` in place of each.
  ///
  /// - Parameter isCut: whether the beginning of one at the end is dropped too.
  func removed(from bytes: [UInt8], isCut: Bool) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var position = 0
    while position < bytes.count {
      if !mayBegin[Int(bytes[position])] {
        result.append(bytes[position])
        position += 1
      } else if let end = patterns.lazy.compactMap({ $0.end(in: bytes, from: position) }).max() {
        result += Scrubber.replacement.utf8
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

/// Stretches of the key: services like to repeat the beginning of a key they refuse.
struct KeyFragments: Sendable {
  /// Letters in a row that are too many to be shown; four, as many services show, are not.
  static let shortest = 8

  private let key: [UInt8]

  /// The stretches of that key.
  init(of key: String) { self.key = key.utf8.map(\.lowerCased) }

  /// The text with ``Scrubber/replacement`` in place of each stretch of the key.
  func removed(from bytes: [UInt8]) -> [UInt8] {
    guard key.count > Self.shortest else { return bytes }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var position = 0
    while position < bytes.count {
      let length = longestStretch(in: bytes, at: position)
      if length >= Self.shortest {
        result += Scrubber.replacement.utf8
        position += length
      } else {
        result.append(bytes[position])
        position += 1
      }
    }
    return result
  }

  /// How many bytes of the text from `start` on stand in a row anywhere in the key.
  private func longestStretch(in bytes: [UInt8], at start: Int) -> Int {
    let first = bytes[start].lowerCased
    var longest = 0
    for offset in key.indices where key[offset] == first {
      var length = 1
      while offset + length < key.count, start + length < bytes.count,
        key[offset + length] == bytes[start + length].lowerCased
      {
        length += 1
      }
      longest = max(longest, length)
    }
    return longest
  }
}

/// A secret to be found in a text, letter by letter in any of the ways a letter may be written: plain,
/// percent-encoded, or JSON-escaped. Letters are compared without case: a gateway may fold them.
struct SecretPattern: Sendable {
  /// What may stand for each letter: its plain forms in lower case.
  let letters: [[UInt8]]
  /// Whether escapes in the text are understood; without that a text is compared byte by byte.
  let readsEscapes: Bool

  /// A pattern for that text as it stands.
  init(plain text: String, readsEscapes: Bool = true) {
    letters = text.utf8.map { [$0.lowerCased] }
    self.readsEscapes = readsEscapes
  }

  /// A pattern for a stretch of base64, in the standard and the URL-safe alphabet (RFC 4648).
  init(base64 stretch: some Sequence<UInt8>) {
    readsEscapes = true
    letters = stretch.map { letter in
      switch letter {
      case UInt8(ascii: "+"), UInt8(ascii: "-"): [UInt8(ascii: "+"), UInt8(ascii: "-")]
      case UInt8(ascii: "/"), UInt8(ascii: "_"): [UInt8(ascii: "/"), UInt8(ascii: "_")]
      default: [letter.lowerCased]
      }
    }
  }

  /// All spellings of a secret.
  static func all(of secret: String) -> [SecretPattern] {
    let plain = SecretPattern(plain: secret)
    let literal = SecretPattern(plain: secret, readsEscapes: false)
    let hasEscape = secret.contains("%") || secret.contains("\\")
    return (hasEscape ? [literal, plain] : [plain]) + base64Patterns(of: secret)
  }

  /// The stretches of base64 that a text shows wherever it stands in what was encoded: one for each of the
  /// three alignments, without the letters at its ends that depend on the neighbours.
  ///
  /// Worked value: after one unknown byte, letters 0 and 1 hold bits of that byte, so the stretch starts with
  /// letter 2; of a total of 5 bytes = 40 bits, 6 whole letters are known, so it ends before letter 6.
  static func base64Patterns(of text: String) -> [SecretPattern] {
    (0..<3).compactMap { offset in
      let bytes = [UInt8](repeating: 0, count: offset) + Array(text.utf8)
      let encoded = Array(Base64Letters(bytes))
      let stretch = encoded[[0, 2, 3][offset]..<(bytes.count * 8 / 6)]
      return stretch.count < 6 ? nil : SecretPattern(base64: stretch)
    }
  }

  /// Whether the pattern may begin with that byte: one of its first letters, or the start of an escape.
  func mayBegin(with byte: UInt8) -> Bool {
    if readsEscapes, byte == UInt8(ascii: "%") || byte == UInt8(ascii: "\\") { return true }
    return letters.first?.contains(byte.lowerCased) ?? false
  }

  /// Where the pattern ends when it begins at `start`; `nil` when it does not stand there.
  func end(in bytes: [UInt8], from start: Int) -> Int? {
    var position = start
    for letter in letters {
      guard let (found, next) = self.letter(in: bytes, at: position), letter.contains(found) else {
        return nil
      }
      position = next
    }
    return position
  }

  /// Whether the text breaks off within the pattern that begins at `start`.
  func breaksOff(in bytes: [UInt8], from start: Int) -> Bool {
    var position = start
    for letter in letters {
      guard let (found, next) = self.letter(in: bytes, at: position) else { return true }
      guard letter.contains(found) else {
        // A lone escape at the very end could have become any letter.
        return bytes.count - position < 6 && (bytes[position] == 0x25 || bytes[position] == 0x5C)
      }
      position = next
    }
    return false
  }

  /// The letter at a position, folded to lower case, and where the next one starts; `nil` at the end.
  private func letter(in bytes: [UInt8], at position: Int) -> (UInt8, Int)? {
    guard position < bytes.count else { return nil }
    let byte = bytes[position]
    guard readsEscapes else { return (byte.lowerCased, position + 1) }
    if byte == UInt8(ascii: "%"), let value = Self.hex(bytes, position + 1, digits: 2) {
      return (value.lowerCased, position + 3)
    }
    if byte == UInt8(ascii: "\\"), position + 1 < bytes.count {
      let kind = bytes[position + 1]
      if kind == UInt8(ascii: "u"), let value = Self.hex(bytes, position + 2, digits: 4) {
        return (value.lowerCased, position + 6)
      }
      if kind == UInt8(ascii: "/") || kind == UInt8(ascii: "\"") || kind == UInt8(ascii: "\\") {
        return (kind, position + 2)
      }
    }
    return (byte.lowerCased, position + 1)
  }

  /// The value of that many hex digits if it is ASCII.
  private static func hex(_ bytes: [UInt8], _ start: Int, digits: Int) -> UInt8? {
    guard start + digits <= bytes.count else { return nil }
    var value = 0
    for byte in bytes[start..<start + digits] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      value = value * 16 + digit
    }
    return value < 128 ? UInt8(value) : nil
  }
}

extension UInt8 {
  /// The byte with an ASCII capital letter made small.
  var lowerCased: UInt8 { (0x41...0x5A).contains(self) ? self + 0x20 : self }
}

/// The base64 form of some bytes (RFC 4648, standard alphabet, without padding), letter by letter.
struct Base64Letters: Sequence {
  /// The bytes to be encoded.
  let bytes: [UInt8]

  /// The base64 form of those bytes.
  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The letters in order.
  func makeIterator() -> AnyIterator<UInt8> {
    var bit = 0
    return AnyIterator {
      guard bit < bytes.count * 8 else { return nil }
      let pair = UInt16(bytes[bit / 8]) << 8 | (bit / 8 + 1 < bytes.count ? UInt16(bytes[bit / 8 + 1]) : 0)
      let value = pair >> (10 - UInt16(bit % 8)) & 0x3F
      bit += 6
      return Self.alphabet[Int(value)]
    }
  }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
}

/// Finds what is secret by where it stands rather than by what it is: values of query parameters that sign or
/// authorise (Amazon and Google query signing, shared-access signatures), the same as headers, JSON members and XML
/// elements, and user info in URLs (RFC 3986 section 3.2.1). Works on bytes; the separators may be percent-encoded, also
/// twice, or escaped as in JSON and HTML.
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
    "signature", "sig", "credential", "awsaccesskeyid", "googleaccessid", "access_token", "api_key",
    "x-api-key",
    "token",
  ].map { Array($0.utf8) }
  /// Names in lower case that are secret as headers, JSON members and XML elements, too: no word of a sentence.
  private static let fields = [
    "x-amz-signature", "x-amz-credential", "x-amz-security-token", "signatureprovided", "awsaccesskeyid",
    "secretaccesskey", "sessiontoken",
  ].map { Array($0.utf8) }
  private static let equals = ["=", "%3d", "%253d", "\\u003d", "&#61;", "&#x3d;"].map { Array($0.utf8) }
  private static let separators = ["%26", "%3f", "%2526", "%253f", "\\u0026", "\\u003f"].map {
    Array($0.utf8)
  }
  private static let quotes = ["\\\"", "\"", "'", "&quot;", "&#34;", "%22"].map { Array($0.utf8) }
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
      let value = value(from: afterName + mark.count)
      return value.isEmpty ? nil : value
    }
    for name in Self.fields where stands(name, at: start) {
      guard let lower = beginOfField(after: start + name.count) else { continue }
      let value = value(from: lower)
      return value.isEmpty ? nil : value
    }
    return nil
  }

  /// Where a value ends that begins here.
  private func value(from lower: Int) -> Range<Int> {
    let upper = (lower..<bytes.count).first { place in
      Self.valueEnds.contains(bytes[place]) || Self.escapedEnds.contains { stands($0, at: place) }
    }
    return lower..<(upper ?? bytes.count)
  }

  /// Where the value of a field begins whose name ends here: after `: `, `": "`, `=` or `>`; `nil` when it is no field.
  private func beginOfField(after name: Int) -> Int? {
    var position = name
    func skipSpaces() { while position < bytes.count, bytes[position] == 0x20 { position += 1 } }
    func skipQuote() {
      if let quote = Self.quotes.first(where: { stands($0, at: position) }) { position += quote.count }
    }
    skipQuote()
    skipSpaces()
    guard position < bytes.count,
      [UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: ">")].contains(bytes[position])
    else { return nil }
    position += 1
    skipSpaces()
    skipQuote()
    return position
  }

  /// What ends a value where separators are escaped.
  private static let escapedEnds = ["%26", "%2526", "%22"].map { Array($0.utf8) }

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
