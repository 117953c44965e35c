import Crypto

/// What makes an item the same across runs: its `index_id` and its `object`, byte for byte, as 128 bits of a SHA-256
/// over both. In practice, items that differ never have the same identity.
package struct ItemIdentity: Hashable, Comparable, Sendable {
  /// The first 64 bits.
  package let high: Int64
  /// The other 64 bits.
  package let low: Int64

  /// An identity as a store has it.
  package init(high: Int64, low: Int64) {
    self.high = high
    self.low = low
  }

  /// The identity of an item by its parts one after the other, with the length of the index before them in eight bytes:
  /// it tells where one ends and the other begins.
  fileprivate init(digesting parts: UnsafeRawBufferPointer) {
    var hash = SHA256()
    hash.update(bufferPointer: parts)
    let halves = hash.finalize().withUnsafeBytes {
      ($0.loadUnaligned(as: Int64.self), $0.loadUnaligned(fromByteOffset: 8, as: Int64.self))
    }
    self.init(high: Int64(littleEndian: halves.0), low: Int64(littleEndian: halves.1))
  }

  /// The order in which a store keeps them.
  package static func < (one: ItemIdentity, other: ItemIdentity) -> Bool {
    (one.high, one.low) < (other.high, other.low)
  }
}

/// What tells items of several runs apart: which item it is, and what it says.
package struct ItemFingerprint: Hashable, Sendable {
  /// Which item it is.
  package let identity: ItemIdentity
  /// 64 bits over everything else that the item says, as the manifest reader compares items: the same whatever the order of
  /// the members, the white space and the escapes are, and whether a transcription is absent, null or "".
  package let content: UInt64

  /// A fingerprint as a store has it.
  package init(identity: ItemIdentity, content: UInt64) {
    self.identity = identity
    self.content = content
  }
}

/// Makes fingerprints of items, one after the other, with buffers that are used again.
package struct FingerprintMaker {
  private var parts: [UInt8] = []
  private var content: [UInt8] = []

  /// A maker of fingerprints.
  package init() {}

  /// The fingerprint of the item with that text, a source text or a wire form, which a manifest reader has accepted.
  package mutating func fingerprint(of text: UnsafeBufferPointer<UInt8>) -> ItemFingerprint {
    parts.removeAll(keepingCapacity: true)
    content.removeAll(keepingCapacity: true)
    // Nearly all items have the four members that are documented, written without escapes.
    if let fields = PlainFields(text) { gather(fields, of: text) } else { gather(ItemMembers(text)) }
    return ItemFingerprint(
      identity: parts.withUnsafeBytes { ItemIdentity(digesting: $0) },
      content: content.withUnsafeBytes { XXHash64.hash($0, seed: 0) })
  }

  private mutating func gather(_ fields: PlainFields, of text: UnsafeBufferPointer<UInt8>) {
    appendLength(fields.index.count)
    parts.append(contentsOf: UnsafeBufferPointer(rebasing: text[fields.index]))
    parts.append(contentsOf: UnsafeBufferPointer(rebasing: text[fields.object]))
    if let language = fields.language {
      appendMember(Self.languageName, isString: true, UnsafeBufferPointer(rebasing: text[language]))
    }
    if let transcription = fields.transcription {
      appendMember(Self.transcriptionName, isString: true, UnsafeBufferPointer(rebasing: text[transcription]))
    }
  }

  private mutating func gather(_ walk: ItemMembers) {
    let names = walk.identity
    appendLength(names.index.count)
    parts.append(contentsOf: names.index)
    parts.append(contentsOf: names.object)
    var members: [(name: [UInt8], isString: Bool, value: [UInt8])] = []
    for member in walk.members where !walk.isLeftOut(member) {
      let name = walk.name(of: member)
      guard !name.elementsEqual(Self.indexName), !name.elementsEqual(Self.objectName) else { continue }
      let string = walk.string(of: member)
      members.append((name, string != nil, string ?? walk.wireText(of: member)))
    }
    members.sort { $0.name.lexicographicallyPrecedes($1.name) }
    for member in members {
      member.value.withUnsafeBufferPointer { appendMember(member.name, isString: member.isString, $0) }
    }
  }

  private mutating func appendLength(_ length: Int) {
    withUnsafeBytes(of: UInt64(length).littleEndian) { parts.append(contentsOf: $0) }
  }

  /// Lengths before name and value tell where each ends; the kind tells a text from a number that looks like it.
  private mutating func appendMember(_ name: [UInt8], isString: Bool, _ value: UnsafeBufferPointer<UInt8>) {
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: name.count).littleEndian) {
      content.append(contentsOf: $0)
    }
    content.append(contentsOf: name)
    content.append(isString ? 1 : 0)
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: value.count).littleEndian) {
      content.append(contentsOf: $0)
    }
    content.append(contentsOf: value)
  }

  private static let indexName = Array("index_id".utf8)
  private static let objectName = Array("object".utf8)
  private static let languageName = Array("language".utf8)
  private static let transcriptionName = Array("transcription".utf8)
}

/// The documented members of an item, as ranges of its text, where nothing else is in it and nothing is escaped.
private struct PlainFields {
  var index = 0..<0
  var object = 0..<0
  var language: Range<Int>?
  /// `nil` where the item has none: absent, null or "".
  var transcription: Range<Int>?

  private enum Name { case index, object, language, transcription }

  /// `nil` when the text is of another kind.
  init?(_ text: UnsafeBufferPointer<UInt8>) {
    var position = Self.skipSpace(text, 0)
    guard position < text.count, text[position] == UInt8(ascii: "{") else { return nil }
    repeat {
      position = Self.skipSpace(text, position + 1)
      guard let literal = Self.string(text, at: position), let name = Self.name(text, literal) else {
        return nil
      }
      position = Self.skipSpace(text, literal.upperBound + 1)
      guard position < text.count, text[position] == UInt8(ascii: ":") else { return nil }
      position = Self.skipSpace(text, position + 1)
      if let value = Self.string(text, at: position) {
        position = value.upperBound + 1
        switch name {
        case .index: index = value
        case .object: object = value
        case .language: language = value
        case .transcription: transcription = value.isEmpty ? nil : value
        }
      } else {
        guard name == .transcription, text[position...].starts(with: "null".utf8) else { return nil }
        position += 4
        transcription = nil
      }
      position = Self.skipSpace(text, position)
      guard position < text.count else { return nil }
    } while text[position] == UInt8(ascii: ",")
    guard text[position] == UInt8(ascii: "}") else { return nil }
  }

  private static func skipSpace(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int {
    var position = start
    while position < text.count, JSONSyntax.isSpace(text[position]) { position += 1 }
    return position
  }

  /// The content of the string literal that starts at `start`; `nil` when none does, or when it has an escape.
  private static func string(_ text: UnsafeBufferPointer<UInt8>, at start: Int) -> Range<Int>? {
    guard start < text.count, text[start] == UInt8(ascii: "\"") else { return nil }
    let end = JSONSyntax.endOfPlainString(text, at: start)
    return end.map { start + 1..<$0 }
  }

  private static let objectName = Array("object".utf8)
  private static let indexName = Array("index_id".utf8)
  private static let languageName = Array("language".utf8)
  private static let transcriptionName = Array("transcription".utf8)

  private static func name(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Name? {
    let name = UnsafeBufferPointer(rebasing: text[range])
    switch name.count {
    case 6 where name.elementsEqual(objectName): return .object
    case 8 where name.elementsEqual(indexName): return .index
    case 8 where name.elementsEqual(languageName): return .language
    case 13 where name.elementsEqual(transcriptionName): return .transcription
    default: return nil
    }
  }
}
