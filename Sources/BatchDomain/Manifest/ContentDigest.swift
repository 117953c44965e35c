import Crypto

/// An incremental SHA-256 (FIPS 180-4), so that other targets need no cryptography of their own.
package struct ContentDigest: Sendable {
  /// The number of bytes of a finished digest.
  package static let byteCount = 32

  private var hash = SHA256()

  /// Starts a digest of nothing.
  package init() {}

  /// Adds `bytes` to what is digested.
  package mutating func update(_ bytes: UnsafeBufferPointer<UInt8>) {
    hash.update(bufferPointer: UnsafeRawBufferPointer(bytes))
  }

  /// Adds `bytes` to what is digested.
  package mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBufferPointer { update($0) }
  }

  /// The digest of what was added so far, `byteCount` raw bytes; more may be added afterwards.
  package func finished() -> [UInt8] {
    Array(hash.finalize())
  }
}
