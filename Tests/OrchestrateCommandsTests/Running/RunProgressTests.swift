import ArgumentParser
import BatchDomain
import Dispatcher
import NIOConcurrencyHelpers
import Reporting
import TestSupport
import Testing

@testable import OrchestrateCommands

@Suite("Progress of a run", .timeLimit(.minutes(10)))
struct RunProgressTests {
  private let clock = ManualClock()
  private let screen = Screen(columns: 100)

  private func context(_ sink: any TextSink, _ environment: [String: String]) -> ProcessContext {
    ProcessContext(
      environment: environment, output: CommandStage.Sink(), diagnostics: sink, clock: clock,
      random: SeededRandom(seed: 1), zone: .utc, patience: .seconds(60))
  }

  private func console(
    _ sink: any TextSink, _ environment: [String: String] = ["TERM": "xterm"], _ arguments: String...
  ) throws -> RunConsole {
    RunConsole(try ShowOptions.parse(arguments), in: context(sink, environment))
  }

  private func progress(_ console: RunConsole) throws -> RunProgress {
    RunProgress(
      settings: RunSettings(), console: console,
      commands: RunCommands(run: try #require(RunID(rawValue: "20261123-201505-042-9222"))))
  }

  private func standing(accepted: Int) -> RunSnapshot {
    RunSnapshot(
      items: 50, attempts: 0, counts: counts(accepted: accepted))
  }

  private func counts(accepted: Int) -> StateCounts {
    StateCounts(
      chunks: [.accepted: accepted, .pending: 5 - accepted],
      items: [.accepted: accepted * 10, .pending: 50 - accepted * 10])
  }

  /// Moves the clock once the drawing sleeps, and waits until it sleeps again.
  private func pass(_ duration: Duration, _ console: RunConsole) async {
    await clock.waitForSleepers(1)
    clock.advance(by: duration)
    await clock.waitForSleepers(1)
    if case .live(let display) = console.progress { await display.drained() }
  }

  @Test("on a terminal nothing is drawn before 250 ms, then the standing, and the end leaves nothing behind")
  func live() async throws {
    let console = try console(screen)
    let progress = try progress(console)
    progress.observe(.started(standing(accepted: 0)))
    try await progress.during {
      await pass(.milliseconds(249), console)
      #expect(screen.written.isEmpty)
      await pass(.milliseconds(1), console)
      #expect(screen.seen.first?.hasPrefix("0% [>") == true)
      progress.observe(.progress(counts(accepted: 2)))
      await pass(.milliseconds(100), console)
      #expect(screen.seen.first?.hasPrefix("40% [=") == true)
      #expect(screen.seen.last == "items (chunks): 30 (3) pending, 20 (2) accepted")
      progress.observe(.waiting(StoredWait(until: clock.now() + .seconds(60), reason: "asked to")))
      await pass(.milliseconds(100), console)
      #expect(screen.seen.last?.contains("(in 1m): asked to") == true)
      await pass(.seconds(10), console)
      #expect(screen.seen.last?.contains("(in 50s): asked to") == true)
      progress.observe(.waitOver)
      progress.observe(.stopping(.asked))
      await pass(.milliseconds(100), console)
      #expect(screen.seen.first?.hasPrefix("stopping: no new requests") == true)
      #expect(screen.seen.last == "stopping: waiting for the requests in flight")
    }
    #expect(screen.seen.count == 1)
    #expect(screen.seen[0].hasPrefix("stopping: no new requests"))
  }

  @Test("what is not changed is drawn once a second, not ten times")
  func idle() async throws {
    let console = try console(screen)
    let progress = try progress(console)
    progress.observe(.started(standing(accepted: 0)))
    try await progress.during {
      await pass(.milliseconds(250), console)
      let drawn = screen.written
      for _ in 0..<9 { await pass(.milliseconds(100), console) }
      #expect(screen.written == drawn)
      await pass(.milliseconds(100), console)
      #expect(screen.written != drawn)
    }
  }

  @Test("an error of the work leaves a clean terminal, too")
  func errors() async throws {
    let console = try console(screen)
    let progress = try progress(console)
    progress.observe(.started(standing(accepted: 0)))
    await #expect(throws: OutputClosed.self) {
      try await progress.during {
        await pass(.milliseconds(250), console)
        #expect(!screen.seen.isEmpty)
        throw OutputClosed()
      }
    }
    #expect(screen.seen.isEmpty)
  }

  @Test("elsewhere there is one line at each change of condition and one every so often")
  func lines() async throws {
    let sink = CommandStage.Sink()
    let progress = try progress(try console(sink))
    try await progress.during {
      progress.observe(.started(standing(accepted: 0)))
      progress.observe(.firstAccepted(counts(accepted: 1)))
      progress.observe(.progress(counts(accepted: 1)))
      progress.observe(.waiting(StoredWait(until: clock.now() + .seconds(2), reason: "too short to be told")))
      progress.observe(.waitOver)
      progress.observe(.waiting(StoredWait(until: clock.now() + .seconds(60), reason: "asked to")))
      progress.observe(.waitOver)
      clock.advance(by: RunProgress.interval)
      progress.observe(.progress(counts(accepted: 2)))
      progress.observe(.progress(counts(accepted: 3)))
    }
    let lines = sink.written.split(separator: "\n")
    #expect(
      lines.map { String($0.prefix(15)) } == [
        "first chunk acc", "waiting until 1", "sending resumed", "40% 20/50 items",
      ])
  }

