import Foundation
import ProgramSupport
import TestSupport
import Testing
import TransferSimulator

@Suite("The dashboard in a browser", .timeLimit(.minutes(3)), .serialized)
struct DashboardPageTests {
  /// A dashboard on a free port, and its address without the slash at the end.
  private func dashboard(
    _ scene: Scene, _ more: String...
  ) async throws -> (process: OrchestrateProcess, address: String) {
    let process = try OrchestrateProcess(
      ["dashboard", "--port", "0"] + more, environment: scene.environment)
    let line = try #require(await process.diagnosticsLine(after: "dashboard at "))
    return (process, String(line.dropFirst("dashboard at ".count).dropLast()))
  }

  private func run(_ process: OrchestrateProcess) async throws -> String {
    let line = try #require(await process.diagnosticsLine(after: "run "))
    return String(line.dropFirst(4).prefix { $0 != ":" })
  }

  @Test("it follows a run to its end without being loaded again, and ends with 0 at the first signal")
  func follows() async throws {
    let scene = try await Scene {
      $0.delay = .milliseconds(150)
      $0.poisonedObjects = [Scene.object(150)]
    }
    let sending = try scene.startSubmit(
      try scene.manifest(160), "--chunk-size", "4", "--concurrency", "2", "--name",
      "<script>alert(1)</script>")
    let run = try await run(sending)
    try await scene.server.ledger.waitFor(transfers: 2)
    let (process, address) = try await dashboard(scene)
    let browser = try Browser()
    let page = try await BrowserPage("\(address)/runs/\(run)", in: browser)
    #expect(try await page.text("state") == "running")
    let open = "Number(document.getElementById('left').textContent)"
    let before = try #require(Int(try await page.value(open)))
    try await page.waits(until: "\(open) < \(before)")
    try await page.waits(until: "document.getElementById('state').textContent === 'finished'")
    #expect(try await page.text("accepted") == "159")
    #expect(try await page.text("lost") == "1")
    #expect(try await page.value("document.querySelectorAll('.map .s-rejected').length") == "1")
    // It only shows: there is nothing to press.
    #expect(try await page.value("document.querySelectorAll('form, button').length") == "0")
    #expect(try await page.value("document.scripts.length") == "1")
    #expect(try page.complaints() == [])
    #expect(try page.requests().allSatisfy { $0.hasPrefix(address) || $0.hasPrefix("data:") })
    let history = try await BrowserPage("\(address)/", in: browser)
    #expect(try await history.value("document.querySelector('#runs a').textContent") == run)
    _ = try await history.value("document.querySelector('#search input').value = '\(Scene.object(150))'")
    try await history.press("#search button")
    try await history.waits(until: "document.querySelector('#found a')")
    #expect(try await history.value("document.querySelector('#found a').textContent") == run)
    #expect(
      try await history.value("document.querySelector('#found svg').classList.contains('s-rejected')")
        == "true")
    #expect(try history.complaints() == [])
    browser.close()
    #expect(await sending.ended().status == 1)
    process.send(SIGINT)
    #expect(await process.ended().status == 0)
    await scene.server.stop()
  }

  @Test("its buttons pause a run and let another process go on with it")
  func buttons() async throws {
    let scene = try await Scene { $0.delay = .milliseconds(150) }
    let sending = try scene.startSubmit(
      try scene.manifest(120), "--chunk-size", "4", "--concurrency", "2")
    let run = try await run(sending)
    try await scene.server.ledger.waitFor(transfers: 2)
    let (process, address) = try await dashboard(scene, "--allow-actions")
    let browser = try Browser()
    let page = try await BrowserPage("\(address)/runs/\(run)", in: browser)
    try await page.press("form[action$=pause] button")
    #expect(await sending.ended().status == 3)
    try await page.waits(until: "document.getElementById('state').textContent === 'paused'")
    try await page.waits(until: "document.querySelector('form[action$=resume]')")
    try await page.press("form[action$=resume] button")
    try await page.waits(until: "document.getElementById('state').textContent === 'finished'")
    #expect(try await page.text("accepted") == "120")
    #expect(scene.timesTaken(120) == [1])
    #expect(try page.complaints() == [])
    browser.close()
    process.send(SIGTERM)
    #expect(await process.ended().status == 0)
    await scene.server.stop()
  }
}
