import BatchDomain
import Dispatcher
import NIOConcurrencyHelpers
import StoreCore
import TestSupport
import TransfersService

/// One run that processes on several machines take from each other: the real dispatchers over the real store and the real
/// protocol between workers, with lines that are cut, processes that are stopped and killed, clocks that go differently, and a
/// server that restarts or loses changes.
final class WorkerWorld: Sendable {
  /// A rule of the protocol that is left out: what the simulation has to notice.
  enum LeftOut: String, CaseIterable, Sendable {
    /// A claim is sent however late it was confirmed (R2).
    case age
    /// Nothing ends a process that was stopped while it sent (R4).
    case watchdog
    /// A request goes on beyond its time limit (R4).
    case limit
    /// What a lost owner left is given up at once (R6).
    case quiet
  }

  /// What happened, to be counted.
  enum Event: String, CaseIterable, Sendable {
    case death, stop, watchdog, cut, restart, failover, takeOver, robbed, slowCommit, brokenCommit,
      warnedCommit
  }

  /// What is drawn before the world begins, beside the scenario of one process.
  struct Conditions: Sendable {
    var machines: [Machine] = []
    /// Processes at a time.
    var places = 2
    /// How long things go wrong.
    var storm: Duration = .zero
    /// The mean time between two troubles of a process.
    var pause: Duration = .zero
    /// How likely a commit meets something.
    var commitOdds = 0.0
    /// How likely a process dies or is stopped while it sends.
    var deathOdds = 0.0
    /// How likely a process is cut off from the server as soon as it has sent.
    var cutOdds = 0.0
    /// How likely the peer of a request stalls for longer than a few seconds.
    var stallOdds = 0.1
    /// Whether a standby that is behind takes over.
    var failsOver = false
    var leftOut: LeftOut?
  }

  /// What becomes of a commit.
  enum CommitFate: Equatable {
    case confirmed, warned, diesBefore, diesAfter
    case slow(Duration)
    /// The connection breaks, for a while.
    case breaks(wasMade: Bool, Duration)
  }

  /// How long a process tries a server again that it does not reach.
  static let storePatience: Duration = .seconds(240)
  /// Turns a world may take: more is a loop without end.
  static let mostTurns = 300_000

  private struct State {
    var isCalm = false
    var isFinished = false
    var alive: [Int: WorkerProcess] = [:]
    var nextProcess = 0
    var turns = 0
    var wronged: [String] = []
    var counts: [Event: Int] = [:]
    var run: RunID?
  }

  let scenario: Scenario
  let conditions: Conditions
  let server: SharedServer
  let random: SeededRandom
  let dice: Dice
  let executor: SeededExecutor
  let timeline = Timeline()
  let service: ServiceModel
  let trace: Trace
  let locks = NIOLockedValueBox<[String: WorkerProcess]>([:])
  private let state = NIOLockedValueBox(State())

  init(
    seed: UInt64, path: String, keepsLines: Bool,
    change: (inout Scenario, inout Conditions) -> Void = { _, _ in }
  ) {
    random = SeededRandom(seed: seed &* 31 &+ 7)
    dice = Dice(source: random)
    var scenario = Scenario(seed: seed, dice: dice)
    var conditions = Conditions()
    Self.draw(&scenario, &conditions, dice)
    change(&scenario, &conditions)
    self.scenario = scenario
    self.conditions = conditions
    executor = SeededExecutor(random: random)
    server = SharedServer(path: path, timeline: timeline)
    service = ServiceModel(timeline: timeline, dice: dice, weather: scenario.weather)
    trace = Trace(keepsLines: keepsLines)
    trace.remark("\(scenario)\n\(conditions)")
  }

  private static func draw(_ scenario: inout Scenario, _ conditions: inout Conditions, _ dice: Dice) {
    // Troubles come from here.
    scenario.cancelsAt = nil
    scenario.weather.crashing = []
    scenario.weather.refusalsTakeParts = false
    scenario.weather.missingIndex = nil
    scenario.settings.maxFailures = .percent(100)
    // What is sent again unasked may be taken twice, as `docs/settling.md` says.
    if scenario.settings.onUnknown == .resend { scenario.settings.onUnknown = .hold }
    if dice.chance(0.3) { scenario.settings.timeout = .seconds(dice.int(10...60)) }
    // Long enough to be taken over now and then.
    scenario.settings.rates = dice.chance(0.7) ? [Rate(count: dice.int(4...30), window: .minute)] : []
    conditions.machines = (0..<dice.int(2...3)).map { number in
      Machine(
        name: "machine-\(number)", speed: dice.pick([1, 1, 0.98, 1.02]),
        uptime: dice.milliseconds(0...10_000_000), offset: dice.milliseconds(-90_000_000...90_000_000),
        hasLocks: dice.chance(0.7))
    }
    conditions.places = dice.int(2...3)
    conditions.storm = dice.milliseconds(20_000...400_000)
    conditions.pause = dice.milliseconds(3_000...60_000)
    conditions.commitOdds = dice.pick([0, 0.02, 0.1])
    conditions.deathOdds = dice.pick([0, 0.02, 0.1])
    conditions.cutOdds = dice.pick([0, 0.1, 0.3])
    conditions.failsOver = dice.chance(0.15)
  }

