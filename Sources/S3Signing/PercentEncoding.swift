/// Percent-encoding as AWS signs it: every byte outside `A-Z a-z 0-9 - _ . ~` becomes `%XX` with capital digits. Bytes are
/// taken as they are; nothing is normalised, and `//`, `.` and `..` stay.
package enum PercentEncoding {
  /// A path: slashes stay.
  package static func path(_ bytes: some Sequence<UInt8>) -> String { encode(bytes, keepingSlashes: true) }

  /// A name or a value of a query: slashes are encoded.
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

/// One parameter of a query, not encoded.
package struct QueryItem: Sendable, Equatable {
  /// The name's bytes.
  package var name: [UInt8]
  /// The value's bytes; empty where there is none.
  package var value: [UInt8]

  /// A parameter of texts.
  package init(_ name: String, _ value: String) {
    (self.name, self.value) = (Array(name.utf8), Array(value.utf8))
  }

  /// A parameter whose value is bytes.
  package init(_ name: String, bytes: [UInt8]) { (self.name, value) = (Array(name.utf8), bytes) }

  /// A parameter of bytes.
  package init(name: [UInt8], value: [UInt8]) { (self.name, self.value) = (name, value) }

  /// `name=value`, encoded.
  package var encoded: String { PercentEncoding.query(name) + "=" + PercentEncoding.query(value) }
}
