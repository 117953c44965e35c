/// The work queue of a run that this process owns: what is to be sent, and what became of it.
///
/// Each move is guarded by the chunk's number, its expected state and the owner; a change that finds another state throws
/// ``StoreError`` with code `conflict` and changes nothing. Everything is durable when a call returns.
package protocol WorkQueue: Sendable {
  /// The run's id.
  var run: RunID { get }
  /// The settings of the run.
  var settings: RunSettings { get }

  /// Where the run stands.
  func standing() async throws -> RunSnapshot

  /// Takes the next chunk to send: it becomes `submitting` and an attempt row records the intent.
  ///
  /// - Parameters:
  ///   - step: only chunks that need this step next are taken.
  ///   - now: when it is asked for, and the time of the intent, unless the store has a clock of its own: then the
  ///     intent has the time at which its change is made. A chunk whose `ready_at` is later is left alone, and so is
  ///     every chunk while a rate limit of the settings is used up, by this run or any other of the same service. Of runs
  ///     that wait for room in the limits at the same time, the one that had least of it goes first.
  func claim(_ step: ChunkStep, at now: Timestamp) async throws -> Claim

  /// Ends an attempt, moves its chunk, and takes the next one as ``claim(_:at:)`` does: both in one change, or neither.
  ///
  /// A next chunk that is damaged is part of the result and no error: the outcome of the attempt is recorded all the
  /// same.
  ///
  /// - Parameter next: what is to be claimed, and when; `nil` takes none.
  /// - Throws: ``StoreError`` when nothing was recorded.
  func record(
    _ result: AttemptRecord, claiming next: (step: ChunkStep, at: Timestamp)?
  ) async throws -> RecordedAndClaimed

  /// Chunks that the service works on, in order of number, leaving out those up to `after`.
  func processingChunks(after: ChunkNumber?, limit: Int) async throws -> [ProcessingChunk]

  /// Records what became of a step that the service worked on, and moves the chunk.
  func record(_ result: ProcessingResult) async throws -> Recorded

  /// The object of the first item that is still to be sent from its first step on; `nil` when there is none.
  func nextObject() async throws -> ObjectName?

  /// The first item that is still to be sent from its first step on and of which no attempt is recorded; `nil` when there
  /// is none.
  func firstNeverSent() async throws -> NeverSentItem?

  /// How many items are still to be sent from their first step on, by index; only the first of them are counted where a
  /// limit is given, and items of a chunk of several indexes are left out.
  func pendingIndexes(limit: Int?) async throws -> [IndexID: Int]

  /// Whether every item left to decide has that index.
  func isSoleIndexLeft(_ index: IndexID) async throws -> Bool

  /// Records that no request of a step, or none that only reads (``ChunkStep/init(_:)``), may be sent to the service before a
  /// moment, by this run or any other, so that a restart keeps to it.
  func remember(_ wait: StoredWait, of step: ChunkStep) async throws

  /// Whether requests that a former owner of the run had under way may still be answered, or reach the service: its
  /// process was taken for lost and may live, or that may be true of an owner before it. What becomes of them comes through
  /// ``inherit(at:)``.
  var isHeir: Bool { get }

  /// Takes notice of what became of the chunks that a lost owner had under way: what it said of them itself, and, once
  /// nothing of it can reach the service any more, those of which it said nothing, which become `unknown`.
  ///
  /// - Returns: what was new; in the end nothing is, unless a late word comes.
  func inherit(at now: Timestamp) async throws -> [InheritedMove]

  /// What another process asked of this run since it was taken, or `cancel` once this run is being cancelled.
  func request() async throws -> RunRequest?

  /// Moves `pending` and `processing` chunks to `cancelled`. From then on the run is being cancelled: when this process dies, the next
  /// owner continues to cancel.
  func cancelPending() async throws -> Recorded

  /// Moves rejected or failed chunks back to `pending` with a fresh allowance of attempts.
  func retry(_ states: Set<ChunkState>) async throws -> Recorded

  /// Ends this process's work on the run: the run gets the state that the exit says, and can be taken by others.
  func release(as exit: RunExit, at now: Timestamp) async throws
}

