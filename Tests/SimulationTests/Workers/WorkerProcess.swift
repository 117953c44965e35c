import BatchDomain
import Dispatcher
import NIOConcurrencyHelpers
import StoreCore
import TestSupport

/// A machine: its clocks, and whether a process on it can tell whether another one there is dead.
struct Machine: Sendable {
  let name: String
  /// How fast its clocks go.
  var speed = 1.0
  /// What its time that never goes back shows at the beginning.
  var uptime: Duration = .zero
  /// How far its time of day is off.
  var offset: Duration = .zero
  /// Whether locks tell which of its processes are dead.
  var hasLocks = true

  var place: MachinePlace { MachinePlace(boot: hasLocks ? name : "", namespace: hasLocks ? "pid:[1]" : "") }
}

/// A process on one of several machines. It can be stopped and continued like a process of a system; from its death on no
/// call has any effect.
final class WorkerProcess: BatchClock, RequestWatchdog {
  private struct State {
    var isDead = false
    var isStopped = false
    /// Counts the times that it was stopped.
    var stops = 0
    /// What it would have done since it was stopped.
    var held: [@Sendable () -> Void] = []
    var sleepers: [Int: (timer: Int, continuation: CheckedContinuation<Void, any Error>)] = [:]
    var nextSleeper = 0
    var timers: [Int] = []
    var inFlight: [Int: InFlight] = [:]
    /// Whether requests are under way, as the watchdog is told.
    var isWatched = false
    var lanes = 0
  }

  /// A request that left and that the service has not worked on yet.
  private struct InFlight {
    let timer: Int
    let due: Duration
    let take: @Sendable () -> Void
  }

  let number: Int
  let machine: Machine
  let world: WorkerWorld
  /// Asks its run to stop.
  let stopper: AsyncStream<StopCause>.Continuation
  private let state = NIOLockedValueBox(State())

  init(number: Int, on machine: Machine, of world: WorkerWorld, stopper: AsyncStream<StopCause>.Continuation)
  {
    self.number = number
    self.machine = machine
    self.world = world
    self.stopper = stopper
  }

  var isDead: Bool { state.withLockedValue { $0.isDead } }
  var isStopped: Bool { state.withLockedValue { $0.isStopped } }

  func note(_ line: String) {
    world.trace.note("\(world.timeline.elapsed.inMilliseconds) w\(number) \(line)")
  }

  // MARK: Its end, and what stops it

  /// Ends the process now, wherever its tasks are.
  func die(_ place: String) {
    let (wasAlive, sleepers, inFlight, held) = state.withLockedValue { state in
      defer {
        state.isDead = true
        state.isStopped = false
        state.sleepers = [:]
        state.inFlight = [:]
        state.held = []
      }
      return (!state.isDead, state.sleepers, state.inFlight, state.held)
    }
    guard wasAlive else { return }
    note("dies \(place)")
    world.count(.death)
    for (_, request) in inFlight.sorted(by: { $0.key < $1.key }) {
      hangUp(request, lateness: world.scenario.weather.lateness)
    }
    for (_, sleeper) in sleepers.sorted(by: { $0.key < $1.key }) {
      world.timeline.cancel(sleeper.timer)
      sleeper.continuation.resume(throwing: CancellationError())
    }
    for work in held { world.executor.submit(work) }
    // Lets its tasks unwind: they find every port dead.
    stopper.yield(.asked)
  }

  /// Stops the process for a while, as a signal, a swapped machine or a hypervisor does. Its watchdog ends it where requests
  /// are under way for too long.
  func stop(for duration: Duration) {
    guard !isDead else { return }
    let (number, isWatched) = state.withLockedValue { state in
      state.isStopped = true
      state.stops += 1
      return (state.stops, state.isWatched)
    }
    note("is stopped for \(duration.inMilliseconds)")
    world.count(.stop)
    if isWatched, world.hasWatchdog {
      // It was set last at some moment of the last second.
      plan(after: (world.limits.watchdog - .seconds(1) * world.random.nextUnit()) / machine.speed) {
        process in
        guard process.state.withLockedValue({ $0.isStopped && $0.stops == number }) else { return }
        process.world.count(.watchdog)
        process.die("by its watchdog")
      }
    }
    plan(after: duration) { process in
      let held = process.state.withLockedValue { state -> [@Sendable () -> Void] in
        guard state.isStopped, state.stops == number else { return [] }
        state.isStopped = false
        defer { state.held = [] }
        return state.held
      }
      process.note("goes on")
      for work in held { process.world.executor.submit(work) }
    }
  }

  func watch(_ isNeeded: Bool) { state.withLockedValue { $0.isWatched = isNeeded } }

  /// Plans something for as long as the process lives.
  func plan(after duration: Duration, _ action: @escaping @Sendable (WorkerProcess) -> Void) {
    let timer = world.timeline.after(duration) { [self] in if !isDead { action(self) } }
    state.withLockedValue { $0.timers.append(timer) }
  }

  /// The process is over: what was planned for it is given up.
  func end() {
    for timer in state.withLockedValue({ $0.timers }) { world.timeline.cancel(timer) }
  }

