import BatchDomain
import Dispatcher
import NIOConcurrencyHelpers
import RunStore
import TestSupport
import TransfersService

/// Runs the real loop over the real store against a model service, driving the clock.
struct RunScene {
  let folder: TemporaryFolder
  let clock = ManualClock()
  let store: SQLiteStore
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
    let (stops, stopper) = AsyncStream.makeStream(of: StopCause.self)
    let loop = RunLoop(
      session: session, service: .transfers(service, session), clock: clock, random: SeededRandom(seed: 1),
      observer: events)
    return try await withThrowingTaskGroup(of: RunExit?.self) { group in
      group.addTask { try await loop.run(isCancelling: isCancelling, stops: stops) }
      group.addTask {
        try await during(stopper)
        return nil
      }
      group.addTask {
        // Small steps: whoever is woken acts before much more time passes.
        while !Task.isCancelled {
          await clock.waitForSleepers(1)
          clock.advance(by: min(clock.nextWake ?? .milliseconds(50), .milliseconds(50)))
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
  private let events = NIOLockedValueBox<[RunEvent]>([])

  func observe(_ event: RunEvent) { events.withLockedValue { $0.append(event) } }

  var all: [RunEvent] { events.withLockedValue { $0 } }

  var waits: [StoredWait] {
    all.compactMap { if case .waiting(let wait) = $0 { wait } else { nil } }
  }
}

extension ServiceModule where Self == TransfersService {
  /// The service of today's default profile, whose requests a model answers.
  static func transfers(_ api: any TransfersAPI, _ session: any RunSession) -> Self {
    TransfersService(
      api, profile: session.settings.profile, destination: session.settings.destination)
  }
}
