import BatchDomain

/// Scans one element of a manifest: checks it against RFC 8259 and finds the members of an item, in one pass and
/// without copying anything.
///
/// The text must be followed by at least `padding` readable bytes, the first of which is 0 or a line feed: that
/// byte stops every loop, so that only the stop has to ask whether the text is at its end.
struct ElementScanner {
  /// How many bytes must be readable behind the text.
  static let padding = 16
  /// The deepest nesting followed, an item's own braces counting as 1.
  static let depthLimit = 128
  /// The most members of one item kept apart.
  static let memberLimit = 4096
  /// The most faulty strings of one item reported.
  static let issueLimit = 64

  enum ValueKind: UInt8 {
    case absent, string, null, boolean, number, object, array
  }

  /// One member of an item; offsets are into the scanned text and include quotes.
  struct Member {
    var nameStart = 0
    var nameEnd = 0
    var valueStart = 0
    var valueEnd = 0
    var kind = ValueKind.absent
    var nameIsEscaped = false
    var valueIsEscaped = false
  }

  /// Half of a surrogate pair in a string: well formed, but it must not be sent on.
  struct Issue {
    /// The offset of the backslash of the escape.
    var offset: Int
  }

  let text: UnsafePointer<UInt8>
  let end: Int
  /// False in JSON lines, where a line feed ends the text.
  let spansLines: Bool

  var fault: SyntaxFault?
  /// The kind of the whole element.
  var kind = ValueKind.absent
  var isEscaped = false
  var spaceCount = 0
  var lineFeedCount = 0
  var lastLineFeed = 0
  var indexID = Member()
  var language = Member()
  var object = Member()
  var transcription = Member()
  /// What is noted for this program.
  var note = Member()
  var memberCount = 0
  /// How many bytes the wire form leaves out beside whitespace.
  var droppedCount = 0
  /// How many members it leaves out.
  var droppedMembers = 0
  /// Members that are none of the five, or repeat one of them.
  var others: [Member] = []
  var issues: [Issue] = []

  init(text: UnsafePointer<UInt8>, end: Int, spansLines: Bool) {
    self.text = text
    self.end = end
    self.spansLines = spansLines
  }

  /// Scans the element that starts at `start`, which is not whitespace, and returns the offset after it; on
  /// failure -1, with `fault` set.
  mutating func scan(from start: Int) -> Int {
    fault = nil
    spaceCount = 0
    lineFeedCount = 0
    memberCount = 0
    droppedCount = 0
    droppedMembers = 0
    if !issues.isEmpty { issues.removeAll(keepingCapacity: true) }
    if !others.isEmpty { others.removeAll(keepingCapacity: true) }
    guard text[start] == UInt8(ascii: "{") else {
      var scannedKind = ValueKind.absent
      let next = scanValue(at: start, depth: 0, kind: &scannedKind)
      kind = scannedKind
      return next
    }
    kind = .object
    indexID.kind = .absent
    language.kind = .absent
    object.kind = .absent
    transcription.kind = .absent
    note.kind = .absent
    return scanItem(at: start)
  }

  mutating func fail(_ kind: SyntaxFault.Kind, at offset: Int) -> Int {
    fault =
      offset >= end ? SyntaxFault(kind: .incomplete, offset: end) : SyntaxFault(kind: kind, offset: offset)
    return -1
  }

  /// The offset of the next byte that is not whitespace.
  @inline(__always)
  mutating func skipSpace(_ start: Int) -> Int {
    text[start] > 0x20 ? start : skipSomeSpace(start)
  }

  private mutating func skipSomeSpace(_ start: Int) -> Int {
    var position = start
    while true {
      let byte = text[position]
      if byte == 0x0A {
        guard spansLines else { break }
        lineFeedCount += 1
        lastLineFeed = position
      } else if byte != 0x20 && byte != 0x09 && byte != 0x0D {
        break
      }
      position += 1
    }
    spaceCount += position - start
    return position
  }

