import Foundation
import ProgramSupport
import TestSupport
import Testing
import TransferSimulator

@Suite("The HTML report in a browser", .timeLimit(.minutes(3)), .serialized)
struct HTMLReportTests {
  /// A run of sixty items, three of them refused, with its report.
  private func report(
    _ scene: Scene, name: String = "nightly", change: String? = nil
  ) async throws -> (path: String, run: [String: Any]) {
    let ended = try await scene.submit(
      try scene.manifest(60), "--chunk-size", "5", "--name", name, "--max-failures", "60")
    #expect(ended.status == 1, "\(ended.diagnostics)")
    if let change { try Raw.execute(change, in: scene.database) }
    let document = try await scene.orchestrate("report", "latest", "--format", "json")
    let path = scene.folder.file("report.html")
    let written = try await scene.orchestrate("report", "latest", "--format", "html", "--output", path)
    #expect(written.status == 0, "\(written.diagnostics)")
    #expect(written.output.isEmpty)
    return (path, try #require(try json(document.output)["run"] as? [String: Any]))
  }

  private func scene() async throws -> Scene {
    try await Scene { $0.poisonedObjects = [Scene.object(3), Scene.object(31), Scene.object(44)] }
  }

  @Test("it opens without a complaint, asks for nothing, and shows the numbers of the JSON report")
  func numbers() async throws {
    let scene = try await scene()
    let (path, run) = try await report(scene)
    let browser = try Browser()
    let page = try await BrowserPage("file://\(path)", in: browser)
    let items = try #require(run["items_by_state"] as? [String: Int])
    #expect(items["rejected"] == 3)
    #expect(try await page.text("state") == "finished")
    #expect(try await page.text("items") == "60")
    #expect(try await page.text("accepted") == "\(items["accepted"] ?? -1)")
    #expect(try await page.text("lost") == "3")
    #expect(try await page.text("items-rejected") == "3")
    #expect(try await page.text("attempts") == "\(run["attempts"] ?? "")")
    let chunks = try #require(run["chunks"] as? [String: Int])
    let cells = chunks.filter { $0.key != "split" }.values.reduce(0, +)
    #expect(try await page.value("document.querySelectorAll('.map g').length") == "\(cells)")
    #expect(try await page.value("document.querySelectorAll('.map .s-rejected').length") == "3")
    #expect(try await page.value("document.scripts.length") == "0")
    #expect(try page.complaints() == [])
    #expect(try page.requests().allSatisfy { $0 == "file://\(path)" || $0.hasPrefix("data:") })
    // Nothing sticks out at the width of a phone.
    let wide = try await page.value(
      "document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    #expect(wide == "true")
    browser.close()
    await scene.server.stop()
  }

  @Test("a hostile name, message, code or evidence is shown and does nothing")
  func hostile() async throws {
    let scene = try await scene()
    let attack =
      "<img src=x onerror=alert(1)></title></style></script><script>document.title='pwned'</script>\" onload=\"alert(1)"
    let quoted = attack.replacingOccurrences(of: "'", with: "''")
    let (path, _) = try await report(
      scene, name: attack,
      change: """
        UPDATE chunk SET last_message = '\(quoted)', last_code = '\(quoted)' WHERE state = 'rejected';
        UPDATE run SET job = '\(quoted)', manifest = '\(quoted)', destination = '\(quoted)';
        """)
    let browser = try Browser()
    let page = try await BrowserPage("file://\(path)", in: browser)
    #expect(try await page.value("document.title").hasPrefix("Run "))
    #expect(try await page.value("document.querySelectorAll('img, script, iframe, object').length") == "0")
    #expect(try await page.value("document.querySelectorAll('[onload], [onerror]').length") == "0")
    let shown = try await page.value("document.querySelector('#causes td .quiet').textContent")
    #expect(shown == attack)
    #expect(try page.complaints() == [])
    #expect(try page.requests().allSatisfy { $0 == "file://\(path)" || $0.hasPrefix("data:") })
    browser.close()
    await scene.server.stop()
  }

  @Test("a report is never written over the database, and a failed one leaves the old file as it was")
  func output() async throws {
    let scene = try await scene()
    let (path, _) = try await report(scene)
    for ending in ["", "-wal", ".lock"] {
      let over = try await scene.orchestrate(
        "report", "latest", "--format", "html", "-o", scene.database + ending)
      #expect(over.status == 2, "\(over.diagnostics)")
    }
    let before = try Data(contentsOf: URL(fileURLWithPath: path))
    let failed = try await scene.orchestrate("report", "no-such-run", "--format", "html", "-o", path)
    #expect(failed.status == 2)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
    #expect(try await scene.orchestrate("report", "latest", "--format", "json").status == 0)
    let names = try FileManager.default.contentsOfDirectory(atPath: scene.folder.path)
    #expect(!names.contains { $0.hasSuffix(".part") })
    await scene.server.stop()
  }
}
