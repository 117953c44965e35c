import Foundation
import TestSupport
import Testing

@testable import OrchestrateCommands

@Suite("copy")
struct CopyCommandTests {
  @Test("errors about the database to copy to name its option")
  func target() async throws {
    let planned = try CommandStage()
    _ = try await planned.planRun()
    try planned.folder.write("no database, but long enough to be taken for a file of one", to: "notes.txt")
    let folder = planned.folder
    for target in [
      folder.path, folder.file("missing/runs.db"), folder.file("notes.txt"),
      "postgresql://localhost/x?nonsense=1",
      "postgresql://me:s3cret@localhost/runs",
    ] {
      let stage = try CommandStage(in: folder)
      let status = try await stage.run(CopyCommand.self, "latest", "--to", target, "--format", "json")
      #expect(status == (target.hasPrefix("/") ? .store : .badInput), "\(target)")
      let document = try JSONSerialization.jsonObject(with: Data(stage.output.written.utf8)) as? [String: Any]
      let error = try #require(document?["error"] as? [String: Any])
      #expect((error["message"] as? String)?.contains("--to") == true, "\(error)")
      #expect(!stage.diagnostics.written.contains("--db"), "\(stage.diagnostics.written)")
    }
    // The one that the run is in is another matter.
    let stage = try CommandStage(in: folder)
    let arguments = ["latest", "--db", folder.file("notes.txt"), "--to", folder.file("other.db")]
    #expect(try await stage.run(CopyCommand.self, arguments) == .store)
    #expect(stage.diagnostics.written.contains("--db") && !stage.diagnostics.written.contains("--to"))
  }
}
