import ManifestReader

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Texts, each repeated any number of times, made while they are read.
final class EndlessSource: ByteSource {
  /// A text and how many times it stands in a row.
  struct Part {
    var bytes: [UInt8]
    var count: Int

    init(_ bytes: [UInt8], times count: Int = 1) {
      self.bytes = bytes
      self.count = count
    }

    init(_ text: String, times count: Int = 1) { self.init(Array(text.utf8), times: count) }
  }

  private let parts: [Part]
  private var part = 0
  private var offset = 0
  /// How many bytes were read.
  private(set) var byteCount = 0
  /// How many times something was asked for.
  private(set) var readCount = 0

  init(_ parts: [Part]) {
    self.parts = parts.filter { !$0.bytes.isEmpty && $0.count > 0 }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(ManifestError) -> Int {
    readCount += 1
    guard part < parts.count, let base = buffer.baseAddress else { return 0 }
    let bytes = parts[part].bytes
    let left = bytes.count * parts[part].count - offset
    let count = min(left, buffer.count)
    if bytes.count == 1 {
      memset(base, Int32(bytes[0]), count)
    } else {
      var filled = 0
      while filled < count {
        let from = (offset + filled) % bytes.count
        let piece = min(bytes.count - from, count - filled)
        bytes.withUnsafeBytes {
          UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: $0[from..<from + piece]))
        }
        filled += piece
      }
    }
    offset += count
    if count == left {
      part += 1
      offset = 0
    }
    byteCount += count
    return count
  }

  /// The most memory this process ever had, in bytes.
  static var peakMemory: Int {
    var usage = rusage()
    #if canImport(Darwin)
      getrusage(RUSAGE_SELF, &usage)
      return usage.ru_maxrss
    #else
      // Glibc's constant has another type than its function; `__rusage_who_t` is a plain number.
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return usage.ru_maxrss * 1_024
    #endif
  }
}
