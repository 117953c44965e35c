/// What one attempt to submit a chunk came to. The raw values are what the store has.
package enum Outcome: String, Sendable, CaseIterable {
  /// The service took the chunk.
  case accepted
  /// The service refuses the key or the account; says nothing about the chunk.
  case account
  /// The address does not answer as the service of the run's profile does; says nothing about the chunk.
  case endpoint
  /// The service does not know the index.
  case index
  /// The service asks to come back later.
  case throttled
  /// The request provably did not reach the service whole.
  case notProcessed = "not_processed"
  /// The request may have been processed.
  case unknown
  /// The service refused the chunk for what is in it.
  case content
}
