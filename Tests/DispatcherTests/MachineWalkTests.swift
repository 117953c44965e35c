import BatchDomain
import Testing

@testable import Dispatcher

/// Random walks through the machine: whatever happens in whichever order, nobody is forgotten and nobody is let out who
/// must not be.
@Suite("Dispatcher's machine: walks")
struct MachineWalkTests {
  @Test("no more slots are out than the concurrency, and nobody waits beside a free one", arguments: 0..<200)
  func walk(seed: UInt64) {
    var generator = SplitMix(state: seed)
    let concurrency = Int.random(in: 1...6, using: &generator)
    let budgets =
      Bool.random(using: &generator)
      ? Budgets(Machine.budget) : Budgets(sending: [Budget("a"), Budget("b")], reading: Budget("c"))
    var machine = Machine(concurrency: concurrency, budgets: budgets)
    var waiting: Set<Waiter> = []
    var slots: [Slot] = []
    var unrecorded: [(ChunkStep, Outcome)] = []
    var reading = 0
    var alarm: Duration?
    var isOver = false
    var isSuspending = false

    func isOut(_ budget: Budget) -> Int {
      slots.count { Budget($0.step) == budget } + (budget == budgets.reading ? reading : 0)
    }

    func perform(_ actions: [DispatcherAction]) {
      for action in actions {
        switch action {
        case .wake(let waiter, let turn):
          #expect(waiting.remove(waiter) != nil, "\(waiter) was woken and did not wait")
          switch turn {
          case .claim(let slot):
            #expect(!isOver && !isSuspending)
            slots.append(slot)
          case .read:
            #expect(!isSuspending)
            reading += 1
          case .suspend: #expect(slots.isEmpty && unrecorded.isEmpty)
          case .look, .cancelPending, .leave: break
          }
        case .setAlarm(let moment): alarm = moment
        case .reply(let effect):
          if let slot = effect.next {
            #expect(!isSuspending)
            slots.append(slot)
          }
        case .tell(.stopping): isOver = true
        case .tell: break
        }
      }
    }

    for _ in 0..<400 {
      switch Int.random(in: 0..<13, using: &generator) {
      case 0, 1:
        let sender = Waiter.sender(Int.random(in: 0..<20, using: &generator))
        if waiting.insert(sender).inserted { perform(machine.handle(.waits(sender))) }
      case 2:
        let reader = Waiter.reader(Int.random(in: 0..<3, using: &generator))
        if waiting.insert(reader).inserted { perform(machine.handle(.waits(reader))) }
      case 3 where reading > 0:
        reading -= 1
        let isThrottled = Int.random(in: 0..<4, using: &generator) == 0
        perform(machine.handle(.readingEnded(isThrottled: isThrottled, asked: .seconds(3), draw: 0.5)))
      case 4, 5, 6:
        guard let slot = slots.popLast() else { continue }
        let outcome = Outcome.allCases.randomElement(using: &generator) ?? .accepted
        unrecorded.append((slot.step, outcome))
        perform(
          machine.answer(
            slot, outcome, asked: Bool.random(using: &generator) ? .seconds(2) : nil, obstacle: nil,
            claimsNext: outcome == .accepted))
      case 7:
        guard let (step, outcome) = unrecorded.popLast() else { continue }
        // As often as not it is to be sent again.
        let to: ChunkState = outcome == .accepted ? .accepted : .pending
        let recorded = machine.moved(.pending, to)
        perform(
          machine.handle(
            .recorded(
              recorded, ChunkMove(outcome == .accepted ? .accepted : .requeued, at: step), outcome: outcome)))
      case 8:
        guard let slot = slots.popLast() else { continue }
        let moment = machine.now.wall + .seconds(2)
        perform(machine.handle(.foundNothingBefore(moment, .ready, slot)))
      case 9:
        guard let waiter = waiting.min(by: { "\($0)" < "\($1)" }) else { continue }
        perform(machine.handle(.withdrawn(waiter)))
        #expect(!waiting.contains(waiter))
      case 10:
        machine.pass(1)
        if let moment = alarm, moment <= machine.now.elapsed {
          alarm = nil
          perform(machine.handle(.alarm))
        }
      case 11 where Int.random(in: 0..<5, using: &generator) == 0:
        guard waiting.insert(.suspender).inserted else { continue }
        isSuspending = true
        perform(machine.handle(.suspending(true)))
        perform(machine.handle(.waits(.suspender)))
      default:
        guard Int.random(in: 0..<100, using: &generator) == 0 else { continue }
        perform(machine.handle(.stop(.asked)))
      }
      if isSuspending, !waiting.contains(.suspender) {
        isSuspending = false
        perform(machine.handle(.suspending(false)))
      }
      for budget in Set(budgets.sending + [budgets.reading]) { #expect(isOut(budget) <= concurrency) }
      if isOver {
        #expect(waiting.subtracting([.suspender]).isEmpty)
      } else if !waiting.isEmpty, !isSuspending {
        // Whoever waits is waited for: a request under way, or the alarm.
        #expect(!slots.isEmpty || reading > 0 || alarm != nil, "\(waiting) wait for nothing")
      }
    }
  }
}
