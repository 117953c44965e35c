import BatchDomain

/// Makes changes in the store, again and again while it refuses them for a reason that may pass.
///
/// Nothing new is sent meanwhile; what came of a request is never dropped because of a full disk.
struct StoreRetry {
  let clock: any BatchClock
  let dispatcher: Dispatcher

  /// How long a change is tried again, counted from the end of its first try. A locked database takes up half a minute by
  /// itself each time.
  private var patience: Duration { dispatcher.storePatience }

  /// The run stops, and the change was one that only matters while it goes on.
  struct Stopped: Error {}

  /// Makes a change.
  ///
  /// - Parameter endsWithRun: whether the change is not to be made any more once the run stops.
  @discardableResult
  func callAsFunction<T: Sendable>(
    endsWithRun: Bool = false, _ change: @Sendable () async throws -> T
  ) async throws -> T {
    var tries = 0
    var firstFailure: Duration?
    while true {
      do {
        if endsWithRun, dispatcher.isSendingOver { throw Stopped() }
        let value = try await change()
        if tries > 0 { dispatcher.handle(.storeRecovered) }
        return value
      } catch let error as StoreError
        where error.isTransient && clock.elapsed() - (firstFailure ?? clock.elapsed()) < patience
      {
        firstFailure = firstFailure ?? clock.elapsed()
        if tries == 0 { dispatcher.handle(.storeInTrouble(error)) }
        tries += 1
        do {
          try await clock.sleep(for: .seconds(min(1 << tries, 10)))
        } catch {
          dispatcher.handle(.storeRecovered)
          throw error
        }
      } catch {
        if tries > 0 { dispatcher.handle(.storeRecovered) }
        throw error
      }
    }
  }
}

extension StoreError {
  /// The error itself, or another one that came out of a store, in the store's words.
  init(wrapping error: any Error) {
    self = error as? StoreError ?? StoreError(.inputOutput, "the store failed: \(error)")
  }
}
