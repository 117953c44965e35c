import Foundation
import Testing

@testable import OrchestrateCommands

@Suite("A thread to read on", .timeLimit(.minutes(10)))
struct ReadingThreadTests {
  @Test("readings that wait for their pipes leave the shared threads to everybody else")
  func waitingForPipes() async throws {
    // More of them than the shared pool has threads.
    let pipes = (0..<ProcessInfo.processInfo.activeProcessorCount + 2).map { _ in Pipe() }
    let started = AsyncStream.makeStream(of: Void.self)
    try await withThrowingTaskGroup(of: Data.self) { group in
      for pipe in pipes {
        group.addTask {
          try await ReadingThread.run {
            started.continuation.yield()
            return try pipe.fileHandleForReading.readToEnd() ?? Data()
          }
        }
      }
      var count = 0
      for await _ in started.stream {
        count += 1
        if count == pipes.count { break }
      }
      // All of them wait now or are about to; only a shared thread that is free gets here.
      for pipe in pipes {
        try pipe.fileHandleForWriting.write(contentsOf: Data("x".utf8))
        try pipe.fileHandleForWriting.close()
      }
      for try await data in group { #expect(data == Data("x".utf8)) }
    }
  }

  @Test("what is thrown there is thrown on")
  func failure() async throws {
    struct Failure: Error {}
    await #expect(throws: Failure.self) {
      try await ReadingThread.run {
        await Task.yield()
        throw Failure()
      }
    }
  }

  @Test("what is cancelled there ends")
  func cancelled() async throws {
    let task = Task {
      try await ReadingThread.run {
        while true {
          try Task.checkCancellation()
          await Task.yield()
        }
      }
    }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }
}
