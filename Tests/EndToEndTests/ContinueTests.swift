import BatchDomain
import Foundation
import ProgramSupport
import TestSupport
import Testing
import TransferSimulator

/// The real program as a timer starts it: a job that goes on where it was left, inside its windows.
@Suite("Unattended")
struct ContinueTests {
  /// Writes a job of the scene and returns its path.
  private func job(_ scene: Scene, _ more: String = "") throws -> String {
    try scene.folder.write(
      """
      name: nightly
      manifest: list.json
      base-url: \(scene.server.address)
      settle-delay: 200ms
      settle-grace: 200ms
      chunk-size: 5
      concurrency: 1
      new-only: true
      \(more)
      """, to: "nightly.yaml")
  }

  private func start(
    _ scene: Scene, _ job: String, _ more: String..., environment: [String: String] = [:]
  ) async throws -> OrchestrateProcess.Ending {
    try await OrchestrateProcess.run(
      ["submit", "--job", job, "--continue", "--format", "json"] + more,
      environment: scene.environment.merging(environment) { $1 })
  }

  private func run(_ ending: OrchestrateProcess.Ending) throws -> [String: Any] {
    try #require(try json(ending.output)["run"] as? [String: Any], "\(ending.diagnostics)")
  }

  @Test("an unfinished run of the job goes on, also without its manifest; the next night begins a new one")
  func goesOn() async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    let manifest = try scene.manifest(30, name: "list.json")
    let job = try job(scene)
    let killed = try await start(scene, job, environment: ["ORCHESTRATE_KILL_AT": "after_send:2"])
    #expect(killed.status == 128 + SIGKILL)
    // The export of the night is not there yet, and the job file has other settings by now.
    try FileManager.default.removeItem(atPath: manifest)
    let other = try self.job(scene, "max-attempts: 5")
    let resumed = try await start(scene, other)
    #expect(resumed.status == 0, "\(resumed.diagnostics)")
    let first = try run(resumed)
    #expect(first["items"] as? Int == 30)
    #expect(scene.timesTaken(30) == [1])
    _ = try scene.manifest(40, name: "list.json")
    let next = try await start(scene, other)
    #expect(next.status == 0, "\(next.diagnostics)")
    let second = try run(next)
    #expect(second["run_id"] as? String != first["run_id"] as? String)
    #expect(second["items"] as? Int == 10 && second["skipped"] as? Int == 30)
    #expect(scene.timesTaken(40) == [1])
    // Its path may be written in another way.
    #expect(try await start(scene, scene.folder.path + "/./nightly.yaml").status == 0)
    await scene.server.stop()
  }

  @Test("what a finished run holds is settled first, then a new run begins")
  func settlesFirst() async throws {
    let scene = try await Scene {
      $0.taskStep = .zero
      $0.faults = [try FaultRule(text: "reset-after@2")]
    }
    _ = try scene.manifest(20, name: "list.json")
    let job = try job(scene)
    let held = try await start(scene, job, "--on-unknown", "hold")
    #expect(held.status == 7, "\(held.diagnostics)")
    let next = try await start(scene, job, "--on-unknown", "check")
    #expect(next.status == 0, "\(next.diagnostics)")
    #expect(next.diagnostics.contains("holds unknown items"))
    #expect(try run(next)["items"] as? Int == 0 && run(next)["skipped"] as? Int == 20)
    #expect(scene.timesTaken(20) == [1])
    await scene.server.stop()
  }

  @Test("a run that died while it was planned does not stand in the way of the list of the next night")
  func planningDeath() async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    _ = try scene.manifest(300, name: "list.json")
    let job = try job(scene)
    let killed = try await start(scene, job, environment: ["ORCHESTRATE_KILL_AT": "in_planning:1"])
    #expect(killed.status == 128 + SIGKILL)
    _ = try scene.manifest(20, name: "list.json")
    let next = try await start(scene, job)
    #expect(next.status == 0, "\(next.diagnostics)")
    #expect(next.diagnostics.contains("has changed since; the run was removed"), "\(next.diagnostics)")
    #expect(try run(next)["items"] as? Int == 20)
    #expect(scene.timesTaken(20) == [1])
    let history = try json(try await scene.orchestrate("report", "--format", "json").output)
    #expect((history["runs"] as? [Any])?.count == 1)
    await scene.server.stop()
  }

  @Test("a run that is settled and has items to send again goes on before a new one begins")
  func unfinishedAgain() async throws {
    let scene = try await Scene {
      $0.taskStep = .zero
      $0.faults = [try FaultRule(text: "reset-before@2")]
    }
    _ = try scene.manifest(20, name: "list.json")
    let held = try await start(scene, try job(scene), "--on-unknown", "hold")
    #expect(held.status == 7, "\(held.diagnostics)")
    let first = try run(held)["run_id"] as? String
    _ = try scene.manifest(25, name: "list.json")
    // What was not received is put back, and cannot be sent now.
    let closed = window(CivilTime(SystemTime.now), from: 2, to: 3)
    let next = try await start(
      scene, try job(scene, "exit-outside: true"), "--on-unknown", "check", "--window", closed)
    #expect(next.status == 3, "\(next.diagnostics)")
    #expect(try run(next)["run_id"] as? String == first, "\(next.diagnostics)")
    #expect(scene.server.ledger.transferCount == 4)
    await scene.server.stop()
  }

  @Test("jobs of the same name in two folders are two jobs")
  func twoFolders() async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    for name in ["a", "b"] {
      let folder = scene.folder.file(name)
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        atPath: try scene.manifest(name == "a" ? 30 : 10, name: "list.json"), toPath: folder + "/list.json")
      try FileManager.default.copyItem(atPath: try job(scene), toPath: folder + "/nightly.yaml")
    }
    func start(_ name: String, killAt point: String? = nil) async throws -> OrchestrateProcess.Ending {
      var environment = scene.environment
      environment["ORCHESTRATE_KILL_AT"] = point
      return try await OrchestrateProcess(
        ["submit", "--job", "nightly.yaml", "--continue", "--format", "json"], environment: environment,
        through: ["/usr/bin/env", "-C", scene.folder.file(name)]
      ).ended()
    }
    #expect(try await start("a", killAt: "after_send:2").status == 128 + SIGKILL)
    let second = try await start("b")
    #expect(second.status == 0, "\(second.diagnostics)")
    let (sent, skipped) = (try run(second)["items"] as? Int, try run(second)["skipped"] as? Int)
    #expect((sent ?? 0) + (skipped ?? 0) == 10, "\(second.diagnostics)")
    let first = try await start("a")
    #expect(first.status == 0, "\(first.diagnostics)")
    #expect(first.diagnostics.contains("is unfinished and goes on"), "\(first.diagnostics)")
    #expect(try run(first)["items"] as? Int == 30 && run(first)["job"] as? String == "nightly.yaml")
    await scene.server.stop()
  }

  @Test("a signal stops the run that begins after a finished one was settled")
  func signalAfterSettling() async throws {
    let scene = try await Scene {
      $0.taskStep = .zero
      $0.delay = .milliseconds(200)
      $0.faults = [try FaultRule(text: "reset-after@2")]
    }
    _ = try scene.manifest(10, name: "list.json")
    let job = try job(scene)
    #expect(try await start(scene, job, "--on-unknown", "hold").status == 7)
    _ = try scene.manifest(300, name: "list.json")
    let process = try scene.start(
      "submit", "--job", job, "--continue", "--on-unknown", "check", "--format", "json")
    try await scene.server.ledger.waitFor(transfers: 4)
    process.send(SIGTERM)
    let ending = await process.ended()
    #expect(ending.status == 3, "\(ending.diagnostics)")
    #expect(try run(ending)["reason"] as? String == "signal")
    await scene.server.stop()
  }

  @Test("a job that tracks is followed, and following that was killed goes on with the next start")
  func tracked() async throws {
    let scene = try await Scene { $0.taskStep = .seconds(600) }
    _ = try scene.manifest(8, name: "list.json")
    let job = try job(scene, "track: true")
    let first = try OrchestrateProcess(
      ["submit", "--job", job, "--continue", "--progress", "always"], environment: scene.environment)
    await first.says("8 in progress")
    first.send(SIGKILL)
    _ = await first.ended()
    // All was accepted: nothing of it goes on but following it. Of the new run all is known when it ends.
    _ = try scene.manifest(10, name: "list.json")
    scene.server.model.setTaskStep(.zero)
    let second = try await start(scene, job)
    #expect(second.status == 0, "\(second.diagnostics)")
    #expect(second.diagnostics.contains("that are not indexed yet"))
    #expect(try states(second.output) == ["ready": 2])
    let runs = try json(try await scene.orchestrate("report", "--format", "json").output)["runs"]
    let ids = try #require(runs as? [[String: Any]]).compactMap { $0["run_id"] as? String }
    #expect(ids.count == 2)
    #expect(
      try states(try await scene.orchestrate("report", ids[1], "--format", "json").output) == ["ready": 8])
    // What is final is not asked about again; and the command line may say no.
    let third = try await start(scene, job, "--no-track")
    #expect(third.status == 0 && !third.diagnostics.contains("not indexed yet"), "\(third.diagnostics)")
    #expect(try json(third.output)["tracking"] == nil)
    await scene.server.stop()
  }

  /// The states of tracked items in which there are any.
  private func states(_ output: String) throws -> [String: Int] {
    let tracking = try #require(try json(output)["tracking"] as? [String: Any], "\(output)")
    return try #require(tracking["states"] as? [String: Int]).filter { $0.value > 0 }
  }

  @Test("outside its window a job pauses at once with --exit-outside, sends nothing, and goes on inside")
  func window() async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    _ = try scene.manifest(20, name: "list.json")
    let job = try job(scene, "timezone: UTC\nexit-outside: true")
    let now = CivilTime(SystemTime.now)
    // From two hours ahead for an hour, and from an hour ago for three.
    let (closed, open) = (window(now, from: 2, to: 3), window(now, from: 23, to: 2))
    let paused = try await start(scene, job, "--window", closed)
    #expect(paused.status == 3, "\(paused.diagnostics)")
    #expect(try run(paused)["reason"] as? String == "window")
    #expect(paused.diagnostics.contains("the next sending window opens at"))
    #expect(scene.server.ledger.entries.isEmpty)
    let resumed = try await start(scene, job, "--window", open)
    #expect(resumed.status == 0, "\(resumed.diagnostics)")
    #expect(try run(resumed)["run_id"] as? String == run(paused)["run_id"] as? String)
    #expect(scene.timesTaken(20) == [1])
    await scene.server.stop()
  }

  private func window(_ now: CivilTime, from first: Int, to last: Int) -> String {
    func hour(_ hours: Int) -> String { "\(((now.hour + hours) % 24).padded(2)):\(now.minute.padded(2))" }
    return "\(hour(first))-\(hour(last))"
  }

  @Test("without a job, and with a dry run, it is wrong usage")
  func usage() async throws {
    let scene = try await Scene()
    let manifest = try scene.manifest(3, name: "list.json")
    #expect(try await scene.orchestrate("submit", manifest, "--continue").status == 64)
    #expect(
      try await scene.orchestrate("submit", "--job", try job(scene), "--continue", "--dry-run").status == 64)
    await scene.server.stop()
  }
}

/// The time of day of this machine.
private enum SystemTime {
  static var now: Timestamp { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)) }
}