  var wronged: [String] { state.withLockedValue { $0.wronged } }
  var counts: [Event: Int] { state.withLockedValue { $0.counts } }
  /// Turns so far.
  var turns: Int { state.withLockedValue { $0.turns } }
  var isFinished: Bool { state.withLockedValue { $0.isFinished } }
  /// Whether nothing goes wrong any more but what is wrong with the items.
  var isCalm: Bool { state.withLockedValue { $0.isCalm } }

  var hasWatchdog: Bool { conditions.leftOut != .watchdog }
  var looksAtLimit: Bool { conditions.leftOut != .limit }

  var limits: WorkerEngine.Limits {
    var limits = WorkerEngine.Limits()
    switch conditions.leftOut {
    case .age:
      // What is waited for stays the same.
      limits.margin -= .seconds(1_000)
      limits.acknowledgement += .seconds(1_000)
    case .quiet: limits.margin -= .seconds(1_000)
    case .watchdog, .limit, nil: break
    }
    return limits
  }

  func count(_ event: Event) { state.withLockedValue { $0.counts[event, default: 0] += 1 } }

  func wrong(_ what: String) {
    trace.remark(what)
    state.withLockedValue { $0.wronged.append(what) }
  }

  // MARK: What processes ask

  /// Whether a process dies here.
  func decidesToKill() -> Bool { !isCalm && dice.chance(conditions.deathOdds) }

  /// Cuts the line between a process and the server for a while.
  func cut(_ process: WorkerProcess, for duration: Duration) {
    process.note("is cut off for \(duration.inMilliseconds)")
    count(.cut)
    server.cut(process.number, for: duration)
  }

  /// Whether a process is cut off from the server when it has sent.
  func decidesToCut() -> Bool { !isCalm && dice.chance(conditions.cutOdds) }

  /// Whether a process is stopped here.
  func decidesToStop() -> Bool { !isCalm && dice.chance(conditions.deathOdds / 2) }

  /// How long a process is cut off or stopped: now and then for about as long as others wait until they give up what it had
  /// under way.
  func whileAway(long odds: Double = 0.3) -> Duration {
    dice.chance(odds)
      ? untilGivenUp() + dice.milliseconds(-5_000...15_000) : dice.spread(1...5)
  }

  /// From the last sign of life of a process to the moment when another one gives up what it had under way (S + D).
  func untilGivenUp() -> Duration {
    let rules = WorkerEngine.Limits()
    return rules.silence + rules.acknowledgement + scenario.settings.timeout + rules.watchdog + rules.margin
  }

  func fateOfCommit(_ process: WorkerProcess) -> CommitFate {
    guard !isCalm, dice.chance(conditions.commitOdds) else { return .confirmed }
    switch dice.int(0...5) {
    case 0: return .diesBefore
    case 1: return .diesAfter
    case 2:
      count(.brokenCommit)
      return .breaks(wasMade: dice.chance(0.5), dice.spread(0...5))
    case 3, 4:
      count(.slowCommit)
      if dice.chance(0.5) { process.stop(for: whileAway(long: 0.7)) }
      return .slow(dice.milliseconds(0...12_000))
    default:
      count(.warnedCommit)
      return .warned
    }
  }

  /// Lets the world go on until something is true: what a thread does that waits.
  func wait(until isMet: () -> Bool) {
    while !isMet(), step() {}
  }

  /// A request leaves: nothing of it may, once another process gave its attempt up.
  func lookForGhost(chunk: ChunkNumber, of process: WorkerProcess) {
    guard !server.hasFailedOver else { return }
    do {
      let (state, code) = try server.chunk(chunk)
      guard state == "submitting", code == nil else {
        return wrong(
          "a ghost: chunk \(chunk) left process \(process.number) while it was \(state), \(code ?? "")")
      }
    } catch {
      wrong("the store could not be looked at: \(error)")
    }
  }

  // MARK: Playing

  /// One turn of whatever is ready.
  ///
  /// - Returns: `false` where nothing is left to do.
  func step() -> Bool {
    let turns = state.withLockedValue { state in
      state.turns += 1
      return state.turns
    }
    guard turns < Self.mostTurns else { return false }
    return executor.runOne() || timeline.advance()
  }

