import BatchDomain

/// Checks each scanned element against the rules for items, and collects the valid ones.
struct ItemCollector {
  /// The most bytes the wire form of one item may have.
  let maxItemBytes: Int
  /// How many items may be pending before the batch is full.
  var itemLimit = Int.max
  /// How many bytes of source text make a batch full.
  let batchBytes: Int
  var pending = PendingBatch()
  var findings = FindingLog()
  let hash: ItemHash
  /// Whether the values of `transcription` and `language` matter to the service: it is given whole items.
  let sendsTranscriptionAndLanguage: Bool
  /// The kind of elements that one finding has already named as the content of the whole list.
  var passesOver = ElementScanner.ValueKind.absent
  /// The bucket and the index that were checked last and are valid, in nearly all manifests those of every item.
  var soundBucket: [UInt8] = []
  var soundIndexID: [UInt8] = []

  init(maxItemBytes: Int, batchBytes: Int, hash: ItemHash, sendsTranscriptionAndLanguage: Bool) {
    self.maxItemBytes = maxItemBytes
    self.batchBytes = batchBytes
    self.hash = hash
    self.sendsTranscriptionAndLanguage = sendsTranscriptionAndLanguage
    clearPending()
  }

  /// Starts on a new batch.
  mutating func clearPending() {
    // The last item may exceed a full batch: nearly always by less than a page.
    pending.removeAll(reserving: batchBytes + 4096)
  }

  var isFull: Bool { pending.bytes.count >= batchBytes || pending.items.count >= itemLimit }

  /// Records a finding; place and message are made only if it might be kept. `from` is at or before the place.
  mutating func report(
    _ code: Finding.Code, element: Int?, from: TextPosition, at place: @autoclosure () -> TextPosition,
    _ message: @autoclosure () -> String, remedy: @autoclosure () -> Finding.Remedy? = nil
  ) {
    guard findings.mightKeep(code.severity, line: from.line, column: from.column) else {
      findings.count(code.severity)
      return
    }
    let place = place()
    findings.record(
      Finding(
        code: code, line: place.line, column: place.column, item: element, message: message(),
        remedy: remedy()))
  }

  /// Takes the element that `scanner` has just scanned from `start` to `end`.
  mutating func take(
    _ scanner: borrowing ElementScanner, from start: Int, to end: Int, position: TextPosition, element: Int
  ) {
    let item = ScannedItem(
      text: UnsafeBufferPointer(start: scanner.text + start, count: end - start), start: start,
      position: position, element: element)
    if passesOver != .absent, isPassedOver(scanner) { return }
    guard scanner.kind == .object else {
      report(
        .notAnObject, element: element, from: position, at: position,
        "found \(FindingText.kind(scanner.kind)), expected an item: an object with index_id, language and object"
      )
      return
    }
    let fatalBefore = findings.fatalCount
    if !scanner.issues.isEmpty { report(scanner.issues, in: item) }
    reportNUL(scanner, in: item)
    if !scanner.others.isEmpty { reportOthers(scanner.others, in: item) }
    var indexID = PendingItem.Text(offset: 0, length: 0, isInSide: false)
    var object = indexID
    var nameLength = 0
    var fingerprint: UInt64 = 0
    if isString(scanner.indexID, "index_id", in: item), isString(scanner.object, "object", in: item) {
      let base = pending.bytes.count
      indexID = item.withString(scanner.indexID, side: &pending.side, base: base)
      object = item.withString(scanner.object, side: &pending.side, base: base)
      (nameLength, fingerprint) = checkIdentity(indexID, object, scanner, in: item, side: pending.side)
    } else if scanner.indexID.kind != .string {
      // `isString` stopped at the index; the object is still to be looked at.
      _ = isString(scanner.object, "object", in: item)
    }
    let hasOtherLanguage = checkLanguage(scanner.language, in: item)
    let hasTranscription = checkTranscription(scanner.transcription, in: item)
    if scanner.note.kind != .absent { checkNote(scanner.note, in: item) }
    let length = end - start
    let wireLength = length - scanner.spaceCount - scanner.droppedCount
    let limit = maxItemBytes
    if wireLength > limit {
      report(
        .itemExceedsChunk, element: element, from: position, at: position,
        "the item has \(wireLength) bytes, expected at most the \(limit) that fit in one chunk")
    }
    guard findings.fatalCount == fatalBefore else { return }
    pending.items.append(
      PendingItem(
        offset: pending.bytes.count, length: length, wireLength: wireLength, element: element,
        position: position, indexID: indexID, object: object, nameLength: nameLength,
        nameFingerprint: fingerprint, hasTranscription: hasTranscription, hasOtherLanguage: hasOtherLanguage))
    pending.bytes.append(contentsOf: item.text)
  }

