import BatchDomain
import Foundation
import NIOConcurrencyHelpers
import TestSupport

@testable import RunStore

/// A whole small run over the real store: opened, planned, sent to a service that is a ledger, settled by it, left.
///
/// What it does depends only on what is stored and on the ledger, so it can be begun again after any death, as the
/// commands do. It stops at the first error.
final class SmallRun: Sendable {
  /// What is known outside the store: it outlives the process.
  private struct Outside {
    var taken: [String: Int] = [:]
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

  /// The process died where the test wanted it to.
  struct Death: Error {}

  let path: String
  private let outside: NIOLockedValueBox<Outside>
  /// Called after every durable step, for tests that look at what is on disk then.
  private let afterStep: @Sendable () throws -> Void

  init(path: String, afterStep: @escaping @Sendable () throws -> Void = {}) {
    self.path = path
    self.afterStep = afterStep
    outside = NIOLockedValueBox(Outside())
  }

  /// The same run in a copy of its store, with the same past.
  init(path: String, goingOnFrom other: SmallRun) {
    self.path = path
    afterStep = {}
    outside = NIOLockedValueBox(other.outside.withLockedValue { $0 })
  }

  /// How often the service took each name.
  var taken: [String: Int] { outside.withLockedValue { $0.taken } }
  /// Chunks whose acceptance the store said to be durable.
  var acceptances: Set<Int> { outside.withLockedValue { $0.acceptances } }
  /// Whether the store said that the plan is durable.
  var isPlanned: Bool { plan != nil }
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
  private func die(_ store: SQLiteStore) async throws {
    try await store.close()
    for run in 1...4 { store.database.locks.releaseRun(Int64(run)) }
  }

  private func send(on store: SQLiteStore) async throws {
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
  private func session(on store: SQLiteStore) async throws -> (any RunSession)? {
    if let plan {
      if try await store.summary(of: plan).state == .finished { return nil }
      return try await store.take(plan, isCancelling: false, at: now())
    }
    guard let found = try await store.summaries(before: nil, limit: 2).first else {
      let draft = RunDraft(
        createdAt: now(), random: 1, name: nil, job: nil, manifest: "manifest.json", manifestFile: nil,
        settings: RunSettings())
      return try await fill(try await store.plan(draft))
    }
    switch found.state {
    case .planning: return try await fill(try await store.planAgain(found.run))
    case .running, .paused: return try await store.take(found.run, isCancelling: false, at: now())
    case .finished, .cancelled: return nil
    }
  }

  private func fill(_ planning: any PlanningSession) async throws -> any RunSession {
    let batch = PlannedItems.batch(Self.sources)
    var planner = ChunkPlanner(maxItems: Self.chunkSize, maxBytes: 1 << 20)
    try await planning.append(batch, chunks: planner.add(batch))
    if let last = planner.finish() { try await planning.add([last]) }
    let completion = try await planning.complete(
      PlanTotals(items: Self.sources.count, repeated: 0, digest: Array(repeating: 7, count: 32)), at: now())
    guard case .planned(let session) = completion else {
      throw StoreError(.conflict, "the only plan was refused as a repetition")
    }
    outside.withLockedValue { $0.plan = session.run }
    try afterStep()
    return session
  }

  private func sendPending(_ session: any RunSession) async throws {
    while true {
      switch try await session.claim(at: now()) {
      case .none: return
      case .notBefore(let moment, _): outside.withLockedValue { $0.now = max($0.now, moment) }
      case .chunk(let chunk):
        try afterStep()
        let result = answer(to: chunk)
        _ = try await session.record(result)
        if result.event == .accepted { accepted(chunk.number) }
        try afterStep()
      }
    }
  }

  /// Settles every unknown chunk by the ledger.
  ///
  /// - Returns: whether one is to be sent again.
  private func settle(_ session: any RunSession) async throws -> Bool {
    var isOpen = false
    for chunk in try await session.unknownChunks(after: nil, limit: 100) {
      let taken = taken
      let isTaken = chunk.items.allSatisfy { taken[$0.name.rawValue] != nil }
      let settlement = Settlement(
        chunk: chunk.number, attempt: chunk.attempt, verdict: isTaken ? .received : .notReceived,
        authority: .listing, evidence: Evidence("the ledger"), decidedAt: now(),
        event: isTaken ? .settledReceived : .settledNotReceived, countsAttempt: false)
      _ = try await session.settle(settlement)
      if isTaken { accepted(chunk.number) } else { isOpen = true }
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
    if isTaken {
      outside.withLockedValue { state in
        for name in Self.names(in: chunk.filePart) { state.taken[name, default: 0] += 1 }
      }
    }
    let finishedAt = now()
    return AttemptRecord(
      of: chunk, finishedAt: finishedAt,
      took: finishedAt.since(chunk.startedAt), outcome: outcome, status: outcome == .accepted ? 200 : nil,
      code: nil, message: nil, isCounted: false, event: event, readyAt: Timestamp(milliseconds: 0),
      wait: outcome == .throttled
        ? StoredWait(until: finishedAt + .seconds(5), reason: "the service asks to wait") : nil)
  }

  private func accepted(_ chunk: ChunkNumber) {
    outside.withLockedValue { _ = $0.acceptances.insert(chunk.rawValue) }
  }

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
