import ArgumentParser
import Foundation
import TransferSimulator

/// One manifest, sent to its end through a number of kills.
struct CrashRun {
  static let key = "tlk_0123456789ABCDEFGHIJ"
  static let index = "629d807aa9e2a3a33a92c00b"
  /// A run that does not end after so many resumes without a kill never ends.
  static let longestEnd = 20

  private let program: String
  private let items: Int
  private let folder: URL
  private let server: SimulatorServer

  init(program: String, items: Int, listingLag: Duration, seed: UInt64) async throws {
    self.program = program
    self.items = items
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("crash-score-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var configuration = SimulatorConfiguration()
    configuration.apiKey = Self.key
    configuration.seed = seed
    configuration.delay = .milliseconds(40)
    configuration.taskStep = .zero
    configuration.listingLag = listingLag
    configuration.throttleWait = .seconds(1)
    configuration.faults = [
      FaultRule(.resetAfter, share: 0.03), FaultRule(.error, share: 0.02),
      FaultRule(.errorAccepted, share: 0.02), FaultRule(.throttle, share: 0.01),
    ]
    server = try await SimulatorServer.start(configuration)
  }

  /// Submits, kills and resumes; then lets the run end, and counts.
  func play(kills: Int, random: inout SeededNumbers, into score: inout CrashScore.Score) async throws {
    let manifest = folder.appendingPathComponent("manifest.jsonl")
    let lines = (0..<items).map {
      #"{"index_id":"\#(Self.index)","language":"en","object":"\#(Self.object($0))"}"# + "\n"
    }
    try Data(lines.joined().utf8).write(to: manifest)
    var arguments = [
      "submit", manifest.path, "--base-url", server.address, "--settle-delay", "300ms", "--chunk-size", "20",
      "--concurrency", "6",
    ]
    var isOver = false
    for _ in 0..<kills where !isOver {
      let requests = server.ledger.transferCount
      let process = try start(arguments)
      // Past the first request of this life, or past the start where it only settles.
      let patience = ContinuousClock.now + .seconds(5)
      while process.isRunning, server.ledger.transferCount == requests, ContinuousClock.now < patience {
        try await Task.sleep(for: .milliseconds(2))
      }
      try await Task.sleep(for: .milliseconds(Int64.random(in: 0...400, using: &random)))
      isOver = !process.isRunning
      if !isOver {
        kill(process.processIdentifier, SIGKILL)
        score.kills += 1
      }
      process.waitUntilExit()
      arguments = ["resume", "latest"]
    }
    var ends = 0
    while ends < Self.longestEnd {
      let process = try start(["resume", "latest"])
      process.waitUntilExit()
      ends += 1
      if [0, 1, 7].contains(process.terminationStatus) { break }
    }
    try await count(into: &score)
    await server.stop()
    try FileManager.default.removeItem(at: folder)
  }

  private func count(into score: inout CrashScore.Score) async throws {
    let states = try reportedStates()
    let taken = server.ledger.acceptedCounts
    for item in 0..<items {
      let times = taken[ElementKey(indexID: Self.index, object: Self.object(item))] ?? 0
      if times > 1 { score.duplicated += 1 }
      switch states[item] {
      case "accepted": if times == 0 { score.lost += 1 }
      case "unknown": score.undecided += 1
      case nil: score.lost += 1
      default: break
      }
    }
    let verify = try start(["verify", "latest"])
    verify.waitUntilExit()
    if verify.terminationStatus != 0 { score.inconsistent += 1 }
  }

  /// The state of each item, from the leaf chunks of the report.
  private func reportedStates() throws -> [Int: String] {
    // Through a file: Foundation's readers of pipes end the process when a signal interrupts them.
    let file = folder.appendingPathComponent("report.json")
    try Data().write(to: file)
    let process = try start(["report", "latest", "--format", "json"], output: FileHandle(forWritingTo: file))
    process.waitUntilExit()
    let document = try JSONDecoder().decode(Report.self, from: Data(contentsOf: file))
    var states: [Int: String] = [:]
    for chunk in document.chunks where chunk.state != "split" {
      for item in chunk.first_item..<chunk.first_item + chunk.item_count { states[item] = chunk.state }
    }
    return states
  }

  private struct Report: Decodable {
    struct Chunk: Decodable {
      let first_item: Int
      let item_count: Int
      let state: String
    }

    let chunks: [Chunk]
  }

  private func start(_ arguments: [String], output: FileHandle? = nil) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = [
      "TWELVELABS_API_KEY": Self.key, "ORCHESTRATE_DB": folder.appendingPathComponent("store.db").path,
    ]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output ?? FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  private static func object(_ item: Int) -> String { "s3://media-west/a/\(item).mp4" }
}
