/// The port for the objects of a bucket, by pages: what a manifest is made of.
package protocol ObjectListing: Sendable {
  /// The objects of a bucket in the order of their keys' bytes, one page after the other.
  ///
  /// A page is asked for when the one before was taken, so that memory does not grow with the bucket. Ending the
  /// iteration, or cancelling its task, ends the listing.
  ///
  /// - Parameters:
  ///   - bucket: the bucket's name.
  ///   - prefix: only keys that begin with these bytes; empty takes all.
  ///   - startAfter: only keys after this one, which need not exist; `nil` begins with the first.
  /// - Returns: pages; each can be empty, and the last is where the stream ends. The stream throws an
  ///   ``AdvisedError``, or `CancellationError`.
  func pages(bucket: String, prefix: [UInt8], startAfter: [UInt8]?) -> AsyncThrowingStream<
    ObjectPage, any Error
  >
}

/// The port for the content of objects.
package protocol ObjectReader: Sendable {
  /// The bytes of one object in pieces, read as they are taken.
  ///
  /// - Returns: pieces of any size; the stream ends where the object ends. It throws an ``AdvisedError`` when the object
  ///   cannot be read or breaks off, or `CancellationError`.
  func bytes(bucket: String, key: [UInt8]) -> AsyncThrowingStream<[UInt8], any Error>
}

/// A part of a listing.
package struct ObjectPage: Sendable, Equatable {
  /// Objects in the order of their keys' bytes.
  package var objects: [ListedObject]

  /// A page of those objects.
  package init(objects: [ListedObject]) { self.objects = objects }
}

/// An object as a listing has it.
package struct ListedObject: Sendable, Equatable {
  /// Its key, byte for byte; S3 promises no more than that it is UTF-8.
  package var key: [UInt8]
  /// Its size in bytes; `nil` where the listing does not say it.
  package var size: Int64?
  /// How it is kept, in the words of S3: `STANDARD`, `GLACIER` and others; `nil` where the listing does not say it.
  package var storageClass: String?

  /// An object in its parts.
  package init(key: [UInt8], size: Int64? = nil, storageClass: String? = nil) {
    self.key = key
    self.size = size
    self.storageClass = storageClass
  }
}
