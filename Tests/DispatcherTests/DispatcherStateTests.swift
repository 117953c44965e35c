import BatchDomain
import Testing

@testable import Dispatcher

@Suite("Dispatcher's machine: slots")
struct SlotTests {
  @Test("the first sender gets a slot, the others wait until an answer frees more")
  func firstAlone() {
    var machine = Machine()
    #expect(machine.wait(0..<1) == [.wake(.sender(0), .claim(machine.slot()))])
    #expect(machine.wait(1..<4) == [])
    // The one that was answered goes on without waiting, and one of the others has the second slot.
    let actions = machine.answer(machine.slot(), .accepted, claimsNext: true)
    #expect(
      actions == [
        .reply(GateEffect(isInOutage: false, next: machine.slot())),
        .wake(.sender(1), .claim(machine.slot())),
      ])
  }

  @Test("of 64 senders at a closed gate one is woken when it opens, and one more for each slot after that")
  func oneWokenPerSlot() {
    var machine = Machine(concurrency: 64)
    machine.wait(0..<64)
    let closing = machine.answer(machine.slot(), .throttled, asked: .seconds(30))
    #expect(closing.woken.isEmpty)
    #expect(closing.contains(.setAlarm(machine.now.elapsed + .seconds(30))))
    machine.pass(29)
    #expect(machine.handle(.alarm).woken.isEmpty)
    machine.pass(1)
    #expect(machine.handle(.alarm).woken == [.sender(1): .claim(machine.slot())])
    // It found nothing that may be sent: one takes its place.
    #expect(machine.handle(.slotUnused(machine.slot())).woken == [.sender(2): .claim(machine.slot())])
    // One answer, two slots: one for the sender itself, one for another.
    let answer = machine.answer(machine.slot(), .accepted, claimsNext: true)
    #expect(answer.reply?.next == machine.slot())
    #expect(answer.woken == [.sender(3): .claim(machine.slot())])
  }

  @Test("a record wakes nobody where no slot is free")
  func recordsWakeNobody() {
    var machine = Machine(concurrency: 2)
    machine.wait(0..<2)
    _ = machine.answer(machine.slot(), .accepted, claimsNext: true)
    machine.wait(2..<10)
    let recorded = machine.moved(.pending, .accepted)
    #expect(
      machine.handle(.recorded(recorded, ChunkMove(.accepted, at: .transfer), outcome: .accepted)).woken
        .isEmpty)
  }

  @Test("a pause that comes with an answer holds before its slot is free")
  func pauseBeforeTheSlot() {
    var machine = Machine()
    machine.wait(0..<4)
    let cause = StopCause.paused(.account, detail: "401")
    let actions = machine.answer(machine.slot(), .account, pause: cause)
    #expect(
      actions == [
        .tell(.stopping(cause)), .reply(GateEffect(isInOutage: false)),
        .wake(.sender(1), .leave), .wake(.sender(2), .leave), .wake(.sender(3), .leave),
      ])
  }

  @Test("nothing leaves while the store refuses a change")
  func storeTrouble() {
    var machine = Machine()
    #expect(
      machine.handle(.storeInTrouble(StoreError(.full, "full")))
        == [.tell(.storeTrouble(StoreError(.full, "full").description))])
    #expect(machine.handle(.storeInTrouble(StoreError(.full, "full"))).count == 1)
    #expect(machine.wait(0..<2) == [])
    #expect(machine.handle(.storeRecovered) == [])
    #expect(machine.handle(.storeRecovered).woken == [.sender(0): .claim(machine.slot())])
  }

  @Test("as long as it is not known what a refusal means, no more are collected than are under way at a time")
  func doubted() {
    var machine = Machine(concurrency: 2)
    machine.warmUp()
    for _ in 0..<2 {
      let slot = machine.slot()
      machine.wait(0..<1)
      _ = machine.answer(slot, .content)
      let recorded = machine.moved(.pending, .unknown)
      _ = machine.handle(.recorded(recorded, ChunkMove(.doubted, at: .transfer), outcome: .content))
    }
    #expect(machine.wait(0..<2) == [])
    let recorded = machine.moved(.unknown, .split)
    let woken = machine.handle(.settled(recorded, ChunkMove(.divided, at: .transfer), wasRefused: true)).woken
    #expect(woken.keys.sorted { "\($0)" < "\($1)" } == [.sender(0)])
  }

  @Test("that no chunk is pending ends the run only where none has become pending since it was asked")
  func staleClaim() {
    var machine = Machine(chunks: 5, concurrency: 2)
    machine.warmUp()
    let old = machine.slot()
    machine.wait(0..<2)
    // The other one is sent again.
    _ = machine.handle(
      .claimed(
        ClaimedChunk(
          number: ChunkNumber(4), attempt: 1, countedAttempts: 0, firstItem: 4, itemCount: 1, index: nil,
          filePart: [], startedAt: machine.now.wall)))
    _ = machine.answer(old, .throttled, asked: .seconds(1))
    let back = machine.moved(.submitting, .pending)
    _ = machine.handle(.recorded(back, ChunkMove(.requeued, at: .transfer), outcome: .throttled))
    #expect(machine.handle(.foundNothing(old)).woken.isEmpty)
    machine.pass(1)
    let new = machine.slot(epoch: 1)
    #expect(machine.wait(0..<1).woken == [.sender(0): .claim(new)])
    #expect(machine.wait(1..<3) == [])
    // Now it is true, and nothing is under way.
    #expect(machine.handle(.foundNothing(new)).woken == [.sender(1): .leave, .sender(2): .leave])
  }

  @Test("a claim that failed after all leaves a chunk to look for, though none was found meanwhile")
  func failedClaim() {
    var machine = Machine(chunks: 5, concurrency: 2)
    machine.warmUp()
    let slot = machine.slot()
    machine.wait(0..<2)
    // One sender finds nothing, since the other one has the last chunk, whose claim is not confirmed.
    #expect(machine.handle(.foundNothing(slot)).woken.isEmpty)
    #expect(machine.wait(0..<1) == [])
    let woken = machine.handle(.claimFailed).woken
    #expect(woken == [.sender(0): .claim(machine.slot(epoch: 1))])
  }

  @Test("a sender that is cancelled while it waits leaves, and takes no slot")
  func withdrawn() {
    var machine = Machine()
    machine.wait(0..<3)
    #expect(machine.handle(.withdrawn(.sender(1))) == [.wake(.sender(1), .leave)])
    // It had its turn before.
    #expect(machine.handle(.withdrawn(.sender(0))) == [])
    #expect(machine.handle(.slotUnused(machine.slot())).woken == [.sender(2): .claim(machine.slot())])
  }

  @Test("rates: nobody asks before the moment that the store named, then as many as the gate lets through")
  func rates() {
    var machine = Machine(concurrency: 2)
    machine.warmUp()
    let slot = machine.slot()
    machine.wait(0..<1)
    let moment = machine.now.wall + .seconds(20)
    let rate = Rate(count: 1, window: .minute)
    let wait = StoredWait(until: moment, reason: "the rate limit \(rate)")
    #expect(machine.handle(.foundNothingBefore(moment, .rate(rate), slot)) == [.tell(.waiting(wait))])
    #expect(machine.wait(0..<3) == [.setAlarm(machine.now.elapsed + .seconds(20))])
    machine.pass(20)
    #expect(
      machine.handle(.alarm) == [
        .tell(.waitOver), .wake(.sender(0), .claim(slot)), .wake(.sender(1), .claim(slot)),
      ])
  }
}

