import Dispatch
import NIOConcurrencyHelpers

/// Does what writes to a place that may be slow or stuck (a stopped terminal, a pipe that nobody reads) in order, on a
/// thread of its own, so that nobody else waits for that place.
final class OutputQueue: Sendable {
  private let queue: DispatchQueue
  private let count = NIOLockedValueBox(0)

  /// A queue.
  ///
  /// - Parameter label: its name in a debugger.
  init(label: String) { queue = DispatchQueue(label: label) }

  /// Pieces of work that have not ended yet.
  var waiting: Int { count.withLockedValue { $0 } }

  /// Does work after all that was handed in before.
  func add(_ work: @escaping @Sendable () -> Void) {
    count.withLockedValue { $0 += 1 }
    queue.async { [count] in
      work()
      count.withLockedValue { $0 -= 1 }
    }
  }

  /// How long an end waits for a place that takes nothing: long enough for a slow one, short enough for a script.
  private static let patience = DispatchTimeInterval.seconds(30)

  /// Suspends until all that was handed in is done, or the place has taken nothing for half a minute.
  ///
  /// - Returns: whether it is done.
  @discardableResult
  func drained() async -> Bool {
    await withCheckedContinuation { continuation in
      let answer = NIOLockedValueBox<CheckedContinuation<Bool, Never>?>(continuation)
      let resume: @Sendable (Bool) -> Void = { isDone in
        answer.withLockedValue { $0.take() }?.resume(returning: isDone)
      }
      queue.async { resume(true) }
      DispatchQueue.global().asyncAfter(deadline: .now() + Self.patience) { resume(false) }
    }
  }
}
