import Foundation
import FoundationNetworking
import TestSupport
import Testing
import TransferSimulator

@Suite("What processes hand on and what they are started with", .timeLimit(.minutes(10)))
struct StartedProcessTests {
  /// A dashboard with buttons, and its port.
  private func dashboard(_ scene: Scene, port: Int = 0) async throws -> (
    process: OrchestrateProcess, port: Int
  ) {
    let process = try scene.start("dashboard", "--allow-actions", "--port", "\(port)")
    let line = try #require(await process.diagnosticsLine(after: "dashboard at "))
    return (process, try #require(line.split(separator: ":").last.flatMap { Int($0.dropLast()) }))
  }

  /// Presses a button on the page of a run.
  private func press(_ button: String, run: String, port: Int) async throws -> Int? {
    let page = try #require(URL(string: "http://127.0.0.1:\(port)/runs/\(run)"))
    let text = String(decoding: try await URLSession.shared.data(from: page).0, as: UTF8.self)
    let token = try #require(text.firstMatch(of: /name="token" value="([^"]+)"/)?.1)
    var request = URLRequest(url: page.appendingPathComponent(button))
    request.httpMethod = "POST"
    request.httpBody = Data("token=\(token)".utf8)
    return (try await URLSession.shared.data(for: request).1 as? HTTPURLResponse)?.statusCode
  }

  @Test("a run that the dashboard resumes outlives it and does not keep its port")
  func resumedByDashboard() async throws {
    let scene = try await Scene { $0.delay = .seconds(60) }
    let sending = try scene.startSubmit(try scene.manifest(20), "--chunk-size", "5", "--concurrency", "1")
    try await scene.server.ledger.waitFor(transfers: 1)
    sending.send(SIGKILL)
    await sending.ended()
    let report = try json(try await scene.orchestrate("report", "latest", "--format", "json").output)
    let run = try #require((report["run"] as? [String: Any])?["run_id"] as? String)

    let first = try await dashboard(scene)
    #expect(try await press("resume", run: run, port: first.port) == 200)
    first.process.send(SIGTERM)
    // Its standard error stays open: the run says there what goes wrong. So the end of the process itself is looked for.
    while kill(first.process.id, 0) == 0 { await Task.yield() }

    // The run goes on: it waits for the service's list, in a process that has no socket of the dashboard.
    var state: String?
    while state != "running" {
      let now = try json(try await scene.orchestrate("report", "latest", "--format", "json").output)
      state = (now["run"] as? [String: Any])?["state"] as? String
    }
    let refused = try await scene.orchestrate("resume", "latest")
    #expect(refused.status == 6, "\(refused.diagnostics)")
    let owner = try #require(
      refused.diagnostics.firstMatch(of: /process ([0-9]+)/).flatMap { Int32($0.1) })
    let second = try await dashboard(scene, port: first.port)
    #expect(second.port == first.port)
    second.process.send(SIGTERM)
    await second.process.ended()
    kill(owner, SIGKILL)
    await scene.server.stop()
  }

  /// The program with some of its standard descriptors closed.
  private func closing(_ descriptors: String, _ arguments: [String], in scene: Scene) async throws
    -> OrchestrateProcess.Ending
  {
    try await OrchestrateProcess(
      arguments, environment: scene.environment, through: ["sh", "-c", "exec \"$@\" \(descriptors)", "sh"]
    ).ended()
  }

  @Test(
    "a good run that is started with standard descriptors closed ends with 0",
    arguments: [">&-", "<&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
  func closedDescriptors(_ closed: String) async throws {
    let scene = try await Scene()
    let submitted = try await closing(
      closed, ["submit", try scene.manifest(20), "--chunk-size", "4"] + scene.here, in: scene)
    #expect(submitted.status == 0, "\(submitted.diagnostics)")
    #expect(scene.timesTaken(20) == [1])
    #expect(
      !closed.contains(">&-") || closed.contains("2")
        || submitted.diagnostics.contains("standard output is closed"))
    // Nothing was written into a file that got the number of a closed descriptor.
    #expect(try await scene.orchestrate("verify", "latest").status == 0)
    await scene.server.stop()
  }

  @Test("a report into a closed standard output says so and ends with 5")
  func closedReport() async throws {
    let scene = try await Scene()
    _ = try await scene.submit(try scene.manifest(3))
    for arguments in [["report", "latest"], ["export", "latest", "--state", "accepted"]] {
      let ended = try await closing(">&-", arguments, in: scene)
      #expect(ended.status == 5)
      #expect(ended.diagnostics.contains("standard output is closed"), "\(ended.diagnostics)")
    }
    #expect(try await closing(">&-", ["verify", "latest"], in: scene).status == 0)
    let read = try await closing("<&-", ["validate", "-"], in: scene)
    #expect(read.status == 2, "\(read.diagnostics)")
    await scene.server.stop()
  }
}
