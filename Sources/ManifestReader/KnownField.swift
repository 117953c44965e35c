import BatchDomain

/// The fields of an item that the service documents.
enum KnownField: UInt8 {
  case indexID, language, object, transcription

  /// The field that the name of `member` says, nil when it is none of them.
  @inline(__always)
  init?(of member: ElementScanner.Member, in text: UnsafePointer<UInt8>) {
    let length = member.nameEnd - member.nameStart - 2
    if member.nameIsEscaped {
      self.init(escaped: member, in: text)
      return
    }
    let name = UnsafeRawPointer(text + member.nameStart + 1)
    // A name's closing quote, a colon and the scanner's padding follow, so eight bytes are always readable.
    switch length {
    case 8:
      let word = name.loadUnaligned(as: UInt64.self)
      if word == KnownField.indexIDWord {
        self = .indexID
      } else if word == KnownField.languageWord {
        self = .language
      } else {
        return nil
      }
    case 6:
      let word = name.loadUnaligned(as: UInt64.self)
      guard (word ^ KnownField.objectWord) & KnownField.sixByteMask == 0 else { return nil }
      self = .object
    case 13:
      let first = name.loadUnaligned(as: UInt64.self)
      let last = name.loadUnaligned(fromByteOffset: 5, as: UInt64.self)
      guard first == KnownField.transcriptionFirst, last == KnownField.transcriptionLast else { return nil }
      self = .transcription
    default: return nil
    }
  }

  private init?(escaped member: ElementScanner.Member, in text: UnsafePointer<UInt8>) {
    var name: [UInt8] = []
    let all = UnsafeBufferPointer(start: text, count: member.nameEnd)
    JSONString.decode(all, from: member.nameStart, to: member.nameEnd, into: &name)
    // By bytes: two strings that differ may be equal for `==`.
    if name.elementsEqual("index_id".utf8) {
      self = .indexID
    } else if name.elementsEqual("language".utf8) {
      self = .language
    } else if name.elementsEqual("object".utf8) {
      self = .object
    } else if name.elementsEqual("transcription".utf8) {
      self = .transcription
    } else {
      return nil
    }
  }

  private static let indexIDWord = word("index_id")
  private static let languageWord = word("language")
  private static let objectWord = word("object\0\0")
  private static let transcriptionFirst = word("transcri")
  private static let transcriptionLast = word("cription")
  private static let sixByteMask = UInt64(littleEndian: 0x0000_FFFF_FFFF_FFFF)

  /// Eight ASCII characters as they lie in memory.
  private static func word(_ text: StaticString) -> UInt64 {
    UnsafeRawPointer(text.utf8Start).loadUnaligned(as: UInt64.self)
  }
}