  private mutating func scanItem(at start: Int) -> Int {
    var position = skipSpace(start + 1)
    if text[position] == UInt8(ascii: "}") { return position + 1 }
    while true {
      var member = Member()
      guard text[position] == UInt8(ascii: "\"") else {
        let isTrailing = memberCount > 0 && text[position] == UInt8(ascii: "}")
        return fail(isTrailing ? .trailingComma : .expectedName, at: position)
      }
      member.nameStart = position
      position = scanString(at: position)
      if position < 0 { return -1 }
      member.nameEnd = position
      member.nameIsEscaped = isEscaped
      position = skipSpace(position)
      guard text[position] == UInt8(ascii: ":") else { return fail(.expectedColon, at: position) }
      position = skipSpace(position + 1)
      member.valueStart = position
      isEscaped = false
      let spacesBefore = spaceCount
      position = scanValue(at: position, depth: 1, kind: &member.kind)
      if position < 0 { return -1 }
      member.valueEnd = position
      member.valueIsEscaped = isEscaped
      memberCount += 1
      guard memberCount <= ElementScanner.memberLimit else {
        return fail(.tooManyMembers, at: member.nameStart)
      }
      record(member, spacesInside: spaceCount - spacesBefore)
      position = skipSpace(position)
      let byte = text[position]
      if byte == UInt8(ascii: ",") {
        position = skipSpace(position + 1)
      } else if byte == UInt8(ascii: "}") {
        // A dropped member takes one comma with it, unless nothing else is there.
        if droppedMembers > 0 && memberCount == droppedMembers { droppedCount -= 1 }
        return position + 1
      } else {
        return fail(.expectedCommaOrBrace, at: position)
      }
    }
  }

  /// Scans a value inside `depth` levels of nesting; returns the offset after it or -1.
  @inline(__always)
  mutating func scanValue(at start: Int, depth: Int, kind: inout ValueKind) -> Int {
    switch text[start] {
    case UInt8(ascii: "\""):
      kind = .string
      return scanString(at: start)
    case UInt8(ascii: "{"):
      kind = .object
      return scanNested(at: start, depth: depth)
    case UInt8(ascii: "["):
      kind = .array
      return scanNested(at: start, depth: depth)
    default:
      return scanScalar(at: start, kind: &kind)
    }
  }

  /// Takes a member to where it belongs; `spacesInside` is how much whitespace its value has outside strings.
  private mutating func record(_ member: Member, spacesInside: Int) {
    switch KnownField(of: member, in: text) {
    case .indexID where indexID.kind == .absent: indexID = member
    case .language where language.kind == .absent: language = member
    case .object where object.kind == .absent: object = member
    case .transcription where transcription.kind == .absent:
      transcription = member
      if transcription.isNone { drop(member, spacesInside: spacesInside) }
    case .note where note.kind == .absent:
      note = member
      drop(member, spacesInside: spacesInside)
    default: others.append(member)
    }
  }

  private mutating func drop(_ member: Member, spacesInside: Int) {
    let literals = member.nameEnd - member.nameStart + member.valueEnd - member.valueStart
    // The colon and a comma.
    droppedCount += literals - spacesInside + 2
    droppedMembers += 1
  }
}

extension ElementScanner.Member {
  /// Whether the value is one of those that say there is none: null or "".
  var isNone: Bool { kind == .null || (kind == .string && valueEnd - valueStart == 2) }
}

extension ElementScanner {
  /// Scans a number or one of `true`, `false` and `null`; returns the offset after it or -1.
  mutating func scanScalar(at start: Int, kind: inout ValueKind) -> Int {
    switch text[start] {
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      kind = .number
      return scanNumber(at: start)
    case UInt8(ascii: "t"):
      kind = .boolean
      return scanLiteral("true", at: start)
    case UInt8(ascii: "f"):
      kind = .boolean
      return scanLiteral("false", at: start)
    case UInt8(ascii: "n"):
      kind = .null
      return scanLiteral("null", at: start)
    default: return fail(.expectedValue, at: start)
    }
  }

  /// RFC 8259, section 6.
  private mutating func scanNumber(at start: Int) -> Int {
    var position = start
    if text[position] == UInt8(ascii: "-") { position += 1 }
    if text[position] == UInt8(ascii: "0") {
      position += 1
      if isDigit(position) { return fail(.invalidNumber, at: start) }
    } else {
      guard skipDigits(&position) else { return failNumber(start, stoppedAt: position) }
    }
    if text[position] == UInt8(ascii: ".") {
      position += 1
      guard skipDigits(&position) else { return failNumber(start, stoppedAt: position) }
    }
    if text[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      if text[position] == UInt8(ascii: "+") || text[position] == UInt8(ascii: "-") { position += 1 }
      guard skipDigits(&position) else { return failNumber(start, stoppedAt: position) }
    }
    return position
  }

