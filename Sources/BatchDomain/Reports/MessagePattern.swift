/// Reduces messages that say the same about different items to one pattern: "element 16 is not valid" and "element 17
/// is not valid" are both "element N is not valid".
///
/// Replaces, from left to right: quoted text by `"…"`, the rest of an address by `s3://…`, ids by `ID`, numbers by
/// `N`; a list of equal ones by the first and an ellipsis.
package struct MessagePattern {
  /// Bytes of a message that are compared; the rest makes no difference.
  package static let lengthLimit = 1_024

  /// The least length in bytes of an id that mixes letters and digits.
  private static let idLength = 8
  /// The least length in bytes of an id that could be a word of hexadecimal letters.
  private static let hexLength = 16

  private let text: [UInt8]
  private var position = 0
  private var result: [UInt8] = []
  /// What was put in last, and where it ends in `result`.
  private var placeholder: [UInt8] = []
  private var placeholderEnd = 0
  /// Where the word ends that was looked at last, hyphens included.
  private var wordEnd = 0
  /// Quotes that are known not to be closed any more, so that a message full of them is read once.
  private var unclosed: Set<UInt8> = []

  /// The pattern of a message.
  package static func of(_ message: String) -> String {
    var pattern = MessagePattern(message)
    pattern.read()
    return String(decoding: pattern.result, as: UTF8.self)
  }

  private init(_ message: String) {
    text = Array(message.utf8.prefix(Self.lengthLimit))
    result.reserveCapacity(text.count)
  }

  private mutating func read() {
    while position < text.count {
      let byte = text[position]
      if let end = endOfQuoted() {
        put([byte] + Array("…".utf8) + [byte])
        position = end
      } else if Self.isWord(byte) {
        readWord()
      } else {
        result.append(byte)
        position += 1
      }
    }
  }

  /// Where the quoted text that starts here ends; `nil` when none does. An apostrophe within a word does not count.
  private mutating func endOfQuoted() -> Int? {
    let quote = text[position]
    guard Self.quotes.contains(quote), !unclosed.contains(quote) else { return nil }
    if position > 0, Self.isWord(text[position - 1]) { return nil }
    var end = position + 1
    while end < text.count {
      let isLast = end + 1 == text.count || !Self.isWord(text[end + 1])
      if text[end] == quote, isLast { return end + 1 }
      end += 1
    }
    unclosed.insert(quote)
    return nil
  }

  private mutating func readWord() {
    // Of the rest of a word it is known already that the whole is neither an address nor an id.
    guard position >= wordEnd else { return readPart() }
    var end = position
    while end < text.count, Self.isWord(text[end]) || text[end] == UInt8(ascii: "-") { end += 1 }
    wordEnd = end
    if text[end...].starts(with: "://".utf8) {
      readAddress(scheme: position..<end)
    } else if isID(position..<end) {
      put(Array("ID".utf8))
      position = end
    } else {
      readPart()
    }
  }

  private mutating func readAddress(scheme: Range<Int>) {
    var end = scheme.upperBound
    while end < text.count, !Self.endsAddress(text[end]) { end += 1 }
    while end > scheme.upperBound, Self.isPunctuation(text[end - 1]) { end -= 1 }
    put(text[scheme] + Array("://…".utf8))
    position = end
  }

  /// Reads as far as the next hyphen or underscore.
  private mutating func readPart() {
    var end = position
    while end < text.count, Self.isLetter(text[end]) || Self.isDigit(text[end]) { end += 1 }
    guard end > position else {
      result.append(text[position])
      position += 1
      return
    }
    let part = position..<end
    if part.count >= Self.idLength, text[part].contains(where: Self.isDigit),
      text[part].contains(where: Self.isLetter)
    {
      put(Array("ID".utf8))
      position = end
      return
    }
    while position < end {
      if Self.isDigit(text[position]) { readNumber() } else { copy() }
    }
  }

  /// Reads digits, and more of them behind a point, a comma or a colon.
  private mutating func readNumber() {
    while position < text.count {
      if Self.isDigit(text[position]) {
        position += 1
      } else if ".,:".utf8.contains(text[position]), position + 1 < text.count,
        Self.isDigit(text[position + 1])
      {
        position += 2
      } else {
        break
      }
    }
    put(Array("N".utf8))
  }

  private mutating func copy() {
    result.append(text[position])
    position += 1
  }

  /// Whether a word is an id as a whole, hyphens included: a UUID, or hexadecimal digits.
  private func isID(_ word: Range<Int>) -> Bool {
    let letters = text[word].filter { $0 != UInt8(ascii: "-") }
    guard letters.count >= Self.idLength, letters.allSatisfy({ JSONString.hexValue($0) != nil }) else {
      return false
    }
    let hasDigit = letters.contains(where: Self.isDigit)
    let hasLetter = letters.contains(where: Self.isLetter)
    // Of digits alone it is a number, unless hyphens make it look like a UUID.
    return hasDigit && (hasLetter || letters.count >= 32) || letters.count >= Self.hexLength && hasLetter
  }

  /// Puts a placeholder in, and makes one of a list of equal ones.
  private mutating func put(_ replacement: [UInt8]) {
    if placeholder == replacement, Self.separators.contains(Array(result[placeholderEnd...])) {
      result.removeLast(result.count - placeholderEnd)
      if !result.ends(with: Self.more) { result += Self.more }
    } else {
      result += replacement
    }
    placeholder = replacement
    placeholderEnd = result.count
  }

  private static let quotes: Set<UInt8> = Set("\"'`".utf8)
  private static let more = Array(", …".utf8)
  private static let separators: Set<[UInt8]> = Set(
    [",", ", ", " and ", ", and ", " or "].map { Array($0.utf8) })

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }

  private static func isWord(_ byte: UInt8) -> Bool {
    isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "_") || byte >= 0x80
  }

  private static func endsAddress(_ byte: UInt8) -> Bool {
    byte <= 0x20 || "\"'`<>".utf8.contains(byte)
  }

  private static func isPunctuation(_ byte: UInt8) -> Bool { ".,;:!?)]}".utf8.contains(byte) }
}

extension [UInt8] {
  fileprivate func ends(with other: [UInt8]) -> Bool { suffix(other.count).elementsEqual(other) }
}
