/// What a store knows that helps to find out whether a chunk whose answer was lost arrived, and the verdicts on it.
///
/// Belongs to a run that this process owns. A verdict is guarded as the moves of ``WorkQueue`` are.
package protocol SettlingEvidence: Sendable {
  /// Chunks whose answer was lost, in order of number, leaving out those up to `after`.
  func unknownChunks(after: ChunkNumber?, limit: Int) async throws -> [UnknownChunk]

  /// Chunks of this run with items of that index that were accepted while no earlier attempt may have reached the
  /// service, in the order of their intents. `limit` of them where there are as many, however rare the index is.
  ///
  /// - Parameters:
  ///   - intents: only attempts whose place among the run's intents is one of these.
  ///   - newestFirst: the order, and with `limit` the choice.
  func controls(
    index: IndexID, intents: Range<Int>, newestFirst: Bool, limit: Int
  ) async throws -> [Control]

  /// Everything that this store sent to the run's service under these file names: by chunks of other runs, by chunks
  /// of this run that are unknown, and by those of this run whose names are known to clash.
  ///
  /// - Parameters:
  ///   - names: file names by index.
  ///   - moment: only attempts that started since then.
  func sends(of names: [IndexID: Set<FileName>], since moment: Timestamp) async throws -> [NamedSend]

  /// How far behind the listing of an index was when this run last measured it.
  func listingLag(of index: IndexID) async throws -> ListingLag?

  /// Records how far behind the listing of an index is.
  func remember(_ lag: ListingLag, of index: IndexID) async throws

  /// What is known about refusals of this run, and what became of the other pieces of a chunk.
  func refusals(of chunk: ChunkNumber) async throws -> RefusalHistory

  /// Records what settling found, and moves the chunk accordingly.
  func settle(_ settlement: Settlement) async throws -> Recorded
}

/// What is known about refusals when a chunk was refused.
package struct RefusalHistory: Sendable, Equatable {
  /// What refusals of the run are known to mean.
  package var trust: RefusalTrust
  /// What became of the pieces of the planned chunk that the refused one belongs to.
  package var family: ChunkFamily

  /// A history as the store has it.
  package init(trust: RefusalTrust, family: ChunkFamily) {
    self.trust = trust
    self.family = family
  }
}
