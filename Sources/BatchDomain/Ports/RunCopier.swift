/// Copies a run from one store to another, in steps of which each can be the last one that is made: the same copy, made again,
/// then completes it.
///
/// 1. The run is taken where it is; what a dead owner had under way is seen to as `resume` does.
/// 2. It is recorded in the other store, where nobody sees it, and read again.
/// 3. It is shown there, as a run that is being copied, and audited.
/// 4. Where it came from it becomes `cancelled`, with the other store as the reason: it cannot be resumed there any more.
/// 5. In the other store it gets the state that it had.
package struct RunCopier: Sendable {
  private let source: any BatchStore
  private let destination: any BatchStore
  private let sourceName: String
  private let destinationName: String
  private let clock: any BatchClock
  private let note: @Sendable (String) -> Void

  /// Copies between two stores.
  ///
  /// - Parameters:
  ///   - sourceName: the store that runs are copied from, as it is shown, without secrets.
  ///   - destinationName: the store that they are copied to.
  ///   - note: says something to the person who waits.
  package init(
    from source: any BatchStore, called sourceName: String, to destination: any BatchStore,
    called destinationName: String, clock: any BatchClock, note: @escaping @Sendable (String) -> Void
  ) {
    self.source = source
    self.destination = destination
    self.sourceName = sourceName
    self.destinationName = destinationName
    self.clock = clock
    self.note = note
  }

  /// Copies a run, or completes a copy that was cut off.
  ///
  /// - Throws: ``StoreError``; the run can then be resumed where it was, unless the same copy has to be made again, which the
  ///   remedy says.
  package func copy(_ run: RunID) async throws {
    let there = try await destination.copyStanding(of: run)
    let here = try await source.copyStanding(of: run)
    if case .copied(_, _, let copy) = here, case .arriving(_, true, copy) = there {
      // Cut off between the last two steps.
      return try await destination.continueArrival(of: run).settle()
    }
    try Self.refuse(here, of: run)
    switch there {
    case .absent, .arriving: break
    case .present, .copied:
      throw StoreError(
        .wrongState, "\(destinationName) has a run \(run) already",
        remedy: "nothing was copied; name another database with --to")
    case .removed:
      throw StoreError(
        .wrongState,
        "run \(run) was removed from \(destinationName), and its last requests are kept there for a day",
        remedy: "nothing was copied; run the same command tomorrow, or name another database with --to")
    }
    if case .present(let found) = here, found.isLeftOpen { try await seeTo(run, found) }
    let departure = try await source.depart(run)
    let arrival: any RunArrival
    do {
      arrival = try await send(departure)
    } catch {
      try await end(with: error) { try await departure.stay() }
    }
    do {
      try await departure.leave(to: destinationName, at: clock.now())
      try await arrival.settle()
    } catch {
      // Whether the source says so already is for the same copy to find out.
      try await end(with: error) {
        try await arrival.release()
        try await departure.stay()
      }
    }
  }

  /// Refuses a run that cannot be copied from where it is.
  ///
  /// - Throws: ``StoreError`` with code `wrong_state`.
  package static func refuse(_ standing: CopyStanding, of run: RunID) throws(StoreError) {
    switch standing {
    case .copied(let store, let moment, _):
      throw StoreError.copied(run, to: store, at: moment)
    case .arriving(let store, _, _):
      throw StoreError.arriving(run, from: store)
    case .absent, .removed:
      throw StoreError(.noSuchRun, "there is no run \(run)", remedy: "\(command: .history) lists the runs")
    case .present(let found) where found.state == .planning:
      throw StoreError(
        .wrongState, "run \(run) was not planned to its end; nothing of it was sent",
        remedy: "\(command: .cancel(run)) removes it; submit its manifest to the other database")
    case .present(let found) where found.isBeingCancelled:
      throw StoreError(
        .wrongState, "run \(run) is being cancelled: its process died before that was done",
        remedy: "\(command: .cancel(run)) completes that; copy the run after it")
    case .present:
      break
    }
  }

  /// Sees to what a former owner left, as `resume` does: requests of a dead process become unknown, those of a lost one once
  /// nothing of it can reach the service any more.
  private func seeTo(_ run: RunID, _ found: CopyableRun) async throws {
    let session = try await source.take(run, isCancelling: false, at: clock.now())
    var isTold = false
    while session.isHeir, try await session.standing().counts.chunks(in: .submitting) > 0 {
      _ = try await session.inherit(at: clock.now())
      if !isTold {
        note(
          "requests of the process that was taken for lost may still reach the service; waiting until none can"
        )
      }
      isTold = true
      try await clock.sleep(for: .milliseconds(500))
    }
    let kept = found.reason.flatMap { $0 == .failedOver ? nil : $0 }
    try await session.release(
      as: .paused(
        kept ?? .signal, detail: kept == nil ? "its process died; `copy` took it over" : found.detail),
      at: clock.now())
  }

  /// Records the run in the other store, compares and audits it.
  private func send(_ departure: any RunDeparture) async throws -> any RunArrival {
    let run = departure.head.run
    let arrival = try await destination.receive(departure.head, from: sourceName, at: clock.now())
    do {
      var sent = RunRecordSum()
      try await forEachPage(of: departure) { records in
        sent.add(records)
        try await arrival.add(records)
      }
      var found = RunRecordSum()
      try await forEachPage(of: arrival) { found.add($0) }
      guard found == sent else {
        throw StoreError(
          .conflict, "the copy of run \(run) is not what was read of it",
          remedy: "nothing was changed; run the same command again, and see what else works on the run")
      }
      try await arrival.show(at: clock.now())
      let audit = try await arrival.audit()
      guard audit.problemsTotal == 0 else {
        let first = audit.problems.first.map { ": \($0.row) \($0.message)" } ?? ""
        throw StoreError(
          .damaged, "the copy of run \(run) is not consistent\(first)",
          remedy: "nothing was changed; \(command: .verify(run)) says whether the run itself is consistent")
      }
      return arrival
    } catch {
      try await end(with: error) { try await arrival.abandon() }
    }
  }

  private func forEachPage(
    of source: some RunRecordSource, _ use: (RunRecords) async throws -> Void
  ) async throws {
    var mark: RunRecords.Mark?
    while let page = try await source.records(after: mark) {
      try Task.checkCancellation()
      try await use(page.records)
      mark = page.mark
    }
  }

  /// Tidies up after an error, which is the better thing to report than that tidying up failed, too.
  private func end(with error: any Error, _ tidying: () async throws -> Void) async throws -> Never {
    do { try await tidying() } catch _ { throw error }
    throw error
  }
}

extension StoreError {
  /// A run that goes on in another store.
  package static func copied(_ run: RunID, to store: String, at moment: Timestamp) -> StoreError {
    StoreError(
      .wrongState, "run \(run) was copied to \(store) on \(moment) and goes on there",
      remedy: "`orchestrate resume \(run) --db \(ShellText.quote(store))` continues it")
  }

  /// A run that is not complete in this store.
  package static func arriving(_ run: RunID, from store: String) -> StoreError {
    StoreError(
      .wrongState, "run \(run) is being copied here from \(store), or that was cut off",
      remedy: "`orchestrate copy \(run)` from there completes it")
  }
}
