/// A run owned by this process: every change of its chunks goes through here.
///
/// Each move is guarded by the chunk's id, its expected state and the owner; a change that finds another
/// state throws ``StoreError`` with code `conflict` and changes nothing. Everything is durable when a call
/// returns.
package protocol RunSession: Sendable {
  /// The run's id.
  var run: RunID { get }
  /// The settings of the run.
  var settings: RunSettings { get }

  /// Where the run stands.
  func standing() async throws -> RunStanding

  /// Takes the next chunk to send: it becomes `submitting` and an attempt row records the intent.
  ///
  /// - Parameter now: when it is asked for, and the time of the intent, unless the store has a clock of its own: then the
  ///   intent has the time at which its change is made. A chunk whose `ready_at` is later is left alone, and so is
  ///   every chunk while a rate limit of the settings is used up, by this run or any other of the same
  ///   service.
  func claim(at now: Timestamp) async throws -> Claim

  /// Ends an attempt, moves its chunk, and takes the next one as ``claim(at:)`` does: both in one change, or neither.
  ///
  /// A next chunk that is damaged is part of the result and no error: the outcome of the attempt is recorded all the
  /// same.
  ///
  /// - Parameter next: the time of the next intent; `nil` takes none.
  /// - Throws: ``StoreError`` when nothing was recorded.
  func record(_ result: AttemptResult, claimingAt next: Timestamp?) async throws -> RecordedAndClaimed

  /// Chunks whose answer was lost, in order of number, leaving out those up to `after`.
  func unknownChunks(after: ChunkNumber?, limit: Int) async throws -> [UnknownChunk]

  /// Chunks of this run with items of that index that were accepted while no earlier attempt may have reached the
  /// service, in the order of their intents. `limit` of them where there are as many, however rare the index is.
  ///
  /// - Parameters:
  ///   - intents: only attempts whose place among the run's intents is one of these.
  ///   - newestFirst: the order, and with `limit` the choice.
  func controls(
    index: IndexID, intents: Range<Int>, newestFirst: Bool, limit: Int
  ) async throws -> [Control]

  /// Everything that this store sent to the run's service under these file names: by chunks of other runs, by chunks
  /// of this run that are unknown, and by those of this run whose names are known to clash.
  ///
  /// - Parameters:
  ///   - names: file names by index.
  ///   - moment: only attempts that started since then.
  func sends(of names: [IndexID: Set<FileName>], since moment: Timestamp) async throws -> [NamedSend]

  /// How far behind the listing of an index was when this run last measured it.
  func listingLag(of index: IndexID) async throws -> ListingLag?

  /// Records how far behind the listing of an index is.
  func remember(_ lag: ListingLag, of index: IndexID) async throws

  /// What is known about refusals of this run, and what became of the other pieces of a chunk.
  func refusals(of chunk: ChunkNumber) async throws -> RefusalHistory

  /// Records what settling found, and moves the chunk accordingly.
  func settle(_ settlement: Settlement) async throws -> Recorded

  /// Whether every item left to decide has that index.
  func isSoleIndexLeft(_ index: IndexID) async throws -> Bool

  /// Records that nothing may be sent to the service before `until`, by this run or any other, so that a restart keeps
  /// to it; `nil` ends the wait.
  func remember(wait: StoredWait?) async throws

  /// What another process asked of this run since it was taken, or `cancel` once this run is being cancelled.
  func request() async throws -> RunRequest?

  /// Moves `pending` chunks to `cancelled`. From then on the run is being cancelled: when this process dies, the next
  /// owner continues to cancel.
  func cancelPending() async throws -> Recorded

  /// Moves rejected or failed chunks back to `pending` with a fresh allowance of attempts.
  func retry(_ states: Set<ChunkState>) async throws -> Recorded

  /// Ends this process's work on the run: the run gets its state, and ownership is given back.
  func leave(_ state: RunEnding, at now: Timestamp) async throws
}

extension RunSession {
  /// Ends an attempt and moves its chunk.
  package func record(_ result: AttemptResult) async throws -> Recorded {
    try await record(result, claimingAt: nil).recorded
  }
}

/// What is known about refusals when a chunk was refused.
package struct RefusalHistory: Sendable, Equatable {
  /// What refusals of the run are known to mean.
  package var trust: RefusalTrust
  /// What became of the pieces of the planned chunk that the refused one belongs to.
  package var family: ChunkFamily

  /// A history as the store has it.
  package init(trust: RefusalTrust, family: ChunkFamily) {
    self.trust = trust
    self.family = family
  }
}

/// Where a run stands when its owner starts to work on it.
package struct RunStanding: Sendable, Equatable {
  /// Distinct items.
  package var items: Int
  /// Intents recorded so far.
  package var attempts: Int
  /// Chunks and items by state.
  package var counts: StateCounts
  /// A wait that is still recorded.
  package var wait: StoredWait?
  /// A request another process left.
  package var request: RunRequest?
  /// Whether a request of this run is known to have reached the service at the scheme, host and port that the run has
  /// now: their name could be resolved then.
  package var hasReachedService: Bool
  /// The host of the last owner, if it was another host.
  package var formerHost: String?

  /// A standing as the store has it.
  package init(
    items: Int, attempts: Int, counts: StateCounts, wait: StoredWait?, request: RunRequest?,
    hasReachedService: Bool = false, formerHost: String? = nil
  ) {
    self.items = items
    self.attempts = attempts
    self.counts = counts
    self.wait = wait
    self.request = request
    self.hasReachedService = hasReachedService
    self.formerHost = formerHost
  }
}

/// A wait that holds back the whole run.
package struct StoredWait: Sendable, Equatable {
  /// Nothing is sent before this moment.
  package var until: Timestamp
  /// Why, as a short sentence.
  package var reason: String
  /// How long it was when it began; `nil` where that is not known (stores of formats before 6).
  package var length: Duration?

  /// No longer wait is accepted.
  package static let longest: Duration = .seconds(30 * 86_400)

  /// A wait until a moment.
  package init(until: Timestamp, reason: String, length: Duration? = nil) {
    self.until = until
    self.reason = reason
    self.length = length
  }

  /// What is left of it: never more than it was when it began, also when the clock was corrected in between.
  package func left(at now: Timestamp) -> Duration {
    max(.zero, min(until.since(now), length ?? Self.longest, Self.longest))
  }
}

/// What one process asks of the owner of a run.
package enum RunRequest: String, Sendable, CaseIterable {
  /// Stop, keeping everything resumable.
  case pause
  /// Stop for good.
  case cancel
}

/// How a process leaves a run.
package enum RunEnding: Sendable, Equatable {
  /// Every chunk is decided or held.
  case finished
  /// The user cancelled it.
  case cancelled
  /// To be resumed; with a detail for the reader, for example the URL that answered wrongly.
  case paused(PauseReason, detail: String?)
}
