import BatchDomain
import NIOConcurrencyHelpers

/// Keeps what is under way in this process, and performs what follows from each event. Senders and the settler tell it
/// what happened and wait for their turn here; its rules are ``DispatcherState``'s.
///
/// A lock and no actor: each answer comes here twice, and each change to an actor's context costs more than what is done
/// there. Under the lock nothing happens but the change itself: waiting tasks are woken and observers are told after it
/// is released, so that a slow observer holds back only the task that told it.
final class Dispatcher: Sendable {
  private struct Kept {
    var state: DispatcherState
    /// The tasks that wait for their turn.
    var waiting: [Waiter: CheckedContinuation<Turn, Never>] = [:]
    /// Requests that read so far.
    var readers = 0
    /// Events that no observer was told yet, in the order of the changes.
    var untold: [RunEvent] = []
    /// Whether a task is telling: events are told one after the other.
    var isTelling = false
  }

  private let kept: NIOLockedValueBox<Kept>
  private let clock: any BatchClock
  private let random: any RandomSource
  private let observer: any RunObserver
  private let alarm = Alarm()
  /// How long a change is tried again while the store refuses it for a reason that may pass.
  let storePatience: Duration

  init(
    settings: RunSettings, calendar: WindowCalendar? = nil, budgets: Budgets, firstGoesAlone: Bool = false,
    standing: RunSnapshot,
    clock: any BatchClock,
    random: any RandomSource, observer: any RunObserver, storePatience: Duration = .seconds(45)
  ) {
    self.storePatience = storePatience
    self.clock = clock
    self.random = random
    self.observer = observer
    kept = NIOLockedValueBox(
      Kept(
        state: DispatcherState(
          settings: settings, calendar: calendar, budgets: budgets, firstGoesAlone: firstGoesAlone,
          standing: standing)))
  }

  // MARK: Events and actions

  /// What is left to do of some actions outside the lock.
  private struct Unlocked {
    var woken: [(continuation: CheckedContinuation<Turn, Never>, turn: Turn)] = []
    var alarm: CheckedContinuation<Void, Never>?
    var reply: GateEffect?
    var isUntold = false
  }

  /// Tells of an event, and performs what follows from it.
  ///
  /// - Returns: what an answer meant for everybody; `nil` after any other event.
  @discardableResult
  func handle(_ event: DispatcherEvent) -> GateEffect? {
    perform(kept.withLockedValue { handle(event, &$0) })
  }

  private func handle(_ event: DispatcherEvent, _ kept: inout Kept) -> Unlocked {
    var unlocked = Unlocked()
    for action in kept.state.handle(event, now: Moment(clock)) {
      switch action {
      case .tell(let event): kept.untold.append(event)
      case .wake(let waiter, let turn):
        if let continuation = kept.waiting.removeValue(forKey: waiter) {
          unlocked.woken.append((continuation, turn))
        }
      case .setAlarm(let moment): unlocked.alarm = alarm.set(moment)
      case .reply(let effect): unlocked.reply = effect
      }
    }
    unlocked.isUntold = !kept.untold.isEmpty
    return unlocked
  }

  private func perform(_ unlocked: Unlocked) -> GateEffect? {
    for (continuation, turn) in unlocked.woken { continuation.resume(returning: turn) }
    unlocked.alarm?.resume()
    if unlocked.isUntold { tellObserver() }
    return unlocked.reply
  }

