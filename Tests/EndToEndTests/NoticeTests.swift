import Foundation
import TestSupport
import Testing
import TransferSimulator

@Suite("Telling with the real program", .timeLimit(.minutes(10)))
struct NoticeTests {
  /// A command that keeps its input and its environment beside itself.
  private func command(in scene: Scene, ending status: Int = 0) throws -> String {
    let path = try scene.folder.write(
      "#!/bin/sh\ncat > \"$0.input\"\nenv > \"$0.env\"\nprintf '%s|' \"$@\" > \"$0.words\"\nexit \(status)\n",
      to: "tell")
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
    return path
  }

  @Test(
    "address, command and heartbeat are told, with no key in what they get and no more than hosts on disk")
  func told() async throws {
    let scene = try await Scene()
    let hooks = try HookServer()
    let tell = try command(in: scene)
    let job = try scene.folder.write(
      """
      name: night
      manifest: \(try scene.manifest(40))
      chunk-size: 10
      notify-url: \(hooks.url("notify-s3cret"))
      notify-command: ["\(tell)", "a b", "$HOME; echo"]
      """, to: "job.yaml")
    let ended = try await OrchestrateProcess.run(
      ["submit", "--job", job] + scene.here,
      environment: scene.environment.merging([
        "ORCHESTRATE_HEARTBEAT_URL": hooks.url("beat-s3cret"), "COPY": Scene.key,
      ]) { $1 })
    #expect(ended.status == 0, "\(ended)")
    #expect(!ended.diagnostics.contains("warning"), "\(ended.diagnostics)")
    let document = try #require(try hooks.documents().first)
    #expect(try hooks.documents().count == 1)
    #expect(document["event"] as? String == "finished")
    #expect(document["name"] as? String == "night")
    #expect((document["items_by_state"] as? [String: Int])?["accepted"] == 40)
    #expect((document["text"] as? String)?.hasSuffix("(night) finished: all 40 items accepted") == true)
    #expect(hooks.requests.contains { $0.hasPrefix("GET /beat-s3cret ") })
    let input = try String(contentsOfFile: tell + ".input", encoding: .utf8).split(separator: "\n")
    #expect(input.first.map(String.init) == document["text"] as? String)
    #expect(try json(String(input.last ?? ""))["run_id"] as? String == document["run_id"] as? String)
    #expect(try String(contentsOfFile: tell + ".words", encoding: .utf8) == "a b|$HOME; echo|")
    let variables = try String(contentsOfFile: tell + ".env", encoding: .utf8)
    #expect(variables.contains("ORCHESTRATE_EVENT=finished\n"))
    #expect(variables.contains("ORCHESTRATE_STATE=finished\n"))
    #expect(variables.contains("ORCHESTRATE_RUN_ID=\(document["run_id"] as? String ?? "?")\n"))
    #expect(variables.contains("PATH=/usr/bin:/bin\n"))
    for text in hooks.requests + [variables, input.joined()] { #expect(!text.contains(Scene.key)) }
    #expect(!variables.contains("s3cret"))

    let report = try await scene.orchestrate("report", "latest", "--format", "json")
    var places = [
      ("output", Data((ended.output + report.output).utf8)), ("diagnostics", Data(ended.diagnostics.utf8)),
    ]
    for name in try FileManager.default.contentsOfDirectory(atPath: scene.folder.path)
    where name.hasPrefix("orchestrate.db") {
      places.append((name, try Data(contentsOf: URL(fileURLWithPath: scene.folder.file(name)))))
    }
    for (place, data) in places { #expect(data.range(of: Data("s3cret".utf8)) == nil, "\(place)") }
    hooks.stop()
    await scene.server.stop()
  }

  @Test("a dry run shows the host only, and tells nobody")
  func dryRun() async throws {
    let scene = try await Scene()
    let hooks = try HookServer()
    let ended = try await scene.orchestrate(
      "submit", try scene.manifest(4), "--dry-run", "--notify-url", hooks.url("s3cret"), "--heartbeat-url",
      "https://beat.example.org/s3cret", "--notify-command", "tell s3cret")
    #expect(ended.status == 0, "\(ended)")
    #expect(ended.output.contains("http://127.0.0.1:\(hooks.port)/…"))
    #expect(ended.output.contains("https://beat.example.org/…"))
    #expect(!ended.output.contains("s3cret"))
    #expect(hooks.requests.isEmpty)
    hooks.stop()
    await scene.server.stop()
  }

  @Test("an endpoint and a command that fail are said once, and the exit status is the run's")
  func failing() async throws {
    let scene = try await Scene { $0.faults = [FaultRule(.unauthorized, from: 3)] }
    let hooks = try HookServer(status: 404)
    let tell = try command(in: scene, ending: 9)
    let ended = try await scene.submit(
      try scene.manifest(60), "--chunk-size", "10", "--notify-url", hooks.url("s3cret"), "--heartbeat-url",
      hooks.url("s3cret"), "--notify-command", tell)
    #expect(ended.status == 4, "\(ended)")
    let document = try #require(try hooks.documents().first)
    #expect(document["event"] as? String == "paused")
    #expect(document["reason"] as? String == "account")
    let warnings = ended.diagnostics.split(separator: "\n").filter { $0.hasPrefix("warning: ") }
    #expect(warnings.count == 3, "\(ended.diagnostics)")
    #expect(
      warnings.contains { $0.contains("http://127.0.0.1:\(hooks.port)/…: it answered 404") })
    #expect(warnings.contains { $0.contains("tell ended with status 9") })
    #expect(!ended.diagnostics.contains("s3cret"))

    scene.server.setFaults([])
    // Nothing was stored: resume tells only whom it is told to.
    let resumed = try await scene.orchestrate("resume", "latest", "--notify-url", hooks.url("again"))
    #expect(resumed.status == 0, "\(resumed)")
    #expect(try hooks.documents().map { $0["event"] as? String } == ["paused", "finished"])
    hooks.stop()
    await scene.server.stop()
  }

  @Test("a second signal after the run has ended does not say that requests are unknown")
  func secondSignalAfterTheEnd() async throws {
    let scene = try await Scene()
    let tell = try scene.folder.write("#!/bin/sh\ntouch \"$0.begun\"\nsleep 60\n", to: "tell")
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: tell)
    let process = try scene.startSubmit(try scene.manifest(4), "--notify-command", tell)
    while !FileManager.default.fileExists(atPath: tell + ".begun") { await Task.yield() }
    process.send(SIGTERM)
    process.send(SIGINT)
    let ended = await process.ended()
    #expect([128 + SIGINT, 128 + SIGTERM].contains(ended.status), "\(ended)")
    #expect(ended.diagnostics.contains("exited immediately; no request was in flight"), "\(ended)")
    #expect(!ended.diagnostics.contains("unknown"), "\(ended)")
    await scene.server.stop()
  }

  @Test("a signal is a pause that is told")
  func signal() async throws {
    let scene = try await Scene { $0.delay = .milliseconds(50) }
    let hooks = try HookServer()
    let process = try scene.startSubmit(
      try scene.manifest(400), "--chunk-size", "2", "--concurrency", "1", "--notify-url", hooks.url("x"))
    try await scene.server.ledger.waitFor(transfers: 2)
    process.send(SIGINT)
    let ended = await process.ended()
    #expect(ended.status == 3, "\(ended)")
    let document = try #require(try hooks.documents().first)
    #expect(document["reason"] as? String == "signal")
    #expect((document["next"] as? String)?.hasPrefix("orchestrate resume ") == true)
    hooks.stop()
    await scene.server.stop()
  }
}
