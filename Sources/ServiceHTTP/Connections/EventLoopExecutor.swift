internal import NIOCore

/// Runs tasks on an event loop, so that what waits for the network wakes up where the network is read: an answer then
/// costs no change of thread.
///
/// Whatever runs there must not block.
final class EventLoopExecutor: TaskExecutor {
  private let eventLoop: any EventLoop

  /// An executor of that loop.
  init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}
