import Foundation
import TestSupport
import Testing
import TransferSimulator

@Suite("The key", .timeLimit(.minutes(10)))
struct SecretTests {
  @Test("it appears in no file, no output, no log and no process list, although the service echoes it")
  func nowhere() async throws {
    let scene = try await Scene {
      $0.delay = .milliseconds(100)
      $0.faults = [FaultRule(.unauthorized, from: 5)]
      $0.ledgerFile = nil
    }
    let process = try scene.startSubmit(
      try scene.manifest(100), "--chunk-size", "5", "--concurrency", "2", "--log-level", "trace")
    try await scene.server.ledger.waitFor(transfers: 2)
    let commandLine = try Data(contentsOf: URL(fileURLWithPath: "/proc/\(process.id)/cmdline"))
    let ended = await process.ended()
    #expect(ended.status == 4)
    #expect(ended.diagnostics.contains("[removed]"), "the service's echo never came: \(ended.diagnostics)")
    let report = try await scene.orchestrate("report", "latest")
    let document = try await scene.orchestrate("report", "latest", "--format", "json")
    let key = Data(Scene.key.utf8)
    var places: [(String, Data)] = [
      ("process list", commandLine), ("output", Data(ended.output.utf8)),
      ("diagnostics", Data(ended.diagnostics.utf8)), ("report", Data(report.output.utf8)),
      ("JSON report", Data(document.output.utf8)),
    ]
    for name in try FileManager.default.contentsOfDirectory(atPath: scene.folder.path) {
      places.append((name, try Data(contentsOf: URL(fileURLWithPath: scene.folder.file(name)))))
    }
    #expect(places.map(\.0).contains("orchestrate.db-wal"))
    for (place, data) in places { #expect(data.range(of: key) == nil, "the key is in \(place)") }
    await scene.server.stop()
  }

  @Test("a file may hold it")
  func keyFile() async throws {
    let scene = try await Scene()
    let file = try scene.folder.write(Scene.key + "\n", to: "key")
    let ended = try await OrchestrateProcess.run(
      ["submit", try scene.manifest(4), "--api-key-file", file] + scene.here,
      environment: ["ORCHESTRATE_DB": scene.database])
    #expect(ended.status == 0, "\(ended.diagnostics)")
    await scene.server.stop()
  }
}
