/// A name that is compared by its bytes.
///
/// Swift treats two texts as equal that look alike (`é` as one character and as `e` with an accent: Unicode's
/// canonical equivalence). To S3 and to the service they are two names, so that names are compared, ordered and
/// hashed by their UTF-8, and their types have no equality of texts.
package protocol ByteName: Hashable, Comparable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral
where StringLiteralType == String {
  /// The name as the manifest or the service has it.
  var rawValue: String { get }

  /// Takes the name as the manifest or the service has it.
  init(_ rawValue: String)
}

extension ByteName {
  /// Whether two names have the same bytes.
  package static func == (left: Self, right: Self) -> Bool {
    left.rawValue.utf8.elementsEqual(right.rawValue.utf8)
  }

  /// Orders names by their bytes.
  package static func < (left: Self, right: Self) -> Bool {
    left.rawValue.utf8.lexicographicallyPrecedes(right.rawValue.utf8)
  }

  /// Hashes the bytes.
  package func hash(into hasher: inout Hasher) {
    var text = rawValue
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    // Ends the name, so that names hashed one after the other are kept apart.
    hasher.combine(UInt8(0xFF))
  }

  /// The name as the manifest or the service has it.
  package var description: String { rawValue }

  /// The name as a literal has it.
  package init(stringLiteral: String) { self.init(stringLiteral) }

  /// Whether the name has no bytes.
  package var isEmpty: Bool { rawValue.utf8.isEmpty }
}

/// The service's id of the index that receives a video; 24 hex digits in every realistic sample, but passed
/// through as the manifest has it.
package struct IndexID: ByteName {
  package let rawValue: String

  package init(_ rawValue: String) { self.rawValue = rawValue }
}

/// An item's `object`: `s3://bucket/key`, as the manifest has it.
package struct ObjectName: ByteName {
  package let rawValue: String

  package init(_ rawValue: String) { self.rawValue = rawValue }

  /// The last path segment: what follows the last slash.
  package var fileName: FileName {
    let bytes = rawValue.utf8
    let start = bytes.lastIndex(of: UInt8(ascii: "/")).map { bytes.index(after: $0) } ?? bytes.startIndex
    return FileName(String(rawValue[start...]))
  }
}

/// The last path segment of an object, by which the service's list of tasks names the video.
package struct FileName: ByteName {
  package let rawValue: String

  package init(_ rawValue: String) { self.rawValue = rawValue }
}
