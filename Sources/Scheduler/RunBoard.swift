import BatchDomain
import NIOConcurrencyHelpers

/// The one place that knows what is under way in this process. Workers and the settler ask it and tell it; nobody else
/// decides.
///
/// A lock and no actor: every answer asks it three times, and each change to an actor's context costs more than what is
/// done there. Observers are told under the lock, in the order of the changes; they never ask back.
final class RunBoard: Sendable {
  /// The longest sleep towards a moment of the day.
  private static let longestSleep: Duration = .seconds(60)

  private let state: NIOLockedValueBox<BoardState>
  private let clock: any BatchClock
  private let signal: ChangeSignal
  private let settlingSignal: ChangeSignal

  init(
    settings: RunSettings, standing: RunStanding, clock: any BatchClock, random: any RandomSource,
    observer: any RunObserver
  ) {
    let begun = BoardState(
      settings: settings, standing: standing, clock: clock, random: random, observer: observer)
    self.clock = clock
    signal = begun.signal
    settlingSignal = begun.settlingSignal
    state = NIOLockedValueBox(begun)
  }

  // MARK: Sending

  /// A worker asks for work.
  func next() -> BoardState.Next { state.withLockedValue { $0.next() } }

  /// The store has no pending chunk.
  func foundNothingPending(epoch: Int) { state.withLockedValue { $0.foundNothingPending(epoch: epoch) } }

  /// The store has nothing that may be sent before that moment.
  func foundNothing(before moment: Timestamp, why: Claim.NotBefore, epoch: Int) {
    state.withLockedValue { $0.foundNothing(before: moment, why: why, epoch: epoch) }
  }

  /// A slot was taken and nothing was claimed with it.
  func giveBackSlot() { state.withLockedValue { $0.giveBackSlot() } }

  /// An answer is there; see ``BoardState/answered(_:asked:isSuspect:park:)``.
  func answered(
    _ outcome: Outcome, asked: Duration?, isSuspect: Bool, park: StopCause?
  ) -> BoardState.Passage {
    state.withLockedValue { $0.answered(outcome, asked: asked, isSuspect: isSuspect, park: park) }
  }

  /// Whether another request got through since a moment: what makes a failure the chunk's own.
  func othersGotThrough(since moment: Timestamp) -> Bool {
    state.withLockedValue { $0.othersGotThrough(since: moment) }
  }

  /// A chunk's outcome is durable; its worker is free again.
  func recorded(_ recorded: Recorded, outcome: Outcome, event: ChunkEvent) {
    state.withLockedValue { $0.recorded(recorded, outcome: outcome, event: event) }
  }

  /// A worker ends without having recorded its outcome: the store is gone.
  func abandoned() { state.withLockedValue { $0.abandoned() } }

  // MARK: Settling

  /// Asks for a listing's request; returns `false` when the run stops.
  func enterListing() async -> Bool {
    var isFirstTry = true
    while true {
      switch state.withLockedValue({ $0.enterListing(isFirstTry: isFirstTry) }) {
      case .go: return true
      case .leave: return false
      case .wait(let version, let until): await wait(version: version, until: until)
      }
      isFirstTry = false
    }
  }

  /// A listing came back.
  func leaveListing(isThrottled: Bool, asked: Duration?) {
    state.withLockedValue { $0.leaveListing(isThrottled: isThrottled, asked: asked) }
  }

  /// A verdict is durable.
  ///
  /// - Parameter wasRefused: whether it is about a refused chunk.
  func settled(_ recorded: Recorded, wasRefused: Bool) {
    state.withLockedValue { $0.settled(recorded, wasRefused: wasRefused) }
  }

  /// A chunk stays unknown.
  func held(wasRefused: Bool) { state.withLockedValue { $0.held(wasRefused: wasRefused) } }

  /// Whether any chunk of the run was accepted: what goes wrong beside it is then the chunk's own.
  var othersAreAccepted: Bool { state.withLockedValue { $0.othersAreAccepted } }

  /// Whether any unknown chunk is still being looked into.
  var hasOpenUnknowns: Bool { state.withLockedValue { $0.hasOpenUnknowns } }

  /// Whether no chunk is open and none can become so.
  var isSettlingOver: Bool { state.withLockedValue { $0.isSettlingOver } }

  /// Whether later acceptances can still bring a control.
  var canSendMore: Bool { state.withLockedValue { $0.canSendMore } }

  /// Whether settling has to end now; a run that is given up is still settled.
  var stopsSettling: Bool { state.withLockedValue { $0.stopsSettling } }

  // MARK: Stopping

  /// Why no new request leaves; `nil` while sending goes on.
  var stop: StopCause? { state.withLockedValue { $0.stop } }

  /// Whether the user gives the run up; true from then on, whatever else stops it.
  var isGivenUp: Bool { state.withLockedValue { $0.isGivenUp } }

  /// Asks the run to stop; see ``BoardState/stop(for:)``.
  func stop(for cause: StopCause) { state.withLockedValue { $0.stop(for: cause) } }

  /// Follows what another process asked of the run.
  func follow(_ request: RunRequest?) { state.withLockedValue { $0.follow(request) } }

  /// Suspends until the user gives the run up.
  ///
  /// - Returns: `false` when the run ends or stops otherwise first.
  func waitUntilGivenUp() async -> Bool {
    while !Task.isCancelled {
      let seen = settlingSignal.version
      if isGivenUp { return true }
      if stop != nil || isSettlingOver { return false }
      await settlingSignal.wait(after: seen)
    }
    return false
  }

  /// What was pending is given up.
  func gaveUpPending(_ recorded: Recorded) { state.withLockedValue { $0.gaveUpPending(recorded) } }

  /// The store refuses changes: nothing new is sent until ``storeRecovered()``.
  func storeInTrouble(_ error: StoreError) { state.withLockedValue { $0.storeInTrouble(error) } }

  /// The store takes changes again.
  func storeRecovered() { state.withLockedValue { $0.storeRecovered() } }

  // MARK: Waiting

  /// The number of the present state of things, for ``waitForSettling(version:until:)``.
  var settlingVersion: Int { settlingSignal.version }

  /// Suspends until something concerns the settler after `version`, or until a moment.
  func waitForSettling(version seen: Int, until: Timestamp?) async {
    await wait(for: settlingSignal, after: seen, until: until)
  }

  /// Suspends until something changes after `version`, or until a moment.
  func wait(version seen: Int, until: Timestamp?) async {
    await wait(for: signal, after: seen, until: until)
  }

  private func wait(for signal: ChangeSignal, after seen: Int, until: Timestamp?) async {
    guard let until else { return await signal.wait(after: seen) }
    let clock = clock
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await signal.wait(after: seen) }
      group.addTask {
        // Taken in pieces, since a moment of the day comes sooner or later when the machine's clock is set. A
        // cancelled sleep ends the wait like one that is over.
        do {
          while case let left = until.since(clock.now()), left > .zero {
            try await clock.sleep(for: min(left, Self.longestSleep))
          }
        } catch {}
      }
      await group.next()
      group.cancelAll()
    }
  }
}
