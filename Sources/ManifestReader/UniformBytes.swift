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
}