  /// Checks index and object; returns the length of the file name and the fingerprint of index and file name.
  private mutating func checkIdentity(
    _ indexID: PendingItem.Text, _ object: PendingItem.Text, _ scanner: borrowing ElementScanner,
    in item: ScannedItem, side: [UInt8]
  ) -> (nameLength: Int, fingerprint: UInt64) {
    let base = pending.bytes.count
    return side.withUnsafeBufferPointer { side in
      let index = item.resolve(indexID, side: side, base: base)
      let address = item.resolve(object, side: side, base: base)
      checkIndexID(index, scanner.indexID, in: item)
      checkObject(address, scanner.object, in: item)
      let nameLength = ItemCollector.nameLength(address)
      let name = UnsafeBufferPointer(rebasing: address[(address.count - nameLength)...])
      return (nameLength, hash.fingerprint(index, name))
    }
  }

  /// Whether an element is one of those that a finding about the whole list has named.
  private func isPassedOver(_ scanner: borrowing ElementScanner) -> Bool {
    scanner.kind == passesOver
      && (scanner.kind != .object
        || (scanner.indexID.kind == .absent && scanner.object.kind == .absent
          && scanner.language.kind == .absent))
  }

  /// How many bytes follow the last slash.
  private static func nameLength(_ object: UnsafeBufferPointer<UInt8>) -> Int {
    var start = object.count
    while start > 0, object[start - 1] != UInt8(ascii: "/") { start -= 1 }
    return object.count - start
  }
}

extension ItemCollector {
  private static let indexIDLength = 24

  /// Whether a required field is there and a string; reports it otherwise.
  @inline(__always)
  mutating func isString(_ member: ElementScanner.Member, _ name: StaticString, in item: ScannedItem) -> Bool
  {
    if member.kind == .string { return true }
    reportNotString(member, name, in: item)
    return false
  }

  private mutating func reportNotString(
    _ member: ElementScanner.Member, _ name: StaticString, in item: ScannedItem
  ) {
    if member.kind == .absent {
      report(
        .missingField, element: item.element, from: item.position, at: item.position,
        "\(name) is missing, expected a string")
    } else {
      report(
        .notAString, element: item.element, from: item.position, at: item.place(member.valueStart),
        "\(name) is \(FindingText.kind(member.kind)), expected a string")
    }
  }

  mutating func checkIndexID(
    _ value: UnsafeBufferPointer<UInt8>, _ member: ElementScanner.Member, in item: ScannedItem
  ) {
    if !value.isEmpty, value.isEqual(to: soundIndexID) { return }
    if value.count == ItemCollector.indexIDLength,
      value.allSatisfy({ JSONString.hexValue($0) != nil })
    {
      soundIndexID = Array(value)
      return
    }
    let text = String(decoding: value, as: UTF8.self).unicodeScalars
    guard !text.allSatisfy(\.properties.isWhitespace) else {
      report(
        .emptyIndexID, element: item.element, from: item.position, at: item.place(member.valueStart),
        """
        index_id is \(text.isEmpty ? "empty" : "nothing but white space"), \
        expected \(ItemCollector.indexIDLength) hexadecimal digits
        """)
      return
    }
    report(
      .unusualIndexID, element: item.element, from: item.position, at: item.place(member.valueStart),
      """
      index_id is \(FindingText.quoted(value)) \
      (\(text.count) characters), \
      expected \(ItemCollector.indexIDLength) hexadecimal digits\(NameDoubts.remark(on: text))
      """)
  }

  mutating func checkObject(
    _ value: UnsafeBufferPointer<UInt8>, _ member: ElementScanner.Member, in item: ScannedItem
  ) {
    guard let location = S3Location(value) else {
      report(
        .invalidObject, element: item.element, from: item.position, at: item.place(member.valueStart),
        "object is \(FindingText.quoted(value)), expected s3://bucket/key")
      return
    }
    check(location, of: value, "object", member, in: item)
  }

  /// Checks the language; returns whether it is another one than `en`.
  mutating func checkLanguage(_ member: ElementScanner.Member, in item: ScannedItem) -> Bool {
    guard isString(member, "language", in: item) else { return false }
    let literal = item.literal(member)
    if literal.elementsEqual("\"en\"".utf8) { return false }
    let value = item.string(member)
    guard !value.elementsEqual("en".utf8) else { return false }
    guard sendsTranscriptionAndLanguage else { return true }
    report(
      .unusualLanguage, element: item.element, from: item.position, at: item.place(member.valueStart),
      "language is \(FindingText.quoted(value)), expected \"en\", the only one the service documents")
    return true
  }

