import Reporting
import Testing

@testable import OrchestrateCommands

@Suite("the live display")
struct LiveDisplayTests {
  private let screen = Screen()

  private func lines(_ texts: String...) -> (Int) -> [LiveLine] {
    { columns in texts.map { LiveLine([LiveLine.Piece($0)]).cut(to: columns) } }
  }

  @Test("lines are drawn in place, whether they become more or fewer")
  func inPlace() throws {
    try screen.write("$ orchestrate\n")
    let display = LiveDisplay(on: screen, isColored: false)
    display.draw(lines("10%", "waiting for long"))
    display.draw(lines("20%", "waiting", "failure"))
    #expect(screen.seen == ["$ orchestrate", "20%", "waiting", "failure"])
    display.draw(lines("30%"))
    #expect(screen.seen == ["$ orchestrate", "30%"])
    display.clear()
    #expect(screen.seen == ["$ orchestrate"])
  }

  @Test("what is written meanwhile stands above, and stays")
  func above() throws {
    let display = LiveDisplay(on: screen, isColored: false)
    display.draw(lines("10%", "b"))
    try display.write("a note\n")
    display.draw(lines("20%", "b"))
    try display.write("another\n")
    #expect(screen.seen == ["a note", "another", "20%", "b"])
    display.clear()
    try display.write("the result\n")
    #expect(screen.seen == ["a note", "another", "the result"])
  }

  @Test("a window that becomes narrower leaves no remains", arguments: [79, 40, 21, 20, 7])
  func narrower(columns: Int) throws {
    let display = LiveDisplay(on: screen, isColored: false)
    try screen.write("above\n")
    display.draw(lines(String(repeating: "a", count: 79), String(repeating: "b", count: 60), "c"))
    screen.resize(columns: columns)
    display.draw(lines("20%", "x"))
    #expect(screen.seen == ["above", "20%", "x"])
  }

  @Test("lines leave the last column free, and never fill the window's height")
  func bounds() {
    let small = Screen(columns: 10, rows: 3)
    let display = LiveDisplay(on: small, isColored: false)
    display.draw(lines("0123456789", "b", "c", "d"))
    #expect(small.seen == ["01234567…", "b"])
  }

  @Test("in the background nothing is drawn; back in front it is, below what others wrote")
  func background() throws {
    let display = LiveDisplay(on: screen, isColored: false)
    display.draw(lines("10%"))
    screen.resize(columns: nil)
    display.draw(lines("20%"))
    #expect(screen.seen == ["10%"])
    try screen.write("\n$ ls\n")
    screen.resize(columns: 80)
    display.draw(lines("30%"))
    #expect(screen.seen == ["10%", "$ ls", "30%"])
  }

  @Test("a terminal that is gone is given up without a word")
  func lost() {
    let display = LiveDisplay(on: screen, isColored: false)
    display.draw(lines("10%"))
    screen.fail(with: OutputClosed())
    display.draw(lines("20%"))
    display.clear()
    display.leave()
    #expect(screen.seen == ["10%"])
  }

  @Test("a process that leaves at once leaves the lines and a free line below")
  func leaving() throws {
    let display = LiveDisplay(on: screen, isColored: false)
    display.leave()
    #expect(screen.written.isEmpty)
    display.draw(lines("10%"))
    display.leave()
    try screen.write("$ ")
    #expect(screen.seen == ["10%", "$"])
  }

  @Test("colour is written where it is wanted only")
  func colour() {
    for isColored in [true, false] {
      let screen = Screen()
      LiveDisplay(on: screen, isColored: isColored).draw { _ in [LiveLine([LiveLine.Piece("1 failed", .bad)])]
      }
      #expect(screen.written.contains("\u{1b}[31m") == isColored)
      #expect(screen.seen == ["1 failed"])
    }
  }
}