@Suite("Dispatcher's machine: the end of a wait")
struct WaitEndTests {
  @Test("a chunk whose slot was given before a wait began does not end the wait")
  func slotFromBefore() {
    var machine = Machine(concurrency: 2)
    machine.warmUp()
    let slot = machine.slot()
    #expect(machine.wait(0..<2).woken.count == 2)
    let closing = machine.answer(slot, .throttled, asked: .seconds(60))
    #expect(closing.waits.map(\.until) == [machine.now.wall + .seconds(60)])
    let chunk = ClaimedChunk(
      number: ChunkNumber(9), attempt: 1, countedAttempts: 0, firstItem: 9, itemCount: 1, index: nil,
      filePart: [], startedAt: machine.now.wall)
    #expect(machine.handle(.claimed(chunk)) == [])
    #expect(!machine.answer(slot, .accepted).contains(.tell(.waitOver)))
    #expect(machine.wait(0..<1) == [.setAlarm(machine.now.elapsed + .seconds(60))])
    machine.pass(60)
    #expect(machine.handle(.alarm) == [.tell(.waitOver), .wake(.sender(0), .claim(slot))])
  }
}

@Suite("Dispatcher's machine: other runs of the store")
struct OtherRunsTests {
  @Test("while room is kept for other runs, it is asked for again soon, and told once until when")
  func share() {
    var machine = Machine(concurrency: 2)
    machine.warmUp()
    let slot = machine.slot()
    machine.wait(0..<1)
    let rate = Rate(count: 1, window: .minute)
    let until = machine.now.wall + .seconds(600)
    let told = StoredWait(until: until, reason: "other runs go first within the rate limit \(rate)")
    func held(_ machine: inout Machine) -> [DispatcherAction] {
      let moment = machine.now.wall + .seconds(1)
      return machine.handle(.foundNothingBefore(moment, .share(of: .rate(rate), until: until), slot))
    }
    #expect(held(&machine) == [.tell(.waiting(told))])
    #expect(machine.wait(0..<1) == [.setAlarm(machine.now.elapsed + .seconds(1))])
    for _ in 0..<5 {
      machine.pass(1)
      #expect(machine.handle(.alarm) == [.wake(.sender(0), .claim(slot))])
      #expect(held(&machine) == [])
      #expect(machine.wait(0..<1) == [.setAlarm(machine.now.elapsed + .seconds(1))])
    }
    machine.pass(1)
    _ = machine.handle(.alarm)
    let chunk = ClaimedChunk(
      number: ChunkNumber(9), attempt: 1, countedAttempts: 0, firstItem: 9, itemCount: 1, index: nil,
      filePart: [], startedAt: machine.now.wall)
    #expect(machine.handle(.claimed(chunk)) == [.tell(.waitOver)])
  }

