/// Gives back the source texts of items that a manifest reader has already handed on.
///
/// The reader keeps a fingerprint per item, not its text; when two fingerprints agree it asks here and compares.
package protocol EarlierItems: Sendable {
  /// The source texts of the items with these sequence numbers, in the order asked for.
  ///
  /// Asked only for items of batches the reader has already returned, each number at most once in a call.
  /// An implementation that records in the background waits until it has them. Throws when they cannot be read.
  func sources(of sequences: [Int]) async throws -> [[UInt8]]
}
