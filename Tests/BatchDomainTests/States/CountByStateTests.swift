import BatchDomain
import Testing

@Suite("Counts by state")
struct CountByStateTests {
  @Test("each state has a place of its own")
  func places() {
    var counts = CountByState()
    for (number, state) in ChunkState.allCases.enumerated() { counts[state] = number + 1 }
    for (number, state) in ChunkState.allCases.enumerated() { #expect(counts[state] == number + 1) }
  }

  @Test("a state that is not named has none")
  func literal() {
    let counts: CountByState = [.failed: 3]
    for state in ChunkState.allCases { #expect(counts[state] == (state == .failed ? 3 : 0)) }
    #expect(counts != [:])
    #expect(CountByState() == [.accepted: 0])
  }
}
