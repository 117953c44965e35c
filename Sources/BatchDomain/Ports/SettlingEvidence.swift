/// What a store knows that helps to find out whether a chunk whose answer was lost arrived, and the verdicts on it.
///
/// Belongs to a run that this process owns. A verdict is guarded as the moves of ``WorkQueue`` are.
package protocol SettlingEvidence: SettlingRecords {
  /// Chunks whose answer was lost, in order of number, leaving out those up to `after`.
  func unknownChunks(after: ChunkNumber?, limit: Int) async throws -> [UnknownChunk]

  /// What is known about refusals of this run, and what became of the other pieces of a chunk.
  func refusals(of chunk: ChunkNumber) async throws -> RefusalHistory

  /// Records what settling found, and moves the chunk accordingly.
  func settle(_ settlement: Settlement) async throws -> Recorded
}
