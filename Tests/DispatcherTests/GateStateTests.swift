import BatchDomain
import Testing

@testable import Dispatcher

@Suite("Gate")
struct GateStateTests {
  static let start = Duration.seconds(1_000)

  func at(_ seconds: Int) -> Duration { Self.start + .seconds(seconds) }

  /// Requests that may leave at that moment, none of them coming back.
  func admitted(_ gate: inout GateState, at seconds: Int = 0) -> Int {
    var count = 0
    while gate.admit(now: at(seconds)) == .go { count += 1 }
    return count
  }

  @discardableResult
  func leave(
    _ gate: inout GateState, _ outcome: Outcome, asked: Duration? = nil, at seconds: Int = 0
  ) -> GateState.Effect {
    gate.leave(outcome, asked: asked, now: at(seconds)) { .seconds(1 << $0) }
  }

  @Test("the first request goes alone, then each acceptance doubles what may be in flight")
  func firstAlone() {
    var gate = GateState(concurrency: 7, now: Self.start)
    #expect(admitted(&gate) == 1)
    leave(&gate, .accepted)
    #expect(admitted(&gate) == 2)
    leave(&gate, .accepted)
    leave(&gate, .accepted)
    #expect(gate.allowed == 7)
    #expect(admitted(&gate) == 7)
    #expect(gate.inFlight == 7)
  }

  @Test("no order of events ever lets more out than the concurrency", arguments: 0..<50)
  func neverMore(seed: UInt64) {
    var generator = SplitMix(state: seed)
    let concurrency = Int.random(in: 1...9, using: &generator)
    var gate = GateState(concurrency: concurrency, now: Self.start)
    var inFlight = 0
    var listings = 0
    var waiting = 0
    for second in 0..<400 {
      switch Int.random(in: 0..<5, using: &generator) {
      case 0, 1:
        if gate.admit(now: at(second)) == .go { inFlight += 1 }
      case 2:
        let isFirst = waiting == 0
        let admission = gate.admitListing(now: at(second), isFirstTry: isFirst)
        if admission == .go {
          listings += 1
          waiting = 0
        } else {
          waiting = 1
        }
      case 3 where listings > 0:
        _ = gate.leaveListing(isThrottled: false, asked: nil, now: at(second)) { _ in .seconds(1) }
        listings -= 1
      default:
        guard inFlight > 0 else { continue }
        leave(&gate, Outcome.allCases.randomElement(using: &generator) ?? .accepted, at: second)
        inFlight -= 1
      }
      #expect(inFlight + listings <= concurrency)
      #expect(gate.inFlight == inFlight + listings)
    }
  }

  @Test("a wait the service asks for holds everybody back, and sending starts gradually after it")
  func askedWait() {
    var gate = GateState(concurrency: 4, now: Self.start)
    for _ in 0..<3 {
      #expect(gate.admit(now: at(0)) == .go)
      leave(&gate, .accepted)
    }
    #expect(gate.admit(now: at(0)) == .go)
    let effect = leave(&gate, .throttled, asked: .seconds(30))
    #expect(effect == .closed(for: .seconds(30), reason: "the service asks to wait", cause: .service))
    #expect(gate.admit(now: at(29)) == .wait(until: at(30)))
    #expect(admitted(&gate, at: 30) == 1)
  }

  @Test(
    "a wait the service asks for holds everybody back, also with an answer that leaves its chunk unknown",
    arguments: [false, true])
  func askedWaitOfAnUnknown(isSuspect: Bool) {
    var gate = GateState(concurrency: 4, now: Self.start)
    for _ in 0..<3 {
      #expect(gate.admit(now: at(0)) == .go)
      leave(&gate, .accepted)
    }
    #expect(gate.admit(now: at(0)) == .go)
    let effect = gate.leave(.unknown, asked: .seconds(30), isSuspect: isSuspect, now: at(0)) { _ in .zero }
    #expect(effect == .closed(for: .seconds(30), reason: "the service asks to wait", cause: .service))
    #expect(gate.admit(now: at(29)) == .wait(until: at(30)))
    #expect(gate.troubleSince == at(0))
    #expect(admitted(&gate, at: 30) == 1)
  }

