import Synchronization

/// The record of every request, for tests to read back.
package final class Ledger: Sendable {
  private struct Waiter {
    let condition: @Sendable (State) -> Bool
    let continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var entries: [LedgerEntry] = []
    var transfers = 0
    var underWay: Set<Int> = []
    var maxInFlight = 0
    var acceptedCounts: [ElementKey: Int] = [:]
    var waiters: [Int: Waiter] = [:]
    var nextWaiter = 0
  }

  private let clock: any SimulatorClock
  private let file: LedgerFile?
  private let state = Mutex(State())

  init(clock: any SimulatorClock, file: LedgerFile?) {
    self.clock = clock
    self.file = file
  }

  /// All entries so far, in order of arrival.
  package var entries: [LedgerEntry] { state.withLock { $0.entries } }

  /// The entries of transfers requests, in order of arrival.
  package var transfers: [LedgerEntry] { entries.filter { $0.transfer != nil } }

  /// The number of transfers requests that arrived.
  package var transferCount: Int { state.withLock { $0.transfers } }

  /// The largest number of transfers requests under way at the same time.
  package var maxInFlight: Int { state.withLock { $0.maxInFlight } }

  /// The number of transfers requests under way now.
  package var inFlight: Int { state.withLock { $0.underWay.count } }

  /// How often each element was in a request whose elements the service took, skipped repeats included.
  package var acceptedCounts: [ElementKey: Int] { state.withLock { $0.acceptedCounts } }

  /// Suspends until `count` transfers requests have arrived; the body of the last may not have been read yet.
  package func waitFor(transfers count: Int) async throws {
    try await wait { $0.transfers >= count }
  }

  /// Suspends until `count` requests of any kind have been answered or dropped.
  package func waitFor(answers count: Int) async throws {
    try await waitFor { $0.count { $0.answeredAt != nil } >= count }
  }

  /// Suspends until at most `count` transfers requests are under way.
  package func waitFor(inFlightAtMost count: Int) async throws {
    try await wait { $0.underWay.count <= count }
  }

  /// Suspends until `condition` holds for the entries; it is asked again at every change.
  package func waitFor(_ condition: @escaping @Sendable ([LedgerEntry]) -> Bool) async throws {
    try await wait { condition($0.entries) }
  }

  private func wait(_ condition: @escaping @Sendable (State) -> Bool) async throws {
    let id = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let result: Result<Void, any Error>? = state.withLock { state in
          if Task.isCancelled { return .failure(CancellationError()) }
          if condition(state) { return .success(()) }
          state.waiters[id] = Waiter(condition: condition, continuation: continuation)
          return nil
        }
        if let result { continuation.resume(with: result) }
      }
    } onCancel: {
      let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
      waiter?.continuation.resume(throwing: CancellationError())
    }
  }

  /// Records a request whose head has been read, and returns its entry.
  ///
  /// - Parameter isGone: whether its client has gone already: it is then never under way.
  func arrive(
    _ make: (_ ordinal: Int, _ transfer: Int?, _ inFlight: Int) -> LedgerEntry, isTransfer: Bool,
    isGone: Bool = false
  ) -> LedgerEntry {
    change { state in
      let ordinal = state.entries.count + 1
      if isTransfer {
        state.transfers += 1
        if !isGone { state.underWay.insert(ordinal) }
        state.maxInFlight = max(state.maxInFlight, state.underWay.count)
      }
      let entry = make(ordinal, isTransfer ? state.transfers : nil, isTransfer ? state.underWay.count : 0)
      state.entries.append(entry)
      return entry
    }
  }

  /// Adds what the body said, and writes the line of the arrival.
  func identify(_ ordinal: Int, elements: [ElementKey]) {
    let entry = change { state in
      state.entries[ordinal - 1].elements = elements
      return state.entries[ordinal - 1]
    }
    file?.write(arrival: entry)
  }

  /// Records that the service took `elements`.
  func take(_ ordinal: Int, elements: some Sequence<ElementKey>, accepted: Int, skipped: Int) {
    let entry = change { state in
      for key in elements { state.acceptedCounts[key, default: 0] += 1 }
      state.entries[ordinal - 1].isTaken = true
      state.entries[ordinal - 1].accepted = accepted
      state.entries[ordinal - 1].skipped = skipped
      return state.entries[ordinal - 1]
    }
    file?.write(taken: entry)
  }

  /// Records the fault that is about to be applied.
  func meet(_ ordinal: Int, fault: FaultKind) {
    change { $0.entries[ordinal - 1].fault = fault }
  }

  /// Records the answer, just before its last byte leaves; a nil status says that none was sent. Later calls do nothing.
  func answer(_ ordinal: Int, status: Int?) {
    let now = clock.now
    let entry: LedgerEntry? = change { state in
      state.underWay.remove(ordinal)
      guard state.entries[ordinal - 1].answeredAt == nil else { return nil }
      state.entries[ordinal - 1].answeredAt = now
      state.entries[ordinal - 1].status = status
      return state.entries[ordinal - 1]
    }
    if let entry { file?.write(answer: entry) }
  }

  /// Stops counting a request as under way, because its client has gone; its record goes on.
  func abandon(_ ordinal: Int) {
    change { _ = $0.underWay.remove(ordinal) }
  }

  /// Changes the state and wakes those whose condition holds now.
  @discardableResult
  private func change<Value: Sendable>(_ body: (inout State) -> Value) -> Value {
    let (value, woken) = state.withLock { state in
      let value = body(&state)
      let met = state.waiters.filter { $0.value.condition(state) }
      for id in met.keys { state.waiters[id] = nil }
      return (value, met.values.map(\.continuation))
    }
    for continuation in woken { continuation.resume() }
    return value
  }
}
