import BatchDomain
import ChildProcesses
import Dashboard
import Foundation

/// Starts this program again to work on a run, in a session of its own: it lives on when the dashboard ends.
///
/// The key is in the environment that is handed on, never among the arguments.
struct ProgramLauncher: RunLauncher {
  /// Path of the database.
  let database: String
  /// Environment of the new process.
  let environment: [String: String]

  func resume(_ run: RunID) async throws { try await start(["resume", run.rawValue]) }

  func cancel(_ run: RunID) async throws { try await start(["cancel", run.rawValue]) }

  private func start(_ arguments: [String]) async throws {
    guard let program = Bundle.main.executablePath else { throw failure("its own file is not known") }
    let words = [program] + arguments + ["--db", database, "--progress", "never"]
    do {
      // Its results are in the store; what goes wrong is said where the dashboard's own messages are.
      try await ChildProgram(words, environment: environment).startDetached()
    } catch let error as ChildNotStarted {
      throw failure(error.reason)
    }
  }

  private func failure(_ reason: String) -> CommandFailure {
    CommandFailure(
      .bug, code: "start_failed", "failed to start another process: \(reason)",
      remedy: "run the command in a terminal")
  }
}
