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
  var memberCount = 0
  /// How many bytes the wire form leaves out beside whitespace.
  var droppedCount = 0
  /// Members that are none of the four, or repeat one of them.
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
      position = scanValue(at: position, depth: 1, kind: &member.kind)
      if position < 0 { return -1 }
      member.valueEnd = position
      member.valueIsEscaped = isEscaped
      memberCount += 1
      guard memberCount <= ElementScanner.memberLimit else {
        return fail(.tooManyMembers, at: member.nameStart)
      }
      record(member)
      position = skipSpace(position)
      let byte = text[position]
      if byte == UInt8(ascii: ",") {
        position = skipSpace(position + 1)
      } else if byte == UInt8(ascii: "}") {
        // A dropped member takes one comma with it, unless it is the only one.
        if droppedCount > 0 && memberCount == 1 { droppedCount -= 1 }
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

  private mutating func record(_ member: Member) {
    switch KnownField(of: member, in: text) {
    case .indexID where indexID.kind == .absent: indexID = member
    case .language where language.kind == .absent: language = member
    case .object where object.kind == .absent: object = member
    case .transcription where transcription.kind == .absent:
      transcription = member
      if transcription.isNone {
        let literals = member.nameEnd - member.nameStart + member.valueEnd - member.valueStart
        droppedCount = literals + 2  // The colon and a comma.
      }
    default: others.append(member)
    }
  }
}

extension ElementScanner.Member {
  /// Whether the value is one of those that say there is none: null or "".
  var isNone: Bool { kind == .null || (kind == .string && valueEnd - valueStart == 2) }
}
