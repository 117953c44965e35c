import BatchDomain
import Dispatcher
import Foundation
import NIOConcurrencyHelpers
import RunStore
import ServiceHTTP
import StoreCore
import TestSupport
import Testing
import TransfersService

/// Several processes with a run each on one store: the real dispatchers over the real store, on one thread, in an order that
/// the seed decides.
@Suite("Several runs on one store, simulated from seeds", .timeLimit(.minutes(10)))
struct SharedStoreSimulationTests {
  private static let seeds: Range<UInt64> = 0..<8

  @Test("chunks of 20 have their share beside chunks of 1 under --item-rate", arguments: seeds)
  func largeBesideSmall(seed: UInt64) async throws {
    let limit = Rate(count: 60, window: .minute)
    let world = try await SharedStore.played(seed) { world in
      world.begin(items: 500, chunkSize: 1, after: .zero) { $0.itemRates = [limit] }
      world.begin(items: 100, chunkSize: 20, after: .seconds(90)) { $0.itemRates = [limit] }
    }
    let sent = world.sent
    let last = try #require(sent.filter { $0.run == 1 }.map(\.at).max())
    let beside = sent.filter { $0.run == 0 && .seconds(90) < $0.at && $0.at <= last }
    // As many items went beside its 100, to what a window and a request have.
    #expect(beside.count <= 100 + 60, "\(beside.count)")
    #expect(sent.reduce(0) { $0 + $1.items } == 600)
    #expect(world.endings == [.finished, .finished])
    #expect(world.mostItems(in: .seconds(60)) <= 60)
  }

  @Test("two equal runs have equal shares of --rate, and a third its own when it comes", arguments: seeds)
  func equalRuns(seed: UInt64) async throws {
    let limit = Rate(count: 10, window: .minute)
    let world = try await SharedStore.played(seed) { world in
      for number in 0..<3 {
        world.begin(items: 60, chunkSize: 1, after: .seconds(number < 2 ? number : 300)) {
          $0.rates = [limit]
        }
      }
    }
    let sent = world.sent
    func count(_ run: Int, _ from: Int, _ to: Int) -> Int {
      sent.count { $0.run == run && .seconds(from) <= $0.at && $0.at < .seconds(to) }
    }
    // The first of them has a window for itself.
    let two = (0..<2).map { count($0, 60, 300) }
    #expect(abs(two[0] - two[1]) <= 10, "\(two)")
    let three = (0..<3).map { count($0, 300, 900) }
    #expect((three.max() ?? 0) - (three.min() ?? 0) <= 10, "\(three)")
    // Nothing of the limit is lost: 180 requests in 18 windows.
    let last = try #require(sent.map(\.at).max())
    #expect(last <= .seconds(18 * 60 + 30), "\(last)")
    #expect(world.endings == [.finished, .finished, .finished])
    #expect(world.mostItems(in: .seconds(60)) <= 10)
  }

  @Test("runs that have only work outside their windows, or that stop, hold up nobody", arguments: seeds)
  func othersWait(seed: UInt64) async throws {
    let limit = Rate(count: 12, window: .minute)
    let world = try await SharedStore.played(seed) { world in
      // The clock begins at 15:06:40.
      world.begin(items: 200, chunkSize: 4, after: .zero) {
        $0.itemRates = [limit]
        $0.windows = [SendingWindow(opens: 15 * 60, closes: 15 * 60 + 9)]
        $0.zone = "UTC"
      }
      world.begin(items: 200, chunkSize: 4, after: .seconds(1), stopsAfter: .seconds(150)) {
        $0.itemRates = [limit]
      }
      world.begin(items: 100, chunkSize: 1, after: .seconds(2), isLast: true) { $0.itemRates = [limit] }
    }
    let sent = world.sent
    let last = try #require(sent.filter { $0.run == 2 }.map(\.at).max())
    // From the third minute on all of the limit is its own.
    let before = sent.count { $0.run == 2 && $0.at < .seconds(180) }
    #expect(last <= .seconds(180 + 60 * (100 - before) / 12 + 70), "\(last), \(before) before")
    #expect(sent.filter { $0.run == 2 }.count == 100)
    #expect(world.mostItems(in: .seconds(60)) <= 12)
  }

  @Test("runs of the same file names send nothing twice where the list is behind", arguments: seeds)
  func equalNames(seed: UInt64) async throws {
    let world = try await SharedStore.played(seed) { world in
      world.loseAnswers(oneOf: 3, listing: .seconds(90))
      for number in 0..<3 {
        world.begin(items: 12, chunkSize: 1, after: .seconds(80 * number)) { $0.concurrency = 2 }
      }
    }
    #expect(world.lost > 0)
    #expect(world.taken.filter { $0.value > 1 } == [:])
  }
}

