/// A number for each state of a chunk, zero where nothing was said. What was moved comes with every change of a run: it
/// is kept in place, without memory of its own.
package struct CountByState: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  private var pending = 0
  private var submitting = 0
  private var unknown = 0
  private var accepted = 0
  private var rejected = 0
  private var failed = 0
  private var split = 0
  private var cancelled = 0

  /// Zero for every state.
  package init() {}

  /// Counts as they stand in a literal.
  package init(dictionaryLiteral elements: (ChunkState, Int)...) {
    for (state, count) in elements { self[state] = count }
  }

  /// Adds to the number of each state.
  package static func += (counts: inout CountByState, other: CountByState) {
    for state in ChunkState.allCases { counts[state] += other[state] }
  }

  /// The number for a state.
  package subscript(state: ChunkState) -> Int {
    get {
      switch state {
      case .pending: pending
      case .submitting: submitting
      case .unknown: unknown
      case .accepted: accepted
      case .rejected: rejected
      case .failed: failed
      case .split: split
      case .cancelled: cancelled
      }
    }
    set {
      switch state {
      case .pending: pending = newValue
      case .submitting: submitting = newValue
      case .unknown: unknown = newValue
      case .accepted: accepted = newValue
      case .rejected: rejected = newValue
      case .failed: failed = newValue
      case .split: split = newValue
      case .cancelled: cancelled = newValue
      }
    }
  }
}
