import Foundation
import TestSupport
import Testing

@Suite("scripts/install")
struct InstallTests {
  @Test("it puts the program and its completions where shells look for them")
  func install() throws {
    let folder = try TemporaryFolder()
    let prefix = folder.file("prefix")
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("scripts/install")
    let (status, said) = try SpawnedProgram.run(
      [script.path, "--prefix", prefix, "--build-dir", OrchestrateProcess.products.path])
    #expect(status == 0)
    #expect(said.contains("installed \(prefix)/bin/orchestrate\n"))
    #expect(FileManager.default.isExecutableFile(atPath: "\(prefix)/bin/orchestrate"))
    for completions in [
      "share/bash-completion/completions/orchestrate", "share/zsh/site-functions/_orchestrate",
      "share/fish/vendor_completions.d/orchestrate.fish",
    ] {
      let text = try String(contentsOfFile: "\(prefix)/\(completions)", encoding: .utf8)
      #expect(text.contains("resume"), "\(completions)")
    }
  }
}