  /// Suspends until it is the turn of a task, or until the task is cancelled.
  ///
  /// - Parameter event: says that it waits.
  private func turn(of waiter: Waiter, _ event: DispatcherEvent) async -> Turn {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let unlocked = kept.withLockedValue { kept -> Unlocked? in
          // A task that was cancelled before does not wait.
          if Task.isCancelled { return nil }
          kept.waiting[waiter] = continuation
          return handle(event, &kept)
        }
        guard let unlocked else { return continuation.resume(returning: .leave) }
        _ = perform(unlocked)
      }
    } onCancel: {
      handle(.withdrawn(waiter))
    }
  }

  private func read<Value>(_ body: (DispatcherState) -> Value) -> Value {
    kept.withLockedValue { body($0.state) }
  }

  /// How many tasks wait for their turn.
  var waitingTasks: Int { kept.withLockedValue { $0.waiting.count } }

  /// Rings when a moment has come that somebody waits for, until the task is cancelled.
  func ringAlarm() async {
    await alarm.ring(clock) { handle(.alarm) }
  }

  /// Tells the observer of something, after all that was told before.
  func tell(_ event: RunEvent) {
    kept.withLockedValue { $0.untold.append(event) }
    tellObserver()
  }

  /// Tells what is untold, unless another task is at it: that one then tells this, too.
  private func tellObserver() {
    var isMine = false
    while true {
      let event = kept.withLockedValue { [isMine] kept -> RunEvent? in
        if kept.isTelling, !isMine { return nil }
        guard !kept.untold.isEmpty else {
          kept.isTelling = false
          return nil
        }
        kept.isTelling = true
        return kept.untold.removeFirst()
      }
      guard let event else { return }
      isMine = true
      observer.observe(event)
    }
  }

  // MARK: Sending

  /// Suspends a sender until it has a slot.
  ///
  /// - Returns: `nil` when there is nothing left to do, or no new request may leave.
  func slot(for sender: Int) async -> Slot? {
    guard case .claim(let slot) = await turn(of: .sender(sender), .waits(.sender(sender))) else { return nil }
    return slot
  }

  /// Tells of an answer before it is recorded.
  func answered(_ answered: Answered) -> GateEffect {
    var answered = answered
    if answered.ending.outcome != .accepted { answered.ending.draw = random.nextUnit() }
    return handle(.answered(answered)) ?? GateEffect(isInOutage: false)
  }

  /// Whether a request may begin now: the window may have closed since the slot was given.
  var isWindowOpen: Bool {
    let now = clock.now()
    return read { $0.isWindowOpen(at: now) }
  }

  /// Whether another request got through since a moment: what makes a failure the chunk's own.
  func othersGotThrough(since moment: Duration) -> Bool { read { $0.othersGotThrough(since: moment) } }

  // MARK: Settling

  /// Suspends until a request that reads may leave; `false` when the run stops.
  func enterListing() async -> Bool {
    let number = kept.withLockedValue { kept in
      kept.readers += 1
      return kept.readers
    }
    return await turn(of: .reader(number), .waits(.reader(number))) == .read
  }

  /// A request that reads came back.
  ///
  /// - Returns: the wait that begins with it and is to be recorded, if one does.
  func leaveListing(isThrottled: Bool, asked: Duration?) -> StoredWait? {
    handle(
      .readingEnded(isThrottled: isThrottled, asked: asked, draw: isThrottled ? random.nextUnit() : 0))?.wait
  }

  /// The number of the present state of things, for ``waitForSettling(version:until:)``.
  var settlingVersion: Int { read { $0.settlingVersion } }

  /// Suspends until something concerns the settler after `version`, or until a moment of ``BatchClock/elapsed()``.
  func waitForSettling(version: Int, until: Duration?) async {
    _ = await turn(of: .settler, .settlerWaits(version: version, until: until))
  }

  /// Whether any chunk of the run was accepted: what goes wrong beside it is then the chunk's own.
  var othersAreAccepted: Bool { read { $0.othersAreAccepted } }

  /// Whether any unknown chunk is still being looked into.
  var hasOpenUnknowns: Bool { read { $0.hasOpenUnknowns } }

  /// Whether no chunk is open and none can become so.
  var isSettlingOver: Bool { read { $0.isSettlingOver } }

  /// Does something by which chunks of a lost owner may become pending, and keeps the senders meanwhile; does nothing once the run
  /// is done.
  func inheriting(_ body: () async throws -> Void) async rethrows {
    handle(.inheriting(true))
    defer { handle(.inheriting(false)) }
    if read({ $0.isInheriting }) { try await body() }
  }

  /// Whether later acceptances can still become witnesses.
  var canSendMore: Bool { read { $0.canSendMore } }

  /// Whether settling has to end now; a run that is cancelled is still settled.
  var stopsSettling: Bool { read { $0.stopsSettling } }

  // MARK: Polling

  /// The number of the present state of things, for ``waitForPolling(version:until:)``.
  var pollingVersion: Int { read { $0.pollingVersion } }

  /// Suspends until something concerns the poller after `version`, or until a moment of ``BatchClock/elapsed()``.
  func waitForPolling(version: Int, until: Duration?) async {
    _ = await turn(of: .poller, .pollerWaits(version: version, until: until))
  }

  /// Whether nothing is polled any more.
  var isPollingOver: Bool { read { $0.isPollingOver } }

  /// Whether other chunks may be sent: the first step of one was done, where that has to be seen first.
  var firstStepIsProven: Bool { read { $0.firstStepIsProven } }

  // MARK: Suspending

  /// Lets nothing new leave, waits until what is under way has ended and is recorded, does something, and goes on.
  func suspended(_ body: @Sendable () async -> Void) async {
    handle(.suspending(true))
    if await turn(of: .suspender, .waits(.suspender)) == .suspend { await body() }
    handle(.suspending(false))
  }

  // MARK: Stopping

  /// Why nothing more is sent or settled; `nil` while work goes on, and while a cancelled run is settled.
  var stop: StopCause? { read { $0.stop } }

  /// Whether no new request to submit may leave.
  var isSendingOver: Bool { read { $0.isSendingOver } }

  /// Whether a person cancelled the run; true from then on, whatever else stops it.
  var isCancelled: Bool { read { $0.isCancelled } }

  /// Asks the run to stop.
  func stop(for cause: StopCause) { handle(.stop(cause)) }

  /// Suspends until a person cancels the run.
  ///
  /// - Returns: `false` when the run ends or stops otherwise first.
  func waitUntilCancelled() async -> Bool {
    await turn(of: .canceller, .waits(.canceller)) == .cancelPending
  }
}
