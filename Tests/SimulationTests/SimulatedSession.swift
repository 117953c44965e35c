import BatchDomain
import NIOConcurrencyHelpers
import TestSupport

/// The store port as a process of a world has it: the real session, with a possible death around every call and
/// the troubles of a disk.
///
/// A call that the port gains is added here by one line.
struct SimulatedSession: RunSession {
  let base: any RunSession
  let process: SimulatedProcess
  /// What the changes moved, added up as the dispatcher does it.
  private let moves = Moves()

  init(base: any RunSession, process: SimulatedProcess) {
    self.base = base
    self.process = process
  }

  var run: RunID { base.run }
  var settings: RunSettings { base.settings }

  func standing() async throws -> RunSnapshot {
    try await read("standing") {
      let standing = try await base.standing()
      moves.begin(with: standing.counts)
      return standing
    }
  }

  func claim(_ step: ChunkStep, at now: Timestamp) async throws -> Claim {
    try await change("claim", { $0.traced }) {
      let claim = try await base.claim(step, at: now)
      if case .chunk(let chunk) = claim { moves.add(chunk.moved) }
      return claim
    }
  }

  func record(
    _ result: AttemptRecord, claiming next: (step: ChunkStep, at: Timestamp)?
  ) async throws -> RecordedAndClaimed {
    try await change(
      "record \(result.chunk)/\(result.attempt) \(result.outcome) \(result.event)",
      { $0.claim.map { "and claim \($0.traced)" } ?? "" }
    ) {
      let both = try await base.record(result, claiming: next)
      moves.add(both.recorded.moved)
      if case .success(.chunk(let chunk)) = both.claim { moves.add(chunk.moved) }
      return both
    }
  }

  var isHeir: Bool { base.isHeir }

  func inherit(at now: Timestamp) async throws -> [InheritedMove] {
    try await change("inherit") {
      let inherited = try await base.inherit(at: now)
      for move in inherited { moves.add(move.recorded.moved) }
      return inherited
    }
  }

  func processingChunks(after: ChunkNumber?, limit: Int) async throws -> [ProcessingChunk] {
    try await read("processing", { "\($0.map(\.number.rawValue))" }) {
      try await base.processingChunks(after: after, limit: limit)
    }
  }

  func record(_ result: ProcessingResult) async throws -> Recorded {
    try await change("record processing \(result.chunk)/\(result.attempt) \(result.event)") {
      try await moves.noting { try await base.record(result) }
    }
  }

  func unknownChunks(after: ChunkNumber?, limit: Int) async throws -> [UnknownChunk] {
    try await read("unknown", { "\($0.map(\.number.rawValue))" }) {
      try await base.unknownChunks(after: after, limit: limit)
    }
  }

  func witnesses(
    index: IndexID, intents: Range<Int>, begunAfter moment: Timestamp?, newestFirst: Bool, limit: Int
  ) async throws -> [Witness] {
    try await read("witnesses", { "\($0.map(\.chunk.rawValue))" }) {
      try await base.witnesses(
        index: index, intents: intents, begunAfter: moment, newestFirst: newestFirst, limit: limit)
    }
  }

  func sends(of names: [IndexID: Set<FileName>], since moment: Timestamp) async throws -> [NamedSend] {
    try await read("sends", { "\($0.count)" }) { try await base.sends(of: names, since: moment) }
  }

  func listingLag(of index: IndexID) async throws -> ListingLag? {
    try await read("lag") { try await base.listingLag(of: index) }
  }

  func remember(_ lag: ListingLag, of index: IndexID) async throws {
    try await change("remember lag") { try await base.remember(lag, of: index) }
  }

  func refusals(of chunk: ChunkNumber) async throws -> RefusalHistory {
    try await read("refusals", { "\($0.semantics)" }) { try await base.refusals(of: chunk) }
  }

  func settle(_ settlement: Settlement) async throws -> Recorded {
    process.world.trace.remark(settlement.evidence.text)
    return try await change("settle \(settlement.chunk)/\(settlement.attempt) \(settlement.verdict)") {
      try await moves.noting { try await base.settle(settlement) }
    }
  }

  func nextObject() async throws -> ObjectName? {
    try await read("next object") { try await base.nextObject() }
  }

