import BatchDomain
import Foundation
import NIOConcurrencyHelpers
import TestSupport

@testable import RunStore
@testable import StoreCore

/// A whole small run over the real store: opened, planned, sent to a service that is a ledger, settled by it, left.
///
/// What it does depends only on what is stored and on the ledger, so it can be begun again after any death, as the
/// commands do. It stops at the first error.
final class SmallRun: Sendable {
  /// What is known outside the store: it outlives the process.
  private struct Outside {
    var taken: [String: Int] = [:]
    /// Steps of chunks that were sent, with two steps.
    var sent: Set<String> = []
    var ids: Set<String> = []
    var acceptances: Set<Int> = []
    var plan: RunID?
    var isLeft = false
    var now = TestStore.start
  }

  /// Items per chunk.
  static let chunkSize = 2
  static let chunks = 4
  static let sources = (0..<chunks * chunkSize).map { PlannedItems.source($0) }
  static let names = Set((0..<chunks * chunkSize).map { "\($0.padded(6)).mp4" })

  /// Items of the run of two steps, each of which is a chunk.
  private static let steppedSources = Array(sources.prefix(chunks))

  /// The process died where the test wanted it to.
  struct Death: Error {}

  let path: String
  private let profile: ServiceProfile
  private let outside: NIOLockedValueBox<Outside>
  /// Called after every durable step, for tests that look at what is on disk then.
  private let afterStep: @Sendable () throws -> Void

  init(
    path: String, profile: ServiceProfile = .v1, afterStep: @escaping @Sendable () throws -> Void = {}
  ) {
    self.path = path
    self.profile = profile
    self.afterStep = afterStep
    outside = NIOLockedValueBox(Outside())
  }

  /// The same run in a copy of its store, with the same past.
  init(path: String, goingOnFrom other: SmallRun) {
    self.path = path
    profile = other.profile
    afterStep = {}
    outside = NIOLockedValueBox(other.outside.withLockedValue { $0 })
  }

  /// What the service has to have taken in the end: names, and with two steps the ids of what it made of them.
  var expected: Set<String> {
    guard isStepped else { return Self.names }
    return Set(
      Self.steppedSources.indices.flatMap { item in
        profile.steps.map { Self.id($0, "\(item.padded(6)).mp4") }
      })
  }
  /// How often the service took each name; with two steps how often it made each id.
  var taken: [String: Int] { outside.withLockedValue { $0.taken } }
  /// Chunks whose acceptance the store said to be durable.
  var acceptances: Set<Int> { outside.withLockedValue { $0.acceptances } }
  /// Ids that the store said to be durable.
  var ids: Set<String> { outside.withLockedValue { $0.ids } }
  /// Whether the store said that the plan is durable.
  var isPlanned: Bool { plan != nil }
  private var isStepped: Bool { profile.steps.count > 1 }
  private var plan: RunID? { outside.withLockedValue { $0.plan } }
  /// Whether the store said that the run is left.
  var isLeft: Bool { outside.withLockedValue { $0.isLeft } }

  /// Lives as one process: from opening the store to leaving the run, or to the first error.
  func live() async throws {
    let store = try await SQLiteStore.open(path: path, now: now())
    do {
      try await send(on: store)
    } catch {
      try await die(store)
      throw error
    }
    try await die(store)
  }

  /// Ends as a process does: its locks are free, and nothing is checkpointed.
  private func die(_ store: SQLStore) async throws {
    try await store.close()
    for run in 1...4 { store.engine.releaseRun(Int64(run)) }
  }

  private func send(on store: SQLStore) async throws {
    guard let session = try await session(on: store) else { return }
    var isOpen = true
    while isOpen {
      try await sendPending(session)
      isOpen = try await settle(session)
    }
    try await session.release(as: .finished, at: now())
    outside.withLockedValue { $0.isLeft = true }
    try afterStep()
  }

