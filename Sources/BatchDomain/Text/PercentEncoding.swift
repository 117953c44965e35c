/// Percent-encoding of what stands in a URL: every byte outside RFC 3986's unreserved `A-Z a-z 0-9 - _ . ~` becomes `%XX` with
/// capital digits, which is also how AWS signs. Bytes are taken as they are; nothing is normalised, and `//`, `.` and `..`
/// stay.
package enum PercentEncoding {
  /// A path: slashes stay.
  package static func path(_ bytes: some Sequence<UInt8>) -> String { encode(bytes, keepingSlashes: true) }

  /// A name or a value of a query, or one segment of a path: slashes are encoded.
  package static func query(_ bytes: some Sequence<UInt8>) -> String { encode(bytes, keepingSlashes: false) }

  /// The bytes behind escapes; `nil` when a percent sign is not followed by two hex digits.
  ///
  /// - Parameter isForm: whether `+` stands for a space, as in forms and in the keys of S3's listings and inventories.
  package static func decode(_ text: some Sequence<UInt8>, isForm: Bool = false) -> [UInt8]? {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(text.underestimatedCount)
    var iterator = text.makeIterator()
    while let byte = iterator.next() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = iterator.next().flatMap(digit), let low = iterator.next().flatMap(digit) else {
          return nil
        }
        decoded.append(high << 4 | low)
      case UInt8(ascii: "+") where isForm: decoded.append(UInt8(ascii: " "))
      default: decoded.append(byte)
      }
    }
    return decoded
  }

  private static let digits = Array("0123456789ABCDEF".utf8)

  private static func encode(_ bytes: some Sequence<UInt8>, keepingSlashes: Bool) -> String {
    var encoded: [UInt8] = []
    encoded.reserveCapacity(bytes.underestimatedCount)
    for byte in bytes {
      if isUnreserved(byte) || keepingSlashes && byte == UInt8(ascii: "/") {
        encoded.append(byte)
      } else {
        encoded.append(UInt8(ascii: "%"))
        encoded.append(digits[Int(byte >> 4)])
        encoded.append(digits[Int(byte & 15)])
      }
    }
    return String(decoding: encoded, as: UTF8.self)
  }

  private static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
      UInt8(ascii: "~"):
      true
    default: false
    }
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
