import BatchDomain
import Dispatcher
import NIOConcurrencyHelpers
import RunStore
import StoreCore
import TestSupport
import TransfersService

/// Runs the real loop over the real store against a model service, driving the clock.
struct RunScene {
  let folder: TemporaryFolder
  let clock = ManualClock()
  let store: SQLStore
  let session: any RunSession
  let events = EventLog()

  init(items: Int = 20, chunkSize: Int = 1, _ configure: (inout RunSettings) -> Void = { _ in }) async throws
  {
    try await self.init(
      sources: (0..<items).map { PlannedItems.source($0) }, chunkSize: chunkSize, configure)
  }

  init(
    sources: [String], chunkSize: Int, _ configure: (inout RunSettings) -> Void = { _ in }
  ) async throws {
    folder = try TemporaryFolder()
    store = try await SQLiteStore.open(path: folder.file("store.db"), now: clock.now())
    var settings = RunSettings()
    configure(&settings)
    session = try await PlannedItems.plan(
      sources, chunkSize: chunkSize, settings: settings, in: store,
      at: clock.now())
  }

  /// Runs to the end, moving the clock on whenever everybody sleeps.
  ///
  /// - Parameter during: runs beside the loop, with the stream that asks it to stop.
  func run(
    _ service: any TransfersAPI, isCancelling: Bool = false,
    during: @escaping @Sendable (AsyncStream<StopCause>.Continuation) async throws -> Void = { _ in }
  ) async throws -> RunExit {
    try await run(module: .transfers(service, session), isCancelling: isCancelling, during: during)
  }

  /// The same with any service.
  func run(
    module service: any ServiceModule, of session: (any RunSession)? = nil, isCancelling: Bool = false,
    during: @escaping @Sendable (AsyncStream<StopCause>.Continuation) async throws -> Void = { _ in }
  ) async throws -> RunExit {
    let session = session ?? self.session
    let (stops, stopper) = AsyncStream.makeStream(of: StopCause.self)
    let loop = RunLoop(
      session: session, service: service, clock: clock, random: SeededRandom(seed: 1), observer: events)
    return try await withThrowingTaskGroup(of: RunExit?.self) { group in
      group.addTask { try await loop.run(isCancelling: isCancelling, stops: stops) }
      group.addTask {
        try await during(stopper)
        return nil
      }
      group.addTask {
        // Small steps, so that a task that is woken acts before much more time passes. While all sleep for long, the
        // steps grow with the sleep: an hour in steps of 50 ms would be 72,000 turns of a pool that other tests share.
        while !Task.isCancelled {
          await clock.waitForSleepers(1)
          let wake = clock.nextWake ?? .milliseconds(50)
          clock.advance(by: min(wake, max(.milliseconds(50), wake / 50)))
          await Task.yield()
        }
        return nil
      }
      // Also when the loop throws: whoever waits for sleepers is let go.
      defer {
        group.cancelAll()
        clock.release()
      }
      while let next = try await group.next() { if let next { return next } }
      throw StoreError(.conflict, "the loop never ended")
    }
  }

  func summary() async throws -> RunSummary { try await store.summary(of: session.run) }
}

/// Keeps what the loop told.
final class EventLog: RunObserver {
  private struct State {
    var events: [RunEvent] = []
    var accepted = 0
    var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let state = NIOLockedValueBox(State())

  func observe(_ event: RunEvent) {
    let met = state.withLockedValue { state -> [CheckedContinuation<Void, Never>] in
      state.events.append(event)
      if case .progress(let counts) = event { state.accepted = counts.items(in: .accepted) }
      let accepted = state.accepted
      defer { state.watchers.removeAll { $0.count <= accepted } }
      return state.watchers.filter { $0.count <= accepted }.map(\.continuation)
    }
    for watcher in met { watcher.resume() }
  }

  /// Suspends until the loop told that so many items are accepted.
  func waitForAccepted(_ count: Int) async {
    await withCheckedContinuation { continuation in
      let isMet = state.withLockedValue { state in
        if state.accepted >= count { return true }
        state.watchers.append((count, continuation))
        return false
      }
      if isMet { continuation.resume() }
    }
  }

  var all: [RunEvent] { state.withLockedValue { $0.events } }

  var waits: [StoredWait] {
    all.compactMap { if case .waiting(let wait) = $0 { wait } else { nil } }
  }
}

extension ServiceModule where Self == TransfersService {
  /// The service of today's default profile, whose requests a model answers.
  static func transfers(_ api: any TransfersAPI, _ session: any RunSession) -> Self {
    TransfersService(
      api, profile: session.settings.profile, clock: ManualClock(), destination: session.settings.destination)
  }
}