  @Test("a wait that another run was told ends with one request, not with all that may be under way")
  func waitOfAnother() {
    var machine = Machine(concurrency: 4)
    machine.warmUp()
    let slot = machine.slot()
    machine.wait(0..<1)
    let moment = machine.now.wall + .seconds(60)
    let actions = machine.handle(.foundNothingBefore(moment, .wait("the service asks to wait"), slot))
    #expect(actions.waits == [StoredWait(until: moment, reason: "the service asks to wait")])
    machine.wait(0..<4)
    machine.pass(60)
    #expect(machine.handle(.alarm).woken == [.sender(0): .claim(slot)])
    #expect(machine.answer(slot, .accepted).woken.count == 2)
  }
}

@Suite("Dispatcher's machine: budgets")
struct BudgetTests {
  static let first = Budget("index")
  static let second = Budget("upload")
  static let reading = Budget("reading")

  static func slot(_ budget: Budget) -> Slot { Slot(step: ChunkStep(budget), epoch: 0) }

  func machine() -> Machine {
    Machine(budgets: Budgets(sending: [Self.first, Self.second], reading: Self.reading))
  }

  @Test("each budget has a gate: a wait of one holds back neither the other nor what reads")
  func gates() {
    var machine = machine()
    #expect(
      machine.wait(0..<3).woken
        == [.sender(0): .claim(Self.slot(Self.first)), .sender(1): .claim(Self.slot(Self.second))])
    let closing = machine.answer(Self.slot(Self.first), .throttled, asked: .seconds(60))
    #expect(closing.reply?.wait?.length == .seconds(60))
    #expect(closing.woken.isEmpty)
    #expect(
      machine.answer(Self.slot(Self.second), .accepted).woken
        == [.sender(2): .claim(Self.slot(Self.second))])
    #expect(machine.handle(.waits(.reader(1))) == [.wake(.reader(1), .read)])
    machine.pass(60)
    #expect(machine.wait(3..<4).woken == [.sender(3): .claim(Self.slot(Self.first))])
  }

  @Test("a wait of what reads is put on disk, and holds back nothing else when the next process begins")
  func waitOfReading() {
    var machine = machine()
    #expect(machine.handle(.waits(.reader(1))).woken == [.reader(1): .read])
    let closing = machine.handle(.readingEnded(isThrottled: true, asked: .seconds(60), draw: 1))
    let wait = StoredWait(
      until: Machine.start.wall + .seconds(60), reason: "the service asks to wait", length: .seconds(60))
    #expect(closing.reply?.wait == wait)
    #expect(machine.handle(.waits(.reader(2))) == [.setAlarm(machine.now.elapsed + .seconds(60))])

    var next = self.machine()
    var standing = next.standing()
    standing.waits = [ChunkStep(Self.reading): wait]
    next.pass(20)
    #expect(next.handle(.started(standing, isCancelling: false)) == [.tell(.started(standing))])
    #expect(next.wait(0..<1).woken == [.sender(0): .claim(Self.slot(Self.first))])
    let told = StoredWait(until: wait.until, reason: wait.reason)
    #expect(
      next.handle(.waits(.reader(1))) == [
        .tell(.waiting(told)), .setAlarm(Machine.start.elapsed + .seconds(60)),
      ])
    next.pass(40)
    #expect(next.handle(.alarm).woken == [.reader(1): .read])
  }

  @Test("the budget in front is asked first, and not at all where nothing is pending for it")
  func order() {
    var machine = machine()
    machine.wait(0..<1)
    #expect(machine.handle(.foundNothing(Self.slot(Self.first))) == [])
    #expect(machine.wait(1..<2).woken == [.sender(1): .claim(Self.slot(Self.second))])
    // Nothing is pending for either, and nothing under way.
    #expect(machine.wait(2..<3) == [])
    #expect(machine.handle(.foundNothing(Self.slot(Self.second))).woken == [.sender(2): .leave])
  }

  @Test("with one budget what reads passes the same gate, before the next chunk")
  func shared() {
    var machine = Machine()
    machine.wait(0..<2)
    #expect(machine.handle(.waits(.reader(1))) == [])
    #expect(machine.answer(machine.slot(), .unknown).woken == [:])
    machine.pass(1)
    // A chunk could be sent now; the listing was there first.
    #expect(machine.handle(.alarm).woken == [.reader(1): .read])
    let back = machine.handle(.readingEnded(isThrottled: false, asked: nil, draw: 1))
    #expect(back.woken == [.sender(1): .claim(machine.slot())])
  }

  @Test("a throttled listing holds chunks back, too")
  func throttledListing() {
    var machine = Machine()
    #expect(machine.handle(.waits(.reader(1))).woken == [.reader(1): .read])
    machine.wait(0..<1)
    let closing = machine.handle(.readingEnded(isThrottled: true, asked: .seconds(20), draw: 1))
    #expect(closing.waits.map(\.reason) == ["the service asks to wait"])
    #expect(closing.reply?.wait?.length == .seconds(20))
    #expect(closing.contains(.setAlarm(machine.now.elapsed + .seconds(20))))
    #expect(closing.woken.isEmpty)
  }
}