  @Test("where lines stay, a run about which nothing happens says so each minute, rarely while it waits")
  func idleLines() async throws {
    let sink = CommandStage.Sink()
    let console = try console(sink)
    let progress = try progress(console)
    progress.observe(.started(standing(accepted: 2)))
    try await progress.during {
      for _ in 0..<3 { await pass(.seconds(60), console) }
      progress.observe(.waiting(StoredWait(until: clock.now() + .seconds(3_600), reason: "asked to")))
      for _ in 0..<21 { await pass(.seconds(60), console) }
    }
    let lines = sink.written.split(separator: "\n")
    #expect(lines.filter { $0.hasPrefix("40% 20/50 items") }.count == 3 + 2)
    #expect(lines.filter { $0.hasPrefix("waiting until") }.count == 1)
  }

  @Test("chunks that stay unknown are named up to five, then counted by the report")
  func held() throws {
    let sink = CommandStage.Sink()
    let progress = try progress(try console(sink))
    for number in 0..<100 { progress.observe(.held(chunk: ChunkNumber(number), why: "no control")) }
    let lines = sink.written.split(separator: "\n")
    #expect(lines.count == 6)
    #expect(lines[4] == "chunk 4 stays unknown: no control")
    #expect(lines[5].hasPrefix("more chunks stay unknown"))
  }

  @Test("a status that nobody knows is shown with what it is taken for")
  func unknownStatus() throws {
    let sink = CommandStage.Sink()
    let progress = try progress(try console(sink))
    progress.observe(.unknownStatus(chunk: ChunkNumber(17), status: "blocked"))
    #expect(
      sink.written
        == "the service gives chunk 17 the status blocked, which this program does not know; "
        + "the chunk counts as being worked on\n")
  }

  @Test("whether it is live, plain or silent follows the options and the terminal")
  func choice() throws {
    func kind(_ console: RunConsole) -> String {
      switch console.progress {
      case .none: "none"
      case .lines: "lines"
      case .live: "live"
      }
    }
    #expect(try kind(console(screen)) == "live")
    #expect(try kind(console(screen, ["TERM": "dumb"])) == "lines")
    #expect(try kind(console(screen, [:])) == "lines")
    #expect(try kind(console(CommandStage.Sink())) == "lines")
    #expect(try kind(console(screen, ["TERM": "xterm"], "--progress", "always")) == "lines")
    #expect(try kind(console(screen, ["TERM": "xterm"], "--progress", "never")) == "none")
  }

  @Test("colour follows the option, else NO_COLOR, of which an empty one says nothing")
  func colour() {
    #expect(ColorChoice.auto.isWanted(in: [:]))
    #expect(!ColorChoice.auto.isWanted(in: ["NO_COLOR": "1"]))
    #expect(ColorChoice.auto.isWanted(in: ["NO_COLOR": ""]))
    #expect(ColorChoice.always.isWanted(in: ["NO_COLOR": "1"]))
    #expect(!ColorChoice.never.isWanted(in: [:]))
  }

  @Test("a log line is text or one JSON object, and a live display stays below it")
  func logs() async throws {
    let setback = RunEvent.setback(
      chunk: ChunkNumber(3), attempt: 2, outcome: .throttled, code: nil, message: "slow\u{1b}[1m \"down\"")
    for (format, line) in [
      (
        "text",
        #"2025-06-15T15:06:40.000Z info: attempt not accepted answer=slow\x1b[1m "down" attempt=2 chunk=3 "#
          + "code=- outcome=throttled"
      ),
      (
        "json",
        #"{"at":"2025-06-15T15:06:40.000Z","level":"info","message":"attempt not accepted","#
          + #""answer":"slow\u001b[1m \"down\"","attempt":"2","chunk":"3","code":"-","outcome":"throttled"}"#
      ),
    ] {
      let sink = CommandStage.Sink()
      try progress(try console(sink, [:], "--log-level", "info", "--log-format", format)).observe(setback)
      #expect(sink.written == line + "\n")
    }
    let console = try console(screen, ["TERM": "xterm"], "--log-level", "info", "--log-format", "json")
    guard case .live(let display) = console.progress else { Issue.record("not live"); return }
    display.draw { _ in [LiveLine([LiveLine.Piece("10%")])] }
    try progress(console).observe(setback)
    await display.drained()
    #expect(screen.seen.last == "10%")
    #expect(screen.seen.first?.hasPrefix("{\"at\"") == true)
  }
}
