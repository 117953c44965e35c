/// Asks the service for as little as possible, to see whether it answers and accepts the key.
package protocol ServiceProbe: Sendable {
  /// Reads one row of the list of tasks, of any index.
  ///
  /// - Throws: ``ListingFailure``.
  func probe() async throws(ListingFailure)
}
