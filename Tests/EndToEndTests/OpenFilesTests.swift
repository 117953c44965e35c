import Foundation
import TestSupport
import Testing
import TransferSimulator

@Suite("Few open files, and no temporary ones", .timeLimit(.minutes(10)))
struct OpenFilesTests {
  private func limited(_ limit: String) -> [String] { ["sh", "-c", "ulimit \(limit); exec \"$@\"", "sh"] }

  @Test(
    "a limit that cannot be raised bounds what is sent at a time and is told in a sentence; one that can is raised",
    arguments: [("-n 64", true), ("-Sn 64", false)])
  func limit(words: String, isTold: Bool) async throws {
    let scene = try await Scene { $0.delay = .milliseconds(100) }
    let ended = try await OrchestrateProcess(
      ["submit", try scene.manifest(150), "--chunk-size", "1", "--concurrency", "200"] + scene.here,
      environment: scene.environment, through: limited(words)
    ).ended()
    #expect(ended.status == 0, "\(ended.diagnostics)")
    #expect(ended.diagnostics.contains("the limit on open files is 64") == isTold, "\(ended.diagnostics)")
    #expect(ended.diagnostics.contains("--concurrency 200 needs") == isTold)
    // No attempt was spent on a socket that could not be opened.
    #expect(try await Database.count("SELECT count(*) FROM attempt", in: scene.database) == 150)
    #expect(scene.timesTaken(150) == [1])
    await scene.server.stop()
  }

  @Test("a limit below which nothing can be sent is refused before anything is recorded")
  func tooLow() async throws {
    let scene = try await Scene()
    let ended = try await OrchestrateProcess(
      ["submit", try scene.manifest(3)] + scene.here, environment: scene.environment,
      through: limited("-n 26")
    ).ended()
    #expect(ended.status == 2, "\(ended.diagnostics)")
    #expect(ended.diagnostics.contains("the limit on open files is 26"), "\(ended.diagnostics)")
    #expect(!FileManager.default.fileExists(atPath: scene.database))
    await scene.server.stop()
  }

  @Test(
    "a check of a manifest leaves nothing behind, also when a signal ends it",
    arguments: [SIGINT, SIGTERM, 0])
  func nothingLeft(signal: Int32) async throws {
    let folder = try TemporaryFolder()
    let temporary = folder.file("tmp")
    try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: false)
    #expect(mkfifo(folder.file("manifest"), 0o600) == 0)
    let process = try OrchestrateProcess(
      ["validate", folder.file("manifest")], environment: ["TMPDIR": temporary])
    // More than SQLite keeps in memory, so that there is a file.
    let items = (0..<40_000).map {
      #"{"index_id":"\#(Scene.index)","language":"en","object":"\#(Scene.object($0))"}"#
    }.joined(separator: "\n")
    try await onOwnThread {
      let pipe = try FileHandle(forWritingTo: URL(fileURLWithPath: folder.file("manifest")))
      try pipe.write(contentsOf: Data(items.utf8))
      #expect(try FileManager.default.contentsOfDirectory(atPath: temporary).isEmpty)
      if signal != 0 { process.send(signal) }
      try pipe.close()
    }
    let ended = await process.ended()
    #expect(ended.status == (signal == 0 ? 0 : 128 + signal), "\(ended.diagnostics)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: temporary).isEmpty)
  }
}
