import AssetsService
import BatchDomain
import NIOConcurrencyHelpers
import ServiceHTTP
import TestSupport
import TransfersService

@testable import OrchestrateCommands
@testable import RunStore
@testable import StoreCore

/// One process of a world: its clock, and the ways by which its store and its requests leave it. At each of them it may die:
/// from then on nothing that it does has any effect.
final class NightProcess: BatchClock {
  /// Where a process dies. Requests and writes are counted from 1.
  enum Death: Sendable, Equatable {
    /// Its next request does not leave.
    case before(request: Int)
    /// The service has taken its request, and it does not learn the answer.
    case after(request: Int)
    /// A write to the disk is cut off in the middle.
    case writing(Int)
    /// So long after it began to wait for something.
    case later(Duration)
  }

  private struct Sleeper {
    /// What wakes it; `nil` for one that only its process wakes.
    let timer: Int?
    let continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var isDead = false
    var isOver = false
    var requests = 0
    var sleepers: [Int: Sleeper] = [:]
    var nextSleeper = 0
    var deathTimer: Int?
    var stores: [SQLStore] = []
    var signals: [StopSignals] = []
  }

  /// What a dead process is told by its calls.
  private struct Died: Error {}

  private let world: NightWorld
  private let death: Death?
  private let state = NIOLockedValueBox(State())

  /// A process that has not begun.
  init(in world: NightWorld, dying death: Death?) {
    self.world = world
    self.death = death
  }

  /// Its command is about to begin.
  func begin() {
    if case .writing(let number) = death { world.storage.arm(.writeError, at: number, lasting: true) }
  }

  /// Frees what the system frees when a process is gone.
  ///
  /// - Returns: whether it died.
  func end() async throws -> Bool {
    let failures = world.storage.disarm()
    var hasLostWrites = false
    if case .writing = death { hasLostWrites = failures > 0 }
    let (isDead, stores) = state.withLockedValue { state in
      state.isOver = true
      return (state.isDead, state.stores)
    }
    cancelSleepers()
    for store in stores {
      try await store.close()
      for row in 1...Int64(Self.mostRuns) { store.engine.releaseRun(row) }
    }
    state.withLockedValue {
      $0.stores = []
      $0.signals = []
    }
    return isDead || hasLostWrites
  }

  /// Rows of runs whose locks may be held.
  private static let mostRuns = 40

  /// From now on nothing reaches the disk or the service. What is left of its tasks is asked to stop, and unwinds.
  private func die() {
    state.withLockedValue { $0.isDead = true }
    world.storage.arm(.writeError, at: 1, lasting: true)
    for signals in state.withLockedValue({ $0.signals }) { signals.ask() }
  }

  private func cancelSleepers() {
    let (sleepers, timer) = state.withLockedValue { state in
      defer {
        state.sleepers = [:]
        state.deathTimer = nil
      }
      return (state.sleepers, state.deathTimer)
    }
    if let timer { world.timeline.cancel(timer) }
    for (_, sleeper) in sleepers.sorted(by: { $0.key < $1.key }) {
      if let timer = sleeper.timer { world.timeline.cancel(timer) }
      sleeper.continuation.resume(throwing: CancellationError())
    }
  }

  // MARK: Ways out

  /// What its command passes.
  var passage: Passage {
    var passage = Passage()
    passage.store = { [self] path, clock in
      let store = try await SQLiteStore.open(
        path: path, clock: clock, queue: SeededExecutor.Lane(world.executor))
      state.withLockedValue { $0.stores.append(store) }
      return store
    }
    passage.signals = { [self] signals in state.withLockedValue { $0.signals.append(signals) } }
    passage.transfers = { [self] in NightTransfers(base: $0, process: self) }
    passage.assets = { [self] in NightAssets(base: $0, process: self) }
    passage.urls = { [world] in NightURLs(base: $0, world: world) }
    passage.opened = { [world] service in
      var opened = service
      opened.executor = world.executor
      opened.preflight = { session, isNew in
        try await world.executor.withOthers { try await service.preflight(session, isNew) }
      }
      return opened
    }
    return passage
  }

  /// Makes a request, and takes the time that is drawn for its answer; none where somebody waits for work on other threads, as
  /// for the looks before a run begins.
  fileprivate func request<Value: Sendable>(
    _ work: @escaping @Sendable () async -> Value
  ) async throws -> Value {
    await world.executor.turn()
    let number = state.withLockedValue { state in
      state.requests += 1
      return state.requests
    }
    if death == .before(request: number) { die() }
    guard !state.withLockedValue({ $0.isDead }) else { throw Died() }
    let value = world.executor.atOnce(work)
    if death == .after(request: number) { die() }
    if !world.executor.waitsForOthers { try await sleep(for: .milliseconds(world.draw(20...900))) }
    guard !state.withLockedValue({ $0.isDead }) else { throw Died() }
    return value
  }

  fileprivate func read<Value: Sendable>(
    _ work: @escaping @Sendable () async throws(ListingFailure) -> Value
  ) async throws(ListingFailure) -> Value {
    let result: Result<Value, ListingFailure>
    do {
      result = try await request { () async -> Result<Value, ListingFailure> in
        do throws(ListingFailure) { return .success(try await work()) } catch { return .failure(error) }
      }
    } catch {
      throw .transport(Self.gone)
    }
    return try result.get()
  }

