import BatchDomain
import Testing

@testable import TransfersService

@Suite("Bisecting")
struct BisectionTests {
  /// How a refusal goes on; a division counts as what it divides by, halves.
  enum Step: Equatable { case reject(withRest: Bool), halve, lookUp }

  func step(
    items: Int, code: String = "parameter_invalid", isTooLarge: Bool = false, isBisecting: Bool = true,
    policy: UnknownPolicy = .check, semantics: RejectionSemantics = .whole,
    family: ChunkFamily = ChunkFamily()
  ) -> Step? {
    let step = Bisection.step(
      after: Refusal(
        items: 7..<7 + items, status: isTooLarge ? 413 : 400, code: code,
        history: RefusalHistory(semantics: semantics, family: family), isBisecting: isBisecting,
        mayAsk: policy == .check))
    switch step {
    case .reject(let withRest): return .reject(withRest: withRest)
    case .divide(let division):
      return division == Division(Piece.halves(of: 7..<7 + items)) ? .halve : nil
    case .lookUp: return .lookUp
    case .pollAgain: return nil
    }
  }

  @Test("a single item is rejected, a range is halved, and nothing is without --bisect")
  func plain() {
    #expect(step(items: 1) == .reject(withRest: false))
    #expect(step(items: 2) == .halve)
    #expect(step(items: 50, isBisecting: false) == .reject(withRest: false))
  }

  @Test(
    "a refusal is looked up first until one was found to mean the whole chunk",
    arguments: RejectionSemantics.allCases)
  func lookUp(semantics: RejectionSemantics) {
    #expect(step(items: 50, semantics: semantics) == (semantics == .whole ? .halve : .lookUp))
    // A piece of a chunk that was divided for another reason was not looked up.
    #expect(
      step(items: 2, semantics: semantics, family: ChunkFamily(isPiece: true))
        == (semantics == .whole ? .halve : .lookUp)
    )
    #expect(step(items: 1, semantics: semantics) == .reject(withRest: false))
    #expect(step(items: 50, isBisecting: false, semantics: semantics) == .reject(withRest: false))
    // Whoever does not want the service to be asked takes its refusal at its word.
    for policy in [UnknownPolicy.hold, .resend] {
      #expect(step(items: 50, policy: policy, semantics: semantics) == .halve)
    }
  }

  @Test("while nothing was accepted, one look-up speaks for the pieces of its chunk")
  func lookedUpOnce() {
    func family(accepted: Int) -> ChunkFamily {
      ChunkFamily(isPiece: true, wasLookedUp: true, accepted: accepted)
    }
    #expect(step(items: 2, semantics: .unproven, family: family(accepted: 0)) == .halve)
    #expect(step(items: 2, semantics: .unproven, family: family(accepted: 1)) == .lookUp)
    #expect(step(items: 2, semantics: .partial, family: family(accepted: 0)) == .lookUp)
  }

  @Test("a refusal for the size is divided at once, unless refusals are known to take a part")
  func tooLarge() {
    #expect(step(items: 50, isTooLarge: true, semantics: .unproven) == .halve)
    #expect(step(items: 50, isTooLarge: true, semantics: .whole) == .halve)
    #expect(step(items: 50, isTooLarge: true, semantics: .partial) == .lookUp)
  }

  @Test("the eighth single refusal with one code and nothing accepted speaks for the rest")
  func speaksForAll() {
    func family(_ refusals: [String: Int], accepted: Int = 0) -> ChunkFamily {
      ChunkFamily(isPiece: true, accepted: accepted, singleRefusals: refusals)
    }
    #expect(step(items: 1, family: family(["parameter_invalid": 6])) == .reject(withRest: false))
    #expect(step(items: 1, family: family(["parameter_invalid": 7])) == .reject(withRest: true))
    #expect(step(items: 4, family: family(["parameter_invalid": 8])) == .reject(withRest: true))
    #expect(step(items: 4, family: family(["parameter_invalid": 7])) == .halve)
    #expect(step(items: 1, family: family(["parameter_invalid": 7], accepted: 1)) == .reject(withRest: false))
    #expect(
      step(items: 1, code: "other", family: family(["parameter_invalid": 7])) == .reject(withRest: false))
    #expect(
      step(items: 4, family: family(["parameter_invalid": 8, "video_file_broken": 1])) == .halve)
  }

  @Test("halves of an exhausted chunk have few tries of their own, single items all of them")
  func exhausted() {
    #expect(Bisection.division(of: 3..<4, because: .exhausted(maxAttempts: 8)) == nil)
    #expect(Bisection.division(of: 0..<50, because: .exhausted(maxAttempts: 8))?.countedAttempts == 6)
    #expect(Bisection.division(of: 0..<50, because: .exhausted(maxAttempts: 1))?.countedAttempts == 0)
    #expect(Bisection.division(of: 0..<2, because: .exhausted(maxAttempts: 8))?.countedAttempts == 0)
  }

  @Test("k bad items of n take at most 2k(ceil(log2(n/k)) + 1) requests", arguments: 1...64)
  func bound(count: Int) {
    var random = SplitMix(state: UInt64(count))
    for bad in 1...min(count, 7) {
      for _ in 0..<20 {
        let items = Set((0..<count).shuffled(using: &random).prefix(bad))
        var requests = 0
        var open = [0..<count]
        while let range = open.popLast() {
          requests += 1
          guard items.contains(where: range.contains), range.count > 1 else { continue }
          open += Piece.halves(of: range).map(\.items)
        }
        var levels = 0
        while bad << levels < count { levels += 1 }
        #expect(requests <= 2 * bad * (levels + 1), "\(items.sorted()) of \(count)")
      }
    }
  }

  /// Numbers that are the same in every run.
  private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
      return mixed ^ (mixed >> 31)
    }
  }
}
