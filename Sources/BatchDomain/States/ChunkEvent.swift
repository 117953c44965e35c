/// Something that happens to a chunk and may move it to another state.
package enum ChunkEvent: String, Sendable, CaseIterable {
  /// The intent to send it is recorded.
  case claimed
  /// The service accepted it.
  case accepted
  /// The service did not take it, and it may be sent again: throttled, not processed, or a fault of the
  /// account, the endpoint or the index.
  case requeued
  /// The request may have reached the service, and no usable answer came; or the owner died meanwhile.
  case answerLost
  /// The service refused it for its content.
  case refused
  /// The service refused it for its content, and whether it took a part all the same is not known.
  case doubted
  /// So many items of its planned chunk were refused alone for one cause that the rest is rejected with them.
  case refusedAlike
  /// Its last permitted attempt is used up.
  case exhausted
  /// Child ranges take its place.
  case divided
  /// The user cancels it.
  case cancelled
  /// Settling found that the service has it.
  case settledReceived
  /// Settling found that the service does not have it.
  case settledNotReceived
  /// A person asked for it to be sent again.
  case retried
}
