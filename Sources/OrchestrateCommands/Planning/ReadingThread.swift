import NIOPosix

/// A thread of its own for a task that reads: a pipe may keep it waiting for hours, and the shared pool has no more
/// threads than the machine has cores. What the task keeps in memory also stays in one heap of the C library, which has one
/// for each thread, so that memory is the same in every run.
///
/// Only the task that reads prefers it; the task that records does not. Files cannot be read without blocking, and one
/// heap for all threads (`M_ARENA_MAX`) makes sending a tenth slower.
final class ReadingThread: TaskExecutor {
  private let threads = NIOThreadPool(numberOfThreads: 1)

  private init() { threads.start() }

  /// Runs `work`, and the tasks in it that ask for no other executor, on such a thread.
  static func run<Value>(_ work: () async throws -> Value) async throws -> Value {
    let thread = ReadingThread()
    let result: Result<Value, any Error>
    do {
      result = .success(try await withTaskExecutorPreference(thread) { try await work() })
    } catch {
      result = .failure(error)
    }
    try await thread.threads.shutdownGracefully()
    return try result.get()
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    // A job has to run whatever became of the thread.
    threads.submit { _ in job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}
