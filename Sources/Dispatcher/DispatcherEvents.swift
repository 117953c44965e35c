import BatchDomain

/// One moment on both clocks.
struct Moment: Sendable, Equatable {
  /// The time of day: what records and people are told.
  let wall: Timestamp
  /// Time since some fixed moment, never going back: what waits are measured with.
  let elapsed: Duration

  init(wall: Timestamp, elapsed: Duration) {
    self.wall = wall
    self.elapsed = elapsed
  }

  /// This moment on that clock.
  init(_ clock: any BatchClock) { self.init(wall: clock.now(), elapsed: clock.elapsed()) }

  /// The time of day at another moment, as far as the clock is not set in between.
  func wall(at other: Duration) -> Timestamp { wall + (other - elapsed) }
}

/// One of the tasks of a run that wait for their turn.
enum Waiter: Sendable, Hashable {
  /// One that sends; the senders of a run are numbered.
  case sender(Int)
  /// A request that reads; numbered as they come.
  case reader(Int)
  /// The one that settles.
  case settler
  /// The one that polls what the service works on.
  case poller
  /// The one that cancels what is pending.
  case canceller
  /// The one that stops the process for a while.
  case suspender
}

/// Who waits for a turn, in the order they came.
struct WaitingTasks: Sendable {
  /// Those that send.
  private(set) var senders: [Waiter] = []
  /// Those that read.
  private(set) var readers: [Waiter] = []
  private var others: Set<Waiter> = []

  /// A task waits from now on.
  mutating func add(_ waiter: Waiter) {
    switch waiter {
    case .sender: senders.append(waiter)
    case .reader: readers.append(waiter)
    case .settler, .poller, .canceller, .suspender: others.insert(waiter)
    }
  }

  /// Whether a task waits.
  func contains(_ waiter: Waiter) -> Bool {
    switch waiter {
    case .sender: senders.contains(waiter)
    case .reader: readers.contains(waiter)
    case .settler, .poller, .canceller, .suspender: others.contains(waiter)
    }
  }

  /// A task does not wait any more.
  ///
  /// - Returns: whether it did.
  @discardableResult
  mutating func remove(_ waiter: Waiter) -> Bool {
    switch waiter {
    case .sender: Self.remove(waiter, from: &senders)
    case .reader: Self.remove(waiter, from: &readers)
    case .settler, .poller, .canceller, .suspender: others.remove(waiter) != nil
    }
  }

  private static func remove(_ waiter: Waiter, from queue: inout [Waiter]) -> Bool {
    guard let place = queue.firstIndex(of: waiter) else { return false }
    queue.remove(at: place)
    return true
  }
}

/// What is new for a task that looks at one thing after the other, and when it looks again although nothing is.
struct Watch: Sendable {
  /// Counts the news so far.
  private(set) var version = 0
  /// Whether there was any since the task asked.
  private var hasNews = false
  /// When it looks again at the latest; `nil` where it looks only at what is new.
  private(set) var until: Duration?

  /// There is something new.
  mutating func note() {
    version += 1
    hasNews = true
  }

  /// The task has looked at all up to a version.
  mutating func wait(since version: Int, until: Duration?) {
    self.until = until
    hasNews = version != self.version
  }

  /// Whether it is to look again.
  func isTime(at now: Duration) -> Bool { hasNews || until.map { $0 <= now } ?? false }
}

/// What a waiting task is to do next.
enum Turn: Sendable, Equatable {
  /// Claim a chunk: a slot is taken for it.
  case claim(Slot)
  /// Send the request that reads.
  case read
  /// Look again at what is to be settled, or polled.
  case look
  /// Cancel what is pending.
  case cancelPending
  /// Stop the process: nothing is under way.
  case suspend
  /// Nothing is left for this task to do, or the run stops.
  case leave
}

/// The right to claim a chunk and to send one request of a step.
struct Slot: Sendable, Equatable {
  /// The step, by whose budget the request is counted.
  let step: ChunkStep
  /// Counts the times chunks became pending: what the claim finds missing is true of that epoch only.
  let epoch: Int
}

