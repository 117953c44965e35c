/// What a manifest comes to, from the text of the rules alone: RFC 8259 and the design's rules for items.
package struct ManifestOracle {
  /// One element that is a sound item.
  package struct Item {
    /// The source text.
    package var source: [UInt8]
    /// The source without white space outside strings and without a transcription that says there is none.
    package var wire: [UInt8]
    fileprivate var indexID: StrictJSON.CodePoints
    fileprivate var object: StrictJSON.CodePoints
    fileprivate var content: [StrictJSON.CodePoints: Content]

    fileprivate var name: ArraySlice<UInt32> {
      object.values[(object.values.lastIndex(of: 0x2F).map { $0 + 1 } ?? 0)...]
    }
  }

  fileprivate enum Content: Equatable {
    case string(StrictJSON.CodePoints)
    case other(String)
  }

  /// The deepest nesting, an item's own braces counting as 1.
  private static let depthLimit = 128
  private static let memberLimit = 4096

  /// The items in order, each once.
  package private(set) var items: [Item] = []
  /// How many elements repeat an earlier item.
  package private(set) var repeatedCount = 0

  /// The manifest's items; nil when it must be refused.
  package init?(_ bytes: [UInt8], maxItemBytes: Int) {
    guard let whole = Self.decoded(bytes) else { return nil }
    let text = Array(whole.unicodeScalars)
    guard let elements = Self.elements(text), !elements.isEmpty else { return nil }
    for element in elements {
      guard let item = Self.item(element, in: text), item.wire.count <= maxItemBytes else { return nil }
      if let earlier = items.first(where: { $0.indexID == item.indexID && $0.object == item.object }) {
        guard earlier.content == item.content else { return nil }
        repeatedCount += 1
      } else {
        items.append(item)
      }
    }
  }

  /// The numbers of the items whose file name another item of the same index has.
  package var clashing: Set<Int> {
    Set(
      items.indices.filter { index in
        items.indices.contains {
          $0 != index && items[$0].indexID == items[index].indexID && items[$0].name == items[index].name
        }
      })
  }

  /// The text, from UTF-16 where a byte order mark or the zero bytes of two ASCII characters say so; nil when it is not
  /// valid.
  private static func decoded(_ bytes: [UInt8]) -> String? {
    func isASCII(_ byte: UInt8) -> Bool { byte > 0 && byte < 0x80 }
    let head = Array(bytes.prefix(4))
    let isLittle: Bool
    switch head.count {
    case 0, 1: return String(validating: bytes, as: UTF8.self)
    case 2, 3:
      isLittle = head[0] == 0xFF && head[1] == 0xFE || isASCII(head[0]) && head[1] == 0
      guard isLittle || head[0] == 0xFE && head[1] == 0xFF || head[0] == 0 && isASCII(head[1]) else {
        return String(validating: bytes, as: UTF8.self)
      }
    default:
      isLittle =
        head[0] == 0xFF && head[1] == 0xFE && (head[2] != 0 || head[3] != 0)
        || isASCII(head[0]) && head[1] == 0 && head[2] != 0 && head[3] == 0
      guard
        isLittle || head[0] == 0xFE && head[1] == 0xFF
          || head[0] == 0 && isASCII(head[1]) && head[2] == 0 && head[3] != 0
      else { return String(validating: bytes, as: UTF8.self) }
    }
    var units: [UInt16] = []
    for place in stride(from: 0, to: bytes.count - 1, by: 2) {
      let (first, second) = (UInt16(bytes[place]), UInt16(bytes[place + 1]))
      units.append(isLittle ? second << 8 | first : first << 8 | second)
    }
    guard bytes.count.isMultiple(of: 2) || [0, 0x0A, 0x0D, 0x20].contains(bytes[bytes.count - 1]) else {
      return nil
    }
    return String(validating: units, as: UTF16.self)
  }

  /// The elements of an array, or values one after the other. Byte order marks may stand between elements, and the record
  /// separators of RFC 7464 outside an array.
  private static func elements(_ text: [Unicode.Scalar]) -> [StrictJSON.Value]? {
    var position = 0
    func skip(isInside: Bool) {
      while position < text.count,
        StrictJSON.isSpace(text[position]) || text[position] == "\u{FEFF}"
          || !isInside && text[position] == "\u{1E}"
      {
        position += 1
      }
    }
    var elements: [StrictJSON.Value] = []
    skip(isInside: false)
    let isArray = position < text.count && text[position] == "["
    if isArray {
      position += 1
      skip(isInside: true)
    }
    while position < text.count {
      if isArray && elements.isEmpty && text[position] == "]" { return nil }
      guard isArray || text[position] == "{",
        let element = StrictJSON.readFirst(text, in: position..<text.count, depthLimit: depthLimit)
      else { return nil }
      elements.append(element)
      position = element.range.upperBound
      skip(isInside: isArray)
      guard isArray else { continue }
      guard position < text.count else { return nil }
      let separator = text[position]
      position += 1
      skip(isInside: separator != "]")
      if separator == "]" { return position == text.count ? elements : nil }
      guard separator == "," else { return nil }
    }
    return isArray ? nil : elements
  }

  private static func item(_ element: StrictJSON.Value, in text: [Unicode.Scalar]) -> Item? {
    guard case .object(let members) = element.kind, members.count <= memberLimit,
      Set(members.map(\.name)).count == members.count, isFitToSend(element),
      members.allSatisfy({ !fields.contains($0.name.text) || !hasNUL($0.value) })
    else { return nil }
    func member(_ name: String) -> StrictJSON.Value? {
      members.first { $0.name.text == name }?.value
    }
    guard case .string(let indexID)? = member("index_id")?.kind,
      !indexID.text.unicodeScalars.allSatisfy(\.properties.isWhitespace),
      case .string? = member("language")?.kind,
      case .string(let object)? = member("object")?.kind, isAddress(object)
    else { return nil }
    var hasTranscription = false
    switch member("transcription")?.kind {
    case nil, .null: break
    case .string(let transcription):
      hasTranscription = !transcription.values.isEmpty
      guard !hasTranscription || isAddress(transcription) else { return nil }
    default: return nil
    }
    let sent = members.filter { hasTranscription || $0.name.text != "transcription" }
    let wire = sent.map { compact($0.nameRange, text) + ":" + compact($0.value, text) }.joined(separator: ",")
    var content: [StrictJSON.CodePoints: Content] = [:]
    for member in sent {
      if case .string(let string) = member.value.kind {
        content[member.name] = .string(string)
      } else {
        content[member.name] = .other(compact(member.value, text))
      }
    }
    return Item(
      source: Array(compact(element.range, text).utf8), wire: Array("{\(wire)}".utf8), indexID: indexID,
      object: object, content: content)
  }

  private static func isFitToSend(_ value: StrictJSON.Value) -> Bool {
    switch value.kind {
    case .string(let string): !string.isUnfitToSend
    case .array(let elements): elements.allSatisfy(isFitToSend)
    case .object(let members): members.allSatisfy { !$0.name.isUnfitToSend && isFitToSend($0.value) }
    case .number, .boolean, .null: true
    }
  }

  private static let fields = ["index_id", "language", "object", "transcription"]

  private static func hasNUL(_ value: StrictJSON.Value) -> Bool {
    if case .string(let string) = value.kind { string.values.contains(0) } else { false }
  }

  private static func isAddress(_ string: StrictJSON.CodePoints) -> Bool {
    let scheme = "s3://".unicodeScalars.map(\.value)
    guard string.values.starts(with: scheme) else { return false }
    let rest = string.values.dropFirst(scheme.count)
    guard let slash = rest.firstIndex(of: 0x2F) else { return false }
    return slash > rest.startIndex && slash + 1 < rest.endIndex
  }

  private static func compact(_ range: Range<Int>, _ text: [Unicode.Scalar]) -> String {
    var scalars = String.UnicodeScalarView()
    scalars.append(contentsOf: text[range])
    return String(scalars)
  }

  private static func compact(_ value: StrictJSON.Value, _ text: [Unicode.Scalar]) -> String {
    switch value.kind {
    case .array(let elements): "[" + elements.map { compact($0, text) }.joined(separator: ",") + "]"
    case .object(let members):
      "{"
        + members.map { compact($0.nameRange, text) + ":" + compact($0.value, text) }.joined(separator: ",")
        + "}"
    case .string, .number, .boolean, .null: compact(value.range, text)
    }
  }
}
