/// Runs asynchronous code to its end on the calling thread, so that a finding's stack names who caused it.
package final class InlineExecutor: TaskExecutor {
  // Only ever touched by the thread in `run`: nothing the fuzzers call leaves the executor.
  nonisolated(unsafe) private var jobs: [UnownedJob] = []

  /// Makes an executor with nothing to do.
  package init() {}

  /// Takes a job for the loop in `run`.
  package func enqueue(_ job: consuming ExecutorJob) { jobs.append(UnownedJob(job)) }

  /// Runs `work` and returns what it came to.
  package static func run<Value: Sendable>(
    _ work: @escaping @Sendable () async throws -> Value
  ) -> Result<Value, any Error> {
    let executor = InlineExecutor()
    let result = Box<Value>()
    Task(executorPreference: executor) { result.value = await Result(catching: work) }
    while !executor.jobs.isEmpty {
      executor.jobs.removeFirst().runSynchronously(on: executor.asUnownedTaskExecutor())
    }
    guard let value = result.value else { fatalError("the work waits for something outside") }
    return value
  }

  private final class Box<Value: Sendable>: @unchecked Sendable {
    // Written and read by the thread in `run` alone.
    var value: Result<Value, any Error>?
  }
}

extension Result where Failure == any Error {
  fileprivate init(catching work: () async throws -> Success) async {
    do { self = .success(try await work()) } catch { self = .failure(error) }
  }
}
