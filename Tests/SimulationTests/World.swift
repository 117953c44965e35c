import AssetsService
import BatchDomain
import Dispatcher
import NIOConcurrencyHelpers
import RunStore
import StoreCore
import TestSupport
import TransfersService

/// One run from its submission to its end, through any number of processes, deaths and troubles: the real dispatcher
/// over the real store, against the model of the service, all of it on one thread and one source of randomness.
final class World: Sendable {
  /// Processes a run may need at most.
  static let mostProcesses = 40

  private struct State {
    var deathsLeft: Int
    var deaths = 0
    var current = 0
    /// The process whose store failed for good: nothing more is written by it.
    var broken: Int?
    var wronged: [String] = []
    var isFinished = false
  }

  let scenario: Scenario
  let path: String
  let random: SeededRandom
  let dice: Dice
  let executor: SeededExecutor
  let timeline = Timeline()
  let service: ServiceModel
  let assets: AssetsModel
  let trace: Trace
  private let state: NIOLockedValueBox<State>

  init(seed: UInt64, path: String, keepsLines: Bool, change: (inout Scenario) -> Void = { _ in }) {
    random = SeededRandom(seed: seed)
    dice = Dice(source: random)
    var scenario = Scenario(seed: seed, dice: dice)
    change(&scenario)
    self.scenario = scenario
    self.path = path
    executor = SeededExecutor(random: random)
    service = ServiceModel(timeline: timeline, dice: dice, weather: scenario.weather)
    assets = AssetsModel(
      timeline: timeline, dice: dice, weather: scenario.weather, failing: scenario.failingAssets)
    trace = Trace(keepsLines: keepsLines)
    state = NIOLockedValueBox(State(deathsLeft: scenario.deaths))
    trace.remark("\(scenario)")
  }

  /// What went wrong that no record shows.
  var wronged: [String] { state.withLockedValue { $0.wronged } }
  var deaths: Int { state.withLockedValue { $0.deaths } }
  var isFinished: Bool { state.withLockedValue { $0.isFinished } }
  /// Processes so far, less one.
  var current: Int { state.withLockedValue { $0.current } }

  // MARK: What processes ask

  /// Whether nothing goes wrong for a process any more but what is wrong with the items.
  func isCalm(_ process: Int) -> Bool { process >= scenario.calmFrom }

  /// Whether a process dies here.
  func decidesToKill(_ process: Int) -> Bool {
    guard !isCalm(process), state.withLockedValue({ $0.deathsLeft > 0 }), dice.chance(scenario.deathOdds)
    else { return false }
    return takeDeath()
  }

  /// Uses up one of the deaths.
  func takeDeath() -> Bool {
    state.withLockedValue { state in
      guard state.deathsLeft > 0 else { return false }
      state.deathsLeft -= 1
      state.deaths += 1
      return true
    }
  }

  /// Why a change fails just now, if it does.
  func storeTrouble() -> StoreError? {
    let process = current
    let isBroken = state.withLockedValue { $0.broken == process }
    if isBroken { return StoreError(.inputOutput, "the store failed before") }
    guard !isCalm(process) else { return nil }
    if let trouble = scenario.storeTrouble, trouble.from <= timeline.elapsed, timeline.elapsed < trouble.to {
      return StoreError(trouble.code, "the store is in trouble for a while")
    }
    guard dice.chance(scenario.storeFailureOdds) else { return nil }
    state.withLockedValue { $0.broken = process }
    return StoreError(.inputOutput, "the store failed")
  }

  /// Takes note of a call that is made elsewhere than on this world's thread: the seed would not replay.
  func expectHere(_ call: String) {
    guard !executor.isHere else { return }
    wrong("\(call) was called from another thread")
  }

  private func wrong(_ what: String) {
    trace.remark(what)
    state.withLockedValue { $0.wronged.append(what) }
  }

  // MARK: Living

  private enum Errand: String {
    case submit, resume, retry, cancel
  }

  private enum Fate {
    case left(RunExit)
    case died
    /// The store could not be used, by design of the scenario.
    case stopped
    /// There is nothing to take over.
    case over
  }

