import BatchDomain
import NIOConcurrencyHelpers

/// The one place that knows what is under way in this process. Workers and the settler ask it and tell it; nobody else
/// decides.
///
/// A lock and no actor: every answer asks it three times, and each change to an actor's context costs more than what is
/// done there. Under the lock nothing happens but the change itself: waiting tasks are woken and observers are told after
/// it is released, so that an observer that is slow holds back only whoever told it.
final class Dispatcher: Sendable {
  private struct Kept {
    var state: DispatcherState
    /// Events that no observer was told yet, in the order of the changes.
    var untold: [RunEvent] = []
    /// Whether a task is telling: events are told one after the other.
    var isTelling = false
  }

  private let kept: NIOLockedValueBox<Kept>
  private let clock: any BatchClock
  private let observer: any RunObserver
  /// Raised at every change.
  private let signal = ChangeSignal()
  /// Raised only for what concerns the settler, which would else wake at every answer.
  private let settlingSignal = ChangeSignal()

  init(
    settings: RunSettings, standing: RunStanding, clock: any BatchClock, random: any RandomSource,
    observer: any RunObserver
  ) {
    self.clock = clock
    self.observer = observer
    kept = NIOLockedValueBox(
      Kept(state: DispatcherState(settings: settings, standing: standing, now: Moment(clock), random: random))
    )
  }

  // MARK: Changes and events

  /// Makes a change, then performs what follows from it.
  private func change<Value>(_ body: (inout DispatcherState, Moment) -> Value) -> Value {
    let (value, effects) = kept.withLockedValue { kept in
      let value = body(&kept.state, Moment(clock))
      let effects = kept.state.takeEffects()
      kept.untold += effects.events
      return (value, effects)
    }
    if effects.wakesWaiting { signal.raise() }
    if effects.wakesSettler { settlingSignal.raise() }
    if !effects.events.isEmpty { tellObserver() }
    return value
  }

