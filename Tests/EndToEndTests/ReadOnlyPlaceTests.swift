import Foundation
import TestSupport
import Testing
import TransferSimulator

@Suite("Reports from a place that cannot be written", .timeLimit(.minutes(10)))
struct ReadOnlyPlaceTests {
  /// Words before a command that mount a folder so that nothing in it can be written.
  private func mounted(_ folder: String) -> [String] {
    Confinement.ownMounts + [
      "bash", "-c",
      #"mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" || exit 99; shift; exec "$@""#, "bash",
      folder,
    ]
  }

  private func commands(_ run: String) -> [[String]] {
    [
      [], ["report"], ["report", run], ["report", run, "--items"], ["report", run, "--format", "html"],
      ["report", "--object", Scene.object(0)], ["export", run, "--state", "accepted"], ["verify", run],
    ]
  }

  @Test(
    "every command that reads works on a backup, and on a database that was left with its log",
    .enabled(if: Confinement.canMount), arguments: [false, true])
  func reads(hasLog: Bool) async throws {
    let scene = try await Scene()
    #expect(try await scene.submit(try scene.manifest(7)).status == 0)
    let folder = scene.folder.file("mounted")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    let path = folder + "/orchestrate.db"
    if hasLog {
      for ending in ["", "-wal", ".lock"] {
        try FileManager.default.copyItem(atPath: scene.database + ending, toPath: path + ending)
      }
    } else {
      let shell = try SQLiteShell(scene.database)
      try shell.run(".backup '\(path)'\nSELECT 'done';")
      #expect(try shell.line() == "done")
      try shell.close()
    }
    let before = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    for arguments in commands("latest") {
      let here = try await OrchestrateProcess.run(arguments, environment: scene.environment)
      let there = try await OrchestrateProcess(
        arguments + ["--db", path], environment: scene.environment, through: mounted(folder)
      ).ended()
      #expect(there.status == 0, "\(arguments): \(there.diagnostics)")
      #expect(there.output.contains("7") == here.output.contains("7"), "\(arguments): \(there.output)")
    }
    let doctor = try await OrchestrateProcess(
      ["doctor", "--base-url", scene.server.address, "--format", "json", "--db", path],
      environment: scene.environment, through: mounted(folder)
    ).ended()
    let checks = try #require(try json(doctor.output)["checks"] as? [[String: Any]])
    for name in ["schema", "integrity"] {
      #expect(checks.first { $0["check"] as? String == name }?["status"] as? String == "ok", "\(checks)")
    }
    #expect(checks.first { $0["check"] as? String == "database" }?["status"] as? String == "problem")
    // What needs to write says in one sentence what it is about.
    let resumed = try await OrchestrateProcess(
      ["resume", "latest", "--retry", "failed", "--db", path], environment: scene.environment,
      through: mounted(folder)
    ).ended()
    #expect(resumed.status == 5)
    #expect(resumed.diagnostics.contains(path))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == before)
    await scene.server.stop()
  }

  @Test("a live run is seen as live through a read-only mount", .enabled(if: Confinement.canMount))
  func live() async throws {
    let scene = try await Scene { $0.delay = .seconds(30) }
    let folder = scene.folder.file("mounted")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    let database = ["--db", folder + "/orchestrate.db"]
    let sending = try OrchestrateProcess(
      ["submit", try scene.manifest(7)] + scene.here + database, environment: scene.environment)
    try await scene.server.ledger.waitFor(transfers: 1)
    let report = try await OrchestrateProcess(
      ["report", "latest", "--format", "json"] + database, environment: scene.environment,
      through: mounted(folder)
    ).ended()
    #expect(report.status == 0, "\(report.diagnostics)")
    #expect((try json(report.output)["run"] as? [String: Any])?["state"] as? String == "running")
    sending.send(SIGKILL)
    await sending.ended()
    await scene.server.stop()
  }

  @Test("a file that this user may not read is named", .enabled(if: Confinement.canDropPrivileges))
  func unreadable() async throws {
    let scene = try await Scene()
    #expect(try await scene.submit(try scene.manifest(7)).status == 0)
    for ending in ["", "-shm"] {
      try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: scene.database + ending)
      let report = try await OrchestrateProcess(
        ["report"], environment: scene.environment, through: Confinement.underPermissionBits
      ).ended()
      #expect(report.status == 5, "\(ending)")
      #expect(
        report.diagnostics.contains("failed to read \(scene.database)\(ending): Permission denied"),
        "\(report.diagnostics)")
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: scene.database + ending)
    }
    await scene.server.stop()
  }
}
