package import Foundation
import NIOConcurrencyHelpers
import TestSupport

/// A built program as a process: cleared environment, its output read as it comes.
package final class OrchestrateProcess: Sendable {
  /// How it ended, and all it wrote.
  package struct Ending: Sendable {
    /// Its exit status; 128 and the signal's number when one ended it.
    package let status: Int32
    /// What it wrote to standard output.
    package let output: String
    /// What it wrote to standard error.
    package let diagnostics: String
  }

  private struct State {
    var output = Data()
    var diagnostics = Data()
    var open = 3
    var status: Int32?
    var watchers: [CheckedContinuation<Void, Never>] = []

    /// The first whole line of the diagnostics that begins so.
    func line(after beginning: String) -> String? {
      String(decoding: diagnostics, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        .dropLast().first { $0.hasPrefix(beginning) }.map(String.init)
    }
  }

  private let process: SpawnedProgram
  private let state = NIOLockedValueBox(State())

  /// Where the package's products are: beside the test bundle.
  package static let products = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()

  /// Starts the program, or another one of the package; or a command before it that ends in it.
  package init(
    _ arguments: [String], environment: [String: String] = [:], input: String? = nil,
    program: String = "orchestrate", through: [String] = []
  ) throws {
    let path = Self.products.appendingPathComponent(program).path
    process = try SpawnedProgram(
      through + [path] + arguments,
      environment: ["PATH": "/usr/bin:/bin", "HOME": "/nonexistent"].merging(environment) { $1 },
      input: input == nil ? .nowhere : .pipe, output: .pipe, diagnostics: .pipe)
    follow()
    if let input {
      try process.input?.write(contentsOf: Data(input.utf8))
      try process.input?.close()
    }
  }

  /// Its process id.
  package var id: Int32 { process.id }

  /// Sends it a signal.
  package func send(_ signal: Int32) { process.send(signal) }

  /// Suspends until it ended and all it wrote was read.
  @discardableResult
  package func ended() async -> Ending {
    await wait { $0.open == 0 }
    return state.withLockedValue {
      Ending(
        status: $0.status ?? -1, output: String(decoding: $0.output, as: UTF8.self),
        diagnostics: String(decoding: $0.diagnostics, as: UTF8.self))
    }
  }

  /// Suspends until its standard error has that text, or until it ended.
  package func says(_ text: String) async {
    let wanted = Data(text.utf8)
    await wait { $0.open == 0 || $0.diagnostics.range(of: wanted) != nil }
  }

  /// Suspends until its standard output has that text, or until it ended.
  package func prints(_ text: String) async {
    let wanted = Data(text.utf8)
    await wait { $0.open == 0 || $0.output.range(of: wanted) != nil }
  }

  /// The first line of its standard error that begins with that text, once it is there whole; `nil` when it ended
  /// without one.
  package func diagnosticsLine(after beginning: String) async -> String? {
    await wait { $0.open == 0 || $0.line(after: beginning) != nil }
    return state.withLockedValue { $0.line(after: beginning) }
  }

  /// Suspends until its standard output has a whole line, or until it ended; returns that line.
  package func firstLine() async -> String {
    let newline = UInt8(ascii: "\n")
    await wait { $0.open == 0 || $0.output.contains(newline) }
    return state.withLockedValue { String(decoding: $0.output.prefix { $0 != newline }, as: UTF8.self) }
  }

  /// Runs the program to its end.
  package static func run(
    _ arguments: [String], environment: [String: String] = [:], input: String? = nil
  ) async throws -> Ending {
    try await OrchestrateProcess(arguments, environment: environment, input: input).ended()
  }

  private func wait(until isMet: @escaping @Sendable (borrowing State) -> Bool) async {
    while true {
      let isDone = await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
        let met = state.withLockedValue { isMet($0) }
        continuation.resume(returning: met)
      }
      if isDone { return }
      await withCheckedContinuation { continuation in
        let met = state.withLockedValue { state in
          if isMet(state) { return true }
          state.watchers.append(continuation)
          return false
        }
        if met { continuation.resume() }
      }
    }
  }

  /// Takes what it writes and its end, each on a thread of its own: plain blocking calls see the end of a pipe and of a
  /// process whatever else the process does.
  private func follow() {
    for (stream, isDiagnostics) in [(process.output, false), (process.diagnostics, true)] {
      Thread.detachNewThread { [self] in
        while true {
          // A pipe that cannot be read ends as one that has nothing more; the tests then miss what they look for.
          let data = (try? stream?.nextBytes()) ?? Data()
          took(data, isDiagnostics: isDiagnostics)
          if data.isEmpty { return }
        }
      }
    }
    Thread.detachNewThread { [self] in
      let status = process.wait()
      change { state in
        state.status = status
        state.open -= 1
      }
    }
  }

  private func took(_ data: Data, isDiagnostics: Bool) {
    change { state in
      if data.isEmpty {
        state.open -= 1
      } else if isDiagnostics {
        state.diagnostics += data
      } else {
        state.output += data
      }
    }
  }

  private func change(_ body: (inout State) -> Void) {
    let watchers = state.withLockedValue { state in
      body(&state)
      defer { state.watchers = [] }
      return state.watchers
    }
    for watcher in watchers { watcher.resume() }
  }
}