  /// Plays everything to its end, on the calling thread.
  func play() {
    Task(executorPreference: executor) { [self] in
      do {
        try await begin()
      } catch {
        wrong("the world ended with \(error)")
      }
      state.withLockedValue { $0.isFinished = true }
    }
    while !isFinished, step() {}
    if !isFinished {
      let alive = state.withLockedValue { $0.alive.keys.sorted() }
      wrong("nobody can go on, or it goes on without end; processes \(alive) are there")
    }
    if executor.strays > 0 { wrong("\(executor.strays) pieces left the executor") }
  }

  private func begin() async throws {
    // The run is planned and left for a worker, in peace.
    state.withLockedValue { $0.isCalm = true }
    await live(on: conditions.machines[0], .submit)
    state.withLockedValue { $0.isCalm = false }
    let end = timeline.elapsed + conditions.storm
    for _ in 0..<conditions.places { keepWorking(until: end) }
    plagueServer(until: end)
    await rest(for: conditions.storm)
    state.withLockedValue { $0.isCalm = true }
    trace.note("\(timeline.elapsed.inMilliseconds) calm")
    for process in state.withLockedValue({ $0.alive.values.sorted { $0.number < $1.number } }) {
      if dice.chance(0.5) {
        process.die("with the storm")
      } else {
        process.stopper.yield(.asked)
      }
    }
    while state.withLockedValue({ !$0.alive.isEmpty }) { await rest(for: .seconds(5)) }
    // A person sees to the rest.
    for _ in 0..<8 {
      if [.finished, .cancelled].contains(try server.runState()) { return }
      await rest(for: .seconds(7_200))
      await live(on: dice.pick(conditions.machines), .resume)
    }
    // What cannot be decided is held in a run that is paused or finished.
  }

  /// A place where one worker follows the other.
  private func keepWorking(until end: Duration) {
    Task(executorPreference: executor) { [self] in
      while timeline.elapsed < end, !isCalm {
        await rest(for: dice.spread(0...4))
        guard !isCalm else { return }
        await live(on: dice.pick(conditions.machines), dice.chance(0.25) ? .resume : .work)
      }
    }
  }

  private func plagueServer(until end: Duration) {
    if conditions.failsOver {
      let behind = dice.milliseconds(0...conditions.storm.inMilliseconds)
      timeline.after(behind) { [self] in
        do { try server.fallBehind() } catch { wrong("no standby: \(error)") }
      }
      timeline.after(behind + dice.spread(2...4)) { [self] in
        do {
          guard !isCalm, try server.failOver(backAfter: dice.spread(0...4)) else { return }
          trace.note("\(timeline.elapsed.inMilliseconds) the standby takes over")
          count(.failover)
        } catch {
          wrong("the standby could not take over: \(error)")
        }
      }
    }
    guard dice.chance(0.3) else { return }
    timeline.after(dice.milliseconds(0...conditions.storm.inMilliseconds)) { [self] in
      guard !isCalm else { return }
      trace.note("\(timeline.elapsed.inMilliseconds) the server restarts")
      count(.restart)
      server.restart(backAfter: dice.spread(0...4))
    }
  }

  /// What befalls a process at moments of its life.
  private func plague(_ process: WorkerProcess) {
    let pause = conditions.pause * (2 * dice.source.nextUnit())
    process.plan(after: pause) { [self] process in
      guard !isCalm else { return }
      switch dice.int(0...9) {
      case 0: process.die("at its time")
      case 1, 2, 3: if !process.isStopped { process.stop(for: whileAway()) }
      case 4:
        process.note("is asked to stop")
        process.stopper.yield(.paused(.detached, detail: nil))
      default: cut(process, for: whileAway())
      }
      plague(process)
    }
  }

  private func rest(for duration: Duration) async {
    await withCheckedContinuation { continuation in
      timeline.after(duration) { continuation.resume() }
    }
  }

  // MARK: Living

  private enum Errand: String {
    /// Plans the run and leaves it for a worker.
    case submit
    /// Takes what is left for workers.
    case work
    /// A person resumes the run, whatever it was paused for.
    case resume
  }

  private func live(on machine: Machine, _ errand: Errand) async {
    let (stops, stopper) = AsyncStream.makeStream(of: StopCause.self)
    let number = state.withLockedValue { state in
      defer { state.nextProcess += 1 }
      return state.nextProcess
    }
    let process = WorkerProcess(number: number, on: machine, of: self, stopper: stopper)
    process.note("\(errand.rawValue) on \(machine.name)")
    state.withLockedValue { $0.alive[number] = process }
    if errand != .submit { plague(process) }
    let task = Task(executorPreference: ProcessExecutor(process)) { [self] in
      do {
        try await live(process, errand, stops)
      } catch let error as StoreError {
        guard !process.isDead else { return }
        trace.remark("w\(process.number) ends with \(error)")
        switch error.code {
        case .owned: count(.robbed)
        case .unreachable, .inputOutput, .wrongState, .lostChanges: break
        default: wrong("process \(process.number) ended with \(error)")
        }
      } catch {
        if !process.isDead { wrong("process \(process.number) ended with \(error)") }
      }
    }
    await task.value
    process.end()
    process.note("is over")
    state.withLockedValue { $0.alive[number] = nil }
  }

