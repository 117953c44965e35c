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

  @Test(arguments: ["demo.yaml", "nightly.yaml"])
  func jobsOfTheRepositoryLoadAndResolve(name: String) throws {
    let job = try JobFile.load(Self.jobs.appending(path: name).path, home: nil)
    let resolved = try SettingsLayers(commandLine: SettingsOverrides(), jobFile: job.overrides).resolve()
    #expect(resolved.manifest != nil)
    #expect(resolved.name == String(name.dropLast(5)))
  }

  @Test func demoJobIsWhatTheDemoScriptCountsOn() throws {
    let job = try JobFile.load(Self.jobs.appending(path: "demo.yaml").path, home: nil)
    #expect(job.overrides.manifest == Self.jobs.path + "/../.build/demo/manifest.json")
    #expect(job.overrides.chunkSize == 20)
    #expect(job.overrides.concurrency == 6)
  }

  @Test func schemaHasExactlyTheKeysOfTheReader() throws {
    let data = try Data(contentsOf: Self.jobs.appending(path: "job.schema.json"))
    let schema = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let properties = try #require(schema["properties"] as? [String: [String: Any]])
    #expect(Set(properties.keys) == Set(SettingKey.allCases.map(\.rawValue)))
    #expect(schema["additionalProperties"] as? Bool == false)
    for (name, property) in properties { #expect(property["description"] is String, "\(name)") }
  }

  @Test func schemaAndReaderAgreeOnDefaultsAndLimits() throws {
    let data = try Data(contentsOf: Self.jobs.appending(path: "job.schema.json"))
    let schema = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let properties = try #require(schema["properties"] as? [String: [String: Any]])
    var overrides = SettingsOverrides()
    for (name, property) in properties {
      guard let value = property["default"] else { continue }
      let key = try #require(SettingKey(rawValue: name))
      let isFlag = key == .bisect || key == .strict
      try overrides.read(isFlag ? ((value as? Bool) == true ? "true" : "false") : "\(value)", as: key)
    }
    let defaults = try SettingsLayers(commandLine: SettingsOverrides()).resolve()
    #expect(try SettingsLayers(commandLine: overrides).resolve().settings == defaults.settings)
    #expect(overrides.bisect == defaults.settings.bisect)
    #expect(properties["concurrency"]?["maximum"] as? Int == SettingLimits.concurrency.upperBound)
    #expect(properties["chunk-size"]?["maximum"] as? Int == SettingLimits.chunkSize.upperBound)
    #expect(properties["max-attempts"]?["maximum"] as? Int == SettingLimits.maxAttempts.upperBound)
  }

  @Test func whatCannotBeReadIsRefusedWithOneSentence() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "job-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: folder) } }
    let large = folder.appending(path: "large.yaml").path
    let comment = Data("# \(String(repeating: "x", count: JobFile.maximumBytes))\n".utf8)
    #expect(FileManager.default.createFile(atPath: large, contents: comment))
    let cases = [
      (folder.path + "/none.yaml", "is not there"), (folder.path, "is a directory"),
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
