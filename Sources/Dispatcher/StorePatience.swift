package import BatchDomain

/// Asks a store again while it cannot be reached, beside the loop that sends: a server that restarts ends no process.
///
/// What is asked has to be a read, or a change that is made as a whole or not at all.
package struct StorePatience: Sendable {
  private let clock: any BatchClock
  private let patience: Duration
  private let isStopped: @Sendable () -> Bool
  private let tell: @Sendable (StoreError) -> Void

  /// Between two tries.
  private static let interval: Duration = .seconds(1)

  /// Patience for one store.
  ///
  /// - Parameters:
  ///   - patience: how long it is asked again, counted from the first failure.
  ///   - isStopped: whether nobody wants to wait any more.
  ///   - tell: is told the first failure.
  package init(
    clock: any BatchClock, patience: Duration, isStopped: @escaping @Sendable () -> Bool = { false },
    tell: @escaping @Sendable (StoreError) -> Void
  ) {
    self.clock = clock
    self.patience = patience
    self.isStopped = isStopped
    self.tell = tell
  }

  /// Asks.
  ///
  /// - Throws: what `ask` throws: at once, or once patience is at its end.
  package func callAsFunction<T>(_ ask: () async throws -> T) async throws -> T {
    var since: Duration?
    while true {
      do {
        return try await ask()
      } catch let error as StoreError where error.code == .unreachable && !isStopped() {
        if since == nil { tell(error) }
        let first = since ?? clock.elapsed()
        since = first
        guard clock.elapsed() - first < patience else { throw error }
      }
      try await clock.sleep(for: Self.interval)
    }
  }
}
