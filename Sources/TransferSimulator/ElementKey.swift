/// What identifies a video within the service: the index and the object in S3.
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

  /// Orders by index, then by object.
  package static func < (left: ElementKey, right: ElementKey) -> Bool {
    (left.indexID, left.object) < (right.indexID, right.object)
  }
}