  /// The run as this process finds it: to be planned, to be planned again, or to be taken over; `nil` when nothing is
  /// left to do.
  private func session(on store: SQLStore) async throws -> (any RunSession)? {
    if let plan {
      if try await store.summary(of: plan).state == .finished { return nil }
      return try await store.take(plan, isCancelling: false, at: now())
    }
    guard let found = try await store.summaries(before: nil, limit: 2).first else {
      var settings = RunSettings()
      settings.profile = profile
      let draft = RunDraft(
        createdAt: now(), random: 1, name: nil, job: nil, manifest: "manifest.json", manifestFile: nil,
        settings: settings)
      return try await fill(try await store.plan(draft))
    }
    switch found.state {
    case .planning: return try await fill(try await store.planAgain(found.run))
    case .running, .paused: return try await store.take(found.run, isCancelling: false, at: now())
    case .finished, .cancelled: return nil
    }
  }

  private func fill(_ planning: any PlanningSession) async throws -> any RunSession {
    let sources = isStepped ? Self.steppedSources : Self.sources
    let batch = PlannedItems.batch(sources)
    var planner = ChunkPlanner(maxItems: sources.count / Self.chunks, maxBytes: 1 << 20)
    try await planning.append(batch, chunks: planner.add(batch))
    if let last = planner.finish() { try await planning.add([last]) }
    let completion = try await planning.complete(
      PlanTotals(items: sources.count, repeated: 0, digest: Array(repeating: 7, count: 32)), at: now())
    guard case .planned(let session) = completion else {
      throw StoreError(.conflict, "the only plan was refused as a repetition")
    }
    outside.withLockedValue { $0.plan = session.run }
    try afterStep()
    return session
  }

  private func sendPending(_ session: any RunSession) async throws {
    var isMoving = true
    while isMoving {
      for step in profile.steps { try await sendPending(step, session) }
      isMoving = false
      for chunk in try await session.processingChunks(after: nil, limit: 100) {
        _ = try await session.record(
          ProcessingResult(
            of: chunk, at: now(), event: .stepDone, nextStep: profile.steps.last, mediaLength: .seconds(90)))
        try afterStep()
        isMoving = true
      }
    }
  }

  private func sendPending(_ step: ChunkStep, _ session: any RunSession) async throws {
    while true {
      switch try await session.claim(step, at: now()) {
      case .none: return
      case .notBefore(let moment, _): outside.withLockedValue { $0.now = max($0.now, moment) }
      case .chunk(let chunk):
        try afterStep()
        let result = isStepped ? try steppedAnswer(to: chunk) : answer(to: chunk)
        _ = try await session.record(result)
        recorded(result.event, chunk.number, result.externalID)
        try afterStep()
      }
    }
  }

  /// Settles every unknown chunk by the ledger.
  ///
  /// - Returns: whether one is to be sent again, or goes on.
  private func settle(_ session: any RunSession) async throws -> Bool {
    var isOpen = false
    for chunk in try await session.unknownChunks(after: nil, limit: 100) {
      let taken = taken
      let names = chunk.items.map(\.name.rawValue)
      let isTaken = names.allSatisfy { taken[isStepped ? Self.id(chunk.step, $0) : $0] != nil }
      let received: ChunkEvent = chunk.step == profile.steps.last ? .settledReceived : .stepAccepted
      var settlement = Settlement(
        chunk: chunk.number, attempt: chunk.attempt, verdict: isTaken ? .received : .notReceived,
        authority: .listing, evidence: Evidence("the ledger"), decidedAt: now(),
        event: isTaken ? received : .settledNotReceived, countsAttempt: false)
      if isStepped, isTaken { settlement.externalID = Self.id(chunk.step, names[0]) }
      _ = try await session.settle(settlement)
      recorded(settlement.event, chunk.number, settlement.externalID)
      if settlement.event != .settledReceived { isOpen = true }
      try afterStep()
    }
    return isOpen
  }

