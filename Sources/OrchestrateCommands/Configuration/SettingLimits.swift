/// The values that numeric settings may have.
package enum SettingLimits {
  /// Items per chunk.
  package static let chunkSize = 1...1_000_000
  /// Bytes per chunk: from an empty array to what one request can sensibly hold in memory.
  package static let chunkBytes = 2...(1 << 30)
  /// Requests in flight.
  package static let concurrency = 1...256
  /// Counted attempts per chunk.
  package static let maxAttempts = 1...1_000_000
  /// Items to read.
  package static let limit = 1...Int.max
  /// Ports; 0 takes a free one.
  static let port = 0...65_535
}
