import Foundation
import ProgramSupport
import TestSupport
import Testing
import TransferSimulator

/// The real program copies runs between databases, and is killed while it does.
@Suite("Copying runs to another database")
struct CopyTests {
  /// Where the other database is.
  enum Engine: String, CaseIterable {
    case sqlite, postgresql

    static let available = allCases.filter { $0 == .sqlite || PostgresCluster.isAvailable }
  }

  private static let items = 120

  private struct Places {
    let scene: Scene
    let other: String

    init(_ engine: Engine, _ configure: (inout SimulatorConfiguration) -> Void = { _ in }) async throws {
      scene = try await Scene {
        $0.taskStep = .zero
        configure(&$0)
      }
      other =
        engine == .sqlite
        ? scene.folder.file("other.db") : try #require(PostgresCluster.shared).makeDatabase()
    }

    func call(_ words: [String], killedAt moment: String? = nil) async throws -> OrchestrateProcess.Ending {
      var environment = scene.environment
      environment["XDG_STATE_HOME"] = scene.folder.file("state")
      environment["ORCHESTRATE_KILL_AT"] = moment
      return try await OrchestrateProcess.run(words, environment: environment)
    }

    /// A run of which the first chunks are accepted, one answer is lost, and the rest is pending: its process was killed.
    func begin() async throws {
      let killed = try await call(
        ["submit", try scene.manifest(CopyTests.items)] + scene.here
          + ["--settle-grace", "200ms", "--chunk-size", "5", "--concurrency", "1"], killedAt: "after_send:8")
      #expect(killed.status == 128 + SIGKILL, "\(killed.diagnostics)")
    }

    func copy(killedAt moment: String? = nil) async throws -> OrchestrateProcess.Ending {
      try await call(["copy", "latest", "--to", other, "--format", "json"], killedAt: moment)
    }

    func report(_ database: String? = nil) async throws -> (status: Int32, run: [String: Any]) {
      let ending = try await call(
        ["report", "latest", "--format", "json"] + (database.map { ["--db", $0] } ?? []))
      guard ending.status == 0 else { return (ending.status, [:]) }
      return (0, try json(ending.output)["run"] as? [String: Any] ?? [:])
    }
  }

  @Test("resumed where it was copied to, only what was pending is sent", arguments: Engine.available)
  func resumed(engine: Engine) async throws {
    let places = try await Places(engine)
    try await places.begin()
    let copied = try await places.copy()
    #expect(copied.status == 0, "\(copied.diagnostics)")
    let document = try json(copied.output)
    let run = try #require(document["run"] as? [String: Any])
    #expect(run["state"] as? String == "paused" && run["items"] as? Int == Self.items)
    #expect(
      (document["to"] as? String)?.hasPrefix(engine == .sqlite ? "/" : "postgresql://postgres@%2F") == true)
    let id = try #require(run["run_id"] as? String)

    let left = try await places.report().run
    #expect(left["state"] as? String == "cancelled" && left["reason"] as? String == "copied")
    for words in [
      ["resume", id], ["cancel", id], ["settle", id, "--as", "received"], ["copy", id, "--to", places.other],
    ] {
      let refused = try await places.call(words)
      #expect(refused.status == 2, "\(words): \(refused.diagnostics)")
      let name = document["to"] as? String ?? "?"
      #expect(refused.diagnostics.contains("was copied to \(name) on "), "\(words): \(refused.diagnostics)")
    }
    let repeated = try await places.scene.submit(try places.scene.manifest(Self.items))
    #expect(
      repeated.status == 2 && repeated.diagnostics.contains("which was copied to "), "\(repeated.diagnostics)"
    )
    #expect(repeated.diagnostics.contains("orchestrate resume \(id) --db "), "\(repeated.diagnostics)")
    // Either would send what is sent there.
    #expect(!repeated.diagnostics.contains("--again") && !repeated.diagnostics.contains("export"))
    let resumed = try await places.call(["resume", id, "--db", places.other, "--format", "json"])
    #expect(resumed.status == 0, "\(resumed.diagnostics)")
    #expect(places.scene.timesTaken(Self.items) == [1])
    #expect(try await places.call(["verify", id, "--db", places.other]).status == 0)
    #expect(try await places.call(["verify", id]).status == 0)
    // Moved on, and back into a file: the reports are the same.
    let third = places.scene.folder.file("third.db")
    let before = try await places.call(["report", id, "--format", "json", "--db", places.other])
    #expect(try await places.call(["copy", id, "--db", places.other, "--to", third]).status == 0)
    let after = try await places.call(["report", id, "--format", "json", "--db", third])
    #expect(before.output == after.output)
    let exports = try await [places.other, third].asyncMap {
      try await places.call(["export", id, "--state", "accepted", "--db", $0]).output
    }
    #expect(exports[0] == exports[1])
    await places.scene.server.stop()
  }

  @Test(
    "killed after any step, the run goes on in one database only, and the same copy completes it",
    arguments: Engine.available, [1, 2, 3, 4, 5, 6])
  func killed(engine: Engine, step: Int) async throws {
    let places = try await Places(engine)
    try await places.begin()
    let killed = try await places.copy(killedAt: "in_copying:\(step)")
    #expect(killed.status == 128 + SIGKILL, "step \(step) was never reached: \(killed.diagnostics)")
    let here = try await places.report().run
    let there = try await places.report(places.other)
    // Its last step is that it is open in the other database.
    #expect(there.status != 0 || there.run["state"] as? String == "cancelled")
    if there.status == 0 {
      #expect(try await places.call(["verify", "latest", "--db", places.other]).status == 0)
    }
    #expect((here["reason"] as? String == "copied") == (step == 6), "\(here)")
    let copied = try await places.copy()
    #expect(copied.status == 0, "\(copied.diagnostics)")
    #expect(try await places.report().run["reason"] as? String == "copied")
    let resumed = try await places.call(["resume", "latest", "--db", places.other])
    #expect(resumed.status == 0, "\(resumed.diagnostics)")
    #expect(places.scene.timesTaken(Self.items) == [1])
    #expect(try await places.call(["verify", "latest", "--db", places.other]).status == 0)
    #expect(try await places.copy().status == 2)
    await places.scene.server.stop()
  }

  @Test("a password in --to, the same database and a run that is owned are refused, and nothing is made")
  func refused() async throws {
    let places = try await Places(.sqlite) { $0.delay = .milliseconds(200) }
    let process = try places.scene.startSubmit(
      try places.scene.manifest(60), "--chunk-size", "1", "--concurrency", "1")
    await process.says("60 chunks")
    #expect(try await places.copy().status == 6)
    process.send(SIGTERM)
    _ = await process.ended()
    for to in ["postgresql://me:s3cret@localhost/runs", "postgresql://localhost/runs?password=s3cret"] {
      let refused = try await places.call(["copy", "latest", "--to", to])
      #expect(refused.status == 2)
      #expect(refused.diagnostics.contains("has a password in it") && !refused.diagnostics.contains("s3cret"))
    }
    let same = try await places.call(["copy", "latest", "--to", places.scene.database])
    #expect(same.status == 2 && same.diagnostics.contains("--to names the database that the run is in"))
    #expect(try await places.call(["copy", "latest"]).status == 64)
    #expect(!FileManager.default.fileExists(atPath: places.other))
    #expect(try await places.copy().status == 0)
    await places.scene.server.stop()
  }
}

extension Array {
  fileprivate func asyncMap<T>(_ transform: (Element) async throws -> T) async throws -> [T] {
    var result: [T] = []
    for element in self { result.append(try await transform(element)) }
    return result
  }
}