  /// Checks the transcription; returns whether there is one.
  mutating func checkTranscription(_ member: ElementScanner.Member, in item: ScannedItem) -> Bool {
    if member.kind == .absent || member.isNone { return false }
    guard member.kind == .string else {
      report(
        .invalidTranscription, element: item.element, from: item.position, at: item.place(member.valueStart),
        "transcription is \(FindingText.kind(member.kind)), expected s3://bucket/key, null or nothing")
      return false
    }
    if member.valueIsEscaped {
      item.string(member).withUnsafeBufferPointer { checkTranscription($0, member, in: item) }
    } else {
      let literal = UnsafeBufferPointer(rebasing: item.literal(member))
      checkTranscription(UnsafeBufferPointer(rebasing: literal[1..<literal.count - 1]), member, in: item)
    }
    return true
  }

  private mutating func checkTranscription(
    _ value: UnsafeBufferPointer<UInt8>, _ member: ElementScanner.Member, in item: ScannedItem
  ) {
    guard let location = S3Location(value) else {
      report(
        .invalidTranscription, element: item.element, from: item.position, at: item.place(member.valueStart),
        "transcription is \(FindingText.quoted(value)), expected s3://bucket/key, null or nothing")
      return
    }
    guard sendsTranscriptionAndLanguage else { return }
    check(location, of: value, "transcription", member, in: item)
    guard !ItemCollector.endsLikeTranscription(value) else { return }
    report(
      .unusualTranscription, element: item.element, from: item.position, at: item.place(member.valueStart),
      "transcription is \(FindingText.quoted(value)), expected a name that ends in .srt or .vtt")
  }

  /// Makes findings of what a list knew of the object.
  private mutating func checkNote(_ member: ElementScanner.Member, in item: ScannedItem) {
    guard let note = ItemNote(value: UnsafeBufferPointer(rebasing: item.literal(member))) else {
      report(
        .unusualNote, element: item.element, from: item.position, at: item.place(member.valueStart),
        """
        \(ItemNote.member) is \(FindingText.source(item.literal(member))), expected an object with size, a whole number \
        of bytes, and storage_class, a string; it is not sent
        """)
      return
    }
    if note.isTooLarge, let size = note.size {
      report(
        .largeObject, element: item.element, from: item.position, at: item.place(member.valueStart),
        "the object has \(size) bytes, expected at most \(ItemNote.sizeLimit) (4 GB), the most that the service documents"
      )
    }
    if note.isArchived, let storageClass = note.storageClass {
      report(
        .archivedObject, element: item.element, from: item.position, at: item.place(member.valueStart),
        "the object is archived (\(storageClass)), expected one that can be read: restore it first")
    }
  }

  private mutating func check(
    _ location: S3Location, of value: UnsafeBufferPointer<UInt8>, _ field: StaticString,
    _ member: ElementScanner.Member, in item: ScannedItem
  ) {
    let bucket = UnsafeBufferPointer(rebasing: value[location.bucket])
    if !bucket.isEqual(to: soundBucket) {
      if let expected = BucketRules.expectation(bucket) {
        report(
          .unusualBucket, element: item.element, from: item.position, at: item.place(member.valueStart),
          "the bucket of \(field) is \(FindingText.quoted(bucket)), expected \(expected)")
      } else {
        soundBucket = Array(bucket)
      }
    }
    if let doubt = NameDoubts.doubt(about: value, key: location.key) {
      report(
        doubt.code, element: item.element, from: item.position, at: item.place(member.valueStart),
        "\(field) is \(FindingText.quoted(value)), \(doubt.text)")
    }
    if location.key.count > S3Location.keyLimit {
      report(
        .longKey, element: item.element, from: item.position, at: item.place(member.valueStart),
        "the key of \(field) has \(location.key.count) bytes, expected at most \(S3Location.keyLimit)")
    }
  }

  /// Whether the last four bytes are `.srt` or `.vtt` in any case.
  private static func endsLikeTranscription(_ value: UnsafeBufferPointer<UInt8>) -> Bool {
    guard value.count >= 4 else { return false }
    var word: UInt32 = 0
    for byte in value[(value.count - 4)...] { word = word << 8 | UInt32(byte) }
    // 0x20 makes a letter small; a dot has the bit already, and 0x0E, which would gain it, cannot be in a string
    // unless it was escaped, so the dot is compared as it is.
    let small = word | 0x0020_2020
    return small == 0x2E73_7274 || small == 0x2E76_7474
  }
}

extension ItemCollector {
  /// How many unknown names are compared pair by pair before a set is cheaper.
  private static let pairwiseLimit = 16

