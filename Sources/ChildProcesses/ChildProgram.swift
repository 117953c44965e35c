internal import Subprocess

#if canImport(System)
  internal import System
#else
  internal import SystemPackage
#endif

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A program that this one can start, and the only code that starts one.
///
/// The started process has standard input, output and error and no other open file, an empty signal mask, and the
/// default action for every signal. Sockets that SwiftNIO makes are not marked to be closed in a started process: a run
/// that the dashboard started would otherwise keep the dashboard's port. Foundation's `Process` hands on such descriptors,
/// cannot make a session, and has no process group; so this is built on swift-subprocess.
package struct ChildProgram: Sendable {
  private let words: [String]
  private let environment: [String: String]

  /// A program that is not started yet.
  ///
  /// - Parameters:
  ///   - words: the program and its arguments; a program without a slash is looked up in `PATH`. At least one.
  ///   - environment: all the variables it gets.
  package init(_ words: [String], environment: [String: String]) {
    self.words = words
    self.environment = environment
  }

  /// Runs the program to its end in a process group of its own, so that a signal from the terminal does not end it. Its
  /// output is thrown away.
  ///
  /// Cancelling the task kills the whole process group.
  ///
  /// - Parameter input: what it reads from standard input, at most as long as a pipe holds (64 KiB on Linux).
  /// - Returns: its exit status, 128 and the signal's number when a signal ended it.
  /// - Throws: ``ChildNotStarted``.
  package func run(input: String) async throws -> Int32 {
    let pipe = try Self.filledPipe(Array(input.utf8))
    do {
      let result = try await Subprocess.run(
        configuration(Self.ownGroup), input: .fileDescriptor(pipe, closeAfterSpawningProcess: true),
        output: .discarded, error: .discarded)
      return Self.status(result.terminationStatus)
    } catch let error as SubprocessError {
      throw ChildNotStarted(error)
    }
  }

  /// Runs the program to its end, as ``run(input:)`` does, with nothing to read, and keeps what it writes.
  ///
  /// - Parameter limit: the most bytes that it may write to standard output, and to standard error; a program that writes
  ///   more is an error.
  /// - Throws: ``ChildNotStarted``, also for output beyond the limit.
  package func output(limit: Int) async throws -> ChildOutput {
    do {
      let result = try await Subprocess.run(
        configuration(Self.ownGroup), input: .none, output: .bytes(limit: limit), error: .bytes(limit: limit))
      return ChildOutput(
        status: Self.status(result.terminationStatus), output: result.standardOutput,
        errors: result.standardError)
    } catch let error as SubprocessError {
      throw ChildNotStarted(error)
    }
  }

  /// Starts the program in a session of its own: no terminal and no end of this process ends it. It writes errors to
  /// where this process writes its own; its results are thrown away.
  ///
  /// - Throws: ``ChildNotStarted``.
  package func startDetached() async throws {
    var options = PlatformOptions()
    options.createSession = true
    let configuration = configuration(options)
    let started: Result<Void, ChildNotStarted> = await withCheckedContinuation { continuation in
      // Nobody waits for the end of the program, but it has to be noted, or the process stays in the process table for
      // as long as this one lives.
      Task.detached {
        var isStarted = false
        do {
          _ = try await Subprocess.run(
            configuration, input: .none, output: .discarded, error: .currentStandardError
          ) { _ in
            isStarted = true
            continuation.resume(returning: .success(()))
          }
        } catch {
          // An error after the start is about watching the program; what becomes of its work is seen in the store.
          if !isStarted { continuation.resume(returning: .failure(ChildNotStarted(error))) }
        }
      }
    }
    try started.get()
  }

  /// A process group of its own, all of which is killed when the task is cancelled.
  private static var ownGroup: PlatformOptions {
    var options = PlatformOptions()
    options.processGroupID = 0
    options.teardownSequence = [
      .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .zero)
    ]
    return options
  }

  private static func status(_ status: TerminationStatus) -> Int32 {
    switch status {
    case .exited(let code): code
    case .signaled(let signal): 128 + signal
    }
  }

  private func configuration(_ options: PlatformOptions) -> Configuration {
    let program = words.first ?? ""
    return Configuration(
      executable: program.utf8.contains(UInt8(ascii: "/")) ? .path(FilePath(program)) : .name(program),
      arguments: Arguments(Array(words.dropFirst())),
      environment: .custom(
        Dictionary(
          environment.compactMap { name, value in Environment.Key(rawValue: name).map { ($0, value) } },
          uniquingKeysWith: { $1 })),
      platformOptions: options)
  }

  /// The reading end of a pipe that holds these bytes and then ends. Filled before anybody reads, so that a program that
  /// never does cannot hold up the writer, and is not reported as a failure to write.
  private static func filledPipe(_ bytes: [UInt8]) throws(ChildNotStarted) -> FileDescriptor {
    var ends: [CInt] = [0, 0]
    guard pipe(&ends) == 0 else { throw ChildNotStarted(reason: String(cString: strerror(errno))) }
    defer { close(ends[1]) }
    _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
    _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
    _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
    guard write(ends[1], bytes, bytes.count) == bytes.count else {
      close(ends[0])
      throw ChildNotStarted(reason: "its input is longer than a pipe holds")
    }
    return FileDescriptor(rawValue: ends[0])
  }
}

/// What a program wrote until its end.
package struct ChildOutput: Sendable {
  /// Its exit status, 128 and the signal's number when a signal ended it.
  package let status: Int32
  /// What it wrote to standard output.
  package let output: [UInt8]
  /// What it wrote to standard error.
  package let errors: [UInt8]

  /// An end in its parts.
  package init(status: Int32, output: [UInt8], errors: [UInt8]) {
    self.status = status
    self.output = output
    self.errors = errors
  }
}

/// A program could not be started.
package struct ChildNotStarted: Error, Sendable, Equatable {
  /// Why, as a clause, mostly in the system's words.
  package let reason: String

  init(reason: String) { self.reason = reason }

  init(_ error: any Error) {
    guard let error = error as? SubprocessError else {
      self.init(reason: "\(error)")
      return
    }
    if let cause = error.underlyingError {
      self.init(reason: String(cString: strerror(cause.rawValue)))
    } else if error.code == .executableNotFound {
      self.init(reason: String(cString: strerror(ENOENT)))
    } else {
      self.init(reason: error.description)
    }
  }
}