@Suite("Dispatcher's machine: stopping")
struct StoppingTests {
  static let paused = StopCause.paused(.account, detail: "d")
  static let store = StopCause.store(StoreError(.full, "full"))

  @Test("a weaker cause never replaces a stronger one, and each that stands is told once")
  func order() {
    let causes = [StopCause.asked, Self.paused, Self.store]
    for (strength, cause) in causes.enumerated() {
      for (other, weaker) in causes.enumerated() where other <= strength {
        var machine = Machine()
        #expect(machine.handle(.stop(cause)).stops == [cause])
        #expect(machine.handle(.stop(weaker)).stops == [])
        #expect(machine.state.stop == cause)
      }
      for stronger in causes.dropFirst(strength + 1) {
        var machine = Machine()
        _ = machine.handle(.stop(cause))
        #expect(machine.handle(.stop(stronger)).stops == [stronger])
        #expect(machine.state.stop == stronger)
      }
    }
  }

  @Test("being cancelled and stopping are two facts: neither undoes the other", arguments: [true, false])
  func twoFacts(isCancelledFirst: Bool) {
    var machine = Machine()
    for cause in isCancelledFirst ? [StopCause.cancelled, .asked] : [.asked, .cancelled] {
      #expect(machine.handle(.stop(cause)).stops == [cause])
    }
    // The request stays in the store, and is seen every second.
    #expect(machine.handle(.requested(.cancel)).stops == [])
    #expect(machine.state.isCancelled)
    #expect(machine.state.stop == .asked)
    #expect(machine.handle(.waits(.reader(1))).woken == [.reader(1): .leave])
  }

