import ArgumentParser
import BatchDomain
import Foundation
import NIOConcurrencyHelpers
import TestSupport
import TransferSimulator

@testable import OrchestrateCommands

/// Several nights of one machine: commands of the program one after the other, on one thread and one source of randomness,
/// a store in a folder, and the service on a loopback port, which goes by the time of this world.
///
/// Time passes only while everybody sleeps. A request takes no time but what is drawn for it.
final class NightWorld: Sendable {
  /// The key that the service takes.
  static let key = "tlk_0123456789ABCDEFGHIJ"

  let random: SeededRandom
  let executor: SeededExecutor
  let timeline: Timeline
  let folder: TemporaryFolder
  let storage: FaultyFolder
  let server: SimulatorServer
  let zone: LocalZone

  private init(
    random: SeededRandom, timeline: Timeline, folder: TemporaryFolder, storage: FaultyFolder,
    server: SimulatorServer, zone: LocalZone
  ) {
    self.random = random
    executor = SeededExecutor(random: random)
    self.timeline = timeline
    self.folder = folder
    self.storage = storage
    self.server = server
    self.zone = zone
  }

  var now: Timestamp { timeline.now }
  var database: String { folder.file("orchestrate.db") }

  /// Plays a script in a world of its own, on a thread of its own.
  static func play(
    seed: UInt64, from start: Timestamp, zone: LocalZone,
    _ configure: (inout SimulatorConfiguration) -> Void,
    _ script: @escaping @Sendable (NightWorld) async throws -> Void
  ) async throws {
    let random = SeededRandom(seed: seed)
    let timeline = Timeline(from: start)
    var configuration = SimulatorConfiguration()
    configuration.apiKey = key
    configuration.seed = seed
    configuration.clock = WorldTime(timeline: timeline)
    configure(&configuration)
    let server = try await SimulatorServer.start(configuration)
    let folder = try TemporaryFolder()
    let storage = try FaultyFolder(folder)
    let isOver = NIOLockedValueBox(false)
    let world = await withCheckedContinuation { (continuation: CheckedContinuation<NightWorld, Never>) in
      Thread.detachNewThread {
        let world = NightWorld(
          random: random, timeline: timeline, folder: folder, storage: storage, server: server, zone: zone)
        continuation.resume(returning: world)
        while !isOver.withLockedValue({ $0 }) { world.goOn() }
      }
    }
    // What goes wrong in the script is the issue of the test that plays it.
    let playing = Task(executorPreference: world.executor) { try await script(world) }
    let result = await playing.result
    isOver.withLockedValue { $0 = true }
    world.executor.submit {}
    await server.stop()
    try result.get()
  }

  /// Runs a piece of work, else lets time pass, else waits for others.
  private func goOn() {
    if executor.runOne() { return }
    if executor.waitsForOthers || !timeline.hasPlans {
      executor.waitForPiece()
    } else {
      _ = timeline.advance()
    }
  }

  /// Lets time pass while no command runs.
  func rest(until moment: Timestamp) async {
    await withCheckedContinuation { continuation in
      timeline.after(moment.since(now)) { continuation.resume() }
    }
  }

  // MARK: Chance

  /// A number of a range, every one as likely as any other.
  func draw(_ range: ClosedRange<Int>) -> Int { range.lowerBound + Int(random.next() % UInt64(range.count)) }

  /// Whether something with a probability of so many percent happens.
  func happens(_ percent: Int) -> Bool { draw(1...100) <= percent }

  /// The same in an order that is drawn.
  func shuffled<Element>(_ values: [Element]) -> [Element] {
    var values = values
    for place in values.indices.dropFirst().reversed() { values.swapAt(place, draw(0...place)) }
    return values
  }

  // MARK: Commands

  typealias Status = ExitStatus

  /// How a command ended, and all it wrote.
  struct Ending {
    let status: Status
    let output: String
    let diagnostics: String
    /// Whether it died, instead of ending by itself.
    let isDead: Bool
  }

  /// Runs a command of the program to its end, or to its death.
  func run(_ arguments: [String], dying death: NightProcess.Death? = nil) async throws -> Ending {
    let process = NightProcess(in: self, dying: death)
    let (output, diagnostics) = (NightSink(), NightSink())
    var context = ProcessContext(
      environment: environment, output: output, diagnostics: diagnostics, clock: process,
      random: SeededRandom(seed: random.next()), zone: zone, patience: .seconds(60))
    context.passage = process.passage
    let command = try OrchestrateCommand.parseAsRoot(arguments)
    process.begin()
    let status = await (command as? any Subcommand)?.status(in: context) ?? .usage
    let isDead = try await process.end()
    return Ending(
      status: status, output: output.written, diagnostics: diagnostics.written, isDead: isDead)
  }

  /// Runs a command that only reads, in one moment.
  func look(_ arguments: String...) async throws -> Ending {
    try await executor.withOthers { try await run(arguments) }
  }

  private var environment: [String: String] {
    [
      "TWELVELABS_API_KEY": Self.key, "ORCHESTRATE_DB": database, "HOME": folder.path,
      "AWS_ACCESS_KEY_ID": SimulatedCredentials.example.accessKeyID,
      "AWS_SECRET_ACCESS_KEY": SimulatedCredentials.example.secret,
      "AWS_ENDPOINT_URL_S3": server.address,
    ]
  }
}

/// Keeps what is written.
private final class NightSink: TextSink {
  private let text = NIOLockedValueBox("")

  var isTerminal: Bool { false }

  func write(_ more: String) { text.withLockedValue { $0 += more } }

  var written: String { text.withLockedValue { $0 } }
}

/// The time of a world, as the service reads it. Nothing that the service does takes any.
private struct WorldTime: SimulatorClock {
  let timeline: Timeline

  var now: Int64 { timeline.now.milliseconds }

  func sleep(for _: Duration) async throws {}
}
