import BatchDomain

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

  mutating func checkLanguage(_ member: ElementScanner.Member, in item: ScannedItem) {
    guard isString(member, "language", in: item) else { return }
    let literal = item.literal(member)
    if literal.elementsEqual("\"en\"".utf8) { return }
    let value = item.string(member)
    guard !value.elementsEqual("en".utf8) else { return }
    report(
      .unusualLanguage, element: item.element, from: item.position, at: item.place(member.valueStart),
      "language is \(FindingText.quoted(value)), expected \"en\", the only one the service documents")
  }

  mutating func checkTranscription(_ member: ElementScanner.Member, in item: ScannedItem) {
    if member.kind == .absent || member.isNone { return }
    guard member.kind == .string else {
      report(
        .invalidTranscription, element: item.element, from: item.position, at: item.place(member.valueStart),
        "transcription is \(FindingText.kind(member.kind)), expected s3://bucket/key, null or nothing")
      return
    }
    if member.valueIsEscaped {
      item.string(member).withUnsafeBufferPointer { checkTranscription($0, member, in: item) }
    } else {
      let literal = UnsafeBufferPointer(rebasing: item.literal(member))
      checkTranscription(UnsafeBufferPointer(rebasing: literal[1..<literal.count - 1]), member, in: item)
    }
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
    check(location, of: value, "transcription", member, in: item)
    guard !ItemCollector.endsLikeTranscription(value) else { return }
    report(
      .unusualTranscription, element: item.element, from: item.position, at: item.place(member.valueStart),
      "transcription is \(FindingText.quoted(value)), expected a name that ends in .srt or .vtt")
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
