import BatchDomain

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

  /// Reports NUL in the fields that the service documents; elsewhere it is passed through.
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
    for (index, member) in unknown.enumerated() {
      if repeated.contains(index) {
        reportRepeated(member, in: item)
      } else {
        report(
          .unknownField, element: item.element, from: item.position, at: item.place(member.nameStart),
          """
          field \(FindingText.quoted(item.name(member))) is not one of index_id, language, object and transcription; \
          it is passed through untouched
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
