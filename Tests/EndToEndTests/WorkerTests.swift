import Foundation
import FoundationNetworking
import ProgramSupport
import TestSupport
import Testing
import TransferSimulator

/// The real program as a worker: runs that are left for it, given back, and taken from a process that died.
@Suite("Workers")
struct WorkerTests {
  /// Where a store is kept.
  enum Engine: String, CaseIterable {
    case sqlite, postgresql

    static let available = allCases.filter { $0 == .sqlite || PostgresCluster.isAvailable }
  }

  /// The environment of a scene whose store is on that engine, on one machine.
  private func environment(_ scene: Scene, _ engine: Engine) throws -> [String: String] {
    var environment = scene.environment
    environment["XDG_STATE_HOME"] = scene.folder.file("state")
    if engine == .postgresql {
      environment["ORCHESTRATE_DB"] = try #require(PostgresCluster.shared).makeDatabase()
    }
    return environment
  }

  private func run(_ ending: OrchestrateProcess.Ending) throws -> [String: Any] {
    try #require(try json(ending.output)["run"] as? [String: Any], "\(ending.diagnostics)")
  }

  private func detach(
    _ scene: Scene, _ items: Int, _ environment: [String: String], _ more: String...
  ) async throws -> OrchestrateProcess.Ending {
    var keyless = environment
    keyless["TWELVELABS_API_KEY"] = nil
    return try await OrchestrateProcess.run(
      ["submit", try scene.manifest(items)] + scene.here
        + ["--settle-grace", "200ms", "--detach", "--format", "json"] + more,
      environment: keyless)
  }

  private func report(_ environment: [String: String]) async throws -> [String: Any] {
    try run(
      try await OrchestrateProcess.run(["report", "latest", "--format", "json"], environment: environment))
  }