/// A world of several processes on one machine.
private final class SharedStore: Sendable {
  struct Sent: Sendable {
    let run: Int
    let at: Duration
    let items: Int
  }

  private struct Plan: Sendable {
    let number: Int
    let items: Int
    let chunkSize: Int
    let settings: RunSettings
    let after: Duration
    let stopsAfter: Duration?
    let isLast: Bool
  }

  private struct State {
    var plans: [Plan] = []
    var sent: [Sent] = []
    var endings: [Int: RunExit] = [:]
    var failures: [String] = []
    var stoppers: [AsyncStream<StopCause>.Continuation] = []
    var lossOdds: Int?
    var lag: Duration = .zero
    var lost = 0
    var taken: [String: Int] = [:]
    var tasks: [TaskRow] = []
  }

  let executor: SeededExecutor
  let timeline = Timeline()
  let random: SeededRandom
  private let folder: TemporaryFolder
  private let storage: FaultyFolder
  private let state = NIOLockedValueBox(State())

  private init(seed: UInt64) throws {
    random = SeededRandom(seed: seed &* 977 &+ 5)
    executor = SeededExecutor(random: random)
    folder = try TemporaryFolder()
    storage = try FaultyFolder(folder)
  }

  /// A world that was played to its end, on a thread of its own, which leaves the shared task pool alone.
  ///
  /// - Parameter begin: what there is in it.
  static func played(
    _ seed: UInt64, _ begin: @escaping @Sendable (SharedStore) -> Void
  ) async throws -> SharedStore {
    let world: SharedStore = try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        do {
          let world = try SharedStore(seed: seed)
          begin(world)
          world.play()
          continuation.resume(returning: world)
        } catch {
          continuation.resume(throwing: error)
        }
      }
    }
    #expect(world.failures == [])
    return world
  }

  var sent: [Sent] { state.withLockedValue { $0.sent } }
  /// Answers that were lost.
  var lost: Int { state.withLockedValue { $0.lost } }
  /// How often the service took each object.
  var taken: [String: Int] { state.withLockedValue { $0.taken } }
  /// What went wrong that no request shows.
  private var failures: [String] { state.withLockedValue { $0.failures } }

  /// How the runs ended, in the order in which they were begun.
  var endings: [RunExit?] {
    state.withLockedValue { state in state.plans.map { state.endings[$0.number] } }
  }

  /// A process that begins after a while, plans a run and sends it.
  ///
  /// - Parameters:
  ///   - stopsAfter: when somebody stops it with a signal.
  ///   - isLast: whether all others are stopped once it has ended.
  func begin(
    items: Int, chunkSize: Int, after: Duration, stopsAfter: Duration? = nil, isLast: Bool = false,
    _ configure: (inout RunSettings) -> Void
  ) {
    var settings = RunSettings()
    settings.chunkSize = chunkSize
    configure(&settings)
    state.withLockedValue { [settings] state in
      state.plans.append(
        Plan(
          number: state.plans.count, items: items, chunkSize: chunkSize, settings: settings, after: after,
          stopsAfter: stopsAfter, isLast: isLast))
    }
  }

  /// Lets one of so many answers be lost, every other one of a request that was taken. The list shows a task only after a while.
  func loseAnswers(oneOf odds: Int, listing lag: Duration) {
    state.withLockedValue { state in
      state.lossOdds = odds
      state.lag = lag
    }
  }

  private func play() {
    let plans = state.withLockedValue { $0.plans }
    for plan in plans {
      timeline.after(plan.after) { [self] in
        Task(executorPreference: executor) {
          do {
            try await self.live(plan)
          } catch {
            self.state.withLockedValue { $0.failures.append("run \(plan.number): \(error)") }
          }
        }
      }
    }
    var turns = 0
    while turns < 2_000_000, executor.runOne() || timeline.advance() { turns += 1 }
    state.withLockedValue { state in
      if executor.strays > 0 { state.failures.append("\(executor.strays) pieces left the executor") }
      if state.endings.count < plans.count { state.failures.append("not ended after \(turns) turns") }
    }
  }

  private func live(_ plan: Plan) async throws {
    let clock = MachineClock(timeline: timeline)
    let store = try await SQLiteStore.open(
      path: folder.file("store.db"), clock: clock, queue: SeededExecutor.Lane(executor))
    let session = try await PlannedItems.plan(
      (0..<plan.items).map { PlannedItems.source($0, name: "\(plan.number)/\($0).mp4") },
      chunkSize: plan.chunkSize, settings: plan.settings, in: store, at: timeline.now, random: random.next(),
      digest: Array(repeating: UInt8(plan.number), count: 32))
    let (stops, stopper) = AsyncStream.makeStream(of: StopCause.self)
    state.withLockedValue { $0.stoppers.append(stopper) }
    if let after = plan.stopsAfter { timeline.after(after) { stopper.yield(.asked) } }
    let loop = RunLoop(
      session: session,
      service: TransfersService(
        Accepting(world: self, run: plan.number, clock: clock), profile: .v1, clock: clock,
        destination: plan.settings.destination),
      clock: clock, random: random, observer: Unobserved())
    let ending = try await loop.run(stops: stops)
    let stoppers = state.withLockedValue { state in
      state.endings[plan.number] = ending
      return plan.isLast ? state.stoppers : []
    }
    for stopper in stoppers { stopper.yield(.asked) }
    try await store.close()
  }

  fileprivate func note(_ run: Int, items: Int) {
    state.withLockedValue { $0.sent.append(Sent(run: run, at: timeline.elapsed, items: items)) }
  }

  /// The service has a request.
  ///
  /// - Returns: whether its answer arrives.
  fileprivate func receive(_ content: [UInt8]) -> Bool {
    guard let odds = state.withLockedValue({ $0.lossOdds }) else { return true }
    let items = (try? JSONSerialization.jsonObject(with: Data(content))) as? [[String: String]] ?? []
    let dice = random.next()
    return state.withLockedValue { state in
      let isLost = dice % UInt64(odds) == 0
      let isTaken = !isLost || (dice >> 32) % 2 == 0
      if isLost { state.lost += 1 }
      guard isTaken else { return false }
      for item in items {
        guard let object = item["object"] else { continue }
        state.taken[object, default: 0] += 1
        state.tasks.append(
          TaskRow(
            id: "task-\(state.tasks.count)", index: item["index_id"].map { IndexID($0) },
            fileName: ObjectName(object).fileName, createdAt: timeline.now))
      }
      return !isLost
    }
  }

  /// The tasks that the list shows, newest first.
  fileprivate var listed: [TaskRow] {
    let now = timeline.now
    return state.withLockedValue { state in
      state.tasks.filter { row in row.createdAt.map { $0 + state.lag <= now } ?? true }.reversed()
    }
  }

  /// The most items of a window.
  func mostItems(in window: Duration) -> Int {
    let sent = self.sent
    var most = 0
    for (place, request) in sent.enumerated() {
      let inWindow = sent[...place].reversed().prefix { request.at - $0.at < window }
      most = max(most, inWindow.reduce(0) { $0 + $1.items })
    }
    return most
  }
}

