/// A run as reports show it.
package struct RunSummary: Sendable, Equatable {
  /// The run's id.
  package var run: RunID
  /// A name the user gave it.
  package var name: String?
  /// The job it is an execution of: the path of its file as it was given.
  package var job: String?
  /// The same path from the root of the file system; `nil` where only an older program knew it.
  package var jobPath: String?
  /// What it is doing; a run whose owner is dead is `paused` with reason `crash`.
  package var state: RunState
  /// Why it is paused; of one that was copied to another store and is cancelled here, that it was.
  package var reason: PauseReason?
  /// More about the reason, for a reader; of one that was copied, the other store.
  package var detail: String?
  /// When it was created.
  package var createdAt: Timestamp
  /// When it was finished or cancelled.
  package var finishedAt: Timestamp?
  /// The manifest's path as given, `-` for standard input.
  package var manifest: String
  /// Where its requests go.
  package var destination: String
  /// Distinct items.
  package var items: Int
  /// Elements that repeat an earlier one.
  package var repeated: Int
  /// Items that were left out because earlier runs have them; they are not among ``items``.
  package var skipped: Int
  /// Chunks and items by state.
  package var counts: StateCounts
  /// Tries to submit a chunk.
  package var attempts: Int
  /// From the first intent to the last outcome; `nil` while nothing was sent.
  package var sendingTime: Duration?
  /// A wait that holds the run back.
  package var wait: StoredWait?
  /// Whether a live process owns it.
  package var isLive: Bool
  /// Chunks that a lost owner may still have under way; `nil` when there are none.
  package var inheritance: RunInheritance?

  /// A run as the store has it.
  package init(
    run: RunID, name: String?, job: String?, jobPath: String? = nil, state: RunState, reason: PauseReason?,
    detail: String?,
    createdAt: Timestamp, finishedAt: Timestamp?, manifest: String, destination: String, items: Int,
    repeated: Int, skipped: Int = 0, counts: StateCounts, attempts: Int, sendingTime: Duration?,
    wait: StoredWait?,
    isLive: Bool
  ) {
    self.run = run
    self.name = name
    self.job = job
    self.jobPath = jobPath
    self.state = state
    self.reason = reason
    self.detail = detail
    self.createdAt = createdAt
    self.finishedAt = finishedAt
    self.manifest = manifest
    self.destination = destination
    self.items = items
    self.repeated = repeated
    self.skipped = skipped
    self.counts = counts
    self.attempts = attempts
    self.sendingTime = sendingTime
    self.wait = wait
    self.isLive = isLive
  }
}

extension RunSummary {
  /// The profile that the account may need instead of the run's, which stays what it is: the run is paused because its address
  /// does not answer as the endpoint of its profile, and never did. `nil` for any other run.
  package var profileInstead: ServiceProfile? {
    guard state == .paused, counts.items(in: .accepted, .processing) == 0 else { return nil }
    return reason?.profileInstead(detail)
  }
}

extension PauseReason {
  /// The profile that the account may need instead of the run's, as the detail of a pause for this reason says; `nil` where it
  /// says nothing of it.
  package func profileInstead(_ detail: String?) -> ServiceProfile? {
    guard self == .endpoint, let detail else { return nil }
    return ServiceProfile.allCases.first { detail.contains($0.otherAccounts) }?.otherGeneration
  }
}

/// A chunk as reports show it.
package struct ChunkSummary: Sendable, Equatable {
  /// The chunk's number.
  package var number: ChunkNumber
  /// Sequence number of its first item.
  package var firstItem: Int
  /// Items in it.
  package var itemCount: Int
  /// What is known of it.
  package var state: ChunkState
  /// Tries to submit it.
  package var attempts: Int
  /// HTTP status of the last attempt that ended.
  package var status: Int?
  /// Error code of the last attempt that ended.
  package var code: String?
  /// Message of the last attempt that ended.
  package var message: String?
  /// The chunk that this one is a piece of.
  package var parent: ChunkNumber?
  /// Whether it is a rejected range whose bad items were not isolated.
  package var isNotIsolated: Bool
  /// The latest verdict on it, where an answer of it was lost.
  package var settlement: SettlementSummary?
  /// When the last attempt that ended did so.
  package var lastAt: Timestamp?

  /// A chunk as the store has it.
  package init(
    number: ChunkNumber, firstItem: Int, itemCount: Int, state: ChunkState, attempts: Int, status: Int?,
    code: String?, message: String?, parent: ChunkNumber? = nil, isNotIsolated: Bool = false,
    settlement: SettlementSummary? = nil, lastAt: Timestamp? = nil
  ) {
    self.number = number
    self.firstItem = firstItem
    self.itemCount = itemCount
    self.state = state
    self.attempts = attempts
    self.status = status
    self.code = code
    self.message = message
    self.parent = parent
    self.isNotIsolated = isNotIsolated
    self.settlement = settlement
    self.lastAt = lastAt
  }
}

/// Chooses runs.
package struct RunFilter: Sendable, Equatable {
  /// States of the run; `nil` for any.
  package var states: Set<RunState>?
  /// It was created no earlier than that; `nil` for any.
  package var since: Timestamp?

  /// A filter in its parts.
  package init(states: Set<RunState>? = nil, since: Timestamp? = nil) {
    self.states = states
    self.since = since
  }

  /// Whether it includes a run.
  package func matches(_ run: RunSummary) -> Bool {
    states?.contains(run.state) != false && since.map { run.createdAt >= $0 } != false
  }
}

/// Chunks that a former owner of a run, taken for lost, may still have under way.
package struct RunInheritance: Sendable, Equatable {
  /// How many.
  package var chunks: Int
  /// The former owner, as a person is told of it.
  package var owner: String
  /// From then on nothing of it can reach the service, and the chunks are unknown.
  package var until: Timestamp

  /// Chunks as the store has them.
  package init(chunks: Int, owner: String, until: Timestamp) {
    self.chunks = chunks
    self.owner = owner
    self.until = until
  }
}