  /// Reports halves of surrogate pairs: they are not valid text.
  mutating func report(_ issues: [ElementScanner.Issue], in item: ScannedItem) {
    for issue in issues {
      let escape = FindingText.source(item.text[(issue.offset - item.start)...].prefix(6))
      report(
        .loneSurrogate, element: item.element, from: item.position, at: item.place(issue.offset),
        "\(escape) is half of a surrogate pair, expected a high and a low half together")
    }
  }

  /// Reports NUL in the fields that the service documents; elsewhere it is no matter.
  mutating func reportNUL(_ scanner: borrowing ElementScanner, in item: ScannedItem) {
    reportNUL(scanner.indexID, in: item)
    reportNUL(scanner.language, in: item)
    reportNUL(scanner.object, in: item)
    reportNUL(scanner.transcription, in: item)
  }

  @inline(__always)
  private mutating func reportNUL(_ member: ElementScanner.Member, in item: ScannedItem) {
    guard member.valueIsEscaped, member.kind == .string, let offset = item.offsetOfNUL(in: member) else {
      return
    }
    report(
      .nulCharacter, element: item.element, from: item.position, at: item.place(offset),
      "\\u0000 is the NUL character, expected text without NUL")
  }

  /// Reports members whose names occurred before, and those the service does not document.
  mutating func reportOthers(_ others: [ElementScanner.Member], in item: ScannedItem) {
    let scanned = UnsafePointer(item.text.baseAddress.map { $0 - item.start })
    var unknown: [ElementScanner.Member] = []
    for member in others {
      if let scanned, KnownField(of: member, in: scanned) != nil {
        reportRepeated(member, in: item)
      } else {
        unknown.append(member)
      }
    }
    let repeated = unknown.count < 2 ? [] : ItemCollector.repeatedNames(unknown, in: item)
    let fate = sendsTranscriptionAndLanguage ? "passed through untouched" : "kept in the records and not sent"
    for (index, member) in unknown.enumerated() {
      if repeated.contains(index) {
        reportRepeated(member, in: item)
      } else {
        report(
          .unknownField, element: item.element, from: item.position, at: item.place(member.nameStart),
          """
          field \(FindingText.quoted(item.name(member))) is not one of index_id, language, object and transcription; \
          it is \(fate)
          """)
      }
    }
  }

  private mutating func reportRepeated(_ member: ElementScanner.Member, in item: ScannedItem) {
    report(
      .duplicateMember, element: item.element, from: item.position, at: item.place(member.nameStart),
      "member \(FindingText.quoted(item.name(member))) occurs again in the same item, expected it once")
  }

  /// Which of the members have the decoded name of one before them.
  private static func repeatedNames(_ members: [ElementScanner.Member], in item: ScannedItem) -> Set<Int> {
    var repeated: Set<Int> = []
    if members.count <= pairwiseLimit, !members.contains(where: \.nameIsEscaped) {
      for later in members.indices.dropFirst() {
        let name = item.text[members[later].nameStart - item.start..<members[later].nameEnd - item.start]
        for earlier in members[..<later]
        where earlier.nameEnd - earlier.nameStart == name.count
          && item.text[earlier.nameStart - item.start..<earlier.nameEnd - item.start].elementsEqual(name)
        {
          repeated.insert(later)
          break
        }
      }
    } else {
      var names: Set<[UInt8]> = []
      for (index, member) in members.enumerated() where !names.insert(item.name(member)).inserted {
        repeated.insert(index)
      }
    }
    return repeated
  }
}

/// The fields of an item that the service documents, and the one for this program.
enum KnownField: UInt8 {
  case indexID, language, object, transcription, note

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
    case 11:
      let first = name.loadUnaligned(as: UInt64.self)
      let last = name.loadUnaligned(fromByteOffset: 3, as: UInt64.self)
      guard first == KnownField.noteFirst, last == KnownField.noteLast else { return nil }
      self = .note
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
    } else if ItemNote.member.withUTF8Buffer({ name.elementsEqual($0) }) {
      self = .note
    } else {
      return nil
    }
  }

  private static let indexIDWord = word("index_id")
  private static let languageWord = word("language")
  private static let objectWord = word("object\0\0")
  private static let transcriptionFirst = word("transcri")
  private static let transcriptionLast = word("cription")
  private static let noteFirst = word("orchestr")
  private static let noteLast = word("hestrate")
  private static let sixByteMask = UInt64(littleEndian: 0x0000_FFFF_FFFF_FFFF)

  /// Eight ASCII characters as they lie in memory.
  private static func word(_ text: StaticString) -> UInt64 {
    UnsafeRawPointer(text.utf8Start).loadUnaligned(as: UInt64.self)
  }
}
