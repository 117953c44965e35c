import BatchDomain
import Testing

@testable import Dispatcher

@Suite("Dispatcher's machine: waits and --max-wait")
struct MaxWaitTests {
  /// A machine that sits out an hour.
  func machine(hasReachedService: Bool = true) -> Machine {
    Machine(hasReachedService: hasReachedService) { $0.maxWait = .seconds(3_600) }
  }

  static func throttled(_ reason: String, _ seconds: Int) -> StopCause {
    .paused(
      .throttled,
      detail: "\(reason) until \(Machine.start.wall + .seconds(seconds)), which is longer than --max-wait")
  }

  @Test(
    "a wait that an answer asks for is put on disk, and pauses where it is too long",
    arguments: [3_600, 3_601])
  func ofAnAnswer(seconds: Int) {
    var machine = machine()
    machine.wait(0..<1)
    let actions = machine.answer(machine.slot(), .throttled, asked: .seconds(seconds))
    let reason = "the service asks to wait"
    let until = Machine.start.wall + .seconds(seconds)
    #expect(actions.waits == [StoredWait(until: until, reason: reason)])
    #expect(actions.reply?.wait == StoredWait(until: until, reason: reason, length: .seconds(seconds)))
    #expect(actions.stops == (seconds > 3_600 ? [Self.throttled(reason, seconds)] : []))
  }

