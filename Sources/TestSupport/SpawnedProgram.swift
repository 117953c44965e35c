package import Foundation

/// A program that a test started: standard input, output and error and no other open file, the default action for every
/// signal, a process group of its own.
///
/// Foundation's `Process` reads beyond the end of its list of open descriptors once there are some 1,360 of them, and
/// hundreds of tests have descriptors open at a time.
package final class SpawnedProgram: Sendable {
  /// What one of its three standard streams is.
  package enum Stream: Sendable {
    /// What the tests have.
    case inherited
    /// `/dev/null`.
    case nowhere
    /// A pipe to this process.
    case pipe
  }

  /// Its process id.
  package let id: pid_t
  /// Where to write what it reads, if that is a pipe.
  package let input: FileHandle?
  /// Where to read its standard output, if that is a pipe.
  package let output: FileHandle?
  /// Where to read its standard error, if that is a pipe.
  package let diagnostics: FileHandle?

  /// Starts it.
  ///
  /// - Parameters:
  ///   - words: the program and its arguments; a program without a slash is looked up in `PATH`. At least one.
  ///   - environment: all the variables it gets; `nil` for those of the tests.
  /// - Throws: `POSIXError` when it cannot be started.
  package init(
    _ words: [String], environment: [String: String]? = nil, input: Stream = .nowhere,
    output: Stream = .nowhere, diagnostics: Stream = .inherited
  ) throws {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
      var attributes: posix_spawnattr_t?
    #else
      var actions = posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
    #endif
    try Self.check(posix_spawn_file_actions_init(&actions))
    defer { posix_spawn_file_actions_destroy(&actions) }
    try Self.check(posix_spawnattr_init(&attributes))
    defer { posix_spawnattr_destroy(&attributes) }

    let pipes = [input, output, diagnostics].map { $0 == .pipe ? Pipe() : nil }
    for (descriptor, stream) in zip(Int32(0)..., [input, output, diagnostics]) {
      switch stream {
      case .inherited: break
      case .nowhere:
        try Self.check(
          posix_spawn_file_actions_addopen(
            &actions, descriptor, "/dev/null", descriptor == 0 ? O_RDONLY : O_WRONLY, 0))
      case .pipe:
        guard let pipe = pipes[Int(descriptor)] else { continue }
        let end = descriptor == 0 ? pipe.fileHandleForReading : pipe.fileHandleForWriting
        try Self.check(posix_spawn_file_actions_adddup2(&actions, end.fileDescriptor, descriptor))
      }
    }
    var flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
    #if canImport(Darwin)
      flags |= POSIX_SPAWN_CLOEXEC_DEFAULT
    #else
      try Self.closeOthers(&actions)
    #endif
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    try Self.check(posix_spawnattr_setsigmask(&attributes, &none))
    try Self.check(posix_spawnattr_setsigdefault(&attributes, &all))
    try Self.check(posix_spawnattr_setpgroup(&attributes, 0))
    try Self.check(posix_spawnattr_setflags(&attributes, Int16(flags)))

    let variables = (environment ?? ProcessInfo.processInfo.environment).map { "\($0)=\($1)" }
    var started: pid_t = 0
    try Self.withCStrings(words) { words in
      try Self.withCStrings(variables) { variables in
        guard let program = words[0] else { throw POSIXError(.EINVAL) }
        try Self.check(posix_spawnp(&started, program, &actions, &attributes, words, variables))
      }
    }
    id = started
    self.input = pipes[0]?.fileHandleForWriting
    self.output = pipes[1]?.fileHandleForReading
    self.diagnostics = pipes[2]?.fileHandleForReading
    try pipes[0]?.fileHandleForReading.close()
    try pipes[1]?.fileHandleForWriting.close()
    try pipes[2]?.fileHandleForWriting.close()
  }

  /// Sends it a signal.
  package func send(_ signal: Int32) { kill(id, signal) }

  /// Blocks until it ended. To be called once.
  ///
  /// - Returns: its exit status; 128 and the signal's number when one ended it, -1 when that cannot be told.
  @discardableResult
  package func wait() -> Int32 {
    var status: Int32 = 0
    while waitpid(id, &status, 0) == -1 {
      guard errno == EINTR else { return -1 }
    }
    let signal = status & 0x7f
    return signal == 0 ? (status >> 8) & 0xff : 128 + signal
  }

  /// Runs a program to its end.
  ///
  /// - Returns: its status, as ``wait()`` has it, and what it wrote to standard output.
  package static func run(_ words: [String]) throws -> (status: Int32, output: String) {
    let program = try SpawnedProgram(words, output: .pipe)
    let output = try program.output?.remainingBytes() ?? Data()
    return (program.wait(), String(decoding: output, as: UTF8.self))
  }

  #if !canImport(Darwin)
    /// Has every descriptor from 3 on closed. A call of glibc since 2.34 whose declaration Swift does not see
    /// (posix_spawn_file_actions_addclosefrom_np).
    private static func closeOthers(_ actions: inout posix_spawn_file_actions_t) throws {
      typealias Call = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
      guard let found = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") else {
        throw POSIXError(.ENOSYS)
      }
      try check(unsafeBitCast(found, to: Call.self)(&actions, 3))
    }
  #endif

  private static func check(_ code: Int32) throws {
    guard code != 0 else { return }
    throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EINVAL)
  }

  /// Hands on strings as C's argument lists have them, ended by a null pointer.
  private static func withCStrings(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) throws -> Void
  ) rethrows {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    try body(copies + [nil])
  }
}
