import Foundation
import TestSupport
import Testing
import TransferSimulator

@Suite("A run that is going on", .timeLimit(.minutes(10)))
struct LiveRunTests {
  /// A run in the middle, with requests under way.
  private func running(
    _ scene: Scene, items: Int = 200, _ more: String...
  ) async throws -> OrchestrateProcess {
    let process = try OrchestrateProcess(
      ["submit", try scene.manifest(items), "--chunk-size", "5"] + scene.here + more,
      environment: scene.environment)
    try await scene.server.ledger.waitFor(transfers: 4)
    return process
  }

  @Test("it can be reported, and a second resume is refused with 6")
  func ownedByAnother() async throws {
    let scene = try await Scene { $0.delay = .milliseconds(300) }
    let process = try await running(scene)
    let report = try await scene.orchestrate("report", "latest", "--format", "json")
    #expect(report.status == 0)
    let run = try #require(try json(report.output)["run"] as? [String: Any])
    #expect(run["state"] as? String == "running")
    #expect(run["finished_at"] is NSNull)
    let second = try await scene.orchestrate("resume", "latest")
    #expect(second.status == 6)
    #expect(second.diagnostics.contains("process \(process.id)"))
    process.send(SIGKILL)
    await process.ended()
    let crashed = try json(try await scene.orchestrate("report", "latest", "--format", "json").output)
    let dead = try #require(crashed["run"] as? [String: Any])
    #expect(dead["state"] as? String == "paused")
    #expect(dead["reason"] as? String == "crash")
    await scene.server.stop()
  }

