/// What identifies a video within the service: the index and the object in S3, compared by their bytes. Swift treats
/// texts as equal that look alike, which are different keys to S3.
package struct ElementKey: Hashable, Sendable, Comparable {
  /// The index that receives the video.
  package let indexID: String
  /// The `s3://bucket/key` of the video.
  package let object: String

  /// Joins the two parts.
  package init(indexID: String, object: String) {
    self.indexID = indexID
    self.object = object
  }

  /// Whether both parts have the same bytes.
  package static func == (left: ElementKey, right: ElementKey) -> Bool {
    left.bytes.elementsEqual(right.bytes)
  }

  /// Hashes the bytes of both parts.
  package func hash(into hasher: inout Hasher) { for byte in bytes { hasher.combine(byte) } }

  /// Orders by index, then by object.
  package static func < (left: ElementKey, right: ElementKey) -> Bool {
    left.bytes.lexicographicallyPrecedes(right.bytes)
  }

  /// The bytes of both parts, with one between them that no UTF-8 has.
  private var bytes: [UInt8] { Array(indexID.utf8) + [0xFF] + Array(object.utf8) }
}
