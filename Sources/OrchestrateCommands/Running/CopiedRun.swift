import BatchDomain

extension ProcessContext {
  /// Refuses to go on with a run of a copied database that was being planned or sent when the copy was made, and warns of one that
  /// may have been resumed elsewhere since.
  ///
  /// - Throws: ``StoreError``.
  func refuseOlderCopy(_ run: RunSummary, in store: any RunCatalog) async throws {
    guard let copy = try await CopiedRun(run, in: store) else { return }
    guard !copy.wasBeingSent else {
      throw StoreError(.wrongState, copy.problem(in: self), remedy: CopiedRun.remedy)
    }
    note("warning: \(copy.problem(in: self))")
  }

  /// Says of a run that is not over that it is in a copied database, and what `resume` makes of it there.
  ///
  /// - Throws: ``StoreError``.
  func mentionOlderCopy(_ run: RunSummary, in store: any RunCatalog) async throws {
    guard [.planning, .paused].contains(run.state), let copy = try await CopiedRun(run, in: store) else {
      return
    }
    note("warning: \(copy.problem(in: self))")
    if copy.wasBeingSent { note("`resume` refuses it here: \(CopiedRun.remedy)") }
  }
}

/// A run of a database that `backup` made as a copy: it may have gone on elsewhere after that. What was sent there is not in the copy,
/// and would be sent again.
struct CopiedRun {
  /// What to do with one that was being planned or sent.
  static let remedy: Remedy =
    "cancel the run here and submit what the service does not have: docs/operations.md, \"A restored older copy\""

  private let run: RunID
  private let copiedAt: Timestamp
  /// Whether a process was planning or sending it when the copy was made.
  let wasBeingSent: Bool

  /// - Returns: `nil` where the database is no copy, the run was planned in it later, or went on in it.
  /// - Throws: ``StoreError``.
  init?(_ run: RunSummary, in store: any RunCatalog) async throws {
    guard let copiedAt = try await store.copyMoment(of: run.run) else { return nil }
    self.run = run.run
    self.copiedAt = copiedAt
    wasBeingSent = run.reason == .crash || run.state == .planning
  }

  /// What is wrong with it, as a clause.
  func problem(in context: ProcessContext) -> String {
    let made = context.zone.text(copiedAt, from: context.clock.now())
    return wasBeingSent
      ? "this database is a copy that `backup` made at \(made), while run \(run) was being planned or sent: what was sent after "
        + "that is not in it and would be sent twice"
      : "this database is a copy that `backup` made at \(made); if run \(run) was resumed elsewhere after that, what was sent there "
        + "is sent twice"
  }
}
