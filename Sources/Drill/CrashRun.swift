import ChildProcesses
package import Foundation
import TransferSimulator

/// One manifest, sent to its end through kills, lost answers and a full disk.
package struct CrashRun {
  static let key = "tlk_0123456789ABCDEFGHIJ"
  /// A run that does not end after so many resumes without a kill never ends.
  static let longestEnd = 20

  private let program: String
  private let profile: ServedProfile
  private let items: DrillItems
  private let folder: URL
  private let server: SimulatorServer
  private let disk: SmallDisk?

  /// What troubles a run.
  package struct Troubles: Sendable {
    /// Kills at most.
    package var kills: Int
    /// When they end, by the continuous clock; `nil` for no end but their number.
    package var deadline: ContinuousClock.Instant?
    /// How late the service lists what it took.
    package var listingLag: Duration
    /// Whether the disk is full now and then.
    package var hasFullDisk: Bool
    /// Whether one life waits in vain for room on it, which takes it the better part of a minute.
    package var waitsForRoom: Bool

    /// Troubles in their parts.
    package init(
      kills: Int, deadline: ContinuousClock.Instant? = nil, listingLag: Duration = .milliseconds(300),
      hasFullDisk: Bool = false, waitsForRoom: Bool = false
    ) {
      self.kills = kills
      self.deadline = deadline
      self.listingLag = listingLag
      self.hasFullDisk = hasFullDisk
      self.waitsForRoom = waitsForRoom
    }

    var areOver: Bool { deadline.map { ContinuousClock.now >= $0 } ?? false }
  }

  /// The program did what it never does, so that nothing can be counted.
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  /// Plays a run.
  ///
  /// - Parameters:
  ///   - program: path of the program.
  ///   - parent: a folder that is there; the run's own is made in it, and removed unless the run was damaged.
  /// - Returns: what was counted, the kind of the small disk, and the folder if it was kept.
  /// - Throws: `ChildNotStarted`, ``Failure``, `CancellationError`, errors of files and of the simulator's port.
  package static func play(
    _ program: String, profile: ServedProfile, items: DrillItems, in parent: URL, troubles: Troubles,
    seed: UInt64
  ) async throws -> (score: CrashScore, disk: SmallDisk.Kind?, kept: URL?) {
    let folder = parent.appendingPathComponent("run-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    var configuration = SimulatorConfiguration()
    configuration.apiKey = Self.key
    configuration.seed = seed
    configuration.delay = .milliseconds(40)
    configuration.listingLag = troubles.listingLag
    configuration.throttleWait = .seconds(1)
    profile.serve(items, in: &configuration)
    let disk = troubles.hasFullDisk ? try await SmallDisk.make(in: folder.path) : nil
    let server: SimulatorServer
    do {
      server = try await SimulatorServer.start(configuration)
    } catch {
      await disk?.remove()
      throw error
    }
    let run = CrashRun(
      program: program, profile: profile, items: items, folder: folder, server: server, disk: disk)
    let played: Result<CrashScore, any Error>
    do {
      var random = SeededNumbers(seed: seed)
      var score = try await run.send(troubles, &random)
      try await run.count(into: &score)
      played = .success(score)
    } catch {
      played = .failure(error)
    }
    await server.stop()
    let isDamaged = if case .success(let score) = played { score.isDamaged } else { false }
    if isDamaged { try run.keepStore() }
    await disk?.remove()
    if !isDamaged { try FileManager.default.removeItem(at: folder) }
    return (try played.get(), disk?.kind, isDamaged ? folder : nil)
  }

  private var database: String {
    (disk?.folder ?? folder.path) + "/store.db"
  }

  /// Copies the files of the store from a disk that is about to be taken away.
  private func keepStore() throws {
    guard let disk, disk.folder != folder.path else { return }
    for name in try FileManager.default.contentsOfDirectory(atPath: disk.folder)
    where name.hasPrefix("store.db") {
      try FileManager.default.copyItem(
        atPath: "\(disk.folder)/\(name)", toPath: folder.appendingPathComponent(name).path)
    }
  }

  /// Submits, kills, fills the disk and resumes; then lets the run end.
  private func send(_ troubles: Troubles, _ random: inout SeededNumbers) async throws -> CrashScore {
    var score = CrashScore()
    score.runs = 1
    score.items = items.count
    let manifest = folder.appendingPathComponent("manifest.jsonl")
    try Data(items.manifest).write(to: manifest)
    var arguments =
      [
        "submit", manifest.path, "--base-url", server.address, "--settle-delay", "300ms", "--concurrency",
        "6", "--progress", "never",
      ]
      + profile.options
    var isOver = false
    var lives = 0
    while !isOver, score.kills < troubles.kills, lives < 2 * troubles.kills, !(lives > 0 && troubles.areOver)
    {
      // Every third life; never the first, which records the manifest.
      if let disk, lives % 3 == 1 {
        isOver = try await fullDisk(
          disk, arguments, isKilled: lives > 1 || !troubles.waitsForRoom, &random, &score)
      } else {
        isOver = try await killedLife(arguments, isFirst: lives == 0, &random, &score)
      }
      lives += 1
      arguments = ["resume", "latest", "--progress", "never"]
    }
    for _ in 0..<Self.longestEnd {
      let status = try await start(["resume", "latest", "--progress", "never"]).end().status
      if [0, 1, 7].contains(status) { break }
    }
    return score
  }

  /// A life that is killed past its first request, or past its start where it only settles.
  ///
  /// - Returns: whether it ended by itself before.
  private func killedLife(
    _ arguments: [String], isFirst: Bool, _ random: inout SeededNumbers, _ score: inout CrashScore
  ) async throws -> Bool {
    let process = try await begun(arguments, patience: .seconds(isFirst ? 60 : 5))
    do {
      try await Task.sleep(for: .milliseconds(Int64.random(in: 0...400, using: &random)))
    } catch {
      _ = await process.kill()
      throw error
    }
    guard process.isRunning else { return true }
    guard await process.kill() else { return true }
    score.kills += 1
    return false
  }

  /// A life that meets a full disk.
  ///
  /// - Parameter isKilled: whether it is killed while the disk is full; else it is let to its end.
  /// - Returns: whether the run is over.
  private func fullDisk(
    _ disk: SmallDisk, _ arguments: [String], isKilled: Bool, _ random: inout SeededNumbers,
    _ score: inout CrashScore
  ) async throws -> Bool {
    let process = try await begun(arguments, patience: .seconds(5), wrapped: disk)
    do {
      try await disk.fill()
      if isKilled { try await Task.sleep(for: .milliseconds(Int64.random(in: 0...2_000, using: &random))) }
    } catch {
      _ = await process.kill()
      throw error
    }
    var isOver = false
    if isKilled, await process.kill() {
      score.kills += 1
      score.fullDisks += 1
    } else {
      let status = try await process.end().status
      if status == 5 { score.fullDisks += 1 }
      isOver = [0, 1, 7].contains(status)
    }
    try await disk.free()
    return isOver
  }

  /// Starts a life and waits for its first request.
  private func begun(
    _ arguments: [String], patience: Duration, wrapped disk: SmallDisk? = nil
  ) async throws -> TrialProcess {
    let requests = server.ledger.transferCount
    let process = start(arguments, wrapped: disk)
    let end = ContinuousClock.now + patience
    while process.isRunning, server.ledger.transferCount == requests, ContinuousClock.now < end {
      do {
        try await Task.sleep(for: .milliseconds(2))
      } catch {
        _ = await process.kill()
        throw error
      }
    }
    return process
  }

  private func count(into score: inout CrashScore) async throws {
    let report: Report = try await document(of: "report", "latest")
    let shown: ItemsReport = try await document(of: "report", "latest", "--items")
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
      case "pending", "submitting", "processing": score.unfinished += 1
      case nil: score.lost += 1
      default: break
      }
    }
    score.lostAnswers += server.ledger.entries.count { $0.fault == .resetAfter || $0.fault == .errorAccepted }
    if try await start(["verify", "latest"]).end().status != 0 { score.inconsistent += 1 }
  }

  /// What a command prints with `--format json`.
  private func document<Document: Decodable>(of arguments: String...) async throws -> Document {
    let result = try await start(arguments + ["--format", "json"]).end()
    do {
      return try JSONDecoder().decode(Document.self, from: Data(result.output))
    } catch {
      throw Failure(
        description: "`orchestrate \(arguments.joined(separator: " "))` ended with \(result.status): "
          + String(decoding: result.errors.prefix(500), as: UTF8.self))
    }
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

  private func start(_ arguments: [String], wrapped disk: SmallDisk? = nil) -> TrialProcess {
    let words = [program] + arguments
    return TrialProcess(
      disk?.words(words) ?? words,
      environment: profile.environment(server).merging([
        "TWELVELABS_API_KEY": Self.key, "ORCHESTRATE_DB": database,
      ]) { $1 })
  }
}
