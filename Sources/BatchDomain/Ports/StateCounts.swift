/// How many chunks and items are in each state, or by how many a change made these numbers differ.
package struct StateCounts: Sendable, Equatable {
  /// Chunks by state.
  package var chunks: CountByState
  /// Items by state; none is in `split`.
  package var items: CountByState
  /// Items of pieces of divided chunks that are still to be decided. Bad items are found before their neighbours are
  /// accepted, so these count wherever a share of bad items is judged.
  package var openPieceItems: Int

  /// Counts by state.
  package init(
    chunks: CountByState = [:], items: CountByState = [:], openPieceItems: Int = 0
  ) {
    self.chunks = chunks
    self.items = items
    self.openPieceItems = openPieceItems
  }

  /// What the move of one chunk makes of the counts.
  ///
  /// - Parameter items: items in the chunk.
  package init(moving items: Int, from: ChunkState, to: ChunkState) {
    self.init()
    chunks[from] -= 1
    chunks[to] += 1
    if from != .split { self.items[from] -= items }
    if to != .split { self.items[to] += items }
  }

  /// Adds what a change moved.
  package static func += (counts: inout StateCounts, moved: StateCounts) {
    counts.chunks += moved.chunks
    counts.items += moved.items
    counts.openPieceItems += moved.openPieceItems
  }

  /// What has to be added to the former counts to get these.
  package func moved(since former: StateCounts) -> StateCounts {
    var moved = self
    for state in ChunkState.allCases {
      moved.chunks[state] -= former.chunks[state]
      moved.items[state] -= former.items[state]
    }
    moved.openPieceItems -= former.openPieceItems
    return moved
  }

  /// Items that are rejected or failed.
  package var lostItems: Int { items[.rejected] + items[.failed] }

  /// Items that the service decided: accepted, rejected or failed.
  package var decidedItems: Int { items[.accepted] + lostItems }

  /// Chunks that are still to be decided.
  package var openChunks: Int { chunks(in: .pending, .submitting, .processing, .unknown) }

  /// Items that are still to be decided.
  package var openItems: Int { items(in: .pending, .submitting, .processing, .unknown) }

  /// Chunks in any of these states.
  package func chunks(in states: ChunkState...) -> Int {
    states.reduce(0) { $0 + chunks[$1] }
  }

  /// Items in any of these states.
  package func items(in states: ChunkState...) -> Int {
    states.reduce(0) { $0 + items[$1] }
  }
}

/// Chunks of a run that are still to be decided, of one state, by the step that they need next or had last.
package struct OpenChunks: Sendable, Equatable {
  /// Their state.
  package var state: ChunkState
  /// The step.
  package var step: ChunkStep
  /// How many.
  package var chunks: Int
  /// Items in them.
  package var items: Int

  /// Chunks of one state at one step.
  package init(_ state: ChunkState, at step: ChunkStep, chunks: Int, items: Int) {
    self.state = state
    self.step = step
    self.chunks = chunks
    self.items = items
  }

  /// Whether a request of a step is still to be sent for each of them. One that is under way has left, and so has one
  /// whose answer was lost: it goes again only if nobody asks what became of it.
  func needs(_ step: ChunkStep, _ settings: RunSettings) -> Bool {
    let steps = settings.profile.steps
    guard let place = steps.firstIndex(of: step), let reached = steps.firstIndex(of: self.step)
    else {
      return false
    }
    guard place == reached else { return place > reached }
    return state == .pending || state == .unknown && settings.onUnknown == .resend
  }
}

/// A number for each state of a chunk, zero where nothing was said. What was moved comes with every change of a run: it
/// is kept in place, without memory of its own.
package struct CountByState: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  private var pending = 0
  private var submitting = 0
  private var processing = 0
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
      case .processing: processing
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
      case .processing: processing = newValue
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
