package import BatchDomain

extension SQLStore {
  /// Asks the live owner to stop, keeping everything resumable.
  package func requestPause(of run: RunID) async throws -> RequestReceipt {
    try await request(.pause, of: run)
  }

  /// Asks the live owner to stop for good.
  package func requestCancel(of run: RunID) async throws -> RequestReceipt {
    try await request(.cancel, of: run)
  }

  /// How long to wait before it is looked again whether a run is being taken.
  private static let takingPoll: Duration = .milliseconds(2)

  /// What became of a request, as far as one look can say.
  private enum Look: Sendable {
    case receipt(RequestReceipt)
    /// The live owner has to be told.
    case untold
    /// A run is being taken: its lock may be held by somebody who is not its owner yet, and who will remove whatever was
    /// asked of the owner before.
    case taking
  }

  /// Leaves a request for the live owner, and for nobody else.
  private func request(_ request: RunRequest, of run: RunID) async throws -> RequestReceipt {
    let row = try await database.read { try Self.row(of: run, in: $0) }
    let deadline = ContinuousClock.now + Database.busyTimeout
    while true {
      // A command that waits for the owner asks again and again: what the owner has already is not written anew.
      var look = try await database.read { [engine] in
        try Self.look(for: request, row, engine, in: $0)
      }
      if case .untold = look {
        look = try await database.write(scope: .store) { [engine] connection in
          let look = try Self.look(for: request, row, engine, in: connection)
          guard case .untold = look else { return look }
          let changed = try connection.run(
            """
            UPDATE run SET request = ?1
            WHERE id = ?2 AND state = 'running' AND cancelling = 0 AND (request IS NULL OR ?1 = 'cancel')
            """, .text(request.rawValue), .integer(row))
          return .receipt(changed == 1 ? .delivered : .noOwner)
        }
      }
      if case .receipt(let receipt) = look { return receipt }
      guard ContinuousClock.now < deadline else {
        throw StoreError(
          .locked, "run \(run) is being taken over for longer than \(Database.busyTimeout)",
          remedy: "run the same command again")
      }
      try await Task.sleep(for: Self.takingPoll)
    }
  }

  /// What is known of a request before it is written.
  ///
  /// The order counts: the lock of a run that is held while no run is being taken is its owner's, and the row is then
  /// that owner's, too. In a transaction that writes, that stays so to its end: a take-over ends with a change of its own.
  private static func look(
    for request: RunRequest, _ row: Int64, _ engine: any StoreEngine, in connection: Connection
  ) throws -> Look {
    guard try engine.isRunOwned(row, in: connection) else { return .receipt(.noOwner) }
    if try engine.isAnyRunBeingTaken() { return .taking }
    let found = try connection.first(
      "SELECT state, CASE WHEN cancelling = 1 THEN 'cancel' ELSE request END FROM run WHERE id = ?",
      .integer(row)
    ) { (state: $0.text(0), request: $0.optionalText(1).flatMap(RunRequest.init(rawValue:))) }
    guard let found, found.state == RunState.running.rawValue else { return .receipt(.noOwner) }
    if found.request == request { return .receipt(.delivered) }
    return found.request == .cancel ? .receipt(.outranked) : .untold
  }
}
