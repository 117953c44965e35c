import BatchDomain
import Testing

@testable import Dispatcher

@Suite("Gate")
struct GateTests {
  static let start = Duration.seconds(1_000)

  func at(_ seconds: Int) -> Duration { Self.start + .seconds(seconds) }

  /// Requests that may leave at that moment, none of them coming back.
  func admitted(_ gate: inout Gate, at seconds: Int = 0) -> Int {
    var count = 0
    while gate.enter(now: at(seconds)) == .go { count += 1 }
    return count
  }

  /// A gate whose waits are never too long.
  func gate(concurrency: Int) -> Gate { Gate(concurrency: concurrency, maxWait: .seconds(86_400)) }

  /// A request comes back; a back-off is drawn as long as it can be.
  @discardableResult
  func leave(
    _ gate: inout Gate, _ outcome: Outcome, asked: Duration? = nil, isSuspect: Bool = false,
    at seconds: Int = 0
  ) -> Gate.Wait? {
    gate.leave(
      Gate.Ending(outcome: outcome, asked: asked, isSuspect: isSuspect, draw: 1), now: at(seconds))
  }

  /// A wait of the service that begins at that moment.
  func wait(
    _ length: Int, at seconds: Int = 0, _ reason: String = "the service asks to wait", since: Int = 0,
    isTooLong: Bool = false
  ) -> Gate.Wait {
    Gate.Wait(
      until: at(seconds + length), length: .seconds(length), reason: reason, cause: .service,
      since: at(since),
      isTooLong: isTooLong)
  }