  @Test("beside another process that takes every place of a limit, a run of larger requests has its part")
  func sharedLimit() async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    let (small, large) = (
      try scene.manifest(600, name: "small.json", prefix: "small"),
      try scene.manifest(160, name: "large.json", prefix: "large")
    )
    let limit = ["--item-rate", "40/s"] + scene.here
    let process = try OrchestrateProcess(
      ["submit", small, "--chunk-size", "1", "--concurrency", "16"] + limit, environment: scene.environment)
    try await scene.server.ledger.waitFor(transfers: 60)
    let ended = try await OrchestrateProcess.run(
      ["submit", large, "--chunk-size", "20"] + limit, environment: scene.environment)
    // Neither has to end before the other gets on.
    #expect(ended.status == 0, "\(ended.diagnostics)")
    #expect(scene.timesTaken(160, prefix: "large") == [1])
    #expect(scene.timesTaken(600, prefix: "small") == [0, 1])
    #expect(await process.ended().status == 0)
    #expect(scene.timesTaken(600, prefix: "small") == [1])
    await scene.server.stop()
  }

  @Test("the first signal drains and ends with 3, and resume goes on", arguments: [SIGINT, SIGTERM, SIGHUP])
  func firstSignal(signal: Int32) async throws {
    let scene = try await Scene { $0.delay = .milliseconds(200) }
    let process = try await running(scene)
    process.send(signal)
    let ended = await process.ended()
    #expect(ended.status == 3, "\(ended.diagnostics)")
    #expect(
      try await Database.count("SELECT count(*) FROM attempt WHERE outcome IS NULL", in: scene.database) == 0)
    #expect(
      try await Database.count("SELECT count(*) FROM chunk WHERE state = 'unknown'", in: scene.database) == 0)
    let resumed = try await scene.orchestrate("resume", "latest", "--concurrency", "16")
    #expect(resumed.status == 0, "\(resumed.diagnostics)")
    #expect(scene.timesTaken(200) == [1])
    await scene.server.stop()
  }

  @Test("a stop by timeout, which signals the process and its group at once, drains as one signal does")
  func stopByTimeout() async throws {
    let scene = try await Scene { $0.delay = .milliseconds(200) }
    let process = try OrchestrateProcess(
      ["submit", try scene.manifest(200), "--chunk-size", "5", "--concurrency", "2"] + scene.here,
      environment: scene.environment, through: ["timeout", "1h"])
    try await scene.server.ledger.waitFor(transfers: 1)
    process.send(SIGTERM)
    let ended = await process.ended()
    #expect(ended.status == 3, "\(ended.diagnostics)")
    #expect(!ended.diagnostics.contains("exited immediately"), "\(ended.diagnostics)")
    #expect(
      try await Database.count("SELECT count(*) FROM chunk WHERE state = 'unknown'", in: scene.database) == 0)
    await scene.server.stop()
  }

  @Test(
    "a signal of another kind leaves at once, and requests in flight are unknown",
    arguments: [(SIGTERM, SIGINT), (SIGINT, SIGTERM)])
  func secondSignal(first: Int32, signal: Int32) async throws {
    let scene = try await Scene { $0.delay = .seconds(20) }
    let process = try OrchestrateProcess(
      ["submit", try scene.manifest(50)] + scene.here, environment: scene.environment)
    try await scene.server.ledger.waitFor(transfers: 1)
    process.send(first)
    await process.says("stopping")
    process.send(signal)
    let ended = await process.ended()
    #expect(ended.status == 128 + signal)
    let report = try json(try await scene.orchestrate("report", "latest", "--format", "json").output)
    let run = try #require(report["run"] as? [String: Any])
    #expect(run["reason"] as? String == "crash")
    await scene.server.stop()
  }

  @Test("Ctrl-Z lets the requests in flight end before it stops the process, which then goes on where it was")
  func suspended() async throws {
    let scene = try await Scene { $0.delay = .milliseconds(300) }
    let process = try await running(scene)
    process.send(SIGTSTP)
    await process.says("stopped; no request is under way")
    let state = "/proc/\(process.id)/stat"
    while try !String(contentsOfFile: state, encoding: .utf8).contains(") T ") { await Task.yield() }
    #expect(
      try await Database.count("SELECT count(*) FROM attempt WHERE outcome IS NULL", in: scene.database) == 0)
    let sent = scene.server.ledger.transferCount
    #expect(sent < 40)
    process.send(SIGCONT)
    let ended = await process.ended()
    #expect(ended.status == 0, "\(ended.diagnostics)")
    #expect(scene.timesTaken(200) == [1])
    #expect(try await Database.count("SELECT count(*) FROM attempt", in: scene.database) == 40)
    await scene.server.stop()
  }

  @Test("Ctrl-Z again stops the process at once")
  func suspendedAtOnce() async throws {
    let scene = try await Scene { $0.delay = .seconds(20) }
    let process = try OrchestrateProcess(
      ["submit", try scene.manifest(50)] + scene.here, environment: scene.environment)
    try await scene.server.ledger.waitFor(transfers: 1)
    process.send(SIGTSTP)
    await process.says("stopping once the requests in flight have ended")
    process.send(SIGTSTP)
    let state = "/proc/\(process.id)/stat"
    while try !String(contentsOfFile: state, encoding: .utf8).contains(") T ") { await Task.yield() }
    process.send(SIGKILL)
    #expect(await process.ended().status == 128 + SIGKILL)
    await scene.server.stop()
  }

  @Test("under nohup SIGHUP stays ignored")
  func nohup() async throws {
    let scene = try await Scene { $0.delay = .milliseconds(100) }
    let manifest = try scene.manifest(60)
    let process = try OrchestrateProcess(
      ["submit", manifest, "--chunk-size", "5"] + scene.here, environment: scene.environment,
      through: ["/bin/sh", "-c", "trap '' HUP; exec \"$0\" \"$@\" >/dev/null 2>&1"])
    try await scene.server.ledger.waitFor(transfers: 3)
    process.send(SIGHUP)
    #expect(await process.ended().status == 0)
    #expect(scene.timesTaken(60) == [1])
    await scene.server.stop()
  }

  @Test("a closed terminal stops nothing")
  func lostTerminal() async throws {
    let scene = try await Scene { $0.delay = .milliseconds(50) }
    // Both readers are gone before the first line is written.
    let process = try OrchestrateProcess(
      ["submit", try scene.manifest(60), "--chunk-size", "5"] + scene.here, environment: scene.environment,
      through: [
        "/bin/bash", "-o", "pipefail", "-c", "exec \"$0\" \"$@\" 2> >(exec true) > >(exec true)",
      ])
    await process.ended()
    #expect(scene.timesTaken(60) == [1])
    let report = try json(try await scene.orchestrate("report", "latest", "--format", "json").output)
    #expect((report["run"] as? [String: Any])?["state"] as? String == "finished")
    await scene.server.stop()
  }

  @Test("cancel from another process stops it for good")
  func cancel() async throws {
    let scene = try await Scene { $0.delay = .milliseconds(300) }
    let process = try await running(scene)
    let cancelled = try await scene.orchestrate("cancel", "latest", "--format", "json")
    #expect(cancelled.status == 0, "\(cancelled.diagnostics)")
    let owner = await process.ended()
    #expect(owner.status == 1)
    let run = try #require(try json(cancelled.output)["run"] as? [String: Any])
    #expect(run["state"] as? String == "cancelled")
    let counts = try #require(run["items_by_state"] as? [String: Int])
    #expect(counts["accepted"] == scene.server.ledger.acceptedCounts.count)
    #expect((counts["accepted"] ?? 0) + (counts["cancelled"] ?? 0) == 200)
    #expect(try await scene.orchestrate("resume", "latest").status == 2)
    await scene.server.stop()
  }

  @Test("cancel of a run whose process died settles what is unknown")
  func cancelDead() async throws {
    let scene = try await Scene {
      $0.delay = .milliseconds(300)
      $0.taskStep = .zero
    }
    let process = try await running(scene)
    process.send(SIGKILL)
    await process.ended()
    let cancelled = try await scene.orchestrate("cancel", "latest", "--format", "json")
    let run = try #require(try json(cancelled.output)["run"] as? [String: Any])
    let counts = try #require(run["items_by_state"] as? [String: Int])
    #expect(counts["unknown"] == 0, "\(cancelled.diagnostics)")
    #expect(counts["accepted"] == scene.server.ledger.acceptedCounts.count)
    await scene.server.stop()
  }
}
