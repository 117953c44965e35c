import Foundation
import KillPoints
import TestSupport
import Testing
import TransferSimulator

/// The real program, killed at every named moment, the first time it gets there and a later one.
@Suite("Killed at named moments")
struct KillPointTests {
  static let items = 240

  /// Every moment, and the how-manieth time it is reached.
  static let moments: [String] = KillPoint.allCases.flatMap { point -> [String] in
    // A run is planned and checkpointed once or twice, and settles some chunks; the others come with every chunk.
    switch point {
    case .inPlanning, .inCheckpoint, .inIndexing: ["\(point.name):1"]
    // Nothing is removed while a run is sent (PruneTests).
    case .inRemoval, .inCopying: []
    case .inSettling: ["\(point.name):1", "\(point.name):3"]
    default: ["\(point.name):1", "\(point.name):5"]
    }
  }

  @Test("resumed, every item is taken once, and the records are sound", arguments: moments)
  func killed(moment: String) async throws {
    let scene = try await Scene { configuration in
      configuration.taskStep = .zero
      // What has to be settled: taken, and not taken.
      configuration.faults = [FaultRule(.resetAfter, share: 0.2), FaultRule(.resetBefore, share: 0.2)]
      configuration.seed = 7
    }
    let manifest = try scene.manifest(Self.items)
    let first = try await OrchestrateProcess.run(
      ["submit", manifest] + scene.here + ["--chunk-size", "8", "--concurrency", "4"],
      environment: scene.environment.merging(["ORCHESTRATE_KILL_AT": moment]) { $1 })
    #expect(first.status == 128 + SIGKILL, "\(moment) was never reached: \(first.diagnostics)")
    let last = try await scene.orchestrate("resume", "latest")
    #expect(last.status == 0, "\(last.diagnostics)\n\(last.output)")
    #expect(scene.timesTaken(Self.items) == [1])
    #expect(scene.server.ledger.acceptedCounts.count == Self.items)
    #expect(try await scene.orchestrate("verify", "latest").status == 0)
    await scene.server.stop()
  }

  /// Every moment of a run whose store is on PostgreSQL, which has no checkpoints of its own.
  static let momentsOnPostgres = moments.filter { !$0.hasPrefix(KillPoint.inCheckpoint.name) }

  @Test(
    "resumed from PostgreSQL, every item is taken once, and the records are sound",
    .enabled(if: PostgresCluster.isAvailable), arguments: momentsOnPostgres)
  func killedOnPostgres(moment: String) async throws {
    let scene = try await Scene { configuration in
      configuration.taskStep = .zero
      configuration.faults = [FaultRule(.resetAfter, share: 0.2), FaultRule(.resetBefore, share: 0.2)]
      configuration.seed = 7
    }
    try await kill(scene, at: moment, items: Self.items, chunkSize: 8)
  }

  /// Some thousand items come in several batches, of which each is recorded by itself.
  @Test(
    "a plan on PostgreSQL that was killed is made anew, and nothing of it is there twice",
    .enabled(if: PostgresCluster.isAvailable), arguments: [1, 2, 3])
  func killedPlan(batch: Int) async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    let folder = try await kill(scene, at: "in_planning:\(batch)", items: 8_000, chunkSize: 500)
    // What a plan that was left out leaves in no report.
    let rows = try SpawnedProgram.run([
      "psql", "-qAt", "-h", try #require(PostgresCluster.shared).folder.path, "-U", "postgres", "-d", folder,
      "-c", "SELECT count(*), sum(item_count) FROM chunk", "-c", "SELECT sum(item_count) FROM item_block",
      "-c",
      "SELECT string_agg(state, ' ') FROM run",
    ])
    #expect(rows.output == "16|8000\n8000\nfinished\n")
  }

  /// Kills a process that submits to a database of its own on PostgreSQL, and resumes its run.
  ///
  /// - Returns: the name of the database.
  @discardableResult
  private func kill(_ scene: Scene, at moment: String, items: Int, chunkSize: Int) async throws -> String {
    var environment = scene.environment
    environment["XDG_STATE_HOME"] = scene.folder.file("state")
    let database = try #require(PostgresCluster.shared).makeDatabase()
    environment["ORCHESTRATE_DB"] = database
    let first = try await OrchestrateProcess.run(
      ["submit", try scene.manifest(items)] + scene.here + [
        "--chunk-size", "\(chunkSize)", "--concurrency", "4",
      ],
      environment: environment.merging(["ORCHESTRATE_KILL_AT": moment]) { $1 })
    #expect(first.status == 128 + SIGKILL, "\(moment) was never reached: \(first.diagnostics)")
    #expect(try await OrchestrateProcess.run(["verify", "latest"], environment: environment).status == 0)
    let last = try await OrchestrateProcess.run(["resume", "latest"], environment: environment)
    #expect(last.status == 0, "\(last.diagnostics)\n\(last.output)")
    #expect(scene.timesTaken(items) == [1])
    #expect(scene.server.ledger.acceptedCounts.count == items)
    #expect(try await OrchestrateProcess.run(["verify", "latest"], environment: environment).status == 0)
    await scene.server.stop()
    return try #require(database.split(separator: "/").last.map(String.init))
  }

  @Test("a release build has none of it")
  func releaseBuild() async throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let package = try String(contentsOf: root.appendingPathComponent("Package.swift"), encoding: .utf8)
    let mentions = package.split(separator: "\n").filter { $0.contains("KILL_POINTS") }
    #expect(mentions.count == 1)
    #expect(mentions.allSatisfy { $0.contains(#".define("KILL_POINTS", .when(configuration: .debug))"#) })

    let folder = try TemporaryFolder()
    func object(_ more: String...) throws -> Data {
      let file = folder.file("kill-points-\(more.count).o")
      let words =
        ["swiftc", "-O", "-parse-as-library", "-package-name", "orchestrate", "-emit-object", "-o", file]
        + more
        + [root.appendingPathComponent("Sources/KillPoints/KillPoint.swift").path]
      try #require(try SpawnedProgram.run(words).status == 0)
      return try Data(contentsOf: URL(fileURLWithPath: file))
    }
    let switches = Data("ORCHESTRATE_KILL_AT".utf8)
    #expect(try object().range(of: switches) == nil)
    #expect(try object("-DKILL_POINTS").range(of: switches) != nil)
  }
}
