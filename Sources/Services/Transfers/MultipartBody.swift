package import BatchDomain
package import NIOCore

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// The body of a submission: `multipart/form-data` (RFC 7578) with one part named `file`, whose content is the
/// chunk's JSON array, byte for byte.
package struct MultipartBody: Sendable {
  /// The boundary, made of the chunk's number so that a chunk has the same bytes on every attempt.
  package let boundary: String
  /// What stands before the content.
  package let opening: String
  /// Content of the part.
  package let content: [UInt8]
  /// What stands after the content.
  package let closing: String

  /// A body for a chunk.
  ///
  /// - Parameters:
  ///   - chunk: its number names the boundary and the file: `chunk-000017.json`.
  ///   - content: content of the part.
  package init(chunk: ChunkNumber, content: [UInt8]) {
    let name = "chunk-\(chunk.rawValue.padded(6))"
    var boundary = "----\(name)"
    var counter = 0
    while Self.occurs(Array(boundary.utf8), in: content) {
      counter += 1
      boundary = "----\(name)-\(counter)"
    }
    self.boundary = boundary
    self.content = content
    opening = """
      --\(boundary)\r
      Content-Disposition: form-data; name="file"; filename="\(name).json"\r
      Content-Type: application/json\r
      \r\n
      """
    closing = "\r\n--\(boundary)--\r\n"
  }

  /// Value of the request's `Content-Type`.
  package var contentType: String { "multipart/form-data; boundary=\(boundary)" }

  /// Length of the whole body in bytes.
  package var length: Int { opening.utf8.count + content.count + closing.utf8.count }

  /// The whole body, as connections write it.
  package var buffer: ByteBuffer {
    var buffer = ByteBuffer()
    buffer.reserveCapacity(length)
    buffer.writeString(opening)
    buffer.writeBytes(content)
    buffer.writeString(closing)
    return buffer
  }

  /// RFC 2046 section 5.1.1: the boundary must not occur in the content. One quick pass looks for the one letter of
  /// it that is rare in items.
  private static func occurs(_ needle: [UInt8], in content: [UInt8]) -> Bool {
    content.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress, let rare = needle.firstIndex(of: UInt8(ascii: "k")) else {
        return false
      }
      // Where the rare letter would stand, were the boundary there.
      var position = rare
      let last = bytes.count - (needle.count - rare)
      while position <= last, let hit = memchr(base + position, CInt(needle[rare]), last + 1 - position) {
        let start = UnsafeRawPointer(hit) - base - rare
        if needle.indices.allSatisfy({ bytes[start + $0] == needle[$0] }) { return true }
        position = start + rare + 1
      }
      return false
    }
  }
}
