import BatchDomain
import RunStore
import StoreCore
import TestSupport
import Testing

@testable import Dispatcher

/// A run whose requests may be sent only at some times of the day.
@Suite("Sending windows of a run", .timeLimit(.minutes(10)))
struct WindowRunTests {
  /// The machine's clock begins on a Sunday at 15:06:40 UTC.
  private static func nightly(_ machine: inout RunSettings) {
    machine.windows = [SendingWindow(opens: 22 * 60, closes: 6 * 60)]
    machine.zone = "UTC"
  }

  private func machine(_ configure: (inout RunSettings) -> Void = { _ in }) -> Machine {
    Machine { settings in
      Self.nightly(&settings)
      configure(&settings)
    }
  }

  @Test("outside nobody gets a slot; observers are told until when, once; then the first one gets one")
  func waits() throws {
    var machine = machine()
    let actions = machine.wait(0..<2)
    #expect(actions.woken.isEmpty)
    let opening = try #require(LenientTimestamp.parse("2025-06-15T22:00:00Z"))
    #expect(actions.waits == [StoredWait(until: opening, reason: RunSettings.noWindow)])
    machine.pass(3_600)
    #expect(machine.handle(.alarm).waits.isEmpty)
    machine.pass(Int(opening.since(machine.now.wall).inSeconds) - 1)
    #expect(machine.handle(.alarm).woken.isEmpty)
    machine.pass(1)
    let opened = machine.handle(.alarm)
    #expect(opened.woken == [.sender(0): .claim(machine.slot())])
    #expect(opened.contains(.tell(.waitOver)))
  }

  @Test("a wait that lasts longer than the closed hours is told again at their end")
  func waitBehindOpening() throws {
    var machine = machine()
    machine.wait(0..<1)
    #expect(machine.handle(.waits(.reader(0))).woken.count == 1)
    let told = machine.handle(.readingEnded(isThrottled: true, asked: .seconds(36_000), draw: 1)).waits
    #expect(told.map(\.until) == [machine.now.wall + .seconds(36_000)])
    let opening = try #require(LenientTimestamp.parse("2025-06-15T22:00:00Z"))
    machine.pass(Int(opening.since(machine.now.wall).inSeconds) + 1)
    let opened = machine.handle(.alarm)
    #expect(opened.woken.isEmpty)
    #expect(opened.starts(with: [.tell(.waitOver), .tell(.waiting(told[0]))]))
  }