  private func read<Value>(_ body: (DispatcherState) -> Value) -> Value {
    kept.withLockedValue { body($0.state) }
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

  /// What a worker is to do next.
  enum Next: Sendable {
    /// Claim a chunk; a slot is taken. What the claim finds missing is true of that epoch only.
    case claim(epoch: Int)
    /// Look again when something changes after `version`, at the latest at that moment.
    case wait(version: Int, until: Duration?)
    /// There is nothing left to do, or no new request may leave.
    case leave
  }

  /// A worker asks for work.
  func next() -> Next {
    // Read before the state is: a change between the two wakes for nothing, and none is missed.
    let version = signal.version
    return switch change({ $0.next(at: $1) }) {
    case .claim(let epoch): .claim(epoch: epoch)
    case .wait(let until): .wait(version: version, until: until)
    case .leave: .leave
    }
  }

  /// The store has no pending chunk.
  func foundNothingPending(epoch: Int) { change { state, _ in state.foundNothingPending(epoch: epoch) } }

  /// The store has nothing that may be sent before that moment of the day.
  func foundNothing(before moment: Timestamp, why: Claim.NotBefore, epoch: Int) {
    change { $0.foundNothing(before: moment, why: why, epoch: epoch, at: $1) }
  }

  /// A slot was taken and nothing was claimed with it.
  func giveBackSlot() { change { state, _ in state.giveBackSlot() } }

  /// An answer is there; see ``DispatcherState/answered(_:asked:failure:isSuspect:pause:at:)``.
  func answered(
    _ outcome: Outcome, asked: Duration?, failure: DispatcherState.Failure?, isSuspect: Bool,
    pause: StopCause?
  ) -> DispatcherState.GateEffect {
    change {
      $0.answered(outcome, asked: asked, failure: failure, isSuspect: isSuspect, pause: pause, at: $1)
    }
  }

  /// Whether another request got through since a moment: what makes a failure the chunk's own.
  func othersGotThrough(since moment: Duration) -> Bool { read { $0.othersGotThrough(since: moment) } }

  /// A chunk's outcome is durable; its worker is free again.
  func recorded(_ recorded: Recorded, outcome: Outcome, event: ChunkEvent) {
    change { state, _ in state.recorded(recorded, outcome: outcome, event: event) }
  }

  /// A worker ends without having recorded its outcome: the store is gone.
  func abandoned() { change { state, _ in state.abandoned() } }

  // MARK: Settling

  /// Asks for a listing's request; returns `false` when the run stops.
  func enterListing() async -> Bool {
    var isFirstTry = true
    while true {
      let version = signal.version
      switch change({ [isFirstTry] in $0.enterListing(isFirstTry: isFirstTry, at: $1) }) {
      case .go: return true
      case .leave: return false
      case .wait(let until): await wait(version: version, until: until)
      }
      isFirstTry = false
    }
  }

  /// A listing came back.
  func leaveListing(isThrottled: Bool, asked: Duration?) {
    change { $0.leaveListing(isThrottled: isThrottled, asked: asked, at: $1) }
  }

  /// A verdict is durable.
  ///
  /// - Parameter wasRefused: whether it is about a refused chunk.
  func settled(_ recorded: Recorded, wasRefused: Bool) {
    change { state, _ in state.settled(recorded, wasRefused: wasRefused) }
  }

  /// A chunk stays unknown.
  func held(wasRefused: Bool) { change { state, _ in state.held(wasRefused: wasRefused) } }

  /// Whether any chunk of the run was accepted: what goes wrong beside it is then the chunk's own.
  var othersAreAccepted: Bool { read { $0.othersAreAccepted } }

  /// Whether any unknown chunk is still being looked into.
  var hasOpenUnknowns: Bool { read { $0.hasOpenUnknowns } }

  /// Whether no chunk is open and none can become so.
  var isSettlingOver: Bool { read { $0.isSettlingOver } }

  /// Whether later acceptances can still bring a control.
  var canSendMore: Bool { read { $0.canSendMore } }

  /// Whether settling has to end now; a run that is cancelled is still settled.
  var stopsSettling: Bool { read { $0.stopsSettling } }

  // MARK: Stopping

  /// Why nothing more is sent or settled; `nil` while work goes on, and while a cancelled run is settled.
  var stop: StopCause? { read { $0.stop } }

  /// Whether no new request to submit may leave.
  var isSendingOver: Bool { read { $0.isSendingOver } }

  /// Whether a person cancelled the run; true from then on, whatever else stops it.
  var isCancelled: Bool { read { $0.isCancelled } }

  /// Asks the run to stop; see ``DispatcherState/stop(for:)``.
  func stop(for cause: StopCause) { change { state, _ in state.stop(for: cause) } }

  /// Follows what another process asked of the run.
  func follow(_ request: RunRequest?) { change { state, _ in state.follow(request) } }

  /// Suspends until a person cancels the run.
  ///
  /// - Returns: `false` when the run ends or stops otherwise first.
  func waitUntilCancelled() async -> Bool {
    while !Task.isCancelled {
      let seen = settlingSignal.version
      if isCancelled { return true }
      if stop != nil || isSettlingOver { return false }
      await settlingSignal.wait(after: seen)
    }
    return false
  }

  /// What was pending is cancelled.
  func cancelledPending(_ recorded: Recorded) { change { state, _ in state.cancelledPending(recorded) } }

  /// The store refuses changes: nothing new is sent until ``storeRecovered()``.
  func storeInTrouble(_ error: StoreError) { change { state, _ in state.storeInTrouble(error) } }

  /// The store takes changes again.
  func storeRecovered() { change { state, _ in state.storeRecovered() } }

  // MARK: Waiting

  /// The number of the present state of things, for ``waitForSettling(version:until:)``.
  var settlingVersion: Int { settlingSignal.version }

  /// Suspends until something concerns the settler after `version`, or until a moment of ``BatchClock/elapsed()``.
  func waitForSettling(version seen: Int, until: Duration?) async {
    await wait(for: settlingSignal, after: seen, until: until)
  }

  /// Suspends until something changes after `version`, or until a moment of ``BatchClock/elapsed()``.
  func wait(version seen: Int, until: Duration?) async {
    await wait(for: signal, after: seen, until: until)
  }

  private func wait(for signal: ChangeSignal, after seen: Int, until: Duration?) async {
    guard let until else { return await signal.wait(after: seen) }
    let clock = clock
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await signal.wait(after: seen) }
      group.addTask {
        // A cancelled sleep ends the wait like one that is over.
        do { try await clock.sleep(for: until - clock.elapsed()) } catch {}
      }
      await group.next()
      group.cancelAll()
    }
  }
}
