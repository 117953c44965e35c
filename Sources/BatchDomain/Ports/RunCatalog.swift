/// The reading side of a store: what reports, exports, look-ups, pictures and audits need. It changes nothing.
///
/// Calls that give rows read a bounded part of the store, so that no read transaction outlives one page.
package protocol RunCatalog: TrackingRecords, OldRuns {
  /// Finds the run a person means: a whole id, the beginning of one, or `latest`.
  ///
  /// - Throws: ``StoreError`` with code `no_such_run`; its remedy lists the candidates when several fit. It says so when the
  ///   run was removed.
  func resolve(_ text: String) async throws -> RunID

  /// The run because of which a manifest is not submitted again: the latest one of the same items to the same address,
  /// perhaps removed since.
  ///
  /// - Parameters:
  ///   - digest: ``PlanTotals/digest``.
  ///   - destination: ``RunSettings/destination``, in any spelling (``Origin``).
  func run(submitting digest: [UInt8], to destination: String) async throws -> RunID?

  /// Runs, newest first.
  ///
  /// - Parameters:
  ///   - before: only runs older than that one; `nil` starts with the newest.
  ///   - limit: at most that many.
  func summaries(before: RunID?, limit: Int) async throws -> [RunSummary]

  /// One run.
  func summary(of run: RunID) async throws -> RunSummary

  /// The settings of a run.
  func settings(of run: RunID) async throws -> RunSettings

  /// The manifest of a run as it was found on disk; `nil` when it was not a regular file.
  func manifestFile(of run: RunID) async throws -> ManifestFile?

  /// Why items of a run are not accepted, grouped by what the service said, most items first.
  func causes(of run: RunID) async throws -> [CauseSummary]

  /// Chunks of a run in order of number, leaving out those up to `after`.
  func chunks(of run: RunID, after: ChunkNumber?, limit: Int) async throws -> [ChunkSummary]

  /// Verdicts on chunks of a run whose answer was lost, the latest first.
  func settlements(of run: RunID, limit: Int) async throws -> [SettlementSummary]

  /// Source texts of the items of a run in these states, in order, leaving out those up to `after`.
  ///
  /// The state of an item is that of the chunk that has it now, so `split` finds nothing: the items are in the pieces.
  func items(of run: RunID, in states: Set<ChunkState>, after: Int?, limit: Int) async throws -> [StoredItem]

  // MARK: A run in detail

  /// How a run went in time, from all of its attempts.
  func timeline(of run: RunID) async throws -> RunTimeline

  /// Chunks in order of number, leaving out those up to `after`.
  func chunks(
    of run: RunID, matching filter: RowFilter, after: ChunkNumber?, limit: Int
  ) async throws -> DetailPage<ChunkSummary, ChunkNumber>

  /// Items in order, from a sequence number on.
  func items(
    of run: RunID, matching filter: RowFilter, from sequence: Int, limit: Int
  ) async throws -> DetailPage<ItemSummary, Int>

  /// What requests of a run made at the service beside what is used, in order of items; empty with a service of one step.
  func surplus(of run: RunID) async throws -> [SurplusRow]

  /// Items that the run left out because they were known, by kind, run and reason, the latest run first.
  func skips(of run: RunID) async throws -> [KnownGroup]

  /// What steps of a run made at the service for chunks that do not use it: those that are rejected, failed or cancelled,
  /// and those whose step was, or is to be, done again. None with a service of one step.
  ///
  /// - Parameter limit: rows to return at most; the total is that of all.
  func leftOvers(of run: RunID, limit: Int) async throws -> LeftOvers

  /// Attempts in order of chunk and number, leaving out those up to `after`. The filter's state is that of the chunk
  /// now; an attempt that is under way counts as ended now.
  func attempts(
    of run: RunID, matching filter: RowFilter, after: AttemptSummary.Key?, limit: Int
  ) async throws -> DetailPage<AttemptSummary, AttemptSummary.Key>

  /// The attempts of a run that began last, the newest first.
  func latestAttempts(of run: RunID, limit: Int) async throws -> [AttemptSummary]

  /// When this store was made as a copy of another by a backup, for a run that was recorded before that and of which nothing was sent in
  /// the copy: it may have gone on elsewhere since. `nil` for any other run, and in a store that is no copy.
  func copyMoment(of run: RunID) async throws -> Timestamp?

  /// How a run went so far. It is read part by part, so while the run goes on the parts may be of different
  /// moments.
  ///
  /// - Throws: ``StoreError`` with code `no_such_run`.
  func insight(into run: RunID) async throws -> RunInsight

  /// Where a video was sent or is to be sent, newest run first, then in the order of the items.
  ///
  /// - Parameter object: the item's `object`, `s3://bucket/key`, compared as a whole.
  /// - Returns: one for each item with that object; a run has more than one where the indexes differ.
  func appearances(of object: ObjectName) async throws -> [ObjectAppearance]

  /// Audits one run from its records alone.
  ///
  /// Works on a run that a live process owns, too: what merely moved during the audit is no problem.
  ///
  /// - Parameter limit: problems that are listed; the rest is counted.
  /// - Throws: ``StoreError``; what damage makes unreadable is a problem of the audit once the store is open.
  func audit(_ run: RunID, listing limit: Int) async throws -> RunAudit

  /// What requests to a service used of its limits in a time, by step, and the waits that it asked for; requests that
  /// began at about the same time are told together.
  ///
  /// - Parameters:
  ///   - address: the address of the service, in any spelling (``Origin``).
  ///   - first: requests that began at that moment or before do not count.
  ///   - last: nor do requests after that moment.
  func budgetUse(
    of address: String, from first: Timestamp, to last: Timestamp
  ) async throws -> [ChunkStep: BudgetUse]

  /// Chunks of a run that are still to be decided, by step and state, in the order of both. Takes a time that does not grow
  /// with the chunks at the first step.
  func openChunks(of run: RunID) async throws -> [OpenChunks]

  // MARK: The end

  /// Ends the use of the store; later calls throw.
  func close() async throws
}

/// An item with its source text.
package struct StoredItem: Sendable, Equatable {
  /// Sequence number within the run, from 0.
  package var sequence: Int
  /// The source text, byte for byte.
  package var source: [UInt8]

  /// An item as the store has it.
  package init(sequence: Int, source: [UInt8]) {
    self.sequence = sequence
    self.source = source
  }
}
