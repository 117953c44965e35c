import BatchDomain
import Foundation
import ProgramSupport
import TestSupport
import Testing
import TransferSimulator

/// The real program with a job of several manifests.
@Suite("Several manifests of a job")
struct SeveralManifestsTests {
  private func job(_ scene: Scene, _ manifests: String, _ more: String = "") throws -> String {
    try scene.folder.write(
      """
      manifest: \(manifests)
      base-url: \(scene.server.address)
      settle-delay: 200ms
      settle-grace: 200ms
      chunk-size: 5
      concurrency: 1
      \(more)
      """, to: "nightly.yaml")
  }

  private func submit(
    _ scene: Scene, _ job: String, _ more: String..., environment: [String: String] = [:]
  ) async throws -> OrchestrateProcess.Ending {
    try await OrchestrateProcess.run(
      ["submit", "--job", job, "--format", "json"] + more,
      environment: scene.environment.merging(environment) { $1 })
  }

  private struct Part: Equatable {
    var manifest: String
    var status: Int
    var isSkipped: Bool
    /// `items` of the run; `nil` where the result is none.
    var items: Int?
    var error: String?
  }

  private func parts(_ ending: OrchestrateProcess.Ending) throws -> [Part] {
    let all = try #require(try json(ending.output)["manifests"] as? [[String: Any]], "\(ending.diagnostics)")
    return all.map { part in
      let result = part["result"] as? [String: Any]
      let name = (part["manifest"] as? String ?? "").split(separator: "/").last.map(String.init) ?? ""
      return Part(
        manifest: name, status: part["status"] as? Int ?? -1, isSkipped: part["skipped"] as? Bool ?? false,
        items: (result?["run"] as? [String: Any])?["items"] as? Int,
        error: (result?["error"] as? [String: Any])?["code"] as? String)
    }
  }

  private func lists(_ scene: Scene) throws {
    try FileManager.default.createDirectory(
      atPath: scene.folder.file("lists"), withIntermediateDirectories: true)
    _ = try scene.manifest(10, name: "lists/b.json", prefix: "b")
    _ = try scene.manifest(7, name: "lists/a.json", prefix: "a")
  }

