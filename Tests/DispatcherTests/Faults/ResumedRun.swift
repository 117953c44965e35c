import BatchDomain
import Dispatcher
import NIOConcurrencyHelpers
import TestSupport
import TransfersService

@testable import RunStore
@testable import StoreCore

/// A whole small run through the real loop over the real store, begun again after any death as `resume` does.
///
/// The service and the clock outlive the processes.
struct ResumedRun {
  static let items = 4

  /// A service to which the second item's first answer is lost, and the third item's first request, so that its list
  /// has to be read.
  static func model(on clock: ManualClock) -> ModelService {
    let seen = NIOLockedValueBox<Set<[String]>>([])
    return ModelService(clock: clock) { _, names in
      guard seen.withLockedValue({ $0.insert(names).inserted }) else { return .accept }
      return switch names {
      case ["000001.mp4"]: .takeAndLose
      case ["000002.mp4"]: .lose
      default: .accept
      }
    }
  }

  /// A service of two steps to which the second item's first answer of the first step and the fourth's of the second
  /// are lost, the third item's first request of the first step and the first's of the second, and which has to be
  /// polled twice between the steps.
  static func steppedModel() -> SteppedService {
    SteppedService(looking: { _, look in
      look < 1 ? .working(status: "processing") : .done(mediaLength: nil)
    }) { step, chunk, request in
      guard request == 0 else { return .take() }
      return switch (step, chunk.rawValue) {
      case (.upload, 1), (.index, 3): .takeAndLose
      case (.upload, 2), (.index, 0): .lose
      default: .take()
      }
    }
  }

  let path: String
  let clock: ManualClock
  private let profile: ServiceProfile
  private let service: @Sendable (any RunSession) -> any ServiceModule

  /// A run of the default profile.
  init(path: String, clock: ManualClock, service: any TransfersAPI) {
    self.path = path
    self.clock = clock
    profile = .v1
    self.service = { .transfers(service, $0) }
  }

  /// A run of two steps.
  init(path: String, clock: ManualClock, service: SteppedService) {
    self.path = path
    self.clock = clock
    profile = .v1_3
    self.service = { _ in service }
  }

  /// Lives as one process: from opening the store to leaving the run, or to the first error.
  ///
  /// - Returns: how the run was left; `nil` when nothing was left to do.
  @discardableResult
  func live() async throws -> RunExit? {
    let store = try await SQLiteStore.open(path: path, now: clock.now())
    let result: Result<RunExit?, any Error>
    do {
      result = .success(try await work(on: store))
    } catch {
      result = .failure(error)
    }
    // A process that ends, however it does, frees its locks and checkpoints nothing.
    try await store.close()
    for row in 1...4 { store.engine.releaseRun(Int64(row)) }
    return try result.get()
  }

  private func work(on store: SQLStore) async throws -> RunExit? {
    guard let session = try await session(on: store) else { return nil }
    let (stops, stopper) = AsyncStream.makeStream(of: StopCause.self)
    defer { stopper.finish() }
    let loop = RunLoop(
      session: session, service: service(session), clock: clock, random: SeededRandom(seed: 1),
      observer: EventLog())
    return try await withThrowingTaskGroup(of: RunExit?.self) { group in
      group.addTask { try await loop.run(stops: stops) }
      group.addTask {
        while !Task.isCancelled {
          await clock.waitForSleepers(1)
          clock.advance(by: clock.nextWake ?? .milliseconds(1))
        }
        return nil
      }
      defer {
        group.cancelAll()
        clock.release()
      }
      return try await group.next() ?? nil
    }
  }

  private func session(on store: SQLStore) async throws -> (any RunSession)? {
    guard let found = try await store.summaries(before: nil, limit: 2).first else {
      return try await plan(store)
    }
    switch found.state {
    case .planning:
      // Nothing of it was sent: given up, it is planned anew.
      try await store.planAgain(found.run).abandon()
      return try await plan(store)
    case .finished where found.counts.chunks(in: .accepted) == Self.items:
      return nil
    case .running, .paused, .finished, .cancelled:
      return try await store.take(found.run, isCancelling: false, at: clock.now())
    }
  }

  private func plan(_ store: SQLStore) async throws -> any RunSession {
    var settings = RunSettings()
    settings.profile = profile
    settings.concurrency = 2
    settings.settleDelay = .seconds(1)
    settings.maxWait = .seconds(120)
    return try await PlannedItems.plan(
      (0..<Self.items).map { PlannedItems.source($0) }, chunkSize: 1, settings: settings, in: store,
      at: clock.now())
  }

  /// Chunks that can prove what the service's list has caught up to.
  var controls: Int {
    get throws {
      try Raw.query("SELECT 1 FROM attempt WHERE number = 1 AND outcome = 'accepted'", in: path).count
    }
  }

  /// The ids that the store has of each chunk's steps, and what its own audit finds.
  func records() async throws -> (ids: [ChunkStep: [ChunkNumber: [String]]], problems: [String]) {
    let store = try await SQLiteStore.open(path: path, now: clock.now())
    let run = try await store.summaries(before: nil, limit: 1)[0].run
    var ids: [ChunkStep: [ChunkNumber: [String]]] = [:]
    for row in try await store.items(of: run, matching: RowFilter(), from: 0, limit: Self.items).rows {
      for (step, id) in row.externalIDs { ids[step, default: [:]][row.chunk, default: []].append(id) }
    }
    // The made-up manifest has no digest.
    let problems = try await store.audit(run, listing: 10).problems.filter { $0.check != .manifestDigest }
    try await store.close()
    return (ids, problems.map { "\($0.row) \($0.message)" })
  }

  /// Items whose fate is not known.
  var unknownItems: Int {
    get throws {
      let counts = try Raw.query("SELECT item_count FROM chunk WHERE state = 'unknown'", in: path)
      return counts.compactMap(Int.init).reduce(0, +)
    }
  }

  /// Lives again and again, an hour later each time, until the service has taken everything and the store knows.
  ///
  /// - Returns: whether that was so within a few lives.
  func finish() async throws -> Bool {
    for _ in 0..<6 {
      try await live()
      let states = try Raw.query("SELECT DISTINCT state FROM chunk UNION ALL SELECT state FROM run", in: path)
      if states == ["accepted", "finished"] { return true }
      clock.advance(by: .seconds(3_600))
    }
    return false
  }
}