  @Test("a cancelled run sends nothing more, cancels what is pending, and is still settled")
  func cancelled() {
    var machine = Machine()
    machine.wait(0..<2)
    #expect(machine.handle(.waits(.canceller)) == [])
    #expect(
      machine.handle(.stop(.cancelled)) == [
        .tell(.stopping(.cancelled)), .wake(.sender(1), .leave), .wake(.canceller, .cancelPending),
      ])
    #expect(!machine.state.stopsSettling)
    // The request under way is still in the gate; a listing waits for it.
    #expect(machine.handle(.waits(.reader(1))) == [])
    #expect(machine.answer(machine.slot(), .accepted).woken == [.reader(1): .read])
  }

  @Test("whoever waits to cancel leaves when the run stops otherwise, or when everything is decided")
  func nothingToCancel() {
    var machine = Machine()
    _ = machine.handle(.waits(.canceller))
    #expect(machine.handle(.stop(.asked)).woken == [.canceller: .leave])
    var done = Machine(chunks: 1)
    _ = done.handle(.waits(.canceller))
    done.wait(0..<1)
    _ = done.answer(done.slot(), .accepted)
    let recorded = done.moved(.pending, .accepted)
    #expect(
      done.handle(.recorded(recorded, ChunkMove(.accepted, at: .transfer), outcome: .accepted)).woken == [
        .canceller: .leave
      ])
  }

  @Test("what another process asks for is followed, also when it comes with a record")
  func requests() {
    var machine = Machine()
    #expect(machine.handle(.requested(nil)) == [])
    let recorded = machine.moved(.pending, .accepted, request: .pause)
    #expect(machine.handle(.cancelledPending(recorded)).stops == [.asked])
    #expect(machine.handle(.requested(.cancel)).stops == [.cancelled])
    var started = Machine()
    let standing = started.standing(request: .cancel)
    #expect(started.handle(.started(standing, isCancelling: true)).stops == [.cancelled])
  }

  @Test("more losses than --max-failures pause, unless nothing is left to send or the run is cancelled")
  func losses() {
    func stops(chunks: Int, isCancelled: Bool = false) -> [StopCause] {
      var machine = Machine(chunks: chunks) { $0.maxFailures = .items(0) }
      if isCancelled { _ = machine.handle(.stop(.cancelled)) }
      let recorded = machine.moved(.pending, .rejected)
      return machine.handle(.cancelledPending(recorded)).stops
    }
    #expect(
      stops(chunks: 2) == [
        .paused(
          .failures,
          detail: "1 of 1 decided item was rejected or failed, more than --max-failures 0")
      ])
    #expect(stops(chunks: 1) == [])
    #expect(stops(chunks: 2, isCancelled: true) == [])
  }
}

