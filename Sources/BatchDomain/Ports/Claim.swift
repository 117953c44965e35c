/// What a request for the next chunk came to.
package enum Claim: Sendable {
  /// A chunk whose intent is on disk.
  case chunk(ClaimedChunk)
  /// Nothing may be sent before that moment.
  case notBefore(Timestamp, NotBefore)
  /// No chunk is pending.
  case none

  /// Why nothing may be sent yet.
  package enum NotBefore: Sendable, Equatable {
    /// That limit is used up.
    case rate(Rate)
    /// The service asked some run of this store to wait, for the reason given.
    case wait(String)
    /// Every pending chunk waits for its own next try.
    case ready
  }
}

/// A chunk that this process is about to send.
package struct ClaimedChunk: Sendable {
  /// The chunk's number.
  package var number: ChunkNumber
  /// The attempt's number within the chunk, from 1.
  package var attempt: Int
  /// Attempts so far that count towards the limit.
  package var countedAttempts: Int
  /// Sequence number of its first item.
  package var firstItem: Int
  /// Items in it, 1 or more.
  package var itemCount: Int
  /// The index of all its items; `nil` when they differ.
  package var index: IndexID?
  /// Content of the `file` part; checked against the digest recorded when the run was planned.
  package var filePart: [UInt8]
  /// The time of the intent.
  package var startedAt: Timestamp

  /// Sequence numbers of its items.
  package var items: Range<Int> { firstItem..<firstItem + itemCount }

  /// What the claim moved from state to state.
  package var moved: StateCounts { StateCounts(moving: itemCount, from: .pending, to: .submitting) }

  /// A chunk as the store has it.
  package init(
    number: ChunkNumber, attempt: Int, countedAttempts: Int, firstItem: Int, itemCount: Int,
    index: IndexID?, filePart: [UInt8], startedAt: Timestamp
  ) {
    self.number = number
    self.attempt = attempt
    self.countedAttempts = countedAttempts
    self.firstItem = firstItem
    self.itemCount = itemCount
    self.index = index
    self.filePart = filePart
    self.startedAt = startedAt
  }
}

/// How an attempt ended, and what that means for its chunk.
package struct AttemptResult: Sendable, Equatable {
  /// The chunk's number.
  package var chunk: ChunkNumber
  /// The attempt's number within the chunk.
  package var attempt: Int
  /// Items in the chunk.
  package var itemCount: Int
  /// When the answer was complete, or the attempt ended without one.
  package var finishedAt: Timestamp
  /// From the first byte of the request to the end of the answer.
  package var took: Duration
  /// What it came to.
  package var outcome: Outcome
  /// HTTP status; `nil` when no answer came.
  package var status: Int?
  /// The service's error code, or the transport's code for the failure.
  package var code: String?
  /// The service's message, or the transport's, with secrets removed.
  package var message: String?
  /// Whether it counts towards the limit of attempts.
  package var isCounted: Bool
  /// What happens to the chunk.
  package var event: ChunkEvent
  /// When the chunk may be sent again, if it may; `nil` leaves its place in the order as it was.
  package var readyAt: Timestamp?
  /// What takes the chunk's place, where it is divided.
  package var division: Division?
  /// Whether what is left of the planned chunk that it is a piece of is rejected with it.
  package var rejectsRest: Bool
  /// Whether it failed during an outage: no other request got through.
  package var isInOutage: Bool
  /// A wait of the whole run that came with the answer: durable together with it.
  package var wait: StoredWait?

  /// A result of the attempt that a claim began, as the dispatcher judged it.
  package init(
    of claimed: ClaimedChunk, finishedAt: Timestamp, took: Duration, outcome: Outcome, status: Int?,
    code: String?, message: String?, isCounted: Bool, event: ChunkEvent, readyAt: Timestamp? = nil,
    division: Division? = nil, rejectsRest: Bool = false, isInOutage: Bool = false, wait: StoredWait? = nil
  ) {
    chunk = claimed.number
    attempt = claimed.attempt
    itemCount = claimed.itemCount
    self.finishedAt = finishedAt
    self.took = took
    self.outcome = outcome
    self.status = status
    self.code = code
    self.message = message
    self.isCounted = isCounted
    self.event = event
    self.readyAt = readyAt
    self.division = division
    self.rejectsRest = rejectsRest
    self.isInOutage = isInOutage
    self.wait = wait
  }
}

/// What a change came to, once it is durable.
package struct Recorded: Sendable, Equatable {
  /// What it moved from state to state: differences, to be added to the counts that ``RunSession/standing()`` gave at the
  /// beginning. Their order does not matter.
  package var moved: StateCounts
  /// What another process asks of the run.
  package var request: RunRequest?

  /// What a change moved.
  package init(moved: StateCounts, request: RunRequest?) {
    self.moved = moved
    self.request = request
  }
}

/// What is true once an attempt was recorded and the next chunk was asked for.
package struct RecordedAndClaimed: Sendable {
  /// What the end of the attempt moved. What the claim moved is not in it: see ``ClaimedChunk/moved``.
  package var recorded: Recorded
  /// What the request for the next chunk came to; `nil` when there was none. A failure is damage of the next chunk:
  /// it was not claimed, and what was recorded stands.
  package var claim: Result<Claim, StoreError>?

  /// What a store recorded, and what it found to send next.
  package init(recorded: Recorded, claim: Result<Claim, StoreError>?) {
    self.recorded = recorded
    self.claim = claim
  }
}

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

  /// Chunks in any of these states.
  package func chunks(in states: ChunkState...) -> Int {
    states.reduce(0) { $0 + chunks[$1] }
  }

  /// Items in any of these states.
  package func items(in states: ChunkState...) -> Int {
    states.reduce(0) { $0 + items[$1] }
  }
}
