internal import Foundation
internal import NIOConcurrencyHelpers

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Runs commands as processes of their own group, so that a signal from the terminal does not end them and nothing of
/// them outlives a kill.
package struct ChildProcess: CommandRunner {
  /// A runner.
  package init() {}

  package func run(
    _ command: NoticeCommand, environment: [String: String], input: String
  ) async throws -> Int32 {
    let child = Child(id: try Self.spawn(command.words, environment: environment, input: input))
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        // Waiting blocks, so it has a thread of its own.
        Thread.detachNewThread { continuation.resume(returning: child.wait()) }
      }
    } onCancel: {
      child.kill()
    }
  }

  /// A process that was started.
  private final class Child: Sendable {
    private let id: pid_t
    /// Once it is reaped its number may be another's.
    private let isReaped = NIOLockedValueBox(false)

    init(id: pid_t) { self.id = id }

    func kill() {
      isReaped.withLockedValue { isReaped in
        if !isReaped { _ = Foundation.kill(-id, SIGKILL) }
      }
    }

    /// Blocks until it ended.
    func wait() -> Int32 {
      var facts = siginfo_t()
      while waitid(P_PID, id_t(id), &facts, WEXITED | WNOWAIT) != 0, errno == EINTR {}
      return isReaped.withLockedValue { isReaped in
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0, errno == EINTR {}
        isReaped = true
        let signal = status & 0x7F
        return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
      }
    }
  }

  /// Starts a program: standard input from a pipe that already holds everything, output nowhere, no other file.
  private static func spawn(
    _ words: [String], environment: [String: String], input: String
  ) throws -> pid_t {
    let pipe = try filledPipe(Array(input.utf8))
    defer { close(pipe) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, pipe, STDIN_FILENO)
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
    for descriptor in openDescriptors() where descriptor > STDERR_FILENO {
      posix_spawn_file_actions_addclose(&actions, descriptor)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // This program ignores SIGPIPE, and perhaps SIGHUP; a command expects neither.
    var defaults = sigset_t()
    sigfillset(&defaults)
    var mask = sigset_t()
    sigemptyset(&mask)
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setsigmask(&attributes, &mask)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
    var id: pid_t = 0
    let code = withCStrings(words) { arguments in
      withCStrings(environment.map { "\($0)=\($1)" }) { variables in
        posix_spawnp(&id, words[0], &actions, &attributes, arguments, variables)
      }
    }
    guard code == 0 else { throw CommandNotStarted(reason: String(cString: strerror(code))) }
    return id
  }

  /// Numbers of the files that are open, as far as the system tells. The connections to the service are among them, and
  /// would else stay open as long as the command.
  private static func openDescriptors() -> [Int32] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: "/dev/fd").compactMap { Int32($0) }
    } catch {
      // Without that list the command keeps connections open that it knows nothing of; files of this program are
      // closed by the system.
      return []
    }
  }

  /// The reading end of a pipe that holds these bytes and then ends. Filled before anybody reads, so that a command
  /// that never does cannot hold up whoever writes.
  private static func filledPipe(_ bytes: [UInt8]) throws -> Int32 {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw CommandNotStarted(reason: String(cString: strerror(errno))) }
    defer { close(ends[1]) }
    _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
    _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
    _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
    guard write(ends[1], bytes, bytes.count) == bytes.count else {
      close(ends[0])
      throw CommandNotStarted(reason: "the notice is longer than a pipe holds")
    }
    return ends[0]
  }

  private static func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return body(copies + [nil])
  }
}
