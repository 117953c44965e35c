import Testing

@testable import OrchestrateCommands

@Suite("The limit on open files")
struct OpenFileLimitTests {
  @Test(
    "as many connections as fit beside the files that are open and those that will be",
    arguments: [
      (1_024, 20, 257, 257), (256, 20, 257, 212), (64, 15, 257, 25), (64, 15, 5, 5), (39, 15, 5, 0),
      (20, 15, 5, 0),
    ])
  func connections(current: Int, open: Int, wanted: Int, expected: Int) {
    let limit = OpenFileLimit(current: current, highest: current, open: open)
    #expect(limit.connections(of: wanted) == expected)
  }

  @Test("a limit that is needed is one that holds all connections")
  func needed() {
    var limit = OpenFileLimit(current: 0, highest: 0, open: 17)
    limit.current = limit.needed(for: 100)
    #expect(limit.connections(of: 100) == 100)
    limit.current -= 1
    #expect(limit.connections(of: 100) == 99)
  }

  @Test("this process knows its own limit and its open files")
  func own() {
    let limit = OpenFileLimit.ofThisProcess()
    #expect(limit.open >= 3)
    #expect(limit.current > limit.open)
    #expect(limit.highest >= limit.current)
    var said: [String] = []
    #expect(OpenFileLimit.requests(of: 1) { said.append($0) } == 1)
    #expect(said.isEmpty)
  }
}
