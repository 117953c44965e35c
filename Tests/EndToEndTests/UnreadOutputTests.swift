import Foundation
import ProgramSupport
import TestSupport
import Testing
import TransferSimulator

@Suite("A reader that reads nothing", .timeLimit(.minutes(10)))
struct UnreadOutputTests {
  /// Which of the program's outputs nobody reads.
  enum Output: CaseIterable {
    case standardError, standardOutput, events
  }

  /// Starts to submit, with an output into a full pipe that is open and never read.
  ///
  /// A first signal is told by an output that is read: see ``stopping(_:_:)``.
  private func start(_ output: Output, _ scene: Scene, _ manifest: String) throws -> OrchestrateProcess {
    let pipe = scene.folder.file("pipe")
    // Opened for reading and writing by one process, a named pipe has a reader that does not read; 64 KiB fill it.
    let prepare = "exec 9<>\(pipe) && head -c 65536 /dev/zero >&9 && "
    let (run, more): (String, [String]) =
      switch output {
      case .standardError: (#"exec "$@" 2>&9"#, ["--format", "json", "--events", "-"])
      case .standardOutput: (#"exec "$@" >&9"#, [])
      case .events: (#"exec "$@""#, ["--events", pipe])
      }
    #expect(mkfifo(pipe, 0o600) == 0)
    return try OrchestrateProcess(
      ["submit", manifest, "--chunk-size", "1", "--log-level", "debug"] + scene.here + more,
      environment: scene.environment, through: ["sh", "-c", prepare + run, "sh"])
  }

  private func stopping(_ output: Output, _ process: OrchestrateProcess) async {
    switch output {
    case .standardError: await process.prints(#""event":"stopping""#)
    case .standardOutput, .events: await process.says("stopping: no new requests")
    }
  }

  @Test("holds back neither the run nor its end", arguments: Output.allCases)
  func run(output: Output) async throws {
    let scene = try await Scene { $0.faults = [3, 9, 14].map { FaultRule(.throttleBare, request: $0) } }
    let process = try start(output, scene, try scene.manifest(60))
    let ended = await process.ended()
    #expect(ended.status == 0, "\(ended.diagnostics)")
    #expect(scene.timesTaken(60) == [1])
    if output == .standardOutput { #expect(ended.diagnostics.contains("standard output is not being read")) }
    if output == .events { #expect(ended.diagnostics.contains("the events are not being read")) }
    await scene.server.stop()
  }

  @Test("lets a first signal stop the run", arguments: Output.allCases)
  func firstSignal(output: Output) async throws {
    let scene = try await Scene { $0.delay = .milliseconds(50) }
    let process = try start(output, scene, try scene.manifest(2_000))
    try await scene.server.ledger.waitFor { entries in entries.contains { $0.transfer == 20 } }
    process.send(SIGINT)
    let ended = await process.ended()
    #expect(ended.status == 3, "\(ended.diagnostics)")
    let report = try await scene.orchestrate("report", "latest", "--format", "json")
    let run = try #require(try json(report.output)["run"] as? [String: Any])
    #expect(run["state"] as? String == "paused")
    #expect(run["reason"] as? String == "signal")
    await scene.server.stop()
  }

  @Test("lets a second signal end the process at once", arguments: Output.allCases)
  func secondSignal(output: Output) async throws {
    let scene = try await Scene { $0.faults = [FaultRule(.stall, from: 2, wait: .seconds(600))] }
    let process = try start(output, scene, try scene.manifest(100))
    try await scene.server.ledger.waitFor { entries in
      entries.contains { $0.transfer == 2 && $0.fault == .stall }
    }
    process.send(SIGINT)
    await stopping(output, process)
    // Another one of the same kind would have to come half a second later.
    process.send(SIGTERM)
    #expect(await process.ended().status == 143)
    await scene.server.stop()
  }
}