  @Test(
    "a wait on record when the run begins is sat out or pauses it by the same rule",
    arguments: [3_600, 3_601])
  func atTheStart(seconds: Int) {
    var machine = machine()
    let wait = StoredWait(
      until: Machine.start.wall + .seconds(seconds), reason: "asked before", length: .seconds(seconds))
    let standing = machine.standing(wait: wait)
    let actions = machine.handle(.started(standing, isCancelling: false))
    let isTooLong = seconds > 3_600
    let cause = Self.throttled("asked before", seconds)
    #expect(actions == [.tell(.started(standing))] + (isTooLong ? [.tell(.stopping(cause))] : []))
    #expect(
      machine.wait(0..<1)
        == (isTooLong
          ? [.wake(.sender(0), .leave)]
          : [
            .tell(.waiting(StoredWait(until: wait.until, reason: "asked before"))),
            .setAlarm(Machine.start.elapsed + .seconds(3_600)),
          ]))
  }

  @Test(
    "a wait that another run was asked for is sat out or pauses by the same rule", arguments: [3_600, 3_601])
  func ofAnotherRun(seconds: Int) {
    var machine = machine()
    machine.wait(0..<1)
    let until = Machine.start.wall + .seconds(seconds)
    let actions = machine.handle(.foundNothingBefore(until, .wait("asked elsewhere"), machine.slot()))
    #expect(actions.waits == [StoredWait(until: until, reason: "asked elsewhere")])
    #expect(actions.stops == (seconds > 3_600 ? [Self.throttled("asked elsewhere", seconds)] : []))
  }

  @Test("waits of our own choosing pause nothing: the rate, and the next try of a chunk")
  func ownWaits() {
    var machine = machine()
    let moment = Machine.start.wall + .seconds(86_000)
    let rate = Rate(count: 1, window: .day)
    machine.wait(0..<1)
    #expect(machine.handle(.foundNothingBefore(moment, .rate(rate), machine.slot())).stops == [])
    machine.pass(86_000)
    machine.wait(0..<1)
    let later = machine.now.wall + .seconds(86_000)
    #expect(machine.handle(.foundNothingBefore(later, .ready, machine.slot())) == [])
  }

  static let rate = Rate(count: 1, window: .day)

  /// A machine of which one request timed out, in the midst of others that were accepted, and that the rate holds back
  /// from then on.
  func heldMachine(by why: Claim.NotBefore = .rate(rate), for seconds: Int = 72_000) -> Machine {
    var machine = machine()
    machine.warmUp()
    machine.wait(0..<1)
    _ = machine.answer(machine.slot(), .unknown, failure: "timeout", obstacle: .connection)
    let lost = machine.moved(.pending, .unknown)
    _ = machine.handle(.recorded(lost, ChunkMove(.answerLost, at: .transfer), outcome: .unknown))
    machine.wait(0..<1)
    let moment = machine.now.wall + .seconds(seconds)
    _ = machine.handle(.foundNothingBefore(moment, why, machine.slot()))
    return machine
  }

  /// A chunk is claimed with a slot that was given.
  func claim(in machine: inout Machine) {
    machine.wait(0..<1)
    _ = machine.handle(
      .claimed(
        ClaimedChunk(
          number: ChunkNumber(9), attempt: 1, countedAttempts: 0, firstItem: 9, itemCount: 1, index: nil,
          filePart: [], startedAt: machine.now.wall)))
  }

  @Test(
    "time that is spent waiting for a rate does not count as time without progress, whichever rate it is",
    arguments: [
      .rate(rate), .itemRate(rate), .mediaRate(MediaRate(minutes: 60, window: .day)),
      .share(of: .rate(rate), until: Machine.start.wall + .seconds(72_000)),
    ] as [Claim.NotBefore])
  func waitsForRates(why: Claim.NotBefore) {
    var machine = heldMachine(by: why)
    machine.pass(72_000)
    claim(in: &machine)
    #expect(machine.answer(machine.slot(), .throttled).stops == [])
  }

  @Test(
    "what was without progress before such a wait counts together with what is after it",
    arguments: [
      1_800, 1_801,
    ])
  func aroundWaitsForRates(asked: Int) {
    var machine = heldMachine(for: 36_000)
    machine.pass(36_000)
    // The limit still holds when it is asked again.
    machine.wait(0..<1)
    let moment = machine.now.wall + .seconds(36_000)
    _ = machine.handle(.foundNothingBefore(moment, .rate(Self.rate), machine.slot()))
    machine.pass(36_000)
    claim(in: &machine)
    machine.pass(1_800)
    let stops = machine.answer(machine.slot(), .throttled, asked: .seconds(asked)).stops
    #expect(stops.count == (asked > 1_800 ? 1 : 0))
  }

  @Test("a wait that the service asks for counts, also where a rate held requests back when it began")
  func waitOfTheServiceDuringAWaitForTheRate() {
    var machine = machine()
    machine.warmUp()
    claim(in: &machine)
    machine.wait(0..<1)
    let moment = machine.now.wall + .seconds(60)
    _ = machine.handle(.foundNothingBefore(moment, .rate(Self.rate), machine.slot()))
    machine.pass(4)
    #expect(machine.answer(machine.slot(), .throttled, asked: .seconds(3_000)).stops == [])
    machine.pass(3_000)
    claim(in: &machine)
    #expect(machine.answer(machine.slot(), .throttled, asked: .seconds(3_000)).stops.count == 1)
  }

  @Test("a listing that is throttled during such a wait does not count it either")
  func readingDuringAWaitForTheRate() {
    var machine = heldMachine()
    machine.pass(71_000)
    #expect(machine.handle(.waits(.reader(0))).woken == [.reader(0): .read])
    #expect(machine.handle(.readingEnded(isThrottled: true, asked: .seconds(5), draw: 1)).stops == [])
  }

  @Test("closed hours within a wait for the rate are left out once")
  func closedHoursWithinAWaitForTheRate() {
    func at(_ seconds: Int) -> Duration { .seconds(1_000 + seconds) }
    var lanes = Lanes(Budgets(Machine.budget), settings: RunSettings(), hasPending: true)
    #expect(lanes[0].gate.enter(now: at(0)) == .go)
    _ = lanes[0].gate.leave(Gate.Ending(outcome: .unknown, draw: 1), now: at(0))
    lanes[0].holdForRate(now: at(100))
    lanes.excuse(at(150)..<at(200))
    lanes[0].endHold(now: at(300))
    #expect(lanes[0].gate.troubleSince == at(200))
  }

  @Test("a throttled look long after another one pauses nothing where looks between them got through")
  func throttledLooks() {
    var machine = Machine(
      budgets: Budgets(sending: [Budget("a"), Budget("b")], reading: Budget("reading"))
    ) { $0.maxWait = .seconds(3_600) }
    func look(isThrottled: Bool) -> [StopCause] {
      #expect(machine.handle(.waits(.reader(0))).woken == [.reader(0): .read])
      return machine.handle(.readingEnded(isThrottled: isThrottled, asked: .seconds(5), draw: 1)).stops
    }
    #expect(look(isThrottled: true) == [])
    machine.pass(5)
    #expect(look(isThrottled: false) == [])
    machine.pass(36_000)
    #expect(look(isThrottled: true) == [])
  }

  @Test("an outage that lasts longer than --max-wait says since when, and with what the last request failed")
  func outage() {
    var machine = machine()
    var stops: [StopCause] = []
    var lastTry = machine.now.wall
    machine.wait(0..<1)
    while stops.isEmpty {
      lastTry = machine.now.wall
      let actions = machine.answer(
        machine.slot(), .notProcessed, failure: "refused", obstacle: .connection)
      #expect(actions.reply == GateEffect(wait: nil, isInOutage: true))
      stops = actions.stops
      for wait in actions.waits { machine.pass(Int(wait.until.since(machine.now.wall).inSeconds)) }
      machine.wait(0..<1)
    }
    #expect(
      stops == [
        .paused(
          .unreachable,
          detail:
            "nothing got through since \(Machine.start.wall); the last request failed at \(lastTry): refused")
      ])
    // There was a try at the end of it.
    #expect(lastTry == Machine.start.wall + .seconds(3_600))
  }

  @Test("where nothing is left to send or to settle, no wait pauses anything")
  func nothingLeft() {
    var machine = Machine(chunks: 1) { $0.maxWait = .seconds(60) }
    machine.wait(0..<1)
    let recorded = machine.moved(.pending, .accepted)
    _ = machine.handle(.cancelledPending(recorded))
    #expect(machine.answer(machine.slot(), .accepted, asked: .seconds(61)).stops == [])
  }

  @Test("what this machine refuses to send does not show that the name can be resolved")
  func unresolvedBesideUnsent() {
    var machine = machine(hasReachedService: false)
    var stops: [StopCause] = []
    for _ in 0..<3 {
      machine.wait(0..<1)
      _ = machine.answer(machine.slot(), .content, obstacle: .notSent)
      machine.wait(0..<1)
      stops +=
        machine.answer(machine.slot(), .notProcessed, failure: "no such name", obstacle: .unresolvedName)
        .stops
      machine.pass(60)
    }
    #expect(stops.count == 1)
  }

  @Test(
    "a name that was never resolved pauses after three requests, one that was is an outage",
    arguments: [false, true])
  func unresolved(hasReachedService: Bool) {
    var machine = machine(hasReachedService: hasReachedService)
    var stops: [StopCause] = []
    for _ in 0..<5 where stops.isEmpty {
      machine.wait(0..<1)
      stops +=
        machine.answer(machine.slot(), .notProcessed, failure: "no such name", obstacle: .unresolvedName)
        .stops
      machine.pass(60)
    }
    let cause = StopCause.paused(
      .endpoint, detail: "no such name, in 3 tries and never before in this run")
    #expect(stops == (hasReachedService ? [] : [cause]))
  }
}
