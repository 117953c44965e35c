import Foundation
import TestSupport
import Testing
import TransferSimulator

@Suite("What a run shows while it goes on", .timeLimit(.minutes(10)))
struct TerminalTests {
  /// A terminal of 90 by 20 on which the program runs; what is shown there comes as its standard output.
  private static let terminal = [
    "sh", "-c", #"exec script --quiet --return --command "stty cols 90 rows 20; $*" /dev/null"#, "sh",
  ]

  private func onTerminal(_ scene: Scene, _ arguments: [String], _ environment: [String: String] = [:])
    async throws -> OrchestrateProcess.Ending
  {
    try await OrchestrateProcess(
      arguments, environment: scene.environment.merging(environment) { $1 }, through: Self.terminal
    ).ended()
  }

  private func slowScene() async throws -> Scene {
    try await Scene { configuration in
      configuration.delay = .milliseconds(100)
      configuration.faults = [FaultRule(.throttle, request: 3)]
      configuration.throttleWait = .seconds(4)
    }
  }

  @Test("on a terminal a run is drawn in place, in colour, and leaves lines that stay")
  func live() async throws {
    let scene = try await slowScene()
    let manifest = try scene.manifest(100)
    let arguments = ["submit", manifest] + scene.here + ["--chunk-size", "10"]
    let ended = try await onTerminal(scene, arguments, ["TERM": "xterm"])
    #expect(ended.status == 0)
    #expect(ended.output.contains("run 2"))
    #expect(ended.output.contains("items (chunks): "))
    #expect(ended.output.contains("last failure"))
    #expect(ended.output.contains("\u{1b}[32m"))
    #expect(ended.output.contains("\u{1b}[K"))
    // The report comes after the lines were removed.
    let report = try #require(ended.output.range(of: "\u{1b}[J", options: .backwards))
    #expect(ended.output[report.upperBound...].contains("all 100 items accepted"))
    await scene.server.stop()
  }

  @Test("help is whole however narrow the terminal is", arguments: ["1", "26", "49"])
  func narrowHelp(columns: String) async throws {
    let scene = try await Scene()
    let ended = try await OrchestrateProcess(
      ["submit", "--help"], environment: scene.environment.merging(["COLUMNS": columns]) { $1 }
    ).ended()
    #expect(ended.status == 0, "\(ended.diagnostics)")
    #expect(ended.output.contains("--chunk-size"))
    // What the option does is there, too.
    #expect(ended.output.contains("Items per request"))
    await scene.server.stop()
  }

  @Test("NO_COLOR takes the colour, TERM=dumb and --progress always every control sequence")
  func plain() async throws {
    let scene = try await slowScene()
    let manifest = try scene.manifest(100)
    let arguments = ["submit", manifest, "--again"] + scene.here + ["--chunk-size", "10"]
    let noColor = try await onTerminal(scene, arguments, ["TERM": "xterm", "NO_COLOR": "1"])
    #expect(noColor.output.contains("items (chunks): "))
    #expect(!noColor.output.contains("\u{1b}[32m"))
    for (environment, more) in [(["TERM": "dumb"], []), (["TERM": "xterm"], ["--progress", "always"])] {
      let ended = try await onTerminal(scene, arguments + more, environment)
      #expect(ended.status == 0)
      #expect(ended.output.contains("first chunk accepted"))
      #expect(!ended.output.contains("\u{1b}"))
    }
    await scene.server.stop()
  }

  @Test("events come on standard output as whole documents, the result last; a file takes those of every run")
  func events() async throws {
    let scene = try await slowScene()
    let manifest = try scene.manifest(100)
    let ended = try await scene.submit(
      manifest, "--chunk-size", "10", "--format", "json", "--events", "-", "--log-level", "info",
      "--log-format", "json")
    #expect(ended.status == 0)
    let documents = try ended.output.split(separator: "\n").map { try json(String($0)) }
    let names = documents.map { $0["event"] as? String }
    #expect(names.prefix(3) == ["planned", "started", "first_accepted"])
    #expect(names.suffix(2) == ["ended", nil])
    #expect(names.contains("setback"))
    #expect(names.contains("wait") && names.contains("wait_over"))
    #expect((documents.last?["run"] as? [String: Any])?["state"] as? String == "finished")
    let log = try #require(ended.diagnostics.split(separator: "\n").first { $0.hasPrefix("{") })
    #expect(try json(String(log))["outcome"] as? String == "throttled")

    let file = scene.folder.file("events.jsonl")
    for _ in 0..<2 {
      let again = try await scene.submit(manifest, "--again", "--events", file)
      #expect(again.status == 0)
      #expect(!again.output.contains("{"))
    }
    let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
    let runs = try lines.map { try json(String($0))["run_id"] as? String }
    #expect(Set(runs).count == 2)
    await scene.server.stop()
  }

  @Test("refused: events between the words of a text result, and a file that cannot be opened")
  func refused() async throws {
    let scene = try await Scene()
    let manifest = try scene.manifest(10)
    let mixed = try await scene.submit(manifest, "--events", "-")
    #expect(mixed.status == 64)
    let nowhere = try await scene.submit(
      manifest, "--format", "json", "--events", scene.folder.file("none/events.jsonl"))
    #expect(nowhere.status == 2)
    let error = try #require(try json(nowhere.output)["error"] as? [String: Any])
    #expect(error["code"] as? String == "events_not_writable")
    let over = try await scene.submit(manifest, "--events", manifest)
    #expect(over.status == 2)
    #expect(scene.server.ledger.transferCount == 0)
    await scene.server.stop()
  }

  @Test("a second signal leaves at once, below the lines it leaves on the terminal")
  func secondSignal() async throws {
    let scene = try await Scene { $0.faults = [FaultRule(.stall, from: 2, wait: .seconds(600))] }
    let manifest = try scene.manifest(100)
    let process = try OrchestrateProcess(
      ["submit", manifest] + scene.here + ["--chunk-size", "10"],
      environment: scene.environment.merging(["TERM": "xterm"]) { $1 },
      through: [
        "sh", "-c",
        #"exec script --quiet --return --command "stty cols 90 rows 20; echo \$\$ > '\#(scene.folder.file("pid"))'; exec $*" /dev/null"#,
        "sh",
      ])
    try await scene.server.ledger.waitFor { entries in
      entries.contains { $0.transfer == 2 && $0.fault == .stall }
    }
    let id = try #require(
      Int32(
        try String(contentsOfFile: scene.folder.file("pid"), encoding: .utf8)
          .trimmingCharacters(in: .whitespacesAndNewlines)))
    kill(id, SIGINT)
    await process.prints("waiting for requests in flight")
    await process.prints("stopping: waiting for ")
    kill(id, SIGTERM)
    let ended = await process.ended()
    #expect(ended.status == 143)
    #expect(ended.output.hasSuffix("\r\n"))
    let lines = ended.output.split(separator: "\r\n")
    #expect(
      lines.last?.hasPrefix(
        "exited immediately; requests in flight are now unknown. Resume with: orchestrate resume 2")
        == true)
    await scene.server.stop()
  }
}
