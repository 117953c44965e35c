internal import BatchDomain

/// Bounds work on the injected clock.
struct TimeLimit {
  let clock: any BatchClock

  /// Does work, and cancels it when time is up.
  ///
  /// - Returns: what it came to; `nil` when time was up first.
  /// - Throws: what the work throws; `CancellationError` when the caller was cancelled first.
  func hold<Value: Sendable>(
    _ limit: Duration, _ work: @escaping @Sendable () async throws -> Value
  ) async throws -> Value? {
    try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask { try await work() }
      group.addTask {
        try await clock.sleep(for: limit)
        return nil
      }
      defer { group.cancelAll() }
      // There are two tasks, so there is a first.
      return try await group.next() ?? nil
    }
  }
}