  fileprivate func send<Value: Sendable>(
    _ work: @escaping @Sendable () async -> Result<Value, TransportFailure>
  ) async -> Result<Value, TransportFailure> {
    do { return try await request(work) } catch { return .failure(Self.gone) }
  }

  private static let gone = TransportFailure(
    progress: .maybeWritten, code: "gone", message: "the process is dead")

  // MARK: BatchClock

  func now() -> Timestamp { world.timeline.now }

  func elapsed() -> Duration { world.timeline.elapsed }

  func sleep(for duration: Duration) async throws {
    // The limits of requests are kept on other threads. To everybody here a request takes no time, so that none passes.
    let isHere = world.executor.isHere
    if isHere { planDeath() }
    let id = state.withLockedValue { state in
      state.nextSleeper += 1
      return state.nextSleeper
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        let timer =
          isHere
          ? world.timeline.after(duration) { [self] in
            state.withLockedValue { $0.sleepers.removeValue(forKey: id) }?.continuation.resume()
          } : nil
        let isAsleep = state.withLockedValue { state in
          guard !Task.isCancelled, !state.isOver else { return false }
          state.sleepers[id] = Sleeper(timer: timer, continuation: continuation)
          return true
        }
        guard !isAsleep else { return }
        if let timer { world.timeline.cancel(timer) }
        continuation.resume(throwing: CancellationError())
      }
    } onCancel: {
      guard let sleeper = state.withLockedValue({ $0.sleepers.removeValue(forKey: id) }) else { return }
      if let timer = sleeper.timer { world.timeline.cancel(timer) }
      sleeper.continuation.resume(throwing: CancellationError())
    }
  }

  /// A death that comes with time comes only once the process waits: what it does before takes no time.
  private func planDeath() {
    guard case .later(let duration) = death, state.withLockedValue({ $0.deathTimer == nil && !$0.isDead })
    else { return }
    let timer = world.timeline.after(duration) { [self] in
      if !state.withLockedValue({ $0.isOver }) { die() }
    }
    state.withLockedValue { $0.deathTimer = timer }
  }
}

/// The requests of the profiles v1 to v1.2 as a process of a world makes them.
private struct NightTransfers: TransfersAPI {
  let base: any TransfersAPI
  let process: NightProcess

  func submit(_ unit: SendUnit) async -> Result<Answer, TransportFailure> {
    await process.send { [base] in await base.submit(unit) }
  }

  func listTasks(index: IndexID?, page: Int) async throws(ListingFailure) -> TaskListPage {
    try await process.read { [base] () async throws(ListingFailure) in
      try await base.listTasks(index: index, page: page)
    }
  }

  func task(_ id: String) async throws(ListingFailure) -> TaskRow {
    try await process.read { [base] () async throws(ListingFailure) in try await base.task(id) }
  }
}

/// The requests of profile v1.3 as a process of a world makes them.
private struct NightAssets: AssetsAPI {
  let base: any AssetsAPI
  let process: NightProcess

  var pageLimit: Int { base.pageLimit }

  func create(_ asset: NewAsset, timeout: Duration) async -> Result<CreationAnswer, TransportFailure> {
    await process.send { [base] in await base.create(asset, timeout: timeout) }
  }

  func add(_ asset: NewIndexedAsset, timeout: Duration) async -> Result<CreationAnswer, TransportFailure> {
    await process.send { [base] in await base.add(asset, timeout: timeout) }
  }

  func assets(ids: [String]) async throws(ListingFailure) -> [AssetRow] {
    try await process.read { [base] () async throws(ListingFailure) in try await base.assets(ids: ids) }
  }

  func asset(_ id: String) async throws(ListingFailure) -> AssetRow {
    try await process.read { [base] () async throws(ListingFailure) in try await base.asset(id) }
  }

  func assets(page: Int, limit: Int, fileName: FileName?) async throws(ListingFailure) -> ListPage<AssetRow> {
    try await process.read { [base] () async throws(ListingFailure) in
      try await base.assets(page: page, limit: limit, fileName: fileName)
    }
  }

  func indexedAssets(of asset: String, page: Int) async throws(ListingFailure) -> ListPage<IndexedAssetRow> {
    try await process.read { [base] () async throws(ListingFailure) in
      try await base.indexedAssets(of: asset, page: page)
    }
  }

  func indexedAssets(in index: IndexID, page: Int) async throws(ListingFailure) -> ListPage<IndexedAssetRow> {
    try await process.read { [base] () async throws(ListingFailure) in
      try await base.indexedAssets(in: index, page: page)
    }
  }

  func indexedAsset(_ id: String, in index: IndexID) async throws(ListingFailure) -> IndexedAssetRow {
    try await process.read { [base] () async throws(ListingFailure) in
      try await base.indexedAsset(id, in: index)
    }
  }

  func index(_ id: IndexID) async throws(ListingFailure) -> IndexDescription {
    try await process.read { [base] () async throws(ListingFailure) in
      try await base.index(id)
    }
  }
}

/// Addresses of objects, for which S3 may be asked.
private struct NightURLs: ObjectURLSource {
  let base: any ObjectURLSource
  let world: NightWorld

  func url(for object: ObjectName) async throws(ObjectURLError) -> ObjectURL {
    let result = await world.executor.withOthers { () async -> Result<ObjectURL, ObjectURLError> in
      do throws(ObjectURLError) {
        return .success(try await base.url(for: object))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}
