import BatchDomain

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Keys as forms encode them: `+` is a space and `%XX` a byte. S3 writes them so in inventories and in listings that were
/// asked for with `encoding-type=url`.
enum FormText {
  /// The bytes that `text` stands for; `nil` when a percent sign is not followed by two hexadecimal digits.
  static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var rest = text[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "+"): result.append(0x20)
      case UInt8(ascii: "%"):
        guard let high = rest.popFirst().flatMap(JSONString.hexValue),
          let low = rest.popFirst().flatMap(JSONString.hexValue)
        else { return nil }
        result.append(UInt8(high << 4 | low))
      default: result.append(byte)
      }
    }
    return result
  }
}

/// Whether the keys of a listing that says `EncodingType` `url` are encoded, as far as they tell it themselves.
///
/// The AWS CLI and boto3 ask S3 for encoded keys, decode them, and leave the member in what they print. The same member
/// stands beside keys that are encoded where the person asked for that. Only a key that no encoder writes tells the two apart.
struct KeySpelling {
  /// The first key that is another one when it is decoded, and its number in the list.
  private(set) var doubtful: (key: [UInt8], number: Int)?
  /// Whether a key has something that is never left or made by encoding, so that all of them are as in the bucket.
  private(set) var isPlain = false

  /// Looks at a key as the list has it.
  mutating func see(_ key: [UInt8], number: Int) {
    guard !isPlain else { return }
    var changes = false
    var position = 0
    while position < key.count {
      let byte = key[position]
      position += 1
      if byte == UInt8(ascii: "+") {
        changes = true
      } else if byte == UInt8(ascii: "%") {
        guard position + 1 < key.count, let high = JSONString.hexValue(key[position]),
          let low = JSONString.hexValue(key[position + 1]), !Self.isUnreserved(UInt8(high << 4 | low))
        else {
          isPlain = true
          return
        }
        changes = true
        position += 2
      } else if !Self.canStandInPath(byte) {
        isPlain = true
        return
      }
    }
    if changes, doubtful == nil { doubtful = (key, number) }
  }

  /// What no encoder escapes: the unreserved characters of RFC 3986, section 2.3, but `~`, which older rules escape.
  private static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  /// What an encoder may leave as it is: the characters of a path (RFC 3986, section 3.3).
  private static func canStandInPath(_ byte: UInt8) -> Bool {
    isUnreserved(byte) || "~!$&'()*,;=:@/".utf8.contains(byte)
  }
}

/// Cuts text into lines, whatever blocks it comes in.
struct LineCutter {
  /// The longest line: a key has at most 1,024 bytes, and three times as many where it is encoded.
  static let limit = 64 * 1024

  /// The number of the line that is handed on, from 1.
  private(set) var number = 0
  private var rest: [UInt8] = []
  /// Whether bytes were taken that no line feed ended yet.
  var isInsideLine: Bool { !rest.isEmpty }

  /// Hands on the complete lines, without line feed and without a carriage return before it.
  mutating func take(
    _ text: UnsafeBufferPointer<UInt8>, of name: String, _ line: (ArraySlice<UInt8>, Int) throws -> Void
  ) throws {
    var start = 0
    while let position = Self.lineFeed(in: text, from: start) {
      rest.append(contentsOf: text[start..<position])
      start = position + 1
      try emit(line)
    }
    rest.append(contentsOf: text[start...])
    guard rest.count <= Self.limit else {
      throw ListError(
        .damaged, name,
        "line \(number + 1) has more than \(Self.limit) bytes, expected one object on each line",
        remedy: "make the list again")
    }
  }

  /// Hands on what follows the last line feed, when there is something.
  mutating func finish(_ line: (ArraySlice<UInt8>, Int) throws -> Void) throws {
    if !rest.isEmpty { try emit(line) }
  }

  private static func lineFeed(in text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
    guard start < text.count, let base = text.baseAddress,
      let found = memchr(base + start, 0x0A, text.count - start)
    else { return nil }
    return UnsafeRawPointer(found) - UnsafeRawPointer(base)
  }

  private mutating func emit(_ line: (ArraySlice<UInt8>, Int) throws -> Void) throws {
    number += 1
    // A mark that a program of Windows puts before a text is no part of it.
    if number == 1, rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest.removeFirst(3) }
    try line(rest.last == 0x0D ? rest.dropLast() : rest[...], number)
    rest.removeAll(keepingCapacity: true)
  }
}

/// Cuts CSV (RFC 4180) into rows of fields, whatever blocks it comes in.
struct CSVCutter {
  /// The longest row, in bytes of its fields.
  static let limit = 64 * 1024
  /// The most fields of a row.
  static let fieldLimit = 256

  private enum Place { case start, plain, quoted, afterQuote }

  private var place = Place.start
  private var fields: [[UInt8]] = []
  private var field: [UInt8] = []
  private var length = 0
  /// The line on which the row began, and the one that is read, from 1.
  private var rowLine = 1
  private var line = 1
  private var isAtHead = true
  /// Whether a row has begun that no line feed ended yet.
  var isInsideRow: Bool { place != .start || !fields.isEmpty }

  /// Hands on the complete rows, blank lines left out.
  mutating func take(
    _ text: UnsafeBufferPointer<UInt8>, of name: String, _ row: ([[UInt8]], Int) throws -> Void
  ) throws {
    for byte in text {
      if byte == 0x0A { line += 1 }
      switch (place, byte) {
      case (.start, UInt8(ascii: "\"")): place = .quoted
      case (.quoted, UInt8(ascii: "\"")): place = .afterQuote
      case (.afterQuote, UInt8(ascii: "\"")):
        place = .quoted
        append(byte)
      case (.quoted, _): append(byte)
      case (_, UInt8(ascii: ",")): endField()
      case (_, 0x0A): try endRow(row)
      case (.afterQuote, 0x0D): break
      case (.afterQuote, _):
        throw ListError(
          .damaged, name,
          "line \(line) has \(ListError.quoted([byte])) behind a closing quotation mark, expected a comma or the end of the line",
          remedy: "make the list again")
      default:
        place = .plain
        append(byte)
      }
      guard length <= Self.limit, fields.count < Self.fieldLimit else {
        throw ListError(
          .damaged, name,
          "the row that begins on line \(rowLine) has more than \(Self.limit) bytes or \(Self.fieldLimit) fields, expected one object",
          remedy: "make the list again; a quotation mark may be missing")
      }
    }
  }

  /// Hands on what follows the last line feed, when there is something.
  mutating func finish(of name: String, _ row: ([[UInt8]], Int) throws -> Void) throws {
    guard place != .quoted else {
      throw ListError.truncated(name, "inside quotation marks that begin on line \(rowLine) or behind it")
    }
    if isInsideRow { try endRow(row) }
  }

  private mutating func append(_ byte: UInt8) {
    field.append(byte)
    length += 1
    guard isAtHead, field.count == 3 else { return }
    isAtHead = false
    guard field == [0xEF, 0xBB, 0xBF] else { return }
    field = []
    place = .start
  }

  private mutating func endField() {
    fields.append(field)
    field.removeAll(keepingCapacity: true)
    place = .start
    isAtHead = false
  }

  private mutating func endRow(_ row: ([[UInt8]], Int) throws -> Void) throws {
    if place == .plain, field.last == 0x0D { field.removeLast() }
    if !(fields.isEmpty && field.isEmpty) {
      endField()
      try row(fields, rowLine)
    }
    fields.removeAll(keepingCapacity: true)
    place = .start
    length = 0
    rowLine = line
  }
}
