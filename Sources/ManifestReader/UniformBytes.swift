#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

extension UnsafeBufferPointer<UInt8> {
  /// Whether the bytes of a range, which is not empty, are all the same: gigabytes of one byte are passed over as
  /// fast as memory is read, and other text costs one look.
  func isUniform(_ range: Range<Int>) -> Bool {
    guard let start = baseAddress.map({ $0 + range.lowerBound }) else { return false }
    return memcmp(start, start + 1, range.count - 1) == 0
  }

  /// Whether the bytes are those of an array.
  func isEqual(to bytes: [UInt8]) -> Bool {
    guard count == bytes.count else { return false }
    guard let baseAddress else { return true }
    return bytes.withUnsafeBytes { $0.baseAddress.map { memcmp(baseAddress, $0, count) == 0 } ?? true }
  }
}