  @Test("the first request goes alone, then each acceptance doubles what may be in flight")
  func firstAlone() {
    var gate = gate(concurrency: 7)
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
    var gate = gate(concurrency: concurrency)
    var inFlight = 0
    var listings = 0
    for second in 0..<400 {
      switch Int.random(in: 0..<5, using: &generator) {
      case 0, 1:
        if gate.enter(now: at(second)) == .go { inFlight += 1 }
      case 2:
        if gate.enter(now: at(second)) == .go { listings += 1 }
      case 3 where listings > 0:
        _ = gate.leaveReading(isThrottled: false, asked: nil, draw: 1, now: at(second))
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
    var gate = gate(concurrency: 4)
    for _ in 0..<3 {
      #expect(gate.enter(now: at(0)) == .go)
      leave(&gate, .accepted)
    }
    #expect(gate.enter(now: at(0)) == .go)
    #expect(leave(&gate, .throttled, asked: .seconds(30)) == wait(30))
    #expect(gate.enter(now: at(29)) == .wait(until: at(30)))
    #expect(admitted(&gate, at: 30) == 1)
  }

  @Test(
    "a wait the service asks for holds everybody back, also with an answer that leaves its chunk unknown",
    arguments: [false, true])
  func askedWaitOfAnUnknown(isSuspect: Bool) {
    var gate = gate(concurrency: 4)
    for _ in 0..<3 {
      #expect(gate.enter(now: at(0)) == .go)
      leave(&gate, .accepted)
    }
    #expect(gate.enter(now: at(0)) == .go)
    #expect(leave(&gate, .unknown, asked: .seconds(30), isSuspect: isSuspect) == wait(30))
    #expect(gate.enter(now: at(29)) == .wait(until: at(30)))
    #expect(gate.troubleSince == at(0))
    #expect(admitted(&gate, at: 30) == 1)
  }

  @Test("a shorter wait never shortens a longer one")
  func longestWaitStands() {
    var gate = gate(concurrency: 4)
    _ = gate.enter(now: at(0))
    leave(&gate, .accepted)
    _ = gate.enter(now: at(0))
    _ = gate.enter(now: at(0))
    leave(&gate, .throttled, asked: .seconds(60))
    #expect(leave(&gate, .throttled, asked: .seconds(5)) == nil)
    #expect(gate.enter(now: at(59)) == .wait(until: at(60)))
  }

  @Test("throttling without a wait backs off further each time")
  func bareThrottling() {
    var gate = gate(concurrency: 1)
    var now = 0
    for expected in [1, 2, 4, 8] {
      #expect(gate.enter(now: at(now)) == .go)
      leave(&gate, .throttled, at: now)
      #expect(gate.closedUntil == at(now + expected))
      now += expected
    }
  }

  @Test("a first request that comes to nothing closes the gate, and one probe at a time follows")
  func unreachableFromTheStart() {
    var gate = gate(concurrency: 4)
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
    var gate = gate(concurrency: 2)
    for _ in 0..<3 {
      _ = gate.enter(now: at(0))
      leave(&gate, .accepted)
    }
    for failure in 1...4 {
      #expect(gate.enter(now: at(0)) == .go)
      let wait = leave(&gate, .unknown)
      #expect((wait != nil) == (failure == 4))
    }
    #expect(gate.enter(now: at(0)) != .go)
  }

  @Test("a request that reads and is told to wait holds everybody back")
  func throttledReading() {
    var gate = gate(concurrency: 3)
    #expect(gate.enter(now: at(0)) == .go)
    let wait = gate.leaveReading(isThrottled: true, asked: .seconds(20), draw: 1, now: at(0))
    #expect(wait == self.wait(20))
    #expect(gate.enter(now: at(19)) == .wait(until: at(20)))
  }

  @Test(
    "where nothing but reading passes the gate, what is read is progress; else it says nothing of requests that submit",
    arguments: [true, false])
  func progressOfReading(isForReadingOnly: Bool) {
    var gate = Gate(concurrency: 1, maxWait: .seconds(60), isForReadingOnly: isForReadingOnly)
    #expect(gate.enter(now: at(0)) == .go)
    #expect(gate.leaveReading(isThrottled: true, asked: nil, draw: 1, now: at(0))?.length == .seconds(1))
    #expect(gate.enter(now: at(1)) == .go)
    #expect(gate.leaveReading(isThrottled: false, asked: nil, draw: 1, now: at(1)) == nil)
    #expect(gate.troubleSince == (isForReadingOnly ? nil : at(0)))
    #expect(gate.enter(now: at(100)) == .go)
    let wait = gate.leaveReading(isThrottled: true, asked: nil, draw: 1, now: at(100))
    #expect(wait?.length == .seconds(isForReadingOnly ? 1 : 2))
    #expect(wait?.isTooLong == !isForReadingOnly)
  }

  @Test("what this machine refuses to send is no sign of life, and no failure")
  func unsent() {
    var gate = gate(concurrency: 4)
    #expect(gate.enter(now: at(0)) == .go)
    leave(&gate, .notProcessed)
    #expect(gate.enter(now: at(1)) == .go)
    let before = gate
    #expect(gate.leave(Gate.Ending(outcome: .content, isUnsent: true, draw: 1), now: at(1)) == nil)
    #expect(gate.inFlight == 0)
    #expect(gate.enter(now: at(1)) == .go)
    #expect(gate == before)
    #expect(!gate.isOpen && gate.lastThrough == nil && gate.troubleSince == at(0))
  }

  @Test("a wait of no length is answered with a back-off that grows")
  func emptyWait() {
    var gate = gate(concurrency: 1)
    #expect(gate.enter(now: at(0)) == .go)
    leave(&gate, .throttled, asked: .zero)
    #expect(gate.closedUntil == at(1))
    #expect(gate.troubleSince == at(0))
    #expect(gate.enter(now: at(1)) == .go)
    leave(&gate, .throttled, asked: .zero, at: 1)
    #expect(gate.closedUntil == at(3))
    #expect(gate.troubleSince == at(0))
  }

  @Test("a wait on record is kept")
  func storedWait() {
    var gate = gate(concurrency: 1)
    gate.resume(gate.wait(for: .seconds(100), reason: "r", cause: .recorded, now: Self.start))
    #expect(gate.enter(now: at(99)) == .wait(until: at(100)))
    #expect(gate.enter(now: at(100)) == .go)
  }

  // MARK: --max-wait

  @Test("a wait that ends with --max-wait is sat out, a longer one is not", arguments: [60, 61])
  func longestWait(length: Int) {
    var gate = Gate(concurrency: 1, maxWait: .seconds(60))
    #expect(gate.enter(now: at(0)) == .go)
    let wait = leave(&gate, .throttled, asked: .seconds(length))
    #expect(wait == self.wait(length, isTooLong: length > 60))
  }

  @Test("what counts is the whole time without progress, and after a success the wait alone")
  func timeWithoutProgress() {
    var gate = Gate(concurrency: 1, maxWait: .seconds(60))
    #expect(gate.enter(now: at(0)) == .go)
    leave(&gate, .throttled, asked: .seconds(40))
    #expect(gate.enter(now: at(40)) == .go)
    #expect(leave(&gate, .throttled, asked: .seconds(40), at: 40) == wait(40, at: 40, isTooLong: true))
    #expect(gate.enter(now: at(80)) == .go)
    let used = leave(&gate, .accepted, asked: .seconds(60), at: 80)
    #expect(used == wait(60, at: 80, "the service says that the quota is used up", since: 80))
  }

  @Test("a wait on record counts by itself, whatever came before it")
  func recordedWait() {
    var gate = Gate(concurrency: 1, maxWait: .seconds(60))
    #expect(gate.enter(now: at(0)) == .go)
    leave(&gate, .throttled, asked: .seconds(40))
    #expect(!gate.wait(for: .seconds(60), reason: "r", cause: .recorded, now: at(40)).isTooLong)
    #expect(gate.wait(for: .seconds(61), reason: "r", cause: .recorded, now: at(40)).isTooLong)
    #expect(gate.wait(for: .seconds(21), reason: "r", cause: .service, now: at(40)).isTooLong)
  }

  @Test("of an outage there is one more try at the end of --max-wait, and the wait after it is too long")
  func lastTry() {
    var gate = Gate(concurrency: 1, maxWait: .seconds(10))
    var ends: [Int] = []
    var now = 0
    while ends.count < 10 {
      #expect(gate.enter(now: at(now)) == .go)
      guard let wait = leave(&gate, .notProcessed, at: now) else { break }
      if wait.isTooLong { break }
      now = Int((wait.until - Self.start).inSeconds)
      ends.append(now)
    }
    // 1, 2 and 4 seconds, and what is left.
    #expect(ends == [1, 3, 7, 10])
  }

  // MARK: Open files

  @Test("the gate leaves room for what this process can open, and asks for more in a while")
  func room() {
    var gate = gate(concurrency: 16)
    for _ in 0..<5 where gate.enter(now: at(0)) == .go { leave(&gate, .accepted) }
    #expect(gate.allowed == 16)
    for _ in 0..<6 { #expect(gate.enter(now: at(0)) == .go) }
    let ending = Gate.Ending(outcome: .notProcessed, isOutOfFiles: true, draw: 1)
    #expect(gate.leave(ending, now: at(0)) == nil)
    #expect(gate.room == 5)
    #expect(gate.allowed == 5)
    #expect(gate.troubleSince == nil)
    for _ in 0..<50 {
      leave(&gate, .accepted)
      #expect(gate.enter(now: at(0)) == .go)
    }
    #expect(gate.allowed == 5)
    leave(&gate, .accepted)
    #expect(gate.allowed == 6)
  }

  @Test("without anything in flight a limit on open files is an outage, with its cause")
  func noRoomAtAll() {
    var gate = gate(concurrency: 16)
    #expect(gate.enter(now: at(0)) == .go)
    let wait = gate.leave(
      Gate.Ending(outcome: .notProcessed, failure: "too many open files", isOutOfFiles: true, draw: 1),
      now: at(0))
    #expect(wait?.reason == "nothing gets through to the service: too many open files")
    #expect(wait?.cause == .outage)
    #expect(wait?.length == .seconds(1))
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
