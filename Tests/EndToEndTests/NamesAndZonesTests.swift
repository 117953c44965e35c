import Foundation
import ProgramSupport
import TestSupport
import Testing
import TransferSimulator

/// What the machine gives the program: names of files as short as they come, and every form of `TZ`.
@Suite("Names of files and zones as the system has them", .timeLimit(.minutes(10)))
struct NamesAndZonesTests {
  private func run(_ arguments: [String], in scene: Scene, _ environment: [String: String] = [:]) async throws
    -> OrchestrateProcess.Ending
  {
    try await OrchestrateProcess(
      arguments, environment: scene.environment.merging(environment) { $1 },
      through: ["sh", "-c", "cd \"$0\" && exec \"$@\"", scene.folder.path]
    ).ended()
  }

  @Test("files whose names have one character are files like others")
  func shortNames() async throws {
    let scene = try await Scene()
    try FileManager.default.moveItem(atPath: try scene.manifest(3), toPath: scene.folder.file("m"))
    let sent = try await run(["submit", "m", "--db", "d", "--events", "e"] + scene.here, in: scene)
    #expect(sent.status == 0, "\(sent.diagnostics)")
    for arguments in [
      ["report", "latest", "-o", "r", "--db", "d"], ["backup", "b", "--db", "d"],
      ["doctor", "--bundle", "x", "--db", "d"],
      ["copy", "latest", "--to", "c", "--db", "d"], ["verify", "latest", "--db", "c"],
      ["report", "--db", "n"],
    ] {
      let ended = try await run(arguments, in: scene)
      #expect(
        ended.status == 0 || arguments[0] == "doctor" && ended.status == 1,
        "\(arguments): \(ended.diagnostics)")
    }
    for name in ["d", "e", "r", "b", "x", "c"] {
      #expect(FileManager.default.fileExists(atPath: scene.folder.file(name)), "\(name)")
    }
    for arguments in [
      ["backup", ".", "--db", "d"], ["backup", "-", "--db", "d"], ["report", "-o", ".", "--db", "d"],
    ] {
      #expect(try await run(arguments, in: scene).status == 2)
    }
    #expect(try await run(["report", "--db", "."], in: scene).status == 5)
    let printed = try await run(["report", "latest", "--db", "c", "-o", "-"], in: scene)
    #expect(printed.status == 0 && printed.output.contains("finished"))
    await scene.server.stop()
  }

  @Test(
    "times are those of every form of TZ that the C library reads",
    arguments: ["Asia/Tokyo", ":Asia/Tokyo", "/usr/share/zoneinfo/Asia/Tokyo", "JST-9", "<+09>-9"])
  func zones(zone: String) async throws {
    let scene = try await Scene()
    _ = try await scene.submit(try scene.manifest(3))
    let report = try await run(["report", "latest"], in: scene, ["TZ": zone])
    #expect(report.output.contains("+09:00"), "\(report.output)")
    await scene.server.stop()
  }
}