  private mutating func failNumber(_ start: Int, stoppedAt position: Int) -> Int {
    fail(.invalidNumber, at: position >= end ? end : start)
  }

  private func isDigit(_ position: Int) -> Bool {
    text[position] &- UInt8(ascii: "0") < 10
  }

  /// Whether there was at least one digit.
  private func skipDigits(_ position: inout Int) -> Bool {
    let start = position
    while isDigit(position) { position += 1 }
    return position > start
  }

  private mutating func scanLiteral(_ literal: StaticString, at start: Int) -> Int {
    for index in 0..<literal.utf8CodeUnitCount where text[start + index] != literal.utf8Start[index] {
      return fail(.invalidLiteral, at: start + index >= end ? end : start)
    }
    return start + literal.utf8CodeUnitCount
  }

  private enum Expectation {
    case nameOrEnd, name, valueOrEnd, value, separator
  }

  /// Scans the object or array at `start`, inside `depth` levels already, without recursion: one bit per level says
  /// which it is. Returns the offset after it or -1.
  mutating func scanNested(at start: Int, depth: Int) -> Int {
    var level = depth
    var objects = (low: UInt64(0), high: UInt64(0))
    var position = start
    var expectation = Expectation.value
    while true {
      let byte = text[position]
      switch expectation {
      case .value, .valueOrEnd:
        if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
          level += 1
          guard level <= ElementScanner.depthLimit else { return fail(.tooDeep, at: position) }
          set(&objects, level, isObject: byte == UInt8(ascii: "{"))
          expectation = byte == UInt8(ascii: "{") ? .nameOrEnd : .valueOrEnd
          position += 1
        } else if byte == UInt8(ascii: "]") && expectation == .valueOrEnd {
          expectation = .separator
          continue
        } else {
          if byte == UInt8(ascii: "]") && !isObject(objects, level) {
            return fail(.trailingComma, at: position)
          }
          var kind = ValueKind.absent
          position =
            byte == UInt8(ascii: "\"") ? scanString(at: position) : scanScalar(at: position, kind: &kind)
          if position < 0 { return -1 }
          expectation = .separator
        }
      case .name, .nameOrEnd:
        if byte == UInt8(ascii: "}") {
          guard expectation == .nameOrEnd else { return fail(.trailingComma, at: position) }
          expectation = .separator
          continue
        }
        guard byte == UInt8(ascii: "\"") else { return fail(.expectedName, at: position) }
        position = scanString(at: position)
        if position < 0 { return -1 }
        position = skipSpace(position)
        guard text[position] == UInt8(ascii: ":") else { return fail(.expectedColon, at: position) }
        position += 1
        expectation = .value
      case .separator:
        let isObject = isObject(objects, level)
        if byte == UInt8(ascii: ",") {
          expectation = isObject ? .name : .value
          position += 1
        } else if byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
          level -= 1
          position += 1
          if level == depth {
            isEscaped = false
            return position
          }
        } else {
          return fail(isObject ? .expectedCommaOrBrace : .expectedCommaOrBracket, at: position)
        }
      }
      position = skipSpace(position)
    }
  }

  @inline(__always)
  private func isObject(_ objects: (low: UInt64, high: UInt64), _ level: Int) -> Bool {
    let bit = level - 1
    return (bit < 64 ? objects.low >> UInt64(bit) : objects.high >> UInt64(bit - 64)) & 1 == 1
  }

  @inline(__always)
  private func set(_ objects: inout (low: UInt64, high: UInt64), _ level: Int, isObject: Bool) {
    let bit = level - 1
    let mask: UInt64 = 1 << UInt64(bit & 63)
    if bit < 64 {
      objects.low = isObject ? objects.low | mask : objects.low & ~mask
    } else {
      objects.high = isObject ? objects.high | mask : objects.high & ~mask
    }
  }
}

extension ElementScanner {
  private static let ones: UInt64 = 0x0101_0101_0101_0101
  private static let highs: UInt64 = 0x8080_8080_8080_8080

  /// Scans the string literal whose opening quote is at `start`; returns the offset after its closing quote, with
  /// `isEscaped` set, or -1.
  @inline(__always)
  mutating func scanString(at start: Int) -> Int {
    let position = plainRun(from: start + 1)
    if text[position] == UInt8(ascii: "\"") {
      isEscaped = false
      return position + 1
    }
    return scanRestOfString(from: position)
  }