@Suite("Dispatcher's machine: the settler")
struct SettlerTurnTests {
  @Test("it is woken by a new unknown chunk and at its moment, and not by what is accepted")
  func news() {
    var machine = Machine()
    let until = machine.now.elapsed + .seconds(30)
    let version = machine.state.settlingVersion
    #expect(machine.handle(.settlerWaits(version: version, until: until)) == [.setAlarm(until)])
    machine.wait(0..<1)
    _ = machine.answer(machine.slot(), .accepted)
    let accepted = machine.moved(.pending, .accepted)
    #expect(
      machine.handle(.recorded(accepted, ChunkMove(.accepted, at: .transfer), outcome: .accepted)).woken
        .isEmpty)
    machine.wait(0..<1)
    _ = machine.answer(machine.slot(epoch: 1), .unknown)
    let unknown = machine.moved(.pending, .unknown)
    #expect(
      machine.handle(.recorded(unknown, ChunkMove(.answerLost, at: .transfer), outcome: .unknown)).woken == [
        .settler: .look
      ])
    #expect(machine.state.hasOpenUnknowns)

    let later = machine.state.settlingVersion
    _ = machine.handle(.settlerWaits(version: later, until: machine.now.elapsed + .seconds(5)))
    machine.pass(5)
    #expect(machine.handle(.alarm).woken == [.settler: .look])
  }

  @Test("senders stay while it is looked for late words of a lost owner, of chunks that are held, too")
  func lateWordAtTheEnd() {
    var machine = Machine(chunks: 3)
    machine.warmUp(1)
    machine.wait(0..<1)
    _ = machine.answer(machine.slot(), .unknown)
    let lost = machine.moved(.pending, .unknown)
    _ = machine.handle(.recorded(lost, ChunkMove(.answerLost, at: .transfer), outcome: .unknown))
    _ = machine.handle(.held(wasRefused: false))
    machine.pass(60)
    machine.wait(0..<1)

    _ = machine.handle(.inheriting(true))
    #expect(machine.state.isInheriting)
    _ = machine.answer(machine.slot(), .accepted)
    let accepted = machine.moved(.pending, .accepted)
    _ = machine.handle(.recorded(accepted, ChunkMove(.accepted, at: .transfer), outcome: .accepted))
    #expect(machine.wait(1..<2).woken.isEmpty)
    #expect(!machine.state.isSettlingOver)
    let toSend = InheritedMove(
      machine.moved(.unknown, .pending), chunk: ChunkNumber(2), step: .transfer, event: .settledNotReceived,
      wasUnknown: true)
    guard case .claim? = machine.handle(.inherited(toSend, wasHeld: true)).woken[.sender(1)] else {
      Issue.record("nobody sends what a late word gave back")
      return
    }
    _ = machine.handle(.inheriting(false))
    _ = machine.answer(machine.slot(), .accepted)
    let last = machine.moved(.pending, .accepted)
    _ = machine.handle(.recorded(last, ChunkMove(.accepted, at: .transfer), outcome: .accepted))
    #expect(machine.state.isSettlingOver)
    #expect(machine.wait(1..<2).woken == [.sender(1): .leave])
  }

  @Test("senders that waited for a late word leave when none came; once they left, none is looked for")
  func noLateWord() {
    var machine = Machine(chunks: 1)
    machine.wait(0..<1)
    _ = machine.handle(.inheriting(true))
    _ = machine.answer(machine.slot(), .accepted)
    let accepted = machine.moved(.pending, .accepted)
    _ = machine.handle(.recorded(accepted, ChunkMove(.accepted, at: .transfer), outcome: .accepted))
    #expect(machine.wait(1..<2).woken.isEmpty)
    #expect(machine.handle(.inheriting(false)).woken == [.sender(1): .leave])
    _ = machine.handle(.inheriting(true))
    #expect(!machine.state.isInheriting && machine.state.isSettlingOver)
  }

  @Test("what happened since it asked is not slept through")
  func missedNews() {
    var machine = Machine()
    let version = machine.state.settlingVersion
    _ = machine.handle(.stop(.asked))
    #expect(machine.handle(.settlerWaits(version: version, until: nil)) == [.wake(.settler, .look)])
    let seen = machine.state.settlingVersion
    #expect(machine.handle(.settlerWaits(version: seen, until: nil)) == [])
  }
}
