/// Where the bytes of a manifest come from, before decompression.
package protocol ByteSource: AnyObject {
  /// Fills the front of `buffer`, which is not empty, with the next bytes and returns how many; 0 at the end only.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(ManifestError) -> Int
}