  func firstNeverSent() async throws -> NeverSentItem? {
    try await read("first never sent") { try await base.firstNeverSent() }
  }

  func pendingIndexes(limit: Int?) async throws -> [IndexID: Int] {
    try await read("indexes") { try await base.pendingIndexes(limit: limit) }
  }

  func isSoleIndexLeft(_ index: IndexID) async throws -> Bool {
    try await read("sole index", { "\($0)" }) { try await base.isSoleIndexLeft(index) }
  }

  func remember(_ wait: StoredWait, of step: ChunkStep) async throws {
    try await change("remember") { try await base.remember(wait, of: step) }
  }

  func acceptance(of step: ChunkStep, after intents: Int) async throws -> StepAcceptance? {
    try await read("acceptance") { try await base.acceptance(of: step, after: intents) }
  }

  func recorded(among ids: Set<String>) async throws -> RecordedIDs {
    try await read("recorded", { "\($0.chunks.count)" }) { try await base.recorded(among: ids) }
  }

  func request() async throws -> RunRequest? {
    try await read("request", { $0?.rawValue ?? "-" }) { try await base.request() }
  }

  func cancelPending() async throws -> Recorded {
    try await change("cancel pending") { try await moves.noting { try await base.cancelPending() } }
  }

  func retry(_ states: Set<ChunkState>) async throws -> Recorded {
    try await change("retry") { try await moves.noting { try await base.retry(states) } }
  }

  func release(as exit: RunExit, at now: Timestamp) async throws {
    let counts = try await base.standing().counts
    let added = moves.counts
    if let added, added != counts { throw Moves.Difference(added: added, counts: counts) }
    try await change("release \(exit.traced)") { try await base.release(as: exit, at: now) }
  }

  private func read<T: Sendable>(
    _ call: String, _ traced: (T) -> String = { _ in "" }, _ body: () async throws -> T
  ) async throws -> T {
    try await process.begin(call)
    let value = try await body()
    try process.finish(call)
    process.note("\(call) \(traced(value))")
    return value
  }

  private func change<T: Sendable>(
    _ call: String, _ traced: (T) -> String = { _ in "" }, _ body: () async throws -> T
  ) async throws -> T {
    try await process.begin(call)
    if let trouble = process.world.storeTrouble() {
      process.note("\(call) fails: \(trouble.code.rawValue)")
      // A write that failed on the device may be on it all the same.
      if trouble.code == .inputOutput, process.world.dice.chance(0.5) { _ = try await body() }
      throw trouble
    }
    let value: T
    do {
      value = try await body()
    } catch {
      process.note("\(call) throws")
      process.world.trace.remark("\(error)")
      throw error
    }
    // The change is on disk, and nobody may ever learn of it.
    try process.finish(call)
    await process.world.executor.turn()
    if process.isDead { throw SimulatedProcess.death }
    process.note("\(call) \(traced(value))")
    return value
  }
}

/// The counts of a run as they follow from what its changes moved.
private final class Moves: Sendable {
  struct Difference: Error {
    let added: StateCounts
    let counts: StateCounts
  }

  private let state = NIOLockedValueBox<StateCounts?>(nil)

  var counts: StateCounts? { state.withLockedValue { $0 } }

  func begin(with counts: StateCounts) { state.withLockedValue { $0 = $0 ?? counts } }

  func add(_ moved: StateCounts) { state.withLockedValue { $0? += moved } }

  func noting(_ change: () async throws -> Recorded) async throws -> Recorded {
    let recorded = try await change()
    add(recorded.moved)
    return recorded
  }
}

extension Claim {
  fileprivate var traced: String {
    switch self {
    case .chunk(let chunk): "\(chunk.number)/\(chunk.attempt)"
    case .notBefore(let moment, _): "not before \(moment.milliseconds)"
    case .none: "none"
    }
  }
}

extension Result<Claim, StoreError> {
  fileprivate var traced: String {
    switch self {
    case .success(let claim): claim.traced
    case .failure(let damage): damage.code.rawValue
    }
  }
}

extension RunExit {
  fileprivate var traced: String {
    switch self {
    case .finished: "finished"
    case .cancelled: "cancelled"
    case .paused(let reason, _): "paused \(reason.rawValue)"
    }
  }
}
