import Foundation
import TestSupport
import Testing
import TransferSimulator

@Suite("The way to the service", .timeLimit(.minutes(10)))
struct WayToServiceTests {
  private static let away = ["--base-url", "https://service.example"]

  @Test("a proxy or a file of certificates that cannot be used ends with 2, before a database is made")
  func broken() async throws {
    let scene = try await Scene()
    let manifest = try scene.manifest(2)
    for (name, value) in [
      ("HTTPS_PROXY", "ftp://clerk:s3cret@proxy"), ("https_proxy", "http://clerk:s3cret@proxy:0"),
      ("SSL_CERT_FILE", scene.folder.file("no.pem")), ("SSL_CERT_FILE", manifest),
    ] {
      let ended = try await OrchestrateProcess.run(
        ["submit", manifest] + Self.away, environment: scene.environment.merging([name: value]) { $1 })
      #expect(ended.status == 2, "\(ended)")
      #expect(ended.diagnostics.contains("$\(name) "), "\(ended.diagnostics)")
      #expect(ended.diagnostics.split(separator: "\n").count { $0.hasPrefix("error: ") } == 1)
      #expect(!ended.diagnostics.contains("s3cret"))
      #expect(!FileManager.default.fileExists(atPath: scene.database))
    }
    // Where it is not used, it is not looked at.
    let here = try await OrchestrateProcess.run(
      ["submit", manifest] + scene.here,
      environment: scene.environment.merging(["HTTPS_PROXY": "ftp://x", "SSL_CERT_FILE": "/no.pem"]) { $1 })
    #expect(here.status == 0, "\(here)")
    await scene.server.stop()
  }

  @Test("a proxy is asked with its own password, which is shown nowhere, and resume reads the variable anew")
  func proxy() async throws {
    let scene = try await Scene()
    let proxy = try RefusingProxy()
    let secret = "s3cret-pa55"
    let environment = scene.environment.merging([
      "HTTPS_PROXY": "http://clerk:\(secret)@127.0.0.1:\(proxy.port)"
    ]) { $1 }
    let ended = try await OrchestrateProcess.run(
      ["submit", try scene.manifest(2), "--log-level", "trace"] + Self.away,
      environment: environment)
    // A password that is refused stays refused: it is sent once, with whatever --max-wait.
    #expect(ended.status == 4, "\(ended)")
    #expect(ended.diagnostics.contains("proxy"), "\(ended.diagnostics)")
    let asked = proxy.requests
    #expect(asked.count == 1)
    let pair = Data("clerk:\(secret)".utf8).base64EncodedString()
    for head in asked {
      #expect(head.hasPrefix("CONNECT service.example:443 "))
      #expect(head.contains(pair))
      #expect(!head.contains(Scene.key))
    }
    #expect(ended.diagnostics.contains("proxy_unauthorized"), "\(ended.diagnostics)")
    var places = [("output", Data(ended.output.utf8)), ("diagnostics", Data(ended.diagnostics.utf8))]
    for name in try FileManager.default.contentsOfDirectory(atPath: scene.folder.path) {
      places.append((name, try Data(contentsOf: URL(fileURLWithPath: scene.folder.file(name)))))
    }
    for (place, data) in places {
      #expect(data.range(of: Data(secret.utf8)) == nil, "\(place)")
      #expect(data.range(of: Data(pair.utf8)) == nil, "\(place)")
    }
    let broken = try await OrchestrateProcess.run(
      ["resume", "latest"], environment: scene.environment.merging(["HTTPS_PROXY": "ftp://proxy"]) { $1 })
    #expect(broken.status == 2, "\(broken)")
    let count = proxy.requests.count
    _ = try await OrchestrateProcess.run(["resume", "latest"], environment: environment)
    #expect(proxy.requests.count > count)
    proxy.stop()
    await scene.server.stop()
  }

  @Test("connections closed by announcement cost nothing", arguments: [1, 2, 5])
  func announced(every: Int) async throws {
    let scene = try await Scene { $0.announcedCloseEvery = every }
    let ended = try await scene.submit(
      try scene.manifest(60), "--chunk-size", "1", "--concurrency", "4", "--log-level", "info")
    #expect(ended.status == 0, "\(ended)")
    #expect(!ended.diagnostics.contains("attempt not accepted"), "\(ended.diagnostics)")
    #expect(scene.server.ledger.transferCount == 60)
    #expect(scene.timesTaken(60) == [1])
    await scene.server.stop()
  }

  @Test("connections closed without a word are settled, and nothing is sent twice", arguments: [1, 3])
  func silent(every: Int) async throws {
    let scene = try await Scene {
      $0.silentCloseEvery = every
      $0.taskStep = .zero
    }
    let ended = try await scene.submit(
      try scene.manifest(60), "--chunk-size", "1", "--concurrency", "4", "--log-level", "info")
    #expect(ended.status == 0, "\(ended)")
    #expect(scene.timesTaken(60) == [1])
    let repeated = scene.server.ledger.transfers.filter { $0.status != nil }.count
    #expect(repeated == 60)
    await scene.server.stop()
  }
}
