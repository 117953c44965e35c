/// An `s3://bucket/key` address, as ranges of the text it was read from.
///
/// Percent signs mean nothing: whether the service decodes them is documented nowhere, so nothing here does.
struct S3Location: Equatable {
  private static let scheme = Array("s3://".utf8)
  /// Amazon S3 User Guide, "Bucket naming rules".
  private static let bucketLengths = 3...63
  /// Amazon S3 User Guide, "Naming Amazon S3 objects": at most 1,024 bytes of UTF-8.
  static let keyLimit = 1024

  let bucket: Range<Int>
  let key: Range<Int>

  /// Reads `text`; nil unless bucket and key are both there and not empty.
  init?(_ text: UnsafeBufferPointer<UInt8>) {
    guard text.count > S3Location.scheme.count, text.starts(with: S3Location.scheme) else { return nil }
    let start = S3Location.scheme.count
    var slash = start
    while slash < text.count, text[slash] != UInt8(ascii: "/") { slash += 1 }
    guard slash > start, slash + 1 < text.count else { return nil }
    bucket = start..<slash
    key = slash + 1..<text.count
  }

  /// Whether the bucket name has 3 to 63 lower-case letters, digits, dots and hyphens.
  func hasUsualBucket(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    guard S3Location.bucketLengths.contains(bucket.count) else { return false }
    for position in bucket {
      switch text[position] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
        UInt8(ascii: "-"):
        break
      default: return false
      }
    }
    return true
  }
}
