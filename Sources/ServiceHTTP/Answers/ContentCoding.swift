internal import CZlib

/// Takes the content coding off a body (RFC 9110 section 8.4). The client asks for none, and some servers and gateways
/// compress their answers all the same.
package enum ContentCoding {
  /// What became of a body.
  package enum Decoded: Sendable, Equatable {
    /// The body as it was meant.
    ///
    /// - Parameters:
    ///   - isCut: whether the compressed bytes end in the middle.
    ///   - isLong: whether there is more of it than the limit.
    case bytes([UInt8], isCut: Bool, isLong: Bool)
    /// It cannot be read; the name of the coding.
    case unreadable(String)
  }

  /// Codings on top of each other that are taken off at most.
  private static let depthLimit = 3
  private static let longestName = 40

  /// Decodes a body.
  ///
  /// A body is taken as it is where the header names a compression and the body has none: proxies that decompress
  /// sometimes leave the header. One that begins like gzip is decompressed without the header, too: neither JSON nor
  /// text begins so.
  ///
  /// - Parameters:
  ///   - body: the bytes as they came.
  ///   - values: values of `Content-Encoding`, in the order in which the codings were applied.
  ///   - limit: the most bytes to make of it: a small body may stand for a very large one.
  package static func decoded(_ body: [UInt8], values: [String], limit: Int) -> Decoded {
    var codings = values.flatMap { $0.split(separator: ",") }
      .map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
      .filter { !$0.isEmpty && $0 != "identity" }
    if codings.isEmpty, isGzip(body) { codings = ["gzip"] }
    guard codings.count <= depthLimit else { return .unreadable("several codings") }
    var bytes = body
    var (isCut, isLong) = (false, false)
    for coding in codings.reversed() where !bytes.isEmpty {
      let windows: [CInt]
      switch coding {
      case "gzip", "x-gzip":
        guard isGzip(bytes) else { continue }
        windows = [gzipWindow]
      case "deflate":
        // It has no beginning of its own to be told by.
        if LenientJSON.parse(bytes) != nil { continue }
        // The format of zlib; some servers send it bare.
        windows = [zlibWindow, rawWindow]
      default:
        if LenientJSON.parse(bytes) != nil { continue }
        return .unreadable(
          String(coding.filter { $0.isASCII && ($0.isLetter || $0.isNumber) }.prefix(longestName)))
      }
      guard let inflated = windows.lazy.compactMap({ inflated(bytes, window: $0, limit: limit) }).first else {
        return .unreadable(coding)
      }
      bytes = inflated.bytes
      isCut = isCut || inflated.isCut
      isLong = isLong || inflated.isLong
    }
    return .bytes(bytes, isCut: isCut, isLong: isLong)
  }

  /// Whether bytes behind a member of gzip begin another one, as far as they go; anything else there is no part of the
  /// body.
  private static func isBeginOfMember(_ bytes: some Collection<UInt8>) -> Bool {
    !bytes.isEmpty && bytes.starts(with: [0x1F, 0x8B].prefix(bytes.count))
  }

  private static func isGzip(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x1F, 0x8B, 0x08]) }

  /// What `inflateInit2` wants to be told (zlib.h): windows of any size, in one of three wrappers.
  private static let (gzipWindow, zlibWindow, rawWindow): (CInt, CInt, CInt) = (15 + 16, 15, -15)
  private static let blockSize = 16 * 1_024

  /// The bytes that some compressed bytes stand for, as far as they go; `nil` where they are damaged.
  private static func inflated(
    _ compressed: [UInt8], window: CInt, limit: Int
  ) -> (bytes: [UInt8], isCut: Bool, isLong: Bool)? {
    // On the heap, since zlib keeps a pointer back to the stream and refuses one that has moved.
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    defer {
      inflateEnd(stream)
      stream.deinitialize(count: 1)
      stream.deallocate()
    }
    guard inflateInit2_(stream, window, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size)) == Z_OK else {
      return nil
    }
    var input = compressed
    var output: [UInt8] = []
    var block = [UInt8](repeating: 0, count: blockSize)
    let status = input.withUnsafeMutableBufferPointer { input -> CInt in
      stream.pointee.next_in = input.baseAddress
      stream.pointee.avail_in = UInt32(clamping: input.count)
      var status = Z_OK
      repeat {
        let count = block.withUnsafeMutableBufferPointer { block -> Int in
          stream.pointee.next_out = block.baseAddress
          stream.pointee.avail_out = UInt32(block.count)
          status = inflate(stream, Z_NO_FLUSH)
          return block.count - Int(stream.pointee.avail_out)
        }
        output += block.prefix(count)
        // A body may be several members, one after the other (RFC 1952 section 2.2).
        let rest = input.suffix(Int(stream.pointee.avail_in))
        if status == Z_STREAM_END, window == gzipWindow, isBeginOfMember(rest) {
          status = inflateReset(stream)
        }
      } while status == Z_OK && output.count <= limit
        && (stream.pointee.avail_in > 0 || stream.pointee.avail_out == 0)
      return status
    }
    guard output.count <= limit else { return (Array(output.prefix(limit)), false, true) }
    // Without an end, and with nothing left to read, the bytes broke off.
    switch status {
    case Z_STREAM_END: return (output, false, false)
    case Z_OK, Z_BUF_ERROR: return (output, true, false)
    default: return nil
    }
  }
}
