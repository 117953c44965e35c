import BatchDomain
import Testing
@testable import Dispatcher

/// A machine, its time, and shorthands for what it is told.
struct Machine {
  static let start = Moment(wall: Timestamp(milliseconds: 1_750_000_000_000), elapsed: .seconds(1_000))
  static let budget = Budget("transfer")

  private(set) var state: DispatcherState
  private(set) var now = Machine.start
  private var counts: StateCounts

  /// A run with that many chunks of one item, all of them pending.
  init(
    chunks: Int = 1_000, concurrency: Int = 4, budgets: Budgets = Budgets(Machine.budget),
    hasReachedService: Bool = true, _ configure: (inout RunSettings) -> Void = { _ in }
  ) {
    var settings = RunSettings()
    settings.concurrency = concurrency
    configure(&settings)
    counts = StateCounts(chunks: [.pending: chunks], items: [.pending: chunks])
    let calendar: WindowCalendar?
    do {
      calendar = try settings.calendar()
    } catch {
      preconditionFailure("\(error)")
    }
    state = DispatcherState(
      settings: settings, calendar: calendar, budgets: budgets,
      standing: RunSnapshot(
        items: chunks, attempts: 0, counts: counts,
        hasReachedService: hasReachedService))
  }

  /// What a run has that many chunks of which are pending.
  func standing(wait: StoredWait? = nil, request: RunRequest? = nil) -> RunSnapshot {
    RunSnapshot(
      items: counts.items[.pending], attempts: 0, counts: counts, waits: wait.map { [.transfer: $0] } ?? [:],
      request: request,
      hasReachedService: true)
  }

  mutating func handle(_ event: DispatcherEvent) -> [DispatcherAction] { state.handle(event, now: now) }

  /// Moves time on.
  mutating func pass(_ seconds: Int) {
    now = Moment(wall: now.wall + .seconds(seconds), elapsed: now.elapsed + .seconds(seconds))
  }

  /// Sets the clock of the day.
  mutating func set(_ wall: Timestamp) { now = Moment(wall: wall, elapsed: now.elapsed) }

  /// Has senders wait, in their order.
  @discardableResult
  mutating func wait(_ senders: Range<Int>) -> [DispatcherAction] {
    senders.flatMap { handle(.waits(.sender($0))) }
  }

  func slot(epoch: Int = 0) -> Slot { Slot(step: ChunkStep(Self.budget), epoch: epoch) }

  /// What a change says that moved one chunk.
  mutating func moved(_ from: ChunkState, _ to: ChunkState, request: RunRequest? = nil) -> Recorded {
    let moved = StateCounts(moving: 1, from: from, to: to)
    counts += moved
    return Recorded(moved: moved, request: request)
  }

  /// An answer came for a slot.
  mutating func answer(
    _ slot: Slot, _ outcome: Outcome, asked: Duration? = nil, failure: String? = nil,
    obstacle: SubmissionResult.Obstacle? = nil,
    pause: StopCause? = nil, claimsNext: Bool = false
  ) -> [DispatcherAction] {
    handle(
      .answered(
        Answered(
          slot: slot, ending: Gate.Ending(outcome: outcome, asked: asked, failure: failure, draw: 1),
          obstacle: obstacle, pause: pause, claimsNext: claimsNext)))
  }

  /// Chunks are accepted one after the other until all the concurrency is used, and no slot is taken at the end.
  mutating func warmUp(_ acceptances: Int = 4) {
    for _ in 0..<acceptances {
      _ = wait(0..<1)
      _ = answer(slot(), .accepted)
      let recorded = moved(.pending, .accepted)
      _ = handle(.recorded(recorded, ChunkMove(.accepted, at: .transfer), outcome: .accepted))
    }
  }
}

extension [DispatcherAction] {
  /// The tasks that are woken, each with its turn.
  var woken: [Waiter: Turn] {
    var woken: [Waiter: Turn] = [:]
    for case .wake(let waiter, let turn) in self { woken[waiter] = turn }
    return woken
  }

  /// What the sender that told of an answer gets.
  var reply: GateEffect? {
    for case .reply(let effect) in self { return effect }
    return nil
  }

  /// Why the run stops.
  var stops: [StopCause] {
    compactMap { if case .tell(.stopping(let cause)) = $0 { cause } else { nil } }
  }

  /// What is told about waits.
  var waits: [StoredWait] { compactMap { if case .tell(.waiting(let wait)) = $0 { wait } else { nil } } }
}
