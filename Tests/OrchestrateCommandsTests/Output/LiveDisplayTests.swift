import Dispatch
import NIOConcurrencyHelpers
import Reporting
import Testing

@testable import OrchestrateCommands

@Suite("the live display")
struct LiveDisplayTests {
  private let screen = Screen()

  private func lines(_ texts: String...) -> @Sendable (Int) -> [LiveLine] {
    { columns in texts.map { LiveLine([LiveLine.Piece($0)]).cut(to: columns) } }
  }

  private func draw(_ display: LiveDisplay, _ make: @escaping @Sendable (Int) -> [LiveLine]) async {
    display.draw(make)
    await display.drained()
  }

  @Test("lines are drawn in place, whether they become more or fewer")
  func inPlace() async throws {
    try screen.write("$ orchestrate\n")
    let display = LiveDisplay(on: screen, isColored: false, patience: .seconds(60))
    await draw(display, lines("10%", "waiting for long"))
    await draw(display, lines("20%", "waiting", "failure"))
    #expect(screen.seen == ["$ orchestrate", "20%", "waiting", "failure"])
    await draw(display, lines("30%"))
    #expect(screen.seen == ["$ orchestrate", "30%"])
    await display.end()
    #expect(screen.seen == ["$ orchestrate"])
  }

  @Test("what is written meanwhile stands above, and stays")
  func above() async throws {
    let display = LiveDisplay(on: screen, isColored: false, patience: .seconds(60))
    await draw(display, lines("10%", "b"))
    display.write("a note\n")
    await display.drained()
    await draw(display, lines("20%", "b"))
    display.write("another\n")
    await display.drained()
    #expect(screen.seen == ["a note", "another", "20%", "b"])
    await display.end()
    display.write("the result\n")
    await display.drained()
    #expect(screen.seen == ["a note", "another", "the result"])
  }

  @Test("a window that becomes narrower leaves no remains", arguments: [79, 40, 21, 20, 7])
  func narrower(columns: Int) async throws {
    let display = LiveDisplay(on: screen, isColored: false, patience: .seconds(60))
    try screen.write("above\n")
    await draw(display, lines(String(repeating: "a", count: 79), String(repeating: "b", count: 60), "c"))
    screen.resize(columns: columns)
    await draw(display, lines("20%", "x"))
    #expect(screen.seen == ["above", "20%", "x"])
  }

  @Test("lines leave the last column free, and never fill the window's height")
  func bounds() async {
    let small = Screen(columns: 10, rows: 3)
    let display = LiveDisplay(on: small, isColored: false, patience: .seconds(60))
    await draw(display, lines("0123456789", "b", "c", "d"))
    #expect(small.seen == ["01234567…", "b"])
  }

  @Test("in the background nothing is drawn; back in front it is, below what others wrote")
  func background() async throws {
    let display = LiveDisplay(on: screen, isColored: false, patience: .seconds(60))
    await draw(display, lines("10%"))
    screen.resize(columns: nil)
    await draw(display, lines("20%"))
    #expect(screen.seen == ["10%"])
    try screen.write("\n$ ls\n")
    screen.resize(columns: 80)
    await draw(display, lines("30%"))
    #expect(screen.seen == ["10%", "$ ls", "30%"])
  }

  @Test("a terminal that is gone is given up without a word")
  func lost() async throws {
    let display = LiveDisplay(on: screen, isColored: false, patience: .seconds(60))
    await draw(display, lines("10%"))
    screen.fail(with: OutputClosed())
    await draw(display, lines("20%"))
    await display.end()
    display.leave()
    #expect(screen.seen == ["10%"])
  }

  @Test("a note to a terminal that has no size any more is written as it is, and the end writes nothing")
  func sizeIsGone() async throws {
    let display = LiveDisplay(on: screen, isColored: false, patience: .seconds(60))
    await draw(display, lines("10%", "b"))
    screen.resize(columns: nil)
    display.write("\nstopping\n")
    await display.drained()
    await display.end()
    #expect(screen.seen == ["10%", "b", "stopping"])
  }

  /// A terminal that takes nothing until it is let go on.
  private final class StoppedTerminal: TextSink {
    let isTerminal = true
    let size: TerminalSize? = TerminalSize(columns: 80, rows: 24)
    private let gate = DispatchSemaphore(value: 0)
    private let texts = NIOLockedValueBox<[String]>([])

    var written: [String] { texts.withLockedValue { $0 } }

    func write(_ text: String) throws {
      gate.wait()
      gate.signal()
      texts.withLockedValue { $0.append(text) }
    }

    func writeIfReady(_: String) {}

    func goOn() { gate.signal() }
  }

  @Test("a stopped terminal holds nobody up, and shows the last standing when it goes on")
  func stopped() async throws {
    let terminal = StoppedTerminal()
    let display = LiveDisplay(on: terminal, isColored: false, patience: .seconds(60))
    display.draw(lines("0%"))
    for percent in 1...100 {
      display.draw(lines("\(percent)%"))
      display.write("note \(percent)\n")
    }
    display.leave()
    terminal.goOn()
    await display.end()
    let text = terminal.written.joined()
    #expect((1...100).allSatisfy { text.contains("note \($0)\n") })
    // The first drawing was under way or waited; of the others one at most waits at a time.
    #expect(terminal.written.filter { $0.contains("%") && !$0.contains("note") }.count <= 101)
  }

  @Test("a drawing that was left out, because too much waited, does not keep later ones from being drawn")
  func leftOut() async throws {
    let terminal = StoppedTerminal()
    let display = LiveDisplay(
      on: QueuedOutput(
        to: terminal, label: "test", name: "standard error", limits: .init(progress: 1, lasting: 2)),
      isColored: false)
    display.write("under way\n")
    display.draw(lines("10%"))
    for number in 1...4 { display.write("note \(number)\n") }
    terminal.goOn()
    await display.drained()
    display.draw(lines("20%"))
    await display.end()
    #expect(terminal.written.contains { $0.contains("20%") })
  }

  @Test("a process that leaves at once leaves the lines and a free line below")
  func leaving() async throws {
    let display = LiveDisplay(on: screen, isColored: false, patience: .seconds(60))
    display.leave()
    #expect(screen.written.isEmpty)
    await draw(display, lines("10%"))
    display.leave()
    try screen.write("$ ")
    #expect(screen.seen == ["10%", "$"])
  }

  @Test("colour is written where it is wanted only")
  func colour() async {
    for isColored in [true, false] {
      let screen = Screen()
      let display = LiveDisplay(on: screen, isColored: isColored, patience: .seconds(60))
      await draw(display) { _ in [LiveLine([LiveLine.Piece("1 failed", .bad)])] }
      #expect(screen.written.contains("\u{1b}[31m") == isColored)
      #expect(screen.seen == ["1 failed"])
    }
  }
}