  /// The offset of the first byte from `start` that is a quote, a backslash, a control character or not ASCII.
  ///
  /// Eight bytes at a time, by the usual "has a zero byte" arithmetic: only the lowest flag has to be right, since
  /// only the first such byte is looked for.
  @inline(__always)
  private func plainRun(from start: Int) -> Int {
    var position = start
    while true {
      let word = UInt64(
        littleEndian: UnsafeRawPointer(text + position).loadUnaligned(as: UInt64.self))
      let quote = word ^ 0x2222_2222_2222_2222
      let backslash = word ^ 0x5C5C_5C5C_5C5C_5C5C
      let flags =
        (word &- 0x2020_2020_2020_2020) & ~word
        | (quote &- ElementScanner.ones) & ~quote
        | (backslash &- ElementScanner.ones) & ~backslash
        | word
      let found = flags & ElementScanner.highs
      if found != 0 { return position + found.trailingZeroBitCount >> 3 }
      position += 8
    }
  }

  private mutating func scanRestOfString(from start: Int) -> Int {
    var position = start
    var hasIssue = false
    var escaped = false
    while true {
      let byte = text[position]
      switch byte {
      case UInt8(ascii: "\""):
        isEscaped = escaped
        return position + 1
      case UInt8(ascii: "\\"):
        escaped = true
        let next = scanEscape(at: position, hasIssue: &hasIssue)
        if next < 0 { return -1 }
        position = next
      case 0x80...:
        let next = scanMultibyte(at: position)
        if next < 0 { return -1 }
        position = next
      case ..<0x20: return fail(.controlCharacter, at: position)
      default: position = plainRun(from: position)
      }
    }
  }

  /// RFC 8259, section 7. `hasIssue` lets one finding per string be recorded.
  private mutating func scanEscape(at start: Int, hasIssue: inout Bool) -> Int {
    switch text[start + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      return start + 2
    case UInt8(ascii: "u"): break
    default: return start + 1 >= end ? fail(.invalidEscape, at: end) : fail(.invalidEscape, at: start)
    }
    let unit = codeUnit(of: start)
    guard unit >= 0 else { return -1 }
    var isAlone = false
    var next = start + 6
    if unit & 0xFC00 == 0xDC00 {
      isAlone = true
    } else if unit & 0xFC00 == 0xD800 {
      isAlone = true
      if text[next] == UInt8(ascii: "\\"), text[next + 1] == UInt8(ascii: "u") {
        let low = codeUnit(of: next)
        guard low >= 0 else { return -1 }
        if low & 0xFC00 == 0xDC00 {
          isAlone = false
          next += 6
        }
      }
    }
    if isAlone, !hasIssue, issues.count < ElementScanner.issueLimit {
      hasIssue = true
      issues.append(Issue(offset: start))
    }
    return next
  }

  /// The four digits of the `\u` escape at `start`, or -1.
  private mutating func codeUnit(of start: Int) -> Int {
    var unit = 0
    for position in start + 2..<start + 6 {
      guard let digit = JSONString.hexValue(text[position]) else {
        return position >= end ? fail(.invalidEscape, at: end) : fail(.invalidEscape, at: start)
      }
      unit = unit << 4 | Int(digit)
    }
    return unit
  }

  /// The well-formed sequences of RFC 3629, section 4: nothing overlong, no surrogate, nothing above U+10FFFF.
  private mutating func scanMultibyte(at start: Int) -> Int {
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch text[start] {
    case 0xC2...0xDF: length = 2
    case 0xE0:
      length = 3
      second = 0xA0...0xBF
    case 0xED:
      length = 3
      second = 0x80...0x9F
    case 0xE1...0xEF: length = 3
    case 0xF0:
      length = 4
      second = 0x90...0xBF
    case 0xF1...0xF3: length = 4
    case 0xF4:
      length = 4
      second = 0x80...0x8F
    default: return fail(.invalidUTF8, at: start)
    }
    for position in start + 1..<start + length {
      let allowed = position == start + 1 ? second : 0x80...0xBF
      guard allowed.contains(text[position]) else {
        return position >= end ? fail(.invalidUTF8, at: end) : fail(.invalidUTF8, at: start)
      }
    }
    return start + length
  }
}
