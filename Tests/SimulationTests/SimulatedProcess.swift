import BatchDomain
import Dispatcher
import NIOConcurrencyHelpers
import TestSupport

/// One process of a world: every call of a port comes through here, and may be its last.
///
/// From its death on no call has any effect, and none tells it anything.
final class SimulatedProcess: BatchClock {
  private struct State {
    var isDead = false
    var sleepers: [Int: (timer: Int, continuation: CheckedContinuation<Void, any Error>)] = [:]
    var nextSleeper = 0
    var timers: [Int] = []
    var inFlight: [Int: InFlight] = [:]
  }

  /// A request that the service has not worked on yet.
  private struct InFlight {
    let timer: Int
    let due: Duration
    let take: @Sendable () -> Void
  }

  /// What a dead process is told by its store.
  static let death = StoreError(.inputOutput, "the process is dead")

  let number: Int
  let world: World
  /// Asks the run to stop.
  let stopper: AsyncStream<StopCause>.Continuation
  private let state = NIOLockedValueBox(State())

  init(number: Int, world: World, stopper: AsyncStream<StopCause>.Continuation) {
    self.number = number
    self.world = world
    self.stopper = stopper
  }

  var isDead: Bool { state.withLockedValue { $0.isDead } }

  // MARK: Death

  /// Ends the process now, wherever its tasks are.
  func die(_ place: String) {
    let (sleepers, inFlight) = state.withLockedValue { state in
      defer {
        state.isDead = true
        state.sleepers = [:]
        state.inFlight = [:]
      }
      return state.isDead ? ([:], [:]) : (state.sleepers, state.inFlight)
    }
    note("dies \(place)")
    for (_, sleeper) in sleepers.sorted(by: { $0.key < $1.key }) {
      world.timeline.cancel(sleeper.timer)
      sleeper.continuation.resume(throwing: CancellationError())
    }
    for (_, request) in inFlight.sorted(by: { $0.key < $1.key }) {
      hangUp(request, lateness: world.scenario.weather.lateness)
    }
    // Lets its tasks unwind: they find every port dead.
    stopper.yield(.asked)
  }

  /// Plans something for as long as the process lives.
  func plan(after duration: Duration, _ action: @escaping @Sendable (SimulatedProcess) -> Void) {
    let timer = world.timeline.after(duration) { [self] in if !isDead { action(self) } }
    state.withLockedValue { $0.timers.append(timer) }
  }

  /// The process is over: what was planned for it is given up.
  func end() {
    for timer in state.withLockedValue({ $0.timers }) { world.timeline.cancel(timer) }
  }

  // MARK: Ports

  func note(_ line: String) {
    world.trace.note("\(world.timeline.elapsed.inMilliseconds) p\(number) \(line)")
  }

  /// A call is about to be made: others may come first, and the process may die before it.
  func begin(_ call: String) async throws {
    world.expectHere(call)
    await world.executor.turn()
    if isDead { throw Self.death }
    if world.decidesToKill(number) {
      die("before \(call)")
      throw Self.death
    }
  }

  /// A call was made: the process may die before it learns what came of it.
  func finish(_ call: String) throws {
    if isDead { throw Self.death }
    if world.decidesToKill(number) {
      die("after \(call)")
      throw Self.death
    }
  }

  // MARK: Requests under way

  /// The service is going to work on a request, whatever becomes of the process.
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
    let latest = world.timeline.elapsed + lateness
    guard request.due > latest || world.dice.chance(0.5) else { return }
    world.timeline.cancel(request.timer)
    guard world.dice.chance(0.5) else { return }
    world.timeline.after(
      world.dice.milliseconds(0...lateness.inMilliseconds), request.take)
  }

  // MARK: BatchClock

  func now() -> Timestamp { world.timeline.now }

  func elapsed() -> Duration { world.timeline.elapsed }

  func sleep(for duration: Duration) async throws {
    world.expectHere("sleep")
    let id = state.withLockedValue { state in
      state.nextSleeper += 1
      return state.nextSleeper
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        guard !Task.isCancelled, !isDead else {
          return continuation.resume(throwing: CancellationError())
        }
        let timer = world.timeline.after(duration) { [self] in
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

extension Duration {
  /// Whole milliseconds, rounded down.
  var inMilliseconds: Int {
    Int(components.seconds) * 1_000 + Int(components.attoseconds / 1_000_000_000_000_000)
  }
}
