import BatchDomain
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

  func resume(_ run: RunID) throws { try start(["resume", run.rawValue]) }

  func cancel(_ run: RunID) throws { try start(["cancel", run.rawValue]) }

  private func start(_ arguments: [String]) throws {
    guard let program = Bundle.main.executablePath else { throw failure(ENOENT) }
    let words = [program] + arguments + ["--db", database, "--progress", "never"]
    let settings = environment.map { "\($0.key)=\($0.value)" }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // Its results are in the store; what goes wrong is said where the dashboard's own messages are.
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Self.newSession)
    var process = pid_t()
    let code = Self.withCStrings(words) { words in
      Self.withCStrings(settings) { settings in
        posix_spawn(&process, program, &actions, &attributes, words, settings)
      }
    }
    guard code == 0 else { throw failure(code) }
    // Somebody has to take note of its end, or it stays in the process table for as long as the dashboard lives.
    let started = process
    Thread.detachNewThread {
      var status: Int32 = 0
      while waitpid(started, &status, 0) == -1, errno == EINTR {}
    }
  }

  private func failure(_ code: Int32) -> CommandFailure {
    CommandFailure(
      .bug, code: "start_failed", "failed to start another process: \(String(cString: strerror(code)))",
      remedy: nil)
  }

  /// `POSIX_SPAWN_SETSID` of spawn.h, which Swift does not see.
  private static let newSession: Int16 = 0x80

  private static func withCStrings<T>(
    _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> T
  ) -> T {
    let copies = texts.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return body(copies + [nil])
  }
}