  private func live(_ process: WorkerProcess, _ errand: Errand, _ stops: AsyncStream<StopCause>) async throws
  {
    let store = try await open(process)
    // As the program has it: everything goes by the database's clock (R9).
    let clock = store.clock ?? process
    do {
      switch errand {
      case .submit:
        let session = try await plan(in: store, at: clock.now())
        state.withLockedValue { $0.run = session.run }
        try await session.release(as: .paused(.detached, detail: nil), at: clock.now())
      case .work: try await work(process, store, clock, stops)
      case .resume:
        guard let run = state.withLockedValue({ $0.run }) else { return }
        let session = try await store.take(run, isCancelling: false, isUnattended: false, at: clock.now())
        try await send(session, process, clock, stops)
      }
    } catch {
      // As the program does where it can: the rest is found by others.
      if !process.isDead { try await store.close() }
      throw error
    }
    try await store.close()
  }

  /// Takes the run whenever it is left for a worker.
  private func work(
    _ process: WorkerProcess, _ store: SQLStore, _ clock: any BatchClock, _ stops: AsyncStream<StopCause>
  ) async throws {
    let end = timeline.elapsed + .seconds(120)
    while timeline.elapsed < end, !isCalm {
      for run in try await store.runsToTake() {
        let session: any RunSession
        do {
          session = try await store.take(run, isCancelling: false, isUnattended: true, at: clock.now())
        } catch let error as StoreError where [.owned, .wrongState].contains(error.code) {
          continue
        }
        // It goes on with one run, since who asks it to stop is heard once.
        return try await send(session, process, clock, stops)
      }
      try await process.sleep(for: .milliseconds(500))
    }
  }

  private func send(
    _ session: any RunSession, _ process: WorkerProcess, _ clock: any BatchClock,
    _ stops: AsyncStream<StopCause>
  ) async throws {
    count(.takeOver)
    process.note("sends the run\(session.isHeir ? ", and waits for what was left" : "")")
    let loop = RunLoop(
      session: session,
      service: TransfersService(
        WorkerTransfer(process: process), profile: session.settings.profile, clock: clock,
        destination: session.settings.destination),
      clock: clock, random: random, observer: Onlooker(trace: trace), storePatience: Self.storePatience)
    let ending = try await loop.run(stops: stops)
    process.note("leaves the run: \(ending)")
  }

  private func open(_ process: WorkerProcess) async throws -> SQLStore {
    let engine = WorkerEngine(
      worker: Worker(
        version: "1", random: random, host: process.machine.name, processID: Int32(process.number),
        place: process.machine.place),
      locks: MachineLocks(process: process), clock: process, limits: limits, watchdog: process,
      notify: { _ in }, executor: ProcessExecutor(process),
      scratch: { throw StoreError(.internal, "the simulation has no scratch database") })
    func database(_ role: @escaping @Sendable () -> ServerConnection.Role) async throws -> Database {
      try await Database.open(queue: ProcessLane(process)) { [server] in
        Connection(try ServerConnection(to: server, of: process, role: role()))
      }
    }
    let writer = try await database { [id = engine.worker.id, history = engine.history] in
      .writer(client: id, history: history)
    }
    let (reader, beats) = (try await database { .reader }, try await database { .reader })
    try await engine.begin(on: writer, beatingOn: beats)
    return SQLStore(
      path: server.path, database: writer, reader: reader, engine: engine, clock: engine.databaseClock,
      patience: Self.storePatience, canWrite: true)
  }

  private func plan(in store: SQLStore, at now: Timestamp) async throws -> any RunSession {
    let planning = try await store.plan(
      RunDraft(
        createdAt: now, random: random.next(), name: nil, job: nil, manifest: "-", manifestFile: nil,
        isAgain: true, settings: scenario.settings))
    let batch = scenario.batch
    var planner = ChunkPlanner(maxItems: scenario.settings.chunkSize, maxBytes: scenario.settings.chunkBytes)
    try await planning.append(batch, chunks: planner.add(batch))
    if let last = planner.finish() { try await planning.add([last]) }
    let completion = try await planning.complete(
      PlanTotals(items: scenario.items.count, repeated: 0, digest: Array(repeating: 7, count: 32)), at: now)
    guard case .planned(let session) = completion else {
      throw StoreError(.conflict, "a plan that insists was refused")
    }
    return session
  }
}
