/// What is known of a chunk. The raw values are what the store and the JSON output have.
package enum ChunkState: String, Sendable, CaseIterable {
  /// To be sent, not before its `ready_at`.
  case pending
  /// Its intent is on disk and its request may be under way; owned by one process.
  case submitting
  /// Its request may have reached the service; the answer is not known.
  case unknown
  /// The service took it.
  case accepted
  /// Refused for its content.
  case rejected
  /// Its counted attempts are used up, and the service did not take it.
  case failed
  /// Replaced by child ranges that cover it exactly.
  case split
  /// Cancelled by the user.
  case cancelled

  /// Whether nothing more happens to a chunk in this state unless a person asks for it.
  package var isFinal: Bool {
    switch self {
    case .pending, .submitting, .unknown: false
    case .accepted, .rejected, .failed, .split, .cancelled: true
    }
  }

  /// The states an item can be in: a chunk that was split hands its items to its children.
  package static let itemStates: [ChunkState] = allCases.filter { $0 != .split }
}
