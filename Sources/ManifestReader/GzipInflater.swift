import BatchDomain
import CZlib

/// Decompresses gzip data of one or more members (RFC 1952, section 2.2), holding one block of input.
///
/// It calls the system's zlib through the module `CZlib`: Foundation on Linux has no decompression, and a Swift package
/// around zlib would be one more dependency for four calls. Building needs `zlib1g-dev` on Debian.
final class GzipInflater {
  /// `inflateInit2` with this asks for a gzip wrapper around a window of any size (zlib.h).
  private static let gzipWindowBits: Int32 = 15 + 16

  private enum Place {
    case inMember, betweenMembers, ended
  }

  private let name: String
  // On the heap because zlib keeps a pointer back to the stream and refuses one that has moved.
  private let stream: UnsafeMutablePointer<z_stream>
  private let input: UnsafeMutableRawBufferPointer
  private var place = Place.inMember
  private var skipsPadding = false

  init(name: String) throws(ManifestError) {
    self.name = name
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    input = .allocate(byteCount: ManifestSource.blockByteCount, alignment: 16)
    let status = inflateInit2_(
      stream, GzipInflater.gzipWindowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else {
      throw damaged("zlib does not start (status \(status))")
    }
  }

  deinit {
    // Safe on a stream that never started: zlib answers Z_STREAM_ERROR.
    inflateEnd(stream)
    stream.deinitialize(count: 1)
    stream.deallocate()
    input.deallocate()
  }

  /// Fills the front of `buffer` with decompressed bytes and returns how many; 0 at the end only.
  func read(
    into buffer: UnsafeMutableRawBufferPointer,
    from source: (UnsafeMutableRawBufferPointer) throws(ManifestError) -> Int
  ) throws(ManifestError) -> Int {
    let wanted = min(buffer.count, Int(UInt32.max))
    stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(wanted)
    while Int(stream.pointee.avail_out) == wanted, place != .ended {
      if stream.pointee.avail_in == 0 {
        let count = try source(input)
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = UInt32(count)
        if count == 0 {
          guard place == .betweenMembers else {
            throw ManifestError(
              code: .gzipTruncated, subject: name,
              cause: "the gzip data ends too early, expected it to end with its checksum",
              remedy: "copy or compress the file again; the transfer was probably cut off")
          }
          place = .ended
          break
        }
      }
      if place == .betweenMembers {
        try startMember()
      } else {
        try step()
      }
    }
    return wanted - Int(stream.pointee.avail_out)
  }

  /// Goes on to the next member, or past zero bytes that fill up a block, as gzip(1) does.
  private func startMember() throws(ManifestError) {
    while stream.pointee.avail_in > 0, let next = stream.pointee.next_in {
      guard next.pointee == 0 else {
        if skipsPadding || next.pointee != 0x1F {
          throw damaged("other bytes follow the gzip data, expected its end or another gzip member")
        }
        inflateReset(stream)
        place = .inMember
        return
      }
      skipsPadding = true
      stream.pointee.next_in = next + 1
      stream.pointee.avail_in -= 1
    }
  }

  private func step() throws(ManifestError) {
    switch inflate(stream, Z_NO_FLUSH) {
    case Z_OK, Z_BUF_ERROR: break
    case Z_STREAM_END: place = .betweenMembers
    default:
      let detail = stream.pointee.msg.map { String(cString: $0) } ?? "no detail"
      throw damaged("the gzip data is damaged (\(detail)), expected valid gzip data")
    }
  }

  private func damaged(_ cause: String) -> ManifestError {
    ManifestError(
      code: .gzipDamaged, subject: name, cause: cause,
      remedy: "check it with `gzip -t`, and copy or compress the file again")
  }
}
