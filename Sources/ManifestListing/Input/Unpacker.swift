import BatchDomain
import CZlib

/// Turns the bytes of a file into text: gzip (RFC 1952) of one or more members is decompressed, anything else goes through
/// as it is.
///
/// Bytes are pushed in as they come from a file or from S3; what comes out goes to a closure, in blocks of bounded size.
final class Unpacker {
  private static let outputByteCount = 64 * 1024

  private let name: String
  private var head: [UInt8] = []
  private var isStarted = false
  private var inflater: Inflater?

  /// Unpacks the file with that name in messages.
  init(name: String) { self.name = name }

  /// Takes the next bytes of the file.
  func take(_ block: [UInt8], _ text: (UnsafeBufferPointer<UInt8>) throws -> Void) throws {
    guard isStarted else {
      // Two bytes tell gzip (section 2.3.1: ID1 31, ID2 139).
      head += block
      if head.count >= 2 { try start(text) }
      return
    }
    try pass(block, text)
  }

  /// Takes the end of the file.
  func finish(_ text: (UnsafeBufferPointer<UInt8>) throws -> Void) throws {
    if !isStarted { try start(text) }
    if let inflater, !inflater.isComplete {
      throw ListError.truncated(name, "inside its gzip data")
    }
  }

  private func start(_ text: (UnsafeBufferPointer<UInt8>) throws -> Void) throws {
    isStarted = true
    if head.starts(with: [0x1F, 0x8B]) { inflater = try Inflater(name: name) }
    let block = head
    head = []
    try pass(block, text)
  }

  private func pass(_ block: [UInt8], _ text: (UnsafeBufferPointer<UInt8>) throws -> Void) throws {
    guard !block.isEmpty else { return }
    if let inflater {
      try inflater.take(block, text)
    } else {
      try block.withUnsafeBufferPointer(text)
    }
  }

  /// zlib's state for one file.
  private final class Inflater {
    /// `inflateInit2` with this asks for a gzip wrapper around a window of any size (zlib.h).
    private static let gzipWindowBits: Int32 = 15 + 16

    private let name: String
    // On the heap because zlib keeps a pointer back to the stream and refuses one that has moved.
    private let stream: UnsafeMutablePointer<z_stream>
    private let output: UnsafeMutableBufferPointer<UInt8>
    /// Whether the last member has ended and no other has begun.
    private(set) var isComplete = false
    private var skipsPadding = false

    init(name: String) throws(ListError) {
      self.name = name
      stream = .allocate(capacity: 1)
      stream.initialize(to: z_stream())
      output = .allocate(capacity: Unpacker.outputByteCount)
      let status = inflateInit2_(
        stream, Inflater.gzipWindowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
      guard status == Z_OK else { throw damaged("zlib does not start (status \(status))") }
    }

    deinit {
      // Safe on a stream that never started: zlib answers Z_STREAM_ERROR.
      inflateEnd(stream)
      stream.deinitialize(count: 1)
      stream.deallocate()
      output.deallocate()
    }

    func take(_ block: [UInt8], _ text: (UnsafeBufferPointer<UInt8>) throws -> Void) throws {
      var block = block
      try block.withUnsafeMutableBufferPointer { input in
        stream.pointee.next_in = input.baseAddress
        stream.pointee.avail_in = UInt32(input.count)
        defer { stream.pointee.next_in = nil }
        var isOutputFull = false
        while stream.pointee.avail_in > 0 || isOutputFull {
          if isComplete, try !startMember() { return }
          stream.pointee.next_out = output.baseAddress
          stream.pointee.avail_out = UInt32(output.count)
          switch inflate(stream, Z_NO_FLUSH) {
          case Z_OK, Z_BUF_ERROR: break
          case Z_STREAM_END: isComplete = true
          default:
            let detail = stream.pointee.msg.map { String(cString: $0) } ?? "no detail"
            throw damaged("its gzip data is damaged (\(detail)), expected valid gzip data")
          }
          isOutputFull = stream.pointee.avail_out == 0 && !isComplete
          let count = output.count - Int(stream.pointee.avail_out)
          if count > 0 { try text(UnsafeBufferPointer(rebasing: output[..<count])) }
        }
      }
    }

    /// Goes on to the next member, past zero bytes that fill up a block, as gzip(1) does; whether there is one.
    private func startMember() throws(ListError) -> Bool {
      while stream.pointee.avail_in > 0, let next = stream.pointee.next_in {
        guard next.pointee == 0 else {
          if skipsPadding || next.pointee != 0x1F {
            throw damaged("other bytes follow its gzip data, expected its end or another gzip member")
          }
          inflateReset(stream)
          isComplete = false
          return true
        }
        skipsPadding = true
        stream.pointee.next_in = next + 1
        stream.pointee.avail_in -= 1
      }
      return false
    }

    private func damaged(_ cause: String) -> ListError {
      ListError(
        .damaged, name, cause, remedy: "check it with `gzip -t`, and copy or make the list again")
    }
  }
}
