/// The reading side of the store: what reports, exports and look-ups need. It never changes a chunk.
package protocol RunCatalog: Sendable {
  /// Finds the run a person means: a whole id, the beginning of one, or `latest`.
  ///
  /// - Throws: ``StoreError`` with code `no_such_run`; its remedy lists the candidates when several fit.
  func resolve(_ text: String) async throws -> RunID

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
  func items(of run: RunID, in states: Set<ChunkState>, after: Int?, limit: Int) async throws -> [StoredItem]

  /// Asks the owner of a run for something.
  ///
  /// A request belongs to the ownership it was made for: it ends when that process releases the run or dies, and a
  /// later owner does not see it. A request to pause never replaces one to cancel.
  ///
  /// - Returns: the result. Asking again does not make a second request.
  func ask(_ request: RunRequest, of run: RunID) async throws -> RequestReceipt
}

/// What became of a request to the owner of a run.
package enum RequestReceipt: Sendable, Equatable {
  /// The live owner has it. It checks at least every second, and may end for another reason first.
  case left
  /// The owner was asked to cancel before, which stands.
  case outranked
  /// No live process sends the run; no request was stored.
  case nobody
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
