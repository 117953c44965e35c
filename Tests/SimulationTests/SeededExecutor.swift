import Foundation
import NIOConcurrencyHelpers
import RunStore
import TestSupport

/// Runs everything of one world on the thread that made it, one piece after the other, in an order drawn from the
/// seed: the same seed gives the same order.
///
/// Only what is enqueued from that thread has an order; anything else is counted as a stray.
final class SeededExecutor: TaskExecutor {
  private enum Piece: Sendable {
    case job(UnownedJob)
    case work(@Sendable () -> Void)
    case lane(Lane)
  }

  private struct State {
    var ready: [Piece] = []
    var strays = 0
  }

  private let random: SeededRandom
  private let state = NIOLockedValueBox(State())
  private let thread = pthread_self()

  init(random: SeededRandom) { self.random = random }

  /// Pieces that came from another thread: something left this executor, and the seed does not replay.
  var strays: Int { state.withLockedValue { $0.strays } }

  /// Whether the caller runs on this executor's thread.
  var isHere: Bool { pthread_equal(thread, pthread_self()) != 0 }

  func enqueue(_ job: consuming ExecutorJob) { add(.job(UnownedJob(job))) }

  /// Does a piece of work in its turn.
  func submit(_ work: @escaping @Sendable () -> Void) { add(.work(work)) }

  /// Lets others have their turn, any number of them.
  func turn() async {
    await withCheckedContinuation { continuation in submit { continuation.resume() } }
  }

  /// Runs one of the pieces that are ready.
  ///
  /// - Returns: `false` when none is.
  func runOne() -> Bool {
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
  }

  /// Work that keeps its own order among whatever else is ready: the queue of one store.
  final class Lane: StoreQueue {
    private let executor: SeededExecutor
    private let works = NIOLockedValueBox<[@Sendable () -> Void]>([])

    init(_ executor: SeededExecutor) { self.executor = executor }

    func submit(_ work: @escaping @Sendable () -> Void) {
      works.withLockedValue { $0.append(work) }
      executor.add(.lane(self))
    }

    fileprivate func runOne() { works.withLockedValue { $0.removeFirst() }() }
  }
}