/// A service that answers each request after a while, and takes everything unless the world loses answers.
private struct Accepting: TransfersAPI {
  let world: SharedStore
  let run: Int
  let clock: MachineClock

  func submit(_ unit: SendUnit) async -> Result<Answer, TransportFailure> {
    world.note(run, items: unit.itemCount)
    do {
      try await clock.sleep(for: .milliseconds(Int64(50 + world.random.next() % 1_500)))
    } catch {
      return .failure(TransportFailure(progress: .maybeWritten, code: "cancelled", message: "cancelled"))
    }
    guard world.receive(unit.content) else {
      return .failure(TransportFailure(progress: .maybeWritten, code: "reset", message: "reset"))
    }
    return .success(Answer(status: 200))
  }

  func listTasks(index: IndexID?, page: Int) async throws(ListingFailure) -> TaskListPage {
    TaskListPage(Array(world.listed.dropFirst((page - 1) * 50).prefix(50)))
  }

  func task(_ id: String) async throws(ListingFailure) -> TaskRow { throw .refused(Answer(status: 404)) }
}

private struct Unobserved: RunObserver {
  func observe(_ event: RunEvent) {}
}

/// The clock of the one machine that all processes are on.
private final class MachineClock: BatchClock {
  private struct State {
    var next = 0
    var sleepers: [Int: (timer: Int, continuation: CheckedContinuation<Void, any Error>)] = [:]
  }

  private let timeline: Timeline
  private let state = NIOLockedValueBox(State())

  init(timeline: Timeline) { self.timeline = timeline }

  func now() -> Timestamp { timeline.now }

  func elapsed() -> Duration { timeline.elapsed }

  func sleep(for duration: Duration) async throws {
    let id = state.withLockedValue { state in
      state.next += 1
      return state.next
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
        let timer = timeline.after(duration) { [self] in
          state.withLockedValue { $0.sleepers.removeValue(forKey: id) }?.continuation.resume()
        }
        state.withLockedValue { $0.sleepers[id] = (timer, continuation) }
      }
    } onCancel: {
      guard let sleeper = state.withLockedValue({ $0.sleepers.removeValue(forKey: id) }) else { return }
      timeline.cancel(sleeper.timer)
      sleeper.continuation.resume(throwing: CancellationError())
    }
  }
}
