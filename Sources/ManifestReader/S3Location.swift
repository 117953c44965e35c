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
