import BatchDomain
import Foundation
import Testing

@testable import OrchestrateCommands

@Suite("job files on disk")
struct JobFileLoadTests {
  private static let root = (1...4).reduce(URL(filePath: #filePath)) { url, _ in
    url.deletingLastPathComponent()
  }
  private static let jobs = root.appending(path: "jobs")

  @Test(arguments: ["demo.yaml", "nightly.yaml", "nightly-v1.3.yaml"])
  func jobsOfTheRepositoryLoadAndResolve(name: String) throws {
    let job = try JobFile.load(Self.jobs.appending(path: name).path, home: nil)
    let resolved = try SettingsLayers(jobFile: job.layer).resolve()
    #expect(resolved.values.manifests.names.count == 1)
    #expect(resolved.values.name == String(name.dropLast(5)))
  }

  @Test func demoJobIsWhatTheDemoScriptCountsOn() throws {
    let job = try JobFile.load(Self.jobs.appending(path: "demo.yaml").path, home: nil)
    #expect(job.layer.values.manifests.names == [Self.jobs.path + "/../.build/demo/manifest.json"])
    #expect(job.layer.values.run.chunkSize == 20)
    #expect(job.layer.values.run.concurrency == 6)
  }

  @Test func whatCannotBeReadIsRefusedWithOneSentence() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "job-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: folder) } }
    let large = folder.appending(path: "large.yaml").path
    let comment = Data("# \(String(repeating: "x", count: JobFile.maximumBytes))\n".utf8)
    #expect(FileManager.default.createFile(atPath: large, contents: comment))
    let cases = [
      (folder.path + "/none.yaml", "does not exist"), (folder.path, "is a directory"),
      (large, "more than 1 MiB"),
      ("", "is not the path"), (large + "/x.yaml", "cannot be opened: Not a directory"),
    ]
    for (path, words) in cases {
      let error = #expect(throws: ConfigurationError.self) { try JobFile.load(path, home: nil) }
      #expect(error?.code == .jobFileUnreadable)
      #expect(error?.message.contains(words) == true, "\(String(describing: error))")
    }
  }
}
