import BatchDomain
import Testing

@Suite("Back-off")
struct BackOffTests {
  @Test("the ceiling doubles up to the cap")
  func ceilings() {
    let backOff = BackOff(base: .seconds(1), cap: .seconds(300))
    #expect(
      (0..<11).map { backOff.ceiling(afterFailures: $0).components.seconds } == [
        1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300,
      ])
    #expect(backOff.ceiling(afterFailures: 1_000_000) == .seconds(300))
  }

  @Test("the wait is drawn from zero to the ceiling", arguments: [0.0, 0.25, 0.5, 0.999])
  func fullJitter(unit: Double) {
    let wait = BackOff.gate.wait(afterFailures: 3, unit: unit)
    #expect(wait == .milliseconds(Int64(8_000 * unit)))
  }
}