  @Test("while it waits, the clock is looked at each minute: a clock that was set is noticed")
  func clockIsSet() throws {
    var machine = machine()
    let actions = machine.wait(0..<1)
    #expect(actions.contains(.setAlarm(machine.now.elapsed + .seconds(60))))
    machine.set(try #require(LenientTimestamp.parse("2025-06-15T23:30:00Z")))
    #expect(machine.handle(.alarm).woken == [.sender(0): .claim(machine.slot())])
  }

  @Test("a request that may take longer than the window is open does not begin")
  func lastMinute() throws {
    var machine = machine { $0.timeout = .seconds(60) }
    machine.set(try #require(LenientTimestamp.parse("2025-06-15T05:59:00.001Z")))
    #expect(machine.wait(0..<1).woken.isEmpty)
    var other = self.machine { $0.timeout = .seconds(60) }
    other.set(try #require(LenientTimestamp.parse("2025-06-15T05:59:00Z")))
    #expect(other.wait(0..<1).woken.count == 1)
  }

  @Test("time outside is no time without progress")
  func outsideIsNoTrouble() throws {
    var machine = machine { $0.maxWait = .seconds(3_600) }
    machine.set(try #require(LenientTimestamp.parse("2025-06-15T05:30:00Z")))
    _ = machine.wait(0..<1)
    // Nothing gets through for the last 29 minutes of the window.
    _ = machine.answer(machine.slot(), .notProcessed, failure: "refused")
    for _ in 0..<29 {
      machine.pass(60)
      _ = machine.wait(0..<1)
      _ = machine.answer(machine.slot(), .notProcessed, failure: "refused")
    }
    _ = machine.wait(0..<1)
    while machine.now.wall < (try #require(LenientTimestamp.parse("2025-06-15T22:00:00Z"))) {
      machine.pass(60)
      #expect(machine.handle(.alarm).stops.isEmpty)
    }
    // It is half an hour of it that counts in the evening.
    #expect(machine.answer(machine.slot(), .notProcessed, failure: "refused").stops.isEmpty)
    machine.pass(2_000)
    _ = machine.wait(0..<1)
    guard
      case .paused(.unreachable, _) = machine.answer(machine.slot(), .notProcessed, failure: "refused").stops
        .first
    else {
      Issue.record("not paused")
      return
    }
  }

  @Test("with --exit-outside the run is paused at the start, and says when the window opens")
  func exitsAtStart() {
    var machine = machine { $0.exitsOutside = true }
    let actions = machine.wait(0..<1)
    #expect(
      actions.stops == [
        .paused(.window, detail: "the next sending window opens at 2025-06-15 22:00:00Z")
      ])
    #expect(actions.woken == [.sender(0): .leave])
  }

  @Test("while a closed window keeps a lost answer from being decided, the service is asked ever more rarely")
  func looksBecomeRarer() async throws {
    let scene = try await RunScene(items: 3) { settings in
      settings.windows = [
        SendingWindow(opens: 15 * 60 + 7, closes: 15 * 60 + 10),
        SendingWindow(opens: 23 * 60, closes: 23 * 60 + 30),
      ]
      settings.zone = "UTC"
      settings.rates = [Rate(count: 2, window: .hour)]
      settings.concurrency = 1
      settings.settleDelay = .seconds(1)
    }
    // Only a request that leaves eight hours later can become a witness.
    let service = ModelService(clock: scene.clock) { request, _ in request == 1 ? .lose : .accept }
    #expect(try await scene.run(service) == .finished)
    #expect(Set(service.taken.values) == [1])
    // Each second it would be 28,000 times.
    #expect(service.listings < 3_000, "\(service.listings)")
  }

  @Test("a run that waits for its window is left at once when another process has taken it")
  func takenMeanwhile() async throws {
    let scene = try await RunScene(items: 2) { settings in
      settings.windows = [SendingWindow(opens: 23 * 60, closes: 23 * 60 + 30)]
      settings.zone = "UTC"
    }
    let service = ModelService(clock: scene.clock) { _, _ in .accept }
    await #expect {
      try await scene.run(service) { _ in
        while scene.events.waits.isEmpty { await Task.yield() }
        try await scene.store.database.write { try $0.run("UPDATE run SET owner = owner + 1") }
      }
    } throws: {
      ($0 as? StoreError)?.code == .owned
    }
    // The clock begins at 15:06:40. A claim meets the other owner when the window opens.
    #expect(scene.clock.elapsed() < .seconds(7 * 3_600), "\(scene.clock.elapsed())")
  }

  @Test("nothing is sent outside, all of it is sent in the end, and lost answers are settled outside")
  func wholeRun() async throws {
    let scene = try await RunScene(items: 300) { settings in
      settings.windows = [
        SendingWindow(opens: 15 * 60 + 30, closes: 15 * 60 + 45),
        SendingWindow(opens: 16 * 60, closes: 16 * 60 + 10),
        SendingWindow(opens: 16 * 60 + 20, closes: 16 * 60 + 40),
      ]
      settings.zone = "UTC"
      settings.rates = [Rate(count: 10, window: .minute)]
      settings.maxWait = .seconds(300)
    }
    // Each window's last answers are among those that are lost.
    let service = ModelService(clock: scene.clock) { request, _ in
      request % 7 == 0 ? .takeAndLose : .accept
    }
    let settings = scene.session.settings
    let work = try await RemainingWork.of(
      chunks: 300, items: 300, settings: settings, in: scene.store, at: scene.clock.now())
    let forecast = try #require(work).forecast(from: scene.clock.now())
    #expect(try await scene.run(service) == .finished)
    #expect(try await scene.summary().counts.items(in: .accepted) == 300)
    let calendar = try #require(try scene.session.settings.calendar())
    let attempts = try await scene.store.attempts(
      of: scene.session.run, matching: RowFilter(), after: nil, limit: 1_000
    ).rows
    #expect(service.sent.count == 300)
    // An intent whose window closed before its request could leave was not sent.
    for attempt in attempts where attempt.outcome != .notProcessed {
      let time = try #require(
        calendar.openTime(at: attempt.startedAt, lasting: scene.session.settings.timeout))
      #expect(time.opens <= attempt.startedAt, "\(attempt.startedAt)")
    }
    // It went as was forecast at the start, but for the time that the loop itself takes.
    let starts = attempts.map(\.startedAt).sorted()
    let (first, last) = (try #require(starts.first), try #require(starts.last))
    let end = try #require(forecast.endsAt)
    #expect(forecast.nights == 3 && forecast.binding == .limit("10/min"))
    #expect(first >= forecast.startsAt && last >= end, "\(last), forecast \(end)")
    #expect(calendar.openTime(at: first) == calendar.openTime(at: forecast.startsAt))
    #expect(calendar.openTime(at: last) == calendar.openTime(at: end), "\(last), forecast \(end)")
  }

  @Test("with --exit-outside and a budget that is used up, the run is paused at once, and says when to go on")
  func budgetIsUsedUp() throws {
    var machine = Machine { settings in
      settings.windows = [SendingWindow(opens: 0, closes: 23 * 60)]
      settings.zone = "UTC"
      settings.exitsOutside = true
    }
    _ = machine.wait(0..<2)
    let rate = Rate(count: 20, window: .day)
    // Later in this window it is waited for.
    let later = machine.now.wall + .seconds(3_600)
    _ = machine.handle(.foundNothingBefore(later, .rate(rate), machine.slot()))
    #expect(machine.wait(2..<3).stops.isEmpty)
    machine.pass(3_600)
    #expect(machine.handle(.alarm).woken == [.sender(1): .claim(machine.slot())])
    let tomorrow = machine.now.wall + .seconds(86_400)
    let actions = machine.handle(.foundNothingBefore(tomorrow, .rate(rate), machine.slot()))
    #expect(
      actions.stops == [
        .paused(
          .window,
          detail:
            "the next request can leave at 2025-06-16 16:06:40Z, after this sending window (the rate limit 20/day)"
        )
      ])
  }

  @Test("with --exit-outside a wait that leads beyond the window pauses the run in one sentence")
  func waitLeadsBeyondTheWindow() throws {
    var machine = Machine { settings in
      settings.windows = [SendingWindow(opens: 15 * 60, closes: 17 * 60)]
      settings.zone = "UTC"
      settings.exitsOutside = true
    }
    #expect(machine.wait(0..<1).woken.count == 1)
    let refused = machine.answer(machine.slot(), .throttled, asked: .seconds(3 * 3_600))
    let recorded = machine.moved(.pending, .pending)
    let back = machine.handle(
      .recorded(recorded, ChunkMove(.requeued, at: .transfer), outcome: .throttled))
    let actions = machine.wait(0..<1)
    #expect(
      (refused + back + actions).stops == [
        .paused(
          .window,
          detail:
            "the next request can leave at 2025-06-16 15:00:00Z, after this sending window "
            + "(the service asks to wait)")
      ])
  }
}