  /// Plays everything to its end.
  func play() async {
    defer { state.withLockedValue { $0.isFinished = true } }
    var errand = Errand.submit
    var run: RunID?
    var hasRetried = false
    var looks = 0
    for number in 0..<Self.mostProcesses {
      state.withLockedValue { $0.current = number }
      if number == scenario.cancelsAt, number > 0 { errand = .cancel }
      trace.note("\(timeline.elapsed.inMilliseconds) p\(number) \(errand.rawValue)")
      let fate: Fate
      do {
        fate = try await live(number, errand, &run)
      } catch {
        return wrong("process \(number) ended with \(error)")
      }
      trace.remark("p\(number) \(fate)")
      errand = .resume
      switch fate {
      case .over: return
      case .died, .stopped, .left(.paused): break
      case .left(.finished) where scenario.retries && !hasRetried:
        hasRetried = true
        errand = .retry
      case .left(let ending):
        guard scenario.looksAgain, looks < 2 else { return }
        looks += 1
        if ending == .cancelled { errand = .cancel }
      }
      if case .left(.paused(.window, _)) = fate, let opening = scenario.settings.windowWait(at: timeline.now)
      {
        // Whoever reads when the run can go on resumes it then, or a little later.
        await rest(for: opening.until.since(timeline.now) + dice.spread(0...4))
      } else {
        await rest(for: isCalm(number) ? .seconds(7_200) : downTime())
      }
      if scenario.setsClock, !isCalm(number), dice.chance(0.5) { setClock() }
      if let run, case .left(.paused(let reason, _)) = fate { await reconsider(run, reason) }
    }
    // A server that fails whenever it is asked cannot be told from one that is down.
    if scenario.weather.crashing.isEmpty { wrong("the run never ends") }
  }

  private func live(_ number: Int, _ errand: Errand, _ run: inout RunID?) async throws -> Fate {
    let (stops, stopper) = AsyncStream.makeStream(of: StopCause.self)
    let process = SimulatedProcess(number: number, world: self, stopper: stopper)
    defer { process.end() }
    foresee(process)
    do {
      let store = try await open()
      let session: any RunSession
      if let run {
        try await process.begin("take")
        session = try await store.take(run, isCancelling: errand == .cancel, at: timeline.now)
        try process.finish("take")
      } else {
        session = try await plan(in: store)
        run = session.run
      }
      let simulated = SimulatedSession(base: session, process: process)
      if errand == .retry { _ = try await simulated.retry([.rejected, .failed]) }
      let loop = RunLoop(
        session: simulated,
        service: module(of: session, process), clock: process, random: random,
        observer: Onlooker(trace: trace))
      let asks = number < scenario.calmFrom && dice.chance(scenario.stopOdds / 2)
      let id = session.run
      let ending = try await withThrowingTaskGroup(of: RunExit?.self) { group in
        group.addTask { try await loop.run(isCancelling: errand == .cancel, stops: stops) }
        if asks { group.addTask { try await self.ask(id, process) } }
        while let next = try await group.next() {
          guard let next else { continue }
          group.cancelAll()
          return next as RunExit?
        }
        return nil
      }
      if process.isDead { return .died }
      return ending.map { .left($0) } ?? .stopped
    } catch let error as StoreError {
      if process.isDead { return .died }
      switch error.code {
      case .wrongState where errand != .submit: return .over
      case .full, .locked: if scenario.storeTrouble != nil { return .stopped }
      case .inputOutput: if state.withLockedValue({ $0.broken == number }) { return .stopped }
      default: break
      }
      throw error
    } catch  where process.isDead {
      // Its last sleep ended with it.
      return .died
    }
  }

  private func module(of session: any RunSession, _ process: SimulatedProcess) -> any ServiceModule {
    let settings = session.settings
    guard settings.profile == .v1_3 else {
      return TransfersService(
        SimulatedTransfer(process: process), profile: settings.profile, clock: process,
        destination: settings.destination)
    }
    return AssetsService(
      SimulatedAssets(process: process, model: assets), urls: SimulatedURLs(), run: session.run,
      urlLifetime: .seconds(43_200), clock: process, destination: settings.destination)
  }

  /// What befalls a process at moments of its life rather than at its calls.
  private func foresee(_ process: SimulatedProcess) {
    guard !isCalm(process.number) else { return }
    if dice.chance(scenario.deaths > 0 ? 0.3 : 0) {
      process.plan(after: dice.spread(0...4)) { if $0.world.takeDeath() { $0.die("at its time") } }
    }
    if dice.chance(scenario.stopOdds / 2) {
      process.plan(after: dice.spread(0...4)) { process in
        process.note("is asked to stop")
        process.stopper.yield(.asked)
      }
    }
    if scenario.setsClock, dice.chance(0.3) {
      process.plan(after: dice.spread(0...4)) { $0.world.setClock() }
    }
  }