  @Test("a run is planned without a key, left as detached, and sent by a worker", arguments: Engine.available)
  func detached(engine: Engine) async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    let environment = try environment(scene, engine)
    let planned = try await detach(scene, 20, environment, "--chunk-size", "2")
    #expect(planned.status == 0, "\(planned.diagnostics)")
    let left = try run(planned)
    #expect(left["state"] as? String == "paused" && left["reason"] as? String == "detached")
    #expect(scene.timesTaken(20) == [0])
    let worker = try await OrchestrateProcess.run(["worker", "--idle-exit", "1s"], environment: environment)
    #expect(worker.status == 0, "\(worker.diagnostics)")
    #expect(worker.diagnostics.contains("nothing to take for 1s"))
    #expect(try await report(environment)["state"] as? String == "finished")
    #expect(scene.timesTaken(20) == [1])
    await scene.server.stop()
  }

  @Test("a run outside its window keeps a worker from no other run, and its worker from ending")
  func closedWindow() async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    let environment = try environment(scene, .sqlite)
    // The window opens in six hours, by the hour.
    let hour = (Int(Date().timeIntervalSince1970) / 3_600 + 6) % 24
    let window = "\(hour < 10 ? "0" : "")\(hour):00-\(hour < 10 ? "0" : "")\(hour):30"
    let waiting = try await OrchestrateProcess.run(
      ["submit", try scene.manifest(5, name: "night.json", prefix: "night")] + scene.here
        + ["--detach", "--window", window, "--timezone", "UTC"], environment: environment)
    #expect(waiting.status == 0, "\(waiting.diagnostics)")
    _ = try await detach(scene, 20, environment, "--chunk-size", "2")
    let worker = try OrchestrateProcess(["worker", "--idle-exit", "1ms"], environment: environment)
    await worker.says("is left until its window opens")
    try await scene.server.ledger.waitFor { entries in entries.contains { $0.transfer == 10 } }
    while try await report(environment)["state"] as? String != "finished" { await Task.yield() }
    worker.send(SIGTERM)
    let ended = await worker.ended()
    #expect(ended.status == 0 && !ended.diagnostics.contains("nothing to take"), "\(ended.diagnostics)")
    #expect(scene.timesTaken(20) == [1])
    #expect(scene.timesTaken(5, prefix: "night") == [0])
    await scene.server.stop()
  }

  @Test("a signal lets a worker give its run back, and another one goes on", arguments: Engine.available)
  func givenBack(engine: Engine) async throws {
    let scene = try await Scene {
      $0.taskStep = .zero
      $0.delay = .milliseconds(100)
    }
    let environment = try environment(scene, engine)
    _ = try await detach(scene, 40, environment, "--chunk-size", "1", "--concurrency", "1")
    let worker = try OrchestrateProcess(["worker"], environment: environment)
    await worker.says("items in 40 chunks left")
    worker.send(SIGTERM)
    let ended = await worker.ended()
    #expect(ended.status == 0, "\(ended.diagnostics)")
    let left = try await report(environment)
    #expect(left["state"] as? String == "paused" && left["reason"] as? String == "detached")
    let next = try await OrchestrateProcess.run(["worker", "--idle-exit", "1s"], environment: environment)
    #expect(next.status == 0, "\(next.diagnostics)")
    #expect(try await report(environment)["state"] as? String == "finished")
    #expect(scene.timesTaken(40) == [1])
    await scene.server.stop()
  }

  @Test(
    "a worker takes the run of one that was killed on the same machine at once", arguments: Engine.available)
  func takenFromTheDead(engine: Engine) async throws {
    let scene = try await Scene {
      $0.taskStep = .zero
      $0.delay = .milliseconds(100)
    }
    let environment = try environment(scene, engine)
    _ = try await detach(scene, 40, environment, "--chunk-size", "1", "--concurrency", "2")
    var dying = environment
    dying["ORCHESTRATE_KILL_AT"] = "after_send:6"
    let killed = try await OrchestrateProcess.run(["worker"], environment: dying)
    #expect(killed.status == 128 + SIGKILL)
    // No silence is waited for: what proves the death is the lock that ended with the process.
    let next = try await OrchestrateProcess.run(["worker", "--idle-exit", "3s"], environment: environment)
    #expect(next.status == 0, "\(next.diagnostics)")
    #expect(!next.diagnostics.contains("for a sign of life"))
    #expect(try await report(environment)["state"] as? String == "finished")
    #expect(scene.timesTaken(40) == [1])
    await scene.server.stop()
  }

  @Test("a run that is paused for another reason is left alone, and a worker needs a key")
  func leftAlone() async throws {
    let scene = try await Scene { $0.apiKey = "tlk_another_key_0123456789" }
    let environment = try environment(scene, .sqlite)
    let refused = try await OrchestrateProcess.run(
      ["submit", try scene.manifest(2)] + scene.here, environment: environment)
    #expect(refused.status == 4)
    let worker = try await OrchestrateProcess.run(["worker", "--idle-exit", "1s"], environment: environment)
    #expect(worker.status == 0, "\(worker.diagnostics)")
    #expect(try await report(environment)["reason"] as? String == "account")
    var keyless = environment
    keyless["TWELVELABS_API_KEY"] = nil
    let none = try await OrchestrateProcess.run(["worker"], environment: keyless)
    #expect(none.status == 2)
    #expect(none.diagnostics.contains("there is no API key"))
    await scene.server.stop()
  }

  @Test(
    "a worker on PostgreSQL that is stopped while it sends is ended by the system",
    .enabled(if: PostgresCluster.isAvailable))
  func stoppedWorker() async throws {
    let scene = try await Scene {
      $0.taskStep = .zero
      $0.faults = [try FaultRule(text: "stall@1")]
    }
    let environment = try environment(scene, .postgresql)
    _ = try await detach(scene, 2, environment, "--chunk-size", "1", "--concurrency", "1", "--timeout", "5m")
    let worker = try OrchestrateProcess(["worker"], environment: environment)
    await worker.says("items in 2 chunks left")
    // Its claim is recorded, and the service never answers.
    while try await report(environment)["attempts"] as? Int != 1 { await Task.yield() }
    worker.send(SIGSTOP)
    #expect(await worker.ended().status == 128 + SIGKILL)
    await scene.server.stop()
  }

  @Test(
    "a worker whose database lost what it had confirmed leaves its run to a person, and every other alone",
    .enabled(if: PostgresCluster.isAvailable))
  func lostChanges() async throws {
    let scene = try await Scene {
      $0.taskStep = .zero
      $0.delay = .milliseconds(100)
    }
    let environment = try environment(scene, .postgresql)
    _ = try await detach(scene, 60, environment, "--chunk-size", "1", "--concurrency", "1")
    _ = try await detach(scene, 60, environment, "--chunk-size", "1", "--again")
    let worker = try OrchestrateProcess(["worker"], environment: environment)
    await worker.says("items in 60 chunks left")
    // As after a failover to a standby that was behind: the last changes are not there, and connections are gone.
    let database = try #require(environment["ORCHESTRATE_DB"]?.split(separator: "/").last.map(String.init))
    let changed = try SpawnedProgram.run([
      "psql", "-q", "-1", "-h", try #require(PostgresCluster.shared).folder.path, "-U", "postgres", "-d",
      database, "-c", "UPDATE transaction_mark SET number = 0", "-c",
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    ])
    #expect(changed.status == 0)
    let ended = await worker.ended()
    #expect(ended.status == 3, "\(ended.diagnostics)")
    let history = try await OrchestrateProcess.run(["report", "--format", "json"], environment: environment)
    let runs = try #require(try json(history.output)["runs"] as? [[String: Any]])
    #expect(Set(runs.compactMap { $0["reason"] as? String }) == ["failed_over", "detached"])
    await scene.server.stop()
  }

  @Test(
    "a worker that does not know the schema to come lets its requests end, gives its run back and exits with 5",
    .enabled(if: PostgresCluster.isAvailable))
  func outdated() async throws {
    let scene = try await Scene {
      $0.taskStep = .zero
      $0.delay = .milliseconds(100)
    }
    let environment = try environment(scene, .postgresql)
    _ = try await detach(scene, 200, environment, "--chunk-size", "1", "--concurrency", "1")
    let (worker, idle) = (
      try OrchestrateProcess(["worker"], environment: environment),
      try OrchestrateProcess(["worker"], environment: environment)
    )
    // One of them has the run, and the other one finds nothing to do.
    while try await report(environment)["attempts"] as? Int ?? 0 < 3 { await Task.yield() }
    let database = try #require(environment["ORCHESTRATE_DB"]?.split(separator: "/").last.map(String.init))
    // What a newer program does first that has to make a breaking step.
    let announced = try SpawnedProgram.run([
      "psql", "-q", "-h", try #require(PostgresCluster.shared).folder.path, "-U", "postgres", "-d", database,
      "-c", "UPDATE engine SET required_schema = 1000",
    ])
    #expect(announced.status == 0)
    for process in [worker, idle] {
      let ended = await process.ended()
      #expect(ended.status == 5, "\(ended.diagnostics)")
      #expect(ended.diagnostics.contains("schema 1000"))
    }
    let left = try await report(environment)
    #expect(left["state"] as? String == "paused" && left["reason"] as? String == "detached")
    let states = try #require(left["chunks"] as? [String: Int])
    #expect(states["submitting"] == 0 && states["unknown"] == 0)
    #expect(scene.timesTaken(200).isSubset(of: [0, 1]))
    await scene.server.stop()
  }

  @Test("health is told over HTTP")
  func health() async throws {
    let scene = try await Scene()
    let environment = try environment(scene, .sqlite)
    _ = try await detach(scene, 1, environment)
    let worker = try OrchestrateProcess(["worker", "--health-port", "0"], environment: environment)
    let line = try #require(await worker.diagnosticsLine(after: "health at port "))
    let port = line.dropFirst("health at port ".count).prefix { $0 != "," }
    let url = try #require(URL(string: "http://127.0.0.1:\(port)/healthz"))
    let (body, response) = try await URLSession.shared.data(from: url)
    #expect((response as? HTTPURLResponse)?.statusCode == 200)
    #expect(String(decoding: body, as: UTF8.self) == "ok\n")
    worker.send(SIGTERM)
    #expect(await worker.ended().status == 0)
    await scene.server.stop()
  }
}
