import BatchDomain

/// An `s3://bucket/key` address, as ranges of the text it was read from.
///
/// Percent signs mean nothing: whether the service decodes them is documented nowhere, so nothing here does.
struct S3Location: Equatable {
  /// Amazon S3 User Guide, "Naming Amazon S3 objects": at most 1,024 bytes of UTF-8.
  static let keyLimit = 1024

  let bucket: Range<Int>
  let key: Range<Int>

  /// Reads `text`; nil unless bucket and key are both there and not empty.
  init?(_ text: UnsafeBufferPointer<UInt8>) {
    let start = 5
    guard text.count > start, text[0] == UInt8(ascii: "s"), text[1] == UInt8(ascii: "3"),
      text[2] == UInt8(ascii: ":"), text[3] == UInt8(ascii: "/"), text[4] == UInt8(ascii: "/")
    else { return nil }
    var slash = start
    while slash < text.count, text[slash] != UInt8(ascii: "/") { slash += 1 }
    guard slash > start, slash + 1 < text.count else { return nil }
    bucket = start..<slash
    key = slash + 1..<text.count
  }
}

/// The rules for names of general purpose buckets (Amazon S3 User Guide, "General purpose bucket naming rules").
///
/// A name that breaks them is a warning and not an error: old buckets break them and exist, and the service reads the
/// bucket, not this program. Refusing such a name would stop a working manifest at night; saying nothing would leave a
/// typing error to the service, which finds it once per chunk.
enum BucketRules {
  private static let lengths = 3...63
  private static let reservedStarts = ["xn--", "sthree-", "amzn-s3-demo-"]
  private static let reservedEnds = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]

  /// What a name should be and is not, as what follows `expected`; nil for a name that S3 allows.
  static func expectation(_ name: some BidirectionalCollection<UInt8>) -> String? {
    guard lengths.contains(name.count),
      name.allSatisfy({ isLetterOrDigit($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") })
    else { return "3 to 63 lower-case letters, digits, dots and hyphens" }
    guard let first = name.first, let last = name.last, isLetterOrDigit(first), isLetterOrDigit(last) else {
      return "a letter or digit at either end"
    }
    for (byte, next) in zip(name, name.dropFirst())
    where byte == UInt8(ascii: ".") || next == UInt8(ascii: ".") {
      if byte == next { return "no two dots together" }
      if byte == UInt8(ascii: "-") || next == UInt8(ascii: "-") { return "no hyphen beside a dot" }
    }
    if isAddress(name) { return "a name that is not an IP address" }
    if let start = reservedStarts.first(where: { name.starts(with: $0.utf8) }) {
      return "a name that does not begin with \(start), which S3 reserves"
    }
    if let end = reservedEnds.first(where: { name.reversed().starts(with: $0.utf8.reversed()) }) {
      return "a name that does not end in \(end), which S3 reserves"
    }
    return nil
  }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
      || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  /// Whether it is four numbers with dots between them.
  private static func isAddress(_ name: some BidirectionalCollection<UInt8>) -> Bool {
    let parts = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return parts.count == 4
      && parts.allSatisfy {
        (1...3).contains($0.count) && $0.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains)
      }
  }
}

/// Reasons to doubt the key of an object: it is hardly a video, or hardly the intended name.
enum NameDoubts {
  /// One doubt, as a kind of finding and what follows the name in its message.
  struct Doubt {
    var code: Finding.Code
    var text: String
  }

  /// Files that Finder, Explorer and Hadoop leave beside others, in lower case: the first three compare names without
  /// regard to case.
  private static let systemFiles = [
    ".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", ".localized", ".spotlight-v100", ".trashes",
    ".fseventsd",
  ]

  /// The first doubt about the address `text`, of which `key` is the key; nil for nearly all.
  @inline(__always)
  static func doubt(about text: UnsafeBufferPointer<UInt8>, key: Range<Int>) -> Doubt? {
    guard mayBeDoubtful(text, key) else { return nil }
    return doubt(inDetail: UnsafeBufferPointer(rebasing: text[key]))
  }

  /// Whether a closer check is needed, at the cost of a pass over the bytes, eight at a time.
  @inline(__always)
  private static func mayBeDoubtful(_ text: UnsafeBufferPointer<UInt8>, _ key: Range<Int>) -> Bool {
    let last = text[key.upperBound - 1]
    guard last > 0x20, last != UInt8(ascii: "/"), text[key.lowerBound] > 0x20, isPlain(text, key) else {
      return true
    }
    var name = key.upperBound - 1
    while name > key.lowerBound, text[name - 1] != UInt8(ascii: "/") { name -= 1 }
    if text[name] == 0x20 || text[name] == UInt8(ascii: ".") || last == UInt8(ascii: "$") { return true }
    // How Thumbs.db and desktop.ini end; no video does.
    guard name + 1 < key.upperBound else { return false }
    switch (text[key.upperBound - 2] | 0x20, last | 0x20) {
    case (UInt8(ascii: "d"), UInt8(ascii: "b")), (UInt8(ascii: "n"), UInt8(ascii: "i")): return true
    default: return false
    }
  }

  /// Whether all bytes are visible characters of ASCII or spaces.
  @inline(__always)
  private static func isPlain(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Bool {
    let raw = UnsafeRawBufferPointer(text)
    var position = range.lowerBound
    while position + 8 <= range.upperBound {
      let word = raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)
      // A byte below 0x20, one above 0x7F and DEL each set the highest bit of their place.
      let delete = word ^ 0x7F7F_7F7F_7F7F_7F7F
      let flags =
        (word &- 0x2020_2020_2020_2020) & ~word | word | (delete &- 0x0101_0101_0101_0101) & ~delete
      if flags & 0x8080_8080_8080_8080 != 0 { return false }
      position += 8
    }
    while position < range.upperBound {
      if !(0x20..<0x7F).contains(text[position]) { return false }
      position += 1
    }
    return true
  }

  private static func doubt(inDetail key: UnsafeBufferPointer<UInt8>) -> Doubt? {
    if key.last == UInt8(ascii: "/") {
      return Doubt(
        code: .folderObject, text: "whose key ends in `/`: it stands for a folder, expected a video")
    }
    let scalars = Array(String(decoding: key, as: UTF8.self).unicodeScalars)
    let name = scalars[((scalars.lastIndex(of: "/") ?? -1) + 1)...]
    if isSystemFile(name) {
      return Doubt(code: .systemFile, text: "which is a file of an operating system, expected a video")
    }
    for (place, end) in [
      (scalars.last, "ends in"), (name.first, "has a file name that begins with"),
      (scalars.first, "has a key that begins with"),
    ] {
      if let place, place.properties.isWhitespace {
        return Doubt(
          code: .surroundingSpace, text: "which \(end) \(VisibleText.name(of: place)), expected none there")
      }
    }
    // NUL is an error of its own.
    guard let hidden = scalars.first(where: { VisibleText.isHidden($0) && $0.value != 0 }) else { return nil }
    return Doubt(
      code: .hiddenCharacter,
      text: "which holds \(VisibleText.name(of: hidden)), expected visible characters")
  }

  private static func isSystemFile(_ name: ArraySlice<Unicode.Scalar>) -> Bool {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: name)
    let small = String(text).lowercased()
    return small.hasPrefix("._") || small.hasSuffix("_$folder$")
      || systemFiles.contains { $0.utf8.elementsEqual(small.utf8) }
  }

  /// A remark about hidden characters in another value, to be appended to its message; mostly empty.
  static func remark(on text: String.UnicodeScalarView) -> String {
    if let last = text.last, last.properties.isWhitespace {
      return "; it ends in \(VisibleText.name(of: last))"
    }
    if let first = text.first, first.properties.isWhitespace {
      return "; it begins with \(VisibleText.name(of: first))"
    }
    guard let hidden = text.first(where: VisibleText.isHidden) else { return "" }
    return "; it holds \(VisibleText.name(of: hidden))"
  }
}

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

extension UnsafeBufferPointer<UInt8> {
  /// Whether the bytes of a range, which is not empty, are all the same: gigabytes of one byte are passed over as
  /// fast as memory is read, and other text costs one look.
  func isUniform(_ range: Range<Int>) -> Bool {
    guard let start = baseAddress.map({ $0 + range.lowerBound }) else { return false }
    return memcmp(start, start + 1, range.count - 1) == 0
  }

  /// Whether the bytes are those of an array.
  func isEqual(to bytes: [UInt8]) -> Bool {
    guard count == bytes.count else { return false }
    guard let baseAddress else { return true }
    return bytes.withUnsafeBytes { $0.baseAddress.map { memcmp(baseAddress, $0, count) == 0 } ?? true }
  }
}
