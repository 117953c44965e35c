/// Stands in for swift-crypto's type where a checksum is only compared: an input that a fuzzer makes has no right one anyway.
public enum Insecure {
  /// What ``MD5`` makes.
  public typealias MD5Digest = [UInt8]

  /// A checksum that is not MD5 (FNV-1a), with the few calls that the sources use.
  public struct MD5: Sendable {
    private var hash: UInt64 = 0xcbf2_9ce4_8422_2325

    /// Starts a checksum of nothing.
    public init() {}

    /// Adds bytes to what is summed.
    public mutating func update(data: [UInt8]) {
      for byte in data { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }

    /// The checksum of what was added so far.
    public func finalize() -> MD5Digest {
      stride(from: 0, to: 64, by: 8).map { UInt8(truncatingIfNeeded: hash >> UInt64($0)) }
    }
  }
}
