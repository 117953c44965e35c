import Dispatch
import Foundation
import NIOConcurrencyHelpers
import RunStore
import StoreCore

/// Runs everything of one world on the thread that made it, one piece after the other, in an order drawn from the
/// seed: the same seed gives the same order.
///
/// Only what is enqueued from that thread has an order; anything else is counted as a stray.
package final class SeededExecutor: TaskExecutor {
  private enum Piece: Sendable {
    case job(UnownedJob)
    case work(@Sendable () -> Void)
    case lane(Lane)
  }

  private struct State {
    var ready: [Piece] = []
    var strays = 0
    var elsewhere = 0
  }

  private let random: SeededRandom
  private let state = NIOLockedValueBox(State())
  private let thread = pthread_self()
  /// Broadcast when a piece comes from another thread.
  private let arrival = NSCondition()

  /// An executor of the calling thread.
  package init(random: SeededRandom) { self.random = random }

  /// Pieces that came from another thread: something left this executor, and the seed does not replay.
  package var strays: Int { state.withLockedValue { $0.strays } }

  /// Whether the caller runs on this executor's thread.
  package var isHere: Bool { pthread_equal(thread, pthread_self()) != 0 }

  /// Takes a job, which runs in its turn.
  package func enqueue(_ job: consuming ExecutorJob) { add(.job(UnownedJob(job))) }

  /// Does a piece of work in its turn.
  package func submit(_ work: @escaping @Sendable () -> Void) { add(.work(work)) }

  /// Lets others have their turn, any number of them.
  package func turn() async {
    await withCheckedContinuation { continuation in submit { continuation.resume() } }
  }

  /// Runs one of the pieces that are ready.
  ///
  /// - Returns: `false` when none is.
  package func runOne() -> Bool {
    let piece = state.withLockedValue { state -> Piece? in
      guard !state.ready.isEmpty else { return nil }
      let last = state.ready.count - 1
      if last > 0 { state.ready.swapAt(Int(random.next() % UInt64(last + 1)), last) }
      return state.ready.removeLast()
    }
    switch piece {
    case nil: return false
    case .job(let job): job.runSynchronously(on: asUnownedTaskExecutor())
    case .work(let work): work()
    case .lane(let lane): lane.runOne()
    }
    return true
  }

  private func add(_ piece: Piece) {
    let isStray = !isHere
    state.withLockedValue { state in
      if isStray { state.strays += 1 }
      state.ready.append(piece)
    }
    guard isStray else { return }
    arrival.lock()
    arrival.broadcast()
    arrival.unlock()
  }

  /// Work that keeps its own order among whatever else is ready: the queue of one store.
  package final class Lane: StoreQueue {
    private let executor: SeededExecutor
    private let works = NIOLockedValueBox<[@Sendable () -> Void]>([])

    /// A lane of an executor.
    package init(_ executor: SeededExecutor) { self.executor = executor }

    /// Does a piece of work after those that were submitted before it.
    package func submit(_ work: @escaping @Sendable () -> Void) {
      works.withLockedValue { $0.append(work) }
      executor.add(.lane(self))
    }

    fileprivate func runOne() { works.withLockedValue { $0.removeFirst() }() }
  }
}

// MARK: - Work on other threads

extension SeededExecutor {
  /// Whether somebody here waits for work on another thread: until that is done, no time may pass here.
  package var waitsForOthers: Bool { state.withLockedValue { $0.elsewhere > 0 } }

  /// Does something of which parts run on other threads, such as a conversation over the network.
  package func withOthers<Value>(_ work: () async throws -> Value) async rethrows -> Value {
    state.withLockedValue { $0.elsewhere += 1 }
    defer { state.withLockedValue { $0.elsewhere -= 1 } }
    return try await work()
  }

  /// Does something on other threads while nothing here goes on: to everybody here it is done in one moment.
  package func atOnce<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) -> Value {
    let result = NIOLockedValueBox<Value?>(nil)
    let isDone = DispatchSemaphore(value: 0)
    Task.detached {
      let value = await work()
      result.withLockedValue { $0 = value }
      isDone.signal()
    }
    isDone.wait()
    guard let value = result.withLockedValue({ $0 }) else {
      preconditionFailure("it was done without a result")
    }
    return value
  }

  /// Blocks the thread until a piece is ready.
  package func waitForPiece() {
    arrival.lock()
    while state.withLockedValue({ $0.ready.isEmpty }) { arrival.wait() }
    arrival.unlock()
  }
}