  /// The service: chunk 1 is taken and its first answer lost, chunk 2 is told to wait at first, chunk 3 is lost on
  /// its way at first; everything else is taken.
  private func answer(to chunk: ClaimedChunk) -> AttemptRecord {
    let isFirst = chunk.attempt == 1
    let (outcome, event, isTaken): (Outcome, ChunkEvent, Bool) =
      switch chunk.number.rawValue {
      case 1 where isFirst: (.unknown, .answerLost, true)
      case 2 where isFirst: (.throttled, .requeued, false)
      case 3 where isFirst: (.unknown, .answerLost, false)
      default: (.accepted, .accepted, true)
      }
    if isTaken { take(Self.names(in: chunk.filePart)) }
    return record(of: chunk, outcome, event)
  }

  /// A service of two steps that does the same to the first request of a step: to chunks 1, 2 and 3 in the first, to
  /// chunks 2, 3 and 0 in the second, which wants the id of what the first made.
  private func steppedAnswer(to chunk: ClaimedChunk) throws -> AttemptRecord {
    let isFirst = outside.withLockedValue { $0.sent.insert("\(chunk.step) \(chunk.number)").inserted }
    let isLast = chunk.step == profile.steps.last
    let name = Self.names(in: chunk.filePart)[0]
    if isLast, chunk.externalIDs[profile.firstStep] != Self.id(profile.firstStep, name) {
      throw StoreError(.damaged, "the second step of \(name) was sent with \(chunk.externalIDs)")
    }
    let (outcome, event, isTaken): (Outcome, ChunkEvent, Bool) =
      switch (chunk.number.rawValue + (isLast ? Self.chunks - 1 : 0)) % Self.chunks {
      case 1 where isFirst: (.unknown, .answerLost, true)
      case 2 where isFirst: (.throttled, .requeued, false)
      case 3 where isFirst: (.unknown, .answerLost, false)
      default: (.accepted, isLast ? .accepted : .stepAccepted, true)
      }
    if isTaken { take([Self.id(chunk.step, name)]) }
    var result = record(of: chunk, outcome, event)
    if outcome == .accepted { result.externalID = Self.id(chunk.step, name) }
    return result
  }

  private func record(of chunk: ClaimedChunk, _ outcome: Outcome, _ event: ChunkEvent) -> AttemptRecord {
    let finishedAt = now()
    return AttemptRecord(
      of: chunk, finishedAt: finishedAt,
      took: finishedAt.since(chunk.startedAt), outcome: outcome, status: outcome == .accepted ? 200 : nil,
      code: nil, message: nil, isCounted: false, event: event, readyAt: Timestamp(milliseconds: 0),
      wait: outcome == .throttled
        ? StoredWait(until: finishedAt + .seconds(5), reason: "the service asks to wait") : nil)
  }

  private func take(_ things: [String]) {
    outside.withLockedValue { state in
      for thing in things { state.taken[thing, default: 0] += 1 }
    }
  }

  /// Keeps what the store has just said to be durable.
  private func recorded(_ event: ChunkEvent?, _ chunk: ChunkNumber, _ id: String?) {
    outside.withLockedValue { state in
      if event == .accepted || event == .settledReceived { state.acceptances.insert(chunk.rawValue) }
      if let id { state.ids.insert(id) }
    }
  }

  /// The id of what a step makes of an item.
  private static func id(_ step: ChunkStep, _ name: String) -> String { "\(step.rawValue) \(name)" }

  private func now() -> Timestamp {
    outside.withLockedValue { state in
      state.now = state.now + .milliseconds(250)
      return state.now
    }
  }

  private static func names(in filePart: [UInt8]) -> [String] {
    let items = (try? JSONSerialization.jsonObject(with: Data(filePart))) as? [[String: String]] ?? []
    return items.compactMap { $0["object"]?.split(separator: "/").last.map(String.init) }
  }
}
