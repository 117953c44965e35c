import ArgumentParser
import BatchDomain
import NIOConcurrencyHelpers
import Reporting
import RunStore
import StoreCore
import TestSupport

@testable import OrchestrateCommands

/// Runs commands inside the test: environment, output, time and chance are given.
struct CommandStage {
  /// Keeps what is written.
  final class Sink: TextSink {
    private let text = NIOLockedValueBox("")
    private let failure: (any Error & Sendable)?

    init(failing failure: (any Error & Sendable)? = nil) { self.failure = failure }

    var isTerminal: Bool { false }

    func write(_ more: String) throws {
      if let failure { throw failure }
      text.withLockedValue { $0 += more }
    }

    var written: String { text.withLockedValue { $0 } }
  }

  let folder: TemporaryFolder
  let clock = ManualClock()
  let output: Sink
  let diagnostics = Sink()

  init(output: Sink = Sink()) throws {
    folder = try TemporaryFolder()
    self.output = output
  }

  /// A stage on the database of another.
  init(in folder: TemporaryFolder) throws {
    self.folder = folder
    output = Sink()
  }

  var database: String { folder.file("store.db") }

  var context: ProcessContext { context([:]) }

  /// The context with more variables.
  func context(_ variables: [String: String]) -> ProcessContext {
    ProcessContext(
      environment: ["ORCHESTRATE_DB": database].merging(variables) { $1 }, output: output,
      diagnostics: diagnostics, clock: clock,
      random: SeededRandom(seed: 1), zone: .utc, patience: .seconds(60))
  }

  /// Parses arguments as the program does and runs the command.
  func run<Command: Subcommand>(_ command: Command.Type, _ arguments: String...) async throws -> ExitStatus {
    try await run(command, arguments)
  }

  func run<Command: Subcommand>(_ command: Command.Type, _ arguments: [String]) async throws -> ExitStatus {
    try await command.parse(arguments).status(in: context)
  }

  /// A paused run of ten items in chunks of four; the first was rejected.
  func planRun() async throws -> RunID {
    let store = try await SQLiteStore.open(path: database, now: clock.now())
    let session = try await PlannedItems.plan(
      (0..<10).map { PlannedItems.source($0) }, chunkSize: 4, in: store, at: clock.now())
    if case .chunk(let chunk) = try await session.claim(at: clock.now()) {
      _ = try await session.record(
        AttemptRecord(
          of: chunk, finishedAt: clock.now(), took: .seconds(1), outcome: .content,
          status: 400, code: "parameter_invalid", message: "bad \u{1b}[31mobject", isCounted: false,
          event: .refused, readyAt: Timestamp(milliseconds: 0)))
    }
    try await session.release(as: .paused(.signal, detail: nil), at: clock.now())
    try await store.close()
    return session.run
  }
}
