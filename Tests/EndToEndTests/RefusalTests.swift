import Foundation
import TestSupport
import Testing
import TransferSimulator

@Suite("What is refused before anything is sent", .timeLimit(.minutes(10)))
struct RefusalTests {
  static let bad: [(name: String, content: [UInt8], says: String)] = [
    ("empty.json", [], "empty"),
    ("array.json", Array("[]".utf8), "empty"),
    ("truncated.json", Array(#"[{"index_id":"629d807aa9e2a3a33a92c00b","#.utf8), "truncated.json"),
    ("bytes.json", Array(#"[{"index_id":""#.utf8) + [0xff, 0xfe], "UTF-8"),
    ("word.json", Array("hello".utf8), "word.json"),
    ("object.json", Array(#"[{"index_id":"629d807aa9e2a3a33a92c00b","language":"en"}]"#.utf8), "object"),
  ]

  @Test("a bad manifest ends with 2, says why in one place, and leaves no run", arguments: bad.map(\.name))
  func badManifest(name: String) async throws {
    let (_, content, says) = try #require(Self.bad.first { $0.name == name })
    let scene = try await Scene()
    let path = scene.folder.file(name)
    try Data(content).write(to: URL(fileURLWithPath: path))
    let ended = try await scene.submit(path, "--format", "json")
    #expect(ended.status == 2)
    #expect(ended.diagnostics.contains(says), "\(ended.diagnostics)")
    let document = try json(ended.output)
    #expect((document["findings"] as? [[String: Any]])?.isEmpty == false)
    #expect(document["findings_total"] as? Int ?? 0 > 0)
    let history = try json(try await scene.orchestrate("report", "--format", "json").output)
    #expect((history["runs"] as? [Any])?.isEmpty == true)
    #expect(scene.server.ledger.entries.isEmpty)
    await scene.server.stop()
  }

  @Test("a folder or a file that is not there ends with 2 and makes no database")
  func noFile() async throws {
    let scene = try await Scene()
    for path in [scene.folder.path, scene.folder.file("nothing.json")] {
      let ended = try await scene.submit(path)
      #expect(ended.status == 2)
      #expect(ended.diagnostics.contains(path))
      #expect(!FileManager.default.fileExists(atPath: scene.database))
    }
    await scene.server.stop()
  }

  @Test("no key, an unknown run and an ambiguous one end with 2")
  func keyAndRuns() async throws {
    let scene = try await Scene()
    let manifest = try scene.manifest(4)
    let keyless = try await OrchestrateProcess.run(
      ["submit", manifest] + scene.here, environment: ["ORCHESTRATE_DB": scene.database])
    #expect(keyless.status == 2)
    #expect(keyless.diagnostics.contains("TWELVELABS_API_KEY"))
    for _ in 0..<2 { #expect(try await scene.submit(manifest, "--again").status == 0) }
    let unknown = try await scene.orchestrate("report", "zzz")
    #expect(unknown.status == 2)
    let ambiguous = try await scene.orchestrate("resume", "20")
    #expect(ambiguous.status == 2)
    #expect(ambiguous.diagnostics.contains("several"))
    await scene.server.stop()
  }

  static let wrong: [[String]] = [
    ["submit"], ["submit", "x.json", "--chunk-size", "0"], ["submit", "x.json", "--timeout", "soon"],
    ["submit", "x.json", "--no-such-option"], ["nonsense"], ["resume"], ["export", "latest"],
    ["submit", "x.json", "--base-url", "http://example.com"], ["submit", "x.json", "--rate", "5/week"],
  ]

  @Test("wrong arguments end with 64", arguments: wrong)
  func wrongArguments(arguments: [String]) async throws {
    let ended = try await OrchestrateProcess.run(arguments, environment: ["TWELVELABS_API_KEY": "k"])
    #expect(ended.status == 64, "\(ended.diagnostics)")
    #expect(!ended.diagnostics.isEmpty)
  }

  @Test("a damaged database ends with 5 and is left as it is")
  func damaged() async throws {
    let scene = try await Scene()
    let content = String(repeating: "no database at all. ", count: 300)
    try scene.folder.write(content, to: "orchestrate.db")
    for arguments in [["report"], ["submit", try scene.manifest(4)] + scene.here] {
      let ended = try await OrchestrateProcess.run(arguments, environment: scene.environment)
      #expect(ended.status == 5, "\(ended.diagnostics)")
    }
    #expect(try String(contentsOfFile: scene.database, encoding: .utf8) == content)
    await scene.server.stop()
  }
}
