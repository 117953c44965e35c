/// Sends one request to an address and says which status came back. A port: tests put a fake behind it.
package protocol NoticeTransport: Sendable {
  /// Sends a request, once, following no redirect.
  ///
  /// - Parameter body: a JSON document to POST; `nil` asks with GET.
  /// - Returns: the status of the answer.
  /// - Throws: whatever kept an answer from coming; `CancellationError` when the task was cancelled.
  func send(_ body: String?, to address: NoticeAddress) async throws -> Int

  /// Closes what is open. Nothing can be sent afterwards.
  func shutdown() async
}

/// Runs a command to its end. A port: tests put a fake behind it.
package protocol CommandRunner: Sendable {
  /// Runs a command.
  ///
  /// - Parameters:
  ///   - environment: all the variables it gets.
  ///   - input: what it reads from standard input.
  /// - Returns: its exit status, 128 and the signal's number when it was killed.
  /// - Throws: ``CommandNotStarted``. Cancelling the task kills the command.
  func run(_ command: NoticeCommand, environment: [String: String], input: String) async throws -> Int32
}

/// A command could not be started.
package struct CommandNotStarted: Error, Sendable, Equatable {
  /// The system's words for it.
  package let reason: String

  /// A failure for that reason.
  package init(reason: String) { self.reason = reason }
}
