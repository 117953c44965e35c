/// What refusals of a run's chunks are known to mean. The raw values are what the store has.
///
/// Whether one bad element refuses the whole request, or is dropped while the others are taken, is documented
/// nowhere; so the first refused chunk of a run is looked up before it is divided.
package enum RejectionSemantics: String, Sendable, CaseIterable {
  /// No refused chunk was looked up yet.
  case unproven
  /// The first that was looked up had none of its items taken: a refusal means the whole chunk.
  case whole
  /// One had items taken although it was refused: every refusal is looked up before its chunk is divided.
  case partial
}

/// What became of the pieces of one planned chunk so far.
package struct ChunkFamily: Sendable, Equatable {
  /// Whether the chunk is a piece of another, and not a planned one.
  package var isPiece: Bool
  /// Whether a refusal of the planned chunk or of a piece of it was looked up, and none of its items was there.
  package var wasLookedUp: Bool
  /// Pieces that were accepted.
  package var accepted: Int
  /// Single items that were rejected, by error code, `http_<status>` where the service gave none.
  package var singleRefusals: [String: Int]

  /// A family as the store has it; without arguments one that has no pieces.
  package init(
    isPiece: Bool = false, wasLookedUp: Bool = false, accepted: Int = 0, singleRefusals: [String: Int] = [:]
  ) {
    self.isPiece = isPiece
    self.wasLookedUp = wasLookedUp
    self.accepted = accepted
    self.singleRefusals = singleRefusals
  }
}

/// What is known about refusals when a chunk was refused.
package struct RefusalHistory: Sendable, Equatable {
  /// What refusals of the run are known to mean.
  package var semantics: RejectionSemantics
  /// What became of the pieces of the planned chunk that the refused one belongs to.
  package var family: ChunkFamily

  /// A history as the store has it.
  package init(semantics: RejectionSemantics, family: ChunkFamily) {
    self.semantics = semantics
    self.family = family
  }
}