  /// Does a piece of its work, unless it is stopped: then as soon as it goes on.
  func perform(_ work: @escaping @Sendable () -> Void) {
    let isHeld = state.withLockedValue { state in
      if state.isStopped { state.held.append { [self] in perform(work) } }
      return state.isStopped
    }
    if !isHeld { work() }
  }

  /// Lets others have their turn; this process may be stopped or die before it has its own.
  func turn() async throws {
    await world.executor.turn()
    if isDead { throw SimulatedProcess.death }
  }

  // MARK: Requests under way

  /// The last byte of a request has left: the service is going to work on it, unless the connection is reset before.
  func depart(_ request: Int, after duration: Duration, _ take: @escaping @Sendable () -> Void) {
    let due = world.timeline.elapsed + duration
    let timer = world.timeline.after(duration) { [state] in
      _ = state.withLockedValue { $0.inFlight.removeValue(forKey: request) }
      take()
    }
    state.withLockedValue { $0.inFlight[request] = InFlight(timer: timer, due: due, take: take) }
  }

  /// The client of a request has gone: the service works on it soon, or never.
  ///
  /// - Parameter lateness: how soon.
  func abandon(_ request: Int, lateness: Duration) {
    guard let request = state.withLockedValue({ $0.inFlight.removeValue(forKey: request) }) else { return }
    hangUp(request, lateness: lateness)
  }

  private func hangUp(_ request: InFlight, lateness: Duration) {
    guard request.due > world.timeline.elapsed + lateness || world.dice.chance(0.5) else { return }
    world.timeline.cancel(request.timer)
    guard world.dice.chance(0.5) else { return }
    world.timeline.after(world.dice.milliseconds(0...lateness.inMilliseconds), request.take)
  }

  // MARK: BatchClock

  func now() -> Timestamp { Timeline.start + machine.offset + world.timeline.elapsed * machine.speed }

  func elapsed() -> Duration { machine.uptime + world.timeline.elapsed * machine.speed }

  func sleep(for duration: Duration) async throws {
    let id = state.withLockedValue { state in
      state.nextSleeper += 1
      return state.nextSleeper
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        guard !Task.isCancelled, !isDead else {
          return continuation.resume(throwing: CancellationError())
        }
        // Never a little early for what its division rounds off.
        let timer = world.timeline.after(duration / machine.speed + .microseconds(1)) { [self] in
          state.withLockedValue { $0.sleepers.removeValue(forKey: id) }?.continuation.resume()
        }
        state.withLockedValue { $0.sleepers[id] = (timer, continuation) }
      }
    } onCancel: {
      guard let sleeper = state.withLockedValue({ $0.sleepers.removeValue(forKey: id) }) else { return }
      world.timeline.cancel(sleeper.timer)
      sleeper.continuation.resume(throwing: CancellationError())
    }
  }
}

/// Where the tasks of a process run: the executor of the world, as long as the process is not stopped.
final class ProcessExecutor: TaskExecutor {
  private let process: WorkerProcess

  init(_ process: WorkerProcess) { self.process = process }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    process.world.executor.submit { [self] in
      process.perform { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
  }
}

/// The queue of one connection of a process: one piece of work after the other, also where one of them waits for the server
/// while others have their turn.
final class ProcessLane: StoreQueue {
  private struct State {
    var works: [@Sendable () -> Void] = []
    var isBusy = false
    /// Turns that came while it was busy.
    var missed = 0
  }

  private let process: WorkerProcess
  private let state = NIOLockedValueBox(State())

  init(_ process: WorkerProcess) { self.process = process }

  func submit(_ work: @escaping @Sendable () -> Void) {
    state.withLockedValue { $0.works.append(work) }
    schedule()
  }

  private func schedule() {
    process.world.executor.submit { [self] in process.perform { [self] in runOne() } }
  }

  private func runOne() {
    let work = state.withLockedValue { state -> (@Sendable () -> Void)? in
      guard !state.isBusy else {
        state.missed += 1
        return nil
      }
      state.isBusy = true
      return state.works.removeFirst()
    }
    guard let work else { return }
    work()
    let missed = state.withLockedValue { state in
      state.isBusy = false
      defer { state.missed = 0 }
      return state.missed
    }
    for _ in 0..<missed { schedule() }
  }
}

/// The locks of the workers of one machine, as the world knows them.
struct MachineLocks: WorkerLocks {
  let process: WorkerProcess

  func hold(_ worker: String) -> (any HeldLock)? {
    guard process.machine.hasLocks else { return nil }
    process.world.locks.withLockedValue { $0[worker] = process }
    return Lock(worker, of: process.world)
  }

  func look(at worker: String) -> LockLook {
    guard let owner = process.world.locks.withLockedValue({ $0[worker] }) else { return .unknown }
    return owner.isDead ? .dead : .alive
  }

  private final class Lock: HeldLock {
    private let worker: String
    private let world: WorkerWorld

    init(_ worker: String, of world: WorkerWorld) {
      self.worker = worker
      self.world = world
    }

    /// A process that dies gives nothing back: its lock is there, and free.
    deinit {
      world.locks.withLockedValue { locks in
        if locks[worker]?.isDead == false { locks[worker] = nil }
      }
    }
  }
}