  @Test("a shorter wait never shortens a longer one")
  func longestWaitStands() {
    var gate = GateState(concurrency: 4, now: Self.start)
    _ = gate.admit(now: at(0))
    leave(&gate, .accepted)
    _ = gate.admit(now: at(0))
    _ = gate.admit(now: at(0))
    leave(&gate, .throttled, asked: .seconds(60))
    #expect(leave(&gate, .throttled, asked: .seconds(5)) == .none)
    #expect(gate.admit(now: at(59)) == .wait(until: at(60)))
  }

  @Test("throttling without a wait backs off further each time")
  func bareThrottling() {
    var gate = GateState(concurrency: 1, now: Self.start)
    var now = 0
    for expected in [1, 2, 4, 8] {
      #expect(gate.admit(now: at(now)) == .go)
      leave(&gate, .throttled, at: now)
      #expect(gate.closedUntil == at(now + expected))
      now += expected
    }
  }

  @Test("a first request that comes to nothing closes the gate, and one probe at a time follows")
  func unreachableFromTheStart() {
    var gate = GateState(concurrency: 4, now: Self.start)
    var now = 0
    for expected in [1, 2, 4] {
      #expect(admitted(&gate, at: now) == 1)
      leave(&gate, .notProcessed, at: now)
      #expect(gate.closedUntil == at(now + expected))
      now += expected
    }
    #expect(gate.troubleSince == Self.start)
    #expect(admitted(&gate, at: now) == 1)
    leave(&gate, .accepted, at: now)
    #expect(gate.troubleSince == nil)
    #expect(admitted(&gate, at: now) == 2)
  }

  @Test("single failures among successes do not close it; twice the concurrency in a row do")
  func outage() {
    var gate = GateState(concurrency: 2, now: Self.start)
    for _ in 0..<3 {
      _ = gate.admit(now: at(0))
      leave(&gate, .accepted)
    }
    for failure in 1...4 {
      #expect(gate.admit(now: at(0)) == .go)
      let effect = leave(&gate, .unknown)
      #expect((effect != .none) == (failure == 4))
    }
    #expect(gate.admit(now: at(0)) != .go)
  }

  @Test("a listing that waits goes before the next chunk")
  func listingFirst() {
    var gate = GateState(concurrency: 1, now: Self.start)
    #expect(gate.admit(now: at(0)) == .go)
    #expect(gate.admitListing(now: at(0), isFirstTry: true) == .full)
    leave(&gate, .accepted)
    #expect(gate.admit(now: at(0)) == .full)
    #expect(gate.admitListing(now: at(0), isFirstTry: false) == .go)
    let effect = gate.leaveListing(isThrottled: false, asked: nil, now: at(0)) { _ in .seconds(1) }
    #expect(effect == .none)
    #expect(gate.admit(now: at(0)) == .go)
  }

  @Test("a listing that is told to wait holds everybody back")
  func throttledListing() {
    var gate = GateState(concurrency: 3, now: Self.start)
    #expect(gate.admitListing(now: at(0), isFirstTry: true) == .go)
    let effect = gate.leaveListing(isThrottled: true, asked: .seconds(20), now: at(0)) { _ in .seconds(1) }
    #expect(effect == .closed(for: .seconds(20), reason: "the service asks to wait", cause: .service))
    #expect(gate.admit(now: at(19)) == .wait(until: at(20)))
  }

  @Test("a wait of no length is answered with a back-off that grows")
  func emptyWait() {
    var gate = GateState(concurrency: 1, now: Self.start)
    #expect(gate.admit(now: at(0)) == .go)
    leave(&gate, .throttled, asked: .zero)
    #expect(gate.closedUntil == at(1))
    #expect(gate.troubleSince == at(0))
    #expect(gate.admit(now: at(1)) == .go)
    leave(&gate, .throttled, asked: .zero, at: 1)
    #expect(gate.closedUntil == at(3))
    #expect(gate.troubleSince == at(0))
  }

  @Test("a wait from before a restart is kept")
  func storedWait() {
    var gate = GateState(
      concurrency: 1, now: Self.start, wait: (.seconds(100), "r"))
    #expect(gate.admit(now: at(99)) == .wait(until: at(100)))
    #expect(gate.admit(now: at(100)) == .go)
  }
}

/// A generator that gives the same numbers for the same seed.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
