import ArgumentParser
import BatchDomain
import Dispatcher
import Foundation
import NIOConcurrencyHelpers
import Reporting
import TestSupport
import Testing

@testable import OrchestrateCommands

@Suite("Events", .timeLimit(.minutes(10)))
struct RunEventLogTests {
  private let clock = ManualClock()
  private let sink = CommandStage.Sink()

  private func log() throws -> (RunEventLog, EventOutput) {
    let output = EventOutput(to: sink, isStandardOutput: false, patience: .seconds(60), say: { _ in })
    let run = try #require(RunID(rawValue: "20261123-201505-042-9222"))
    return (RunEventLog(of: run, to: output, clock: clock), output)
  }

  private func counts(accepted: Int) -> StateCounts {
    StateCounts(chunks: [.accepted: accepted], items: [.accepted: accepted * 10])
  }

  private func written() throws -> [[String: Any]] {
    try sink.written.split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  @Test("each event is one object on a line, with its members as documented")
  func members() async throws {
    let (log, output) = try log()
    let counts = counts(accepted: 2)
    log.planned(items: 50, repeated: 1, chunks: 5)
    log.observe(.started(RunSnapshot(items: 50, attempts: 3, counts: counts)))
    log.observe(.firstAccepted(counts))
    log.observe(.progress(counts))
    log.observe(.waiting(StoredWait(until: clock.now() + .seconds(60), reason: "line\nbreak")))
    log.observe(.waitOver)
    log.observe(
      .setback(chunk: ChunkNumber(3), attempt: 2, outcome: .throttled, code: nil, message: "\u{1b}[1m"))
    log.observe(.divided(chunk: ChunkNumber(3), pieces: 4))
    log.observe(.settled(chunk: ChunkNumber(3), verdict: .received, evidence: "seen"))
    log.observe(.held(chunk: ChunkNumber(3), why: "no control"))
    log.observe(.unknownStatus(chunk: ChunkNumber(3), status: "blocked"))
    log.observe(.storeTrouble("full"))
    log.tracking(TrackingSummary(lookedAt: clock.now(), states: [.ready: 2, .failed: 1]))
    for cause in [
      StopCause.asked, .cancelled, .paused(.account, detail: "401"), .store(StoreError(.full, "full")),
    ] {
      log.observe(.stopping(cause))
    }
    log.ended(.finished, reason: nil, counts: counts)
    log.ended(.paused, reason: .store, counts: nil)
    await output.flush()
    let events = try written()
    let page = try Self.documented()
    #expect(Set(events.compactMap { $0["event"] as? String }) == Set(page.keys))
    for event in events {
      let name = try #require(event["event"] as? String)
      #expect(Set(event.keys) == page[name]?.union(["event", "at", "run_id"]), "\(name)")
      #expect(event["at"] as? String == "2025-06-15T15:06:40.000Z")
      #expect(event["run_id"] as? String == "20261123-201505-042-9222")
    }
    #expect(
      events.filter { $0["event"] as? String == "stopping" }.map { $0["cause"] as? String } == [
        "asked", "cancelled", "parked", "store",
      ])
    #expect(events[4]["until"] as? String == "2025-06-15T15:07:40.000Z")
    #expect(events[6]["message"] as? String == "\u{1b}[1m")
    #expect(!sink.written.contains("\u{1b}"))
    #expect((events[3]["items_by_state"] as? [String: Int])?["accepted"] == 20)
  }

  /// The members of each event, as `docs/json-output.md` has them.
  private static func documented() throws -> [String: Set<String>] {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let page = try String(contentsOf: root.appendingPathComponent("docs/json-output.md"), encoding: .utf8)
    let table = try #require(page.range(of: "| event | members | when |\n| --- | --- | --- |\n"))
    var events: [String: Set<String>] = [:]
    for row in page[table.upperBound...].split(separator: "\n", omittingEmptySubsequences: false).prefix(
      while: { $0.hasPrefix("|") })
    {
      let cells = row.split(separator: "|").map { $0.split(separator: "`") }
      let words = cells.map { cell in
        cell.enumerated().filter { !$0.offset.isMultiple(of: 2) }.map { String($0.element) }
      }
      events[try #require(words[0].first)] = Set(words[1])
    }
    return events
  }

  @Test("progress is told at most once a second")
  func progressIsRare() async throws {
    let (log, output) = try log()
    for accepted in 0..<100 {
      log.observe(.progress(counts(accepted: accepted)))
      clock.advance(by: .milliseconds(100))
    }
    await output.flush()
    #expect(try written().count == 10)
  }

  @Test("a reader that is gone is said once, and ends the events with a whole line")
  func gone() async {
    let notes = NIOLockedValueBox<[String]>([])
    let output = EventOutput(
      to: CommandStage.Sink(failing: OutputFailed(reason: "no space left on device")),
      isStandardOutput: false, patience: .seconds(60),
      say: { note in notes.withLockedValue { $0.append(note) } })
    for _ in 0..<3 { output.write("{}\n") }
    await output.flush()
    #expect(
      notes.withLockedValue { $0 } == [
        "warning: events cannot be written: no space left on device; the run continues without them"
      ])
  }

  /// Holds every writer up until it is let go.
  private final class SlowSink: TextSink {
    let isTerminal = false
    private let gate = DispatchSemaphore(value: 0)
    private let lines = NIOLockedValueBox(0)

    var count: Int { lines.withLockedValue { $0 } }

    func write(_: String) throws {
      gate.wait()
      gate.signal()
      lines.withLockedValue { $0 += 1 }
    }

    func letGo() { gate.signal() }
  }

  @Test("a reader that is slow holds nobody up: what is too much is left out, said once")
  func slow() async {
    let notes = NIOLockedValueBox<[String]>([])
    let sink = SlowSink()
    let output = EventOutput(
      to: sink, isStandardOutput: false, patience: .seconds(60),
      say: { note in notes.withLockedValue { $0.append(note) } })
    for _ in 0..<(EventOutput.limits.lasting + 100) { output.write("{}\n") }
    sink.letGo()
    await output.flush()
    // The one that was under way is not among those that wait.
    let limit = EventOutput.limits.lasting
    #expect((limit...limit + 1).contains(sink.count), "\(sink.count)")
    #expect(notes.withLockedValue { $0.count } == 1)
  }

  @Test("the file is appended to and private; the manifest and the database's files are refused")
  func files() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("events.jsonl")
    for line in ["1\n", "2\n"] { try AppendedFile(path: path).write(line) }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "1\n2\n")
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    let stage = try CommandStage(in: folder)
    for taken in [stage.database, stage.database + "-wal", stage.database + ".lock", path] {
      let options = try EventOptions.parse(["--events", taken])
      #expect(throws: CommandFailure.self) {
        try options.open(beside: stage.database, manifest: path, in: stage.context)
      }
    }
    #expect(throws: CommandFailure.self) { try AppendedFile(path: folder.file("none/events.jsonl")) }
  }

  @Test("events on standard output go with JSON only")
  func standardOutput() throws {
    let options = try EventOptions.parse(["--events", "-"])
    #expect(throws: (any Error).self) { try options.check(.text) }
    try options.check(.json)
  }
}