/// What happened in a run, as the dispatcher is told.
enum DispatcherEvent: Sendable {
  /// The run begins, with what the store has of it.
  case started(RunSnapshot, isCancelling: Bool)
  /// A task waits for its turn.
  case waits(Waiter)
  /// The settler waits for anything that concerns it since that version, or for a moment.
  case settlerWaits(version: Int, until: Duration?)
  /// The poller does.
  case pollerWaits(version: Int, until: Duration?)
  /// A task that may be waiting was cancelled.
  case withdrawn(Waiter)
  /// Nothing new is to leave, or may leave again: the process is about to be stopped for a while.
  case suspending(Bool)
  /// The moment may have come that the alarm was set for.
  case alarm

  /// A chunk was claimed with a slot.
  case claimed(ClaimedChunk)
  /// The store has no pending chunk for a slot.
  case foundNothing(Slot)
  /// The store has nothing for a slot that may be sent before that moment of the day.
  case foundNothingBefore(Timestamp, Claim.NotBefore, Slot)
  /// A claim failed: a chunk that it took is pending again with the next change of the run, whatever was found meanwhile.
  case claimFailed
  /// Nothing was claimed with a slot.
  case slotUnused(Slot)
  /// An answer is there, and is not recorded yet.
  case answered(Answered)
  /// What an answer came to is durable.
  case recorded(Recorded, ChunkMove, outcome: Outcome)
  /// A sender ends without having recorded what its answer came to: the store is gone.
  case abandoned

  /// A request that reads came back.
  case readingEnded(isThrottled: Bool, asked: Duration?, draw: Double)
  /// What became of a step that the service worked on is durable.
  case polled(Recorded, ChunkMove)
  /// A verdict on an unknown chunk is durable.
  case settled(Recorded, ChunkMove, wasRefused: Bool)
  /// An unknown chunk is left to a person.
  case held(wasRefused: Bool)

  /// The settler begins, or has ended, to look for what a lost owner left: chunks may become pending by it that nobody waits for.
  case inheriting(Bool)
  /// What became of chunks that a lost owner had under way is durable.
  ///
  /// - Parameter wasHeld: whether its chunk was left to a person before.
  case inherited(InheritedMove, wasHeld: Bool)

  /// What was pending is cancelled.
  case cancelledPending(Recorded)
  /// What another process asks of the run, if anything.
  case requested(RunRequest?)
  /// The run has to stop.
  case stop(StopCause)
  /// The store refuses a change, which is tried again.
  case storeInTrouble(StoreError)
  /// The store takes that change after all.
  case storeRecovered
}

/// A move of a chunk that is durable.
struct ChunkMove: Sendable, Equatable {
  /// What happened to it.
  var event: ChunkEvent
  /// The step that it was at.
  var step: ChunkStep
  /// The step that it is at now, where that is another.
  var nextStep: ChunkStep?
  /// Of a refusal that is not about the item itself, what the service said: the same said again and again is likely to be
  /// about our requests.
  var generalRefusal: String?

  /// A move in its parts.
  init(_ event: ChunkEvent, at step: ChunkStep, to nextStep: ChunkStep? = nil, generalRefusal: String? = nil)
  {
    self.event = event
    self.step = step
    self.nextStep = nextStep
    self.generalRefusal = generalRefusal
  }
}

/// An answer to a request that submits, or the lack of one.
struct Answered: Sendable {
  /// What the request was counted by.
  var slot: Slot
  /// What it means for the gate.
  var ending: Gate.Ending
  /// Why no answer came; `nil` where one did.
  var obstacle: SubmissionResult.Obstacle?
  /// Why the run has to stop because of it, which holds before the slot is free: a fault of the account that the first
  /// request sees is seen by no other.
  var pause: StopCause?
  /// Whether the sender wants the next slot at once, before those that wait.
  var claimsNext = false
}

/// What follows from an event; performed in this order, once the lock is released.
enum DispatcherAction: Sendable, Equatable {
  /// Tell the observers.
  case tell(RunEvent)
  /// Wake a task that waits, for its turn.
  case wake(Waiter, Turn)
  /// Send ``DispatcherEvent/alarm`` at that moment of ``BatchClock/elapsed()``, and not at any that was asked for
  /// before.
  case setAlarm(Duration?)
  /// Return this to the task that told of the answer.
  case reply(GateEffect)
}

/// What the end of a request meant for everybody.
struct GateEffect: Sendable, Equatable {
  /// A wait to be put on disk, if the gate closed at the service's wish: that of a request which reads, too.
  var wait: StoredWait?
  /// Whether the request came to nothing while nothing gets through for anyone.
  var isInOutage: Bool
  /// The next slot of the same sender, if it may have one.
  var next: Slot?
}
