import BatchDomain
import Dispatcher
import NIOConcurrencyHelpers
import TestSupport
import TransfersService

@testable import RunStore
@testable import StoreCore

/// A run over the real store whose database can be made to refuse changes, on the manual clock.
struct TroubledScene {
  let folder: TemporaryFolder
  let clock = ManualClock()
  let store: SQLStore
  let run: RunID
  let items: Int

  /// A planned run of that many items in chunks of one.
  init(items: Int) async throws {
    self.items = items
    folder = try TemporaryFolder()
    store = try await SQLiteStore.open(path: folder.file("store.db"), clock: clock)
    let sources = (0..<items).map { PlannedItems.source($0) }
    var digest = ContentDigest()
    for source in sources { digest.update(WireForm.bytes(of: source.utf8) + [0x0A]) }
    let session = try await PlannedItems.plan(
      sources, chunkSize: 1, in: store, at: clock.now(), digest: digest.finished())
    run = session.run
    try await session.release(as: .paused(.signal, detail: nil), at: clock.now())
    // The engine's own patience would be real time.
    try await store.database.read { try $0.execute("PRAGMA busy_timeout = 0") }
  }

  /// Takes the run and works on it until it is left, moving the clock on whenever everybody sleeps.
  ///
  /// - Parameter react: is told each event of the run.
  func resume(
    _ service: ModelService, _ react: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) async throws -> RunExit {
    let session = try await store.take(run, isCancelling: false, at: clock.now())
    let (stops, _) = AsyncStream.makeStream(of: StopCause.self)
    let loop = RunLoop(
      session: session, service: .transfers(service, session), clock: clock, random: SeededRandom(seed: 1),
      observer: Reaction(react))
    return try await withThrowingTaskGroup(of: RunExit?.self) { group in
      group.addTask { try await loop.run(stops: stops) }
      group.addTask {
        while !Task.isCancelled {
          await clock.waitForSleepers(1)
          clock.advance(by: min(clock.nextWake ?? .milliseconds(50), .milliseconds(50)))
          await Task.yield()
        }
        return nil
      }
      defer {
        group.cancelAll()
        clock.release()
      }
      while let next = try await group.next() { if let next { return next } }
      throw StoreError(.conflict, "the loop never ended")
    }
  }

  /// What the end of a process does to its locks.
  func die() async throws {
    let row = try await store.database.read { try SQLStore.row(of: run, in: $0) }
    store.engine.releaseRun(row)
  }

  /// Lets the database grow no further, as on a full disk, or again.
  func setFull(_ isFull: Bool) async throws {
    // SQLite takes the present size for a limit that is below it.
    try await store.database.read { try $0.execute("PRAGMA max_page_count = \(isFull ? 1 : 1_000_000)") }
  }

  /// How often each item was taken by a service, as a set of the numbers seen.
  func timesTaken(_ service: ModelService) -> Set<Int> {
    let taken = service.taken
    return Set((0..<items).map { taken["\($0.padded(6)).mp4"] ?? 0 })
  }

  /// What an audit of the run finds.
  func problems() async throws -> [AuditProblem] { try await store.audit(run, listing: 10).problems }
}

/// Hands the events of a run to a closure.
struct Reaction: RunObserver {
  private let react: @Sendable (RunEvent) -> Void

  init(_ react: @escaping @Sendable (RunEvent) -> Void) { self.react = react }

  func observe(_ event: RunEvent) { react(event) }
}