  @Test("each file of a pattern is a run; what was submitted is passed over, what is new or changed is sent")
  func pattern() async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    try lists(scene)
    let job = try job(scene, "lists/*.json")
    let first = try await submit(scene, job)
    #expect(first.status == 0, "\(first.diagnostics)")
    #expect(
      try parts(first) == [
        Part(manifest: "a.json", status: 0, isSkipped: false, items: 7),
        Part(manifest: "b.json", status: 0, isSkipped: false, items: 10),
      ])
    _ = try scene.manifest(3, name: "lists/c.json", prefix: "c")
    _ = try scene.folder.write("not a manifest", to: "lists/bad.json")
    let second = try await submit(scene, job)
    #expect(second.status == 2, "\(second.diagnostics)")
    #expect(
      try parts(second) == [
        Part(manifest: "a.json", status: 0, isSkipped: true, items: 7),
        Part(manifest: "b.json", status: 0, isSkipped: true, items: 10),
        Part(manifest: "bad.json", status: 2, isSkipped: false, error: "manifest_refused"),
        Part(manifest: "c.json", status: 0, isSkipped: false, items: 3),
      ])
    #expect(second.diagnostics.contains("was already submitted as run"))
    #expect(scene.timesTaken(7, prefix: "a") == [1] && scene.timesTaken(10, prefix: "b") == [1])
    #expect(scene.timesTaken(3, prefix: "c") == [1])
    await scene.server.stop()
  }

  @Test("with --new-only a file without a change makes no run, and one that has grown sends what is new")
  func newOnly() async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    try lists(scene)
    let job = try job(scene, "[lists/b.json, lists/a.json]", "new-only: true")
    #expect(try await submit(scene, job).status == 0)
    _ = try scene.manifest(9, name: "lists/a.json", prefix: "a")
    let second = try await submit(scene, job)
    #expect(second.status == 0, "\(second.diagnostics)")
    #expect(
      try parts(second) == [
        Part(manifest: "b.json", status: 0, isSkipped: true, items: 10),
        Part(manifest: "a.json", status: 0, isSkipped: false, items: 2),
      ])
    let report = try await scene.orchestrate("report", "--format", "json")
    #expect((try json(report.output)["runs"] as? [Any])?.count == 3)
    #expect(scene.timesTaken(9, prefix: "a") == [1] && scene.timesTaken(10, prefix: "b") == [1])
    await scene.server.stop()
  }

  @Test("--continue continues the unfinished run first, then the rest")
  func continues() async throws {
    let scene = try await Scene { $0.taskStep = .zero }
    try lists(scene)
    let job = try job(scene, "lists/*.json")
    let killed = try await submit(scene, job, environment: ["ORCHESTRATE_KILL_AT": "after_send:2"])
    #expect(killed.status == 128 + SIGKILL)
    let ending = try await submit(scene, job, "--continue")
    #expect(ending.status == 0, "\(ending.diagnostics)")
    #expect(
      try parts(ending) == [
        Part(manifest: "a.json", status: 0, isSkipped: false, items: 7),
        Part(manifest: "a.json", status: 0, isSkipped: true, items: 7),
        Part(manifest: "b.json", status: 0, isSkipped: false, items: 10),
      ])
    #expect(scene.timesTaken(7, prefix: "a") == [1] && scene.timesTaken(10, prefix: "b") == [1])
    await scene.server.stop()
  }

  @Test("a continued run that pauses again begins no other, and how many are left is said each time")
  func pausesAgain() async throws {
    let scene = try await Scene {
      $0.taskStep = .zero
      $0.faults = [FaultRule(.unauthorized, from: 3)]
    }
    try lists(scene)
    for name in ["c", "d"] { _ = try scene.manifest(3, name: "lists/\(name).json", prefix: name) }
    let job = try job(scene, "lists/*.json")
    let first = try await submit(scene, job)
    #expect(try parts(first).map(\.status) == [0, 4], "\(first.diagnostics)")
    #expect(first.diagnostics.contains("2 manifests of this job are left"))
    let second = try await submit(scene, job, "--continue")
    #expect(second.status == 4, "\(second.diagnostics)")
    #expect(try parts(second).map(\.manifest) == ["b.json"])
    #expect(second.diagnostics.contains("2 manifests of this job are left"), "\(second.diagnostics)")
    // Where nothing matches any more there is nothing left, and the run's result is told all the same.
    try FileManager.default.removeItem(atPath: scene.folder.file("lists"))
    let third = try await submit(scene, job, "--continue")
    #expect(third.status == 4, "\(third.diagnostics)")
    #expect(try parts(third).map(\.status) == [4])
    #expect(!third.diagnostics.contains("with --continue goes on with them"), "\(third.diagnostics)")
    await scene.server.stop()
  }

  @Test("a signal during the second run leaves it to be continued, and begins no third")
  func signal() async throws {
    let scene = try await Scene { configuration in
      configuration.taskStep = .zero
      configuration.delay = .milliseconds(300)
    }
    try lists(scene)
    _ = try scene.manifest(40, name: "lists/b.json", prefix: "b")
    _ = try scene.manifest(3, name: "lists/c.json", prefix: "c")
    let job = try job(scene, "lists/*.json")
    let process = try scene.start("submit", "--job", job, "--format", "json")
    // The first has two chunks.
    try await scene.server.ledger.waitFor(transfers: 4)
    process.send(SIGTERM)
    let ending = await process.ended()
    #expect(ending.status == 3, "\(ending.diagnostics)")
    #expect(try parts(ending).map(\.status) == [0, 3])
    #expect(ending.diagnostics.contains("1 manifest of this job is left"))
    let rest = try await submit(scene, job, "--continue")
    #expect(rest.status == 0, "\(rest.diagnostics)")
    #expect(try parts(rest).map(\.manifest) == ["b.json", "a.json", "b.json", "c.json"])
    #expect(scene.timesTaken(40, prefix: "b") == [1] && scene.timesTaken(3, prefix: "c") == [1])
    await scene.server.stop()
  }

  @Test("a pattern that matches nothing is one error, before anything is recorded; a dry run shows each plan")
  func noMatch() async throws {
    let scene = try await Scene()
    let ending = try await submit(scene, try job(scene, "lists/*.json"))
    #expect(ending.status == 2)
    #expect(try (json(ending.output)["error"] as? [String: Any])?["code"] as? String == "no_manifest_matches")
    #expect(!FileManager.default.fileExists(atPath: scene.database))
    try lists(scene)
    let dry = try await submit(scene, try job(scene, "lists/*.json"), "--dry-run")
    #expect(dry.status == 0, "\(dry.diagnostics)")
    let all = try #require(try json(dry.output)["manifests"] as? [[String: Any]])
    let plans = all.map { (($0["result"] as? [String: Any])?["plan"] as? [String: Any])?["items"] as? Int }
    #expect(plans == [7, 10])
    #expect(scene.server.ledger.entries.isEmpty)
    let text = try await scene.orchestrate("submit", "--job", try job(scene, "lists/*.json"), "--dry-run")
    #expect(text.output.contains("7 items") && text.output.contains("10 items"))
    await scene.server.stop()
  }
}
