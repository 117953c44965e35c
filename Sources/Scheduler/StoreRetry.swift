import BatchDomain

/// Makes changes in the store, again and again while it refuses them for a reason that may pass.
///
/// Nothing new is sent meanwhile; what came of a request is never dropped because of a full disk.
struct StoreRetry {
  let clock: any BatchClock
  let board: RunBoard

  /// How often a change is tried, two seconds and more apart: long enough for a disk to be cleared by whatever
  /// filled it, short enough to say so the same minute.
  static let tries = 8

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
    while true {
      do {
        if endsWithRun, await board.stop != nil { throw Stopped() }
        let value = try await change()
        if tries > 0 { await board.storeRecovered() }
        return value
      } catch let error as StoreError where error.isTransient && tries < Self.tries {
        if tries == 0 { await board.storeInTrouble(error) }
        tries += 1
        try await clock.sleep(for: .seconds(min(1 << tries, 10)))
      } catch {
        if tries > 0 { await board.storeRecovered() }
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