extension WorkQueue {
  /// Ends an attempt and moves its chunk.
  package func record(_ result: AttemptRecord) async throws -> Recorded {
    try await record(result, claiming: nil).recorded
  }
}

/// An item of which the store has no attempt.
package struct NeverSentItem: Sendable, Equatable {
  /// Sequence number within the run, from 0.
  package var sequence: Int
  /// The index that is to receive it.
  package var index: IndexID
  /// Where its video is.
  package var object: ObjectName
  /// When the last attempt that is recorded was begun, of any item of the run, or when the run was made: the store
  /// knows nothing of what happened after that.
  package var knownUntil: Timestamp

  /// An item in its parts.
  package init(sequence: Int, index: IndexID, object: ObjectName, knownUntil: Timestamp) {
    self.sequence = sequence
    self.index = index
    self.object = object
    self.knownUntil = knownUntil
  }
}

/// What a request for the next chunk came to.
package enum Claim: Sendable {
  /// A chunk whose intent is on disk.
  case chunk(ClaimedChunk)
  /// Nothing may be sent before that moment.
  case notBefore(Timestamp, NotBefore)
  /// No chunk is pending.
  case none

  /// Why nothing may be sent yet.
  package indirect enum NotBefore: Sendable, Equatable {
    /// That limit is used up.
    case rate(Rate)
    /// That limit on items is used up.
    case itemRate(Rate)
    /// That limit on minutes of media is used up.
    case mediaRate(MediaRate)
    /// What is left of that limit is kept for other runs of the store that wait for it and had less of it. It is asked
    /// for again soon; until that moment at the latest it is kept for them.
    case share(of: NotBefore, until: Timestamp)
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
  /// The step that is to be sent.
  package var step: ChunkStep
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
  /// The ids that the service gave to what earlier steps made, the latest of each step.
  package var externalIDs: [ChunkStep: String]
  /// Whether the step may have been done already, without the store knowing of it: it lost changes. Then the service is asked
  /// first, as about a lost answer.
  package var mayBeDone: Bool

  /// Sequence numbers of its items.
  package var items: Range<Int> { Range(firstItem: firstItem, count: itemCount) }

  /// What the claim moved from state to state.
  package var moved: StateCounts { StateCounts(moving: itemCount, from: .pending, to: .submitting) }

  /// A chunk as the store has it.
  package init(
    number: ChunkNumber, attempt: Int, step: ChunkStep = .transfer, countedAttempts: Int, firstItem: Int,
    itemCount: Int, index: IndexID?, filePart: [UInt8], startedAt: Timestamp,
    externalIDs: [ChunkStep: String] = [:], mayBeDone: Bool = false
  ) {
    self.externalIDs = externalIDs
    self.mayBeDone = mayBeDone
    self.number = number
    self.attempt = attempt
    self.step = step
    self.countedAttempts = countedAttempts
    self.firstItem = firstItem
    self.itemCount = itemCount
    self.index = index
    self.filePart = filePart
    self.startedAt = startedAt
  }
}

/// How an attempt ended, and what that means for its chunk.
package struct AttemptRecord: Sendable, Equatable {
  /// The chunk's number.
  package var chunk: ChunkNumber
  /// The attempt's number within the chunk.
  package var attempt: Int
  /// The step that was sent.
  package var step: ChunkStep
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
  /// The id that the service gave to what the request made; `nil` where it gives none.
  package var externalID: String?
  /// Whether it counts towards the limit of attempts.
  package var isCounted: Bool
  /// What happens to the chunk.
  package var event: ChunkEvent
  /// The step that is to be sent next, where that is another; the step that is polled, with
  /// ``ChunkEvent/stepReopened``.
  package var nextStep: ChunkStep?
  /// The length of the chunk's videos, where it became known; `nil` leaves that as it was.
  package var mediaLength: Duration?
  /// When the URL that the service was given to fetch the video from stops working; `nil` where there is none or it does
  /// not matter any more.
  package var urlEndsAt: Timestamp?
  /// When the chunk may be sent again, if it may; `nil` leaves its place in the order as it was.
  package var readyAt: Timestamp?
  /// What takes the chunk's place, where it is divided.
  package var division: Division?
  /// Whether what is left of the planned chunk that it is a piece of is rejected with it.
  package var rejectsRest: Bool
  /// Whether it failed during an outage: no other request got through.
  package var isInOutage: Bool
  /// A wait of everything that its budget counts, which came with the answer: durable together with it.
  package var wait: StoredWait?

  /// A record of the attempt that a claim began: what came of it, and what the dispatcher makes of that.
  package init(
    of claimed: ClaimedChunk, _ result: SubmissionResult, finishedAt: Timestamp, took: Duration,
    isCounted: Bool, event: ChunkEvent, nextStep: ChunkStep? = nil, readyAt: Timestamp? = nil,
    division: Division? = nil, rejectsRest: Bool = false, isInOutage: Bool = false, wait: StoredWait? = nil
  ) {
    self.init(
      of: claimed, finishedAt: finishedAt, took: took, outcome: result.outcome, status: result.status,
      code: result.code, message: result.message, externalID: result.externalID, isCounted: isCounted,
      event: event, nextStep: nextStep, mediaLength: result.mediaLength, urlEndsAt: result.urlEndsAt,
      readyAt: readyAt, division: division, rejectsRest: rejectsRest, isInOutage: isInOutage, wait: wait)
  }

  /// A record in its parts.
  package init(
    of claimed: ClaimedChunk, finishedAt: Timestamp, took: Duration, outcome: Outcome, status: Int?,
    code: String?, message: String?, externalID: String? = nil, isCounted: Bool, event: ChunkEvent,
    nextStep: ChunkStep? = nil, mediaLength: Duration? = nil, urlEndsAt: Timestamp? = nil,
    readyAt: Timestamp? = nil, division: Division? = nil, rejectsRest: Bool = false, isInOutage: Bool = false,
    wait: StoredWait? = nil
  ) {
    chunk = claimed.number
    attempt = claimed.attempt
    step = claimed.step
    self.mediaLength = mediaLength
    self.urlEndsAt = urlEndsAt
    itemCount = claimed.itemCount
    self.finishedAt = finishedAt
    self.took = took
    self.outcome = outcome
    self.status = status
    self.code = code
    self.message = message
    self.externalID = externalID
    self.isCounted = isCounted
    self.event = event
    self.nextStep = nextStep
    self.readyAt = readyAt
    self.division = division
    self.rejectsRest = rejectsRest
    self.isInOutage = isInOutage
    self.wait = wait
  }
}

/// A chunk of which the service took a step and works on it.
package struct ProcessingChunk: Sendable, Equatable {
  /// A refusal of the step after, which stands only if this step is done.
  package struct Refusal: Sendable, Equatable {
    /// HTTP status.
    package var status: Int?
    /// The service's error code.
    package var code: String?
    /// The service's message.
    package var message: String?
    /// Refusals of that step before it after which the step was sent again, since this one was done.
    package var repeats: Int

    /// A refusal as it was recorded.
    package init(status: Int?, code: String?, message: String?, repeats: Int = 0) {
      self.status = status
      self.code = code
      self.message = message
      self.repeats = repeats
    }
  }

  /// The chunk's number.
  package var number: ChunkNumber
  /// The last attempt of the chunk.
  package var attempt: Int
  /// The step it works on.
  package var step: ChunkStep
  /// The id that the service gave.
  package var externalID: String?
  /// The index of all its items; `nil` when they differ.
  package var index: IndexID?
  /// Sequence numbers of its items.
  package var items: Range<Int>
  /// When the service took it, or refused the step after.
  package var acceptedAt: Timestamp
  /// When the URL that the service was given for it stops working; `nil` where that is not recorded.
  package var urlEndsAt: Timestamp?
  /// Attempts so far that count towards the limit.
  package var countedAttempts: Int
  /// The refusal of the step after that led to this look; `nil` where there was none.
  package var refusal: Refusal?

  /// A chunk as the store has it.
  package init(
    number: ChunkNumber, attempt: Int, step: ChunkStep, externalID: String?, index: IndexID? = nil,
    items: Range<Int>, acceptedAt: Timestamp, urlEndsAt: Timestamp? = nil, countedAttempts: Int = 0,
    refusal: Refusal? = nil
  ) {
    self.number = number
    self.attempt = attempt
    self.step = step
    self.externalID = externalID
    self.index = index
    self.items = items
    self.acceptedAt = acceptedAt
    self.urlEndsAt = urlEndsAt
    self.countedAttempts = countedAttempts
    self.refusal = refusal
  }
}

/// What became of chunks that a former owner of a run, taken for lost, had under way.
package struct InheritedMove: Sendable, Equatable {
  /// What the change came to.
  package var recorded: Recorded
  /// The chunk; `nil` for all of those of which nothing is known.
  package var chunk: ChunkNumber?
  /// The step that was sent.
  package var step: ChunkStep
  /// What happened to the chunk.
  package var event: ChunkEvent
  /// Whether it was unknown before, and not `submitting`.
  package var wasUnknown: Bool
  /// In words, where the former owner said it.
  package var evidence: String?

  /// A move in its parts.
  package init(
    _ recorded: Recorded, chunk: ChunkNumber?, step: ChunkStep, event: ChunkEvent, wasUnknown: Bool,
    evidence: String? = nil
  ) {
    self.recorded = recorded
    self.chunk = chunk
    self.step = step
    self.event = event
    self.wasUnknown = wasUnknown
    self.evidence = evidence
  }
}

/// What became of a step that the service worked on.
package struct ProcessingResult: Sendable, Equatable {
  /// The chunk's number.
  package var chunk: ChunkNumber
  /// The last attempt of the chunk.
  package var attempt: Int
  /// When that was seen.
  package var at: Timestamp
  /// What happens to the chunk: `stepDone`, `stepAccepted` where a refusal of the step after does not stand, `requeued`,
  /// `refused` or `exhausted`.
  package var event: ChunkEvent
  /// The step that is to be sent next, where that is another.
  package var nextStep: ChunkStep?
  /// The length of the chunk's videos, where it became known; `nil` leaves that as it was.
  package var mediaLength: Duration?
  /// Whether that counts towards the limit of attempts.
  package var isCounted: Bool
  /// When the chunk may be sent again, if it may.
  package var readyAt: Timestamp?
  /// HTTP status of the answer that says so, where one does.
  package var status: Int?
  /// What the service says went wrong; `nil` when the step is done.
  package var code: String?
  /// The same in words.
  package var message: String?

  /// A result as it was seen.
  package init(
    of chunk: ProcessingChunk, at moment: Timestamp, event: ChunkEvent, nextStep: ChunkStep? = nil,
    mediaLength: Duration? = nil, isCounted: Bool = false, readyAt: Timestamp? = nil, status: Int? = nil,
    code: String? = nil, message: String? = nil
  ) {
    self.chunk = chunk.number
    attempt = chunk.attempt
    at = moment
    self.event = event
    self.nextStep = nextStep
    self.mediaLength = mediaLength
    self.isCounted = isCounted
    self.readyAt = readyAt
    self.status = status
    self.code = code
    self.message = message
  }
}

/// What a change came to, once it is durable.
package struct Recorded: Sendable, Equatable {
  /// What it moved from state to state: differences, to be added to the counts that ``WorkQueue/standing()`` gave at the
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
  /// What the request for the next chunk came to; `nil` when there was none. A failure is damage of the next chunk, or one
  /// that may pass, of a claim that was not confirmed in time: no chunk may be sent, and what was recorded stands.
  package var claim: Result<Claim, StoreError>?

  /// What a store recorded, and what it found to send next.
  package init(recorded: Recorded, claim: Result<Claim, StoreError>?) {
    self.recorded = recorded
    self.claim = claim
  }
}
