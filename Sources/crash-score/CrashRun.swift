import ArgumentParser
import Foundation
import TransferSimulator

/// One manifest, sent to its end through a number of kills.
struct CrashRun {
  static let key = "tlk_0123456789ABCDEFGHIJ"
  /// A run that does not end after so many resumes without a kill never ends.
  static let longestEnd = 20

  private let program: String
  private let profile: ServedProfile
  private let items: Int
  private let folder: URL
  private let server: SimulatorServer

  init(program: String, profile: ServedProfile, items: Int, listingLag: Duration, seed: UInt64) async throws {
    self.program = program
    self.profile = profile
    self.items = items
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("crash-score-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var configuration = SimulatorConfiguration()
    configuration.apiKey = Self.key
    configuration.seed = seed
    configuration.delay = .milliseconds(40)
    configuration.listingLag = listingLag
    configuration.throttleWait = .seconds(1)
    profile.serve(items, in: &configuration)
    server = try await SimulatorServer.start(configuration)
  }

  /// Submits, kills and resumes; then lets the run end, and counts.
  func play(kills: Int, random: inout SeededNumbers, into score: inout CrashScore.Score) async throws {
    let manifest = folder.appendingPathComponent("manifest.jsonl")
    try profile.manifest(items).write(to: manifest)
    var arguments =
      [
        "submit", manifest.path, "--base-url", server.address, "--settle-delay", "300ms", "--concurrency",
        "6",
      ]
      + profile.options
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
    let report: Report = try document(of: "report", "latest")
    let shown: ItemsReport = try document(of: "report", "latest", "--items")
    let states = report.states
    let rows = Dictionary(shown.items.map { ($0.item, $0) }) { first, _ in first }
    let surplus = Set(report.surplus.map(\.external_id))
    for (item, taken) in profile.taken(of: items, by: server).enumerated() {
      if taken.times > 1 { score.duplicated += 1 }
      let beside = max(0, taken.assets.count - 1)
      score.surplus += beside
      score.unreported += max(0, beside - taken.assets.count { surplus.contains($0) })
      switch states[item] {
      case "accepted":
        let isFound = rows[item].map { $0.asset_id.map(taken.indexed.contains) ?? (profile == .v1) }
        if taken.times == 0 || isFound != true { score.lost += 1 }
      case "unknown": score.undecided += 1
      case nil: score.lost += 1
      default: break
      }
    }
    let verify = try start(["verify", "latest"])
    verify.waitUntilExit()
    if verify.terminationStatus != 0 { score.inconsistent += 1 }
  }

  /// What a command prints with `--format json`.
  private func document<Document: Decodable>(of arguments: String...) throws -> Document {
    // Through a file: Foundation's readers of pipes end the process when a signal interrupts them.
    let file = folder.appendingPathComponent("report.json")
    try Data().write(to: file)
    let process = try start(arguments + ["--format", "json"], output: FileHandle(forWritingTo: file))
    process.waitUntilExit()
    return try JSONDecoder().decode(Document.self, from: Data(contentsOf: file))
  }

  private struct Report: Decodable {
    struct Chunk: Decodable {
      let first_item: Int
      let item_count: Int
      let state: String
    }

    struct Surplus: Decodable {
      let external_id: String
    }

    let chunks: [Chunk]
    let surplus: [Surplus]

    /// The state of each item, from the leaf chunks.
    var states: [Int: String] {
      var states: [Int: String] = [:]
      for chunk in chunks where chunk.state != "split" {
        for item in chunk.first_item..<chunk.first_item + chunk.item_count { states[item] = chunk.state }
      }
      return states
    }
  }

  private struct ItemsReport: Decodable {
    struct Item: Decodable {
      let item: Int
      let asset_id: String?
    }

    let items: [Item]
  }

  private func start(_ arguments: [String], output: FileHandle? = nil) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = profile.environment(server).merging([
      "TWELVELABS_API_KEY": Self.key, "ORCHESTRATE_DB": folder.appendingPathComponent("store.db").path,
    ]) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output ?? FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }
}
