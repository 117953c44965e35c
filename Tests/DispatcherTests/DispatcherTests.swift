import BatchDomain
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import Dispatcher

/// The tasks around the machine: who is woken, and when.
@Suite("Dispatcher", .timeLimit(.minutes(10)))
struct DispatcherTests {
  let clock = ManualClock()
  let events = EventLog()

  func dispatcher(concurrency: Int) -> Dispatcher {
    var settings = RunSettings()
    settings.concurrency = concurrency
    return Dispatcher(
      settings: settings, budgets: Budgets(Machine.budget), standing: Machine().standing(), clock: clock,
      random: SeededRandom(seed: 1), observer: events)
  }

  /// Suspends until that many tasks wait.
  func untilWaiting(_ count: Int, at dispatcher: Dispatcher) async {
    while dispatcher.waitingTasks != count { await Task.yield() }
  }

  /// Suspends until a number is reached.
  func until(_ number: NIOLockedValueBox<Int>, is count: Int) async {
    while number.withLockedValue({ $0 }) != count { await Task.yield() }
  }

  @Test("of 64 senders at a closed gate the alarm wakes one, and an answer one more")
  func wakeUps() async {
    let dispatcher = dispatcher(concurrency: 64)
    let wakeUps = NIOLockedValueBox(0)
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await dispatcher.ringAlarm() }
      for sender in 0..<64 {
        group.addTask {
          // Whoever has a slot keeps it: what comes of it is told below.
          if await dispatcher.slot(for: sender) != nil { wakeUps.withLockedValue { $0 += 1 } }
        }
      }
      await untilWaiting(63, at: dispatcher)
      await until(wakeUps, is: 1)
      let slot = Slot(step: ChunkStep(Machine.budget), epoch: 0)
      let throttled = Gate.Ending(outcome: .throttled, asked: .seconds(30))
      #expect(dispatcher.answered(Answered(slot: slot, ending: throttled)).wait?.length == .seconds(30))
      await clock.waitForSleepers(1)
      clock.advance(by: .seconds(29))
      #expect(dispatcher.waitingTasks == 63)
      clock.advance(by: .seconds(1))
      await untilWaiting(62, at: dispatcher)
      await until(wakeUps, is: 2)
      // One answer, two slots: its sender goes on, one other is woken.
      let accepted = Answered(slot: slot, ending: Gate.Ending(outcome: .accepted), claimsNext: true)
      #expect(dispatcher.answered(accepted).next == slot)
      await untilWaiting(61, at: dispatcher)
      await until(wakeUps, is: 3)
      // All are let go.
      dispatcher.stop(for: .asked)
      await untilWaiting(0, at: dispatcher)
      #expect(wakeUps.withLockedValue { $0 } == 3)
      group.cancelAll()
    }
  }

  @Test("a task that is cancelled while it waits is let go, and its place is not kept")
  func cancelled() async {
    let dispatcher = dispatcher(concurrency: 4)
    let slot = await dispatcher.slot(for: 0)
    #expect(slot != nil)
    let waiting = Task { await dispatcher.slot(for: 1) }
    await untilWaiting(1, at: dispatcher)
    waiting.cancel()
    #expect(await waiting.value == nil)
    #expect(dispatcher.waitingTasks == 0)
    let late = Task {
      while !Task.isCancelled { await Task.yield() }
      return await dispatcher.enterListing()
    }
    late.cancel()
    #expect(await late.value == false)
    if let slot { dispatcher.handle(.slotUnused(slot)) }
    #expect(await dispatcher.slot(for: 2) == slot)
  }

  @Test("events are told in their order, each once, also by an observer that asks the dispatcher meanwhile")
  func order() async {
    let told = NIOLockedValueBox<[RunEvent]>([])
    let holder = NIOLockedValueBox<Dispatcher?>(nil)
    let dispatcher = Dispatcher(
      settings: RunSettings(), budgets: Budgets(Machine.budget), standing: Machine().standing(), clock: clock,
      random: SeededRandom(seed: 1),
      observer: Reaction { event in
        let isFirst = told.withLockedValue { told in
          told.append(event)
          return told.count == 1
        }
        if isFirst { holder.withLockedValue { $0 }?.stop(for: .paused(.account, detail: "d")) }
      })
    holder.withLockedValue { $0 = dispatcher }
    dispatcher.stop(for: .asked)
    let expected: [RunEvent] = [.stopping(.asked), .stopping(.paused(.account, detail: "d"))]
    #expect(told.withLockedValue { $0 } == expected)
    holder.withLockedValue { $0 = nil }
  }

  @Test("the alarm rings at the earliest moment that was set, and not at one that was taken back")
  func alarm() async {
    let alarm = Alarm()
    let rings = NIOLockedValueBox<[Duration]>([])
    let count = NIOLockedValueBox(0)
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        await alarm.ring(clock) {
          rings.withLockedValue { $0.append(clock.elapsed()) }
          count.withLockedValue { $0 += 1 }
        }
      }
      alarm.set(.seconds(100))?.resume()
      await clock.waitForSleepers(1)
      alarm.set(.seconds(10))?.resume()
      while clock.nextWake != .seconds(10) { await Task.yield() }
      clock.advance(by: .seconds(10))
      await until(count, is: 1)
      alarm.set(.seconds(20))?.resume()
      while clock.nextWake != .seconds(10) { await Task.yield() }
      // A later one: who sleeps finds it when it wakes.
      alarm.set(.seconds(40))?.resume()
      clock.advance(by: .seconds(10))
      while clock.nextWake != .seconds(20) { await Task.yield() }
      alarm.set(nil)?.resume()
      clock.advance(by: .seconds(20))
      alarm.set(.seconds(50))?.resume()
      while clock.nextWake != .seconds(10) { await Task.yield() }
      clock.advance(by: .seconds(10))
      await until(count, is: 2)
      group.cancelAll()
    }
    #expect(rings.withLockedValue { $0 } == [.seconds(10), .seconds(50)])
  }
}