  /// Another process asks something of the run.
  private func ask(_ run: RunID, _ process: SimulatedProcess) async throws -> RunExit? {
    do {
      try await process.sleep(for: dice.spread(0...4))
      let other = try await open()
      let request = dice.pick([RunRequest.pause, .pause, .cancel])
      process.note("\(request.rawValue) is asked of the run")
      _ = try await other.ask(request, of: run)
    } catch is CancellationError {
      // The run ended before it was asked anything.
    }
    return nil
  }

  /// What a person does about a paused run before it is resumed.
  private func reconsider(_ run: RunID, _ reason: PauseReason) async {
    do {
      let store = try await open()
      var settings = try await store.settings(of: run)
      if reason == .failures || isCalm(current) { settings.maxFailures = .percent(100) }
      if scenario.changesSettings, dice.chance(0.5) {
        settings.concurrency = dice.int(1...4)
        settings.maxAttempts = dice.int(1...4)
        settings.onUnknown = dice.pick([.check, .check, .hold, .resend])
        settings.settleDelay += dice.milliseconds(0...2_000)
      }
      try await store.change(settings, of: run)
    } catch let error as StoreError where error.code == .wrongState {
    } catch {
      wrong("settings could not be changed: \(error)")
    }
  }

  private func open() async throws -> SQLStore {
    try await SQLiteStore.open(
      path: path, clock: StoreClock(timeline: timeline), queue: SeededExecutor.Lane(executor))
  }

  private func plan(in store: SQLStore) async throws -> any RunSession {
    var settings = scenario.settings
    if scenario.ignoresWindows { settings.windows = [] }
    let planning = try await store.plan(
      RunDraft(
        createdAt: timeline.now, random: random.next(), name: nil, job: nil, manifest: "-", manifestFile: nil,
        isAgain: true, settings: settings))
    let batch = scenario.batch
    var planner = ChunkPlanner(maxItems: scenario.settings.chunkSize, maxBytes: scenario.settings.chunkBytes)
    try await planning.append(batch, chunks: planner.add(batch))
    if let last = planner.finish() { try await planning.add([last]) }
    let completion = try await planning.complete(
      PlanTotals(items: scenario.items.count, repeated: 0, digest: Array(repeating: 7, count: 32)),
      at: timeline.now)
    guard case .planned(let session) = completion else {
      throw StoreError(.conflict, "a plan that insists was refused")
    }
    return session
  }

  /// How long nobody works on the run: hardly at all, or a night; seldom anything between, which is where a process
  /// has to sit out what the last one left.
  private func downTime() -> Duration {
    if dice.chance(0.05) { return dice.spread(3...6) }
    return dice.chance(0.5) ? dice.spread(0...4) : dice.milliseconds(3_600_000...30_000_000)
  }

  private func rest(for duration: Duration) async {
    await withCheckedContinuation { continuation in
      _ = timeline.after(duration) { continuation.resume() }
    }
  }

  /// Back as far as it likes; forward, the two clocks stay within the margin that settling allows them, as
  /// `docs/reliability.md` says.
  private func setClock() {
    let ahead = timeline.offset - scenario.weather.skew
    var offset = dice.spread(2...7) * dice.pick([-1, 1])
    if ahead + offset > SettlingRule.clockMargin - .seconds(5) { offset = .zero - offset }
    trace.note("\(timeline.elapsed.inMilliseconds) the clock is set by \(offset)")
    timeline.setClock(by: offset)
  }
}

extension Scenario {
  /// The items as the manifest reader hands them over.
  var batch: ItemBatch {
    var batch = PlannedItems.batch(
      items.map { PlannedItems.source(0, index: $0.index, name: String($0.object.dropFirst(12))) })
    let places = items.map { "\($0.index)/\($0.name)" }
    var found: [String: Int] = [:]
    for place in places { found[place, default: 0] += 1 }
    for (number, item) in items.enumerated() {
      batch.entries[number].continuesIndex = number > 0 && items[number - 1].index == item.index
      batch.entries[number].nameClashes = found[places[number], default: 0] > 1
    }
    return batch
  }
}

/// Keeps what the loop told, for a reader of the trace.
struct Onlooker: RunObserver {
  let trace: Trace

  func observe(_ event: RunEvent) {
    switch event {
    case .started, .progress, .firstAccepted, .waitOver: break
    default: trace.remark("  \(event)")
    }
  }
}

/// The time that the store reads; it never sleeps.
private struct StoreClock: BatchClock {
  let timeline: Timeline

  func now() -> Timestamp { timeline.now }

  func elapsed() -> Duration { timeline.elapsed }

  func sleep(for _: Duration) async throws { throw CancellationError() }
}
