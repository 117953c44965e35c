/// A verdict on an unknown chunk as reports show it.
package struct SettlementSummary: Sendable, Equatable {
  /// The chunk's number.
  package var chunk: ChunkNumber
  /// Items in it.
  package var itemCount: Int
  /// The attempt whose answer was lost.
  package var attempt: Int
  /// What became of it.
  package var verdict: Settlement.Verdict
  /// Who decided.
  package var authority: Settlement.Authority
  /// What the verdict rests on.
  package var evidence: Evidence
  /// When it was decided.
  package var decidedAt: Timestamp

  /// A verdict as the store has it.
  package init(
    chunk: ChunkNumber, itemCount: Int, attempt: Int, verdict: Settlement.Verdict,
    authority: Settlement.Authority, evidence: Evidence, decidedAt: Timestamp
  ) {
    self.chunk = chunk
    self.itemCount = itemCount
    self.attempt = attempt
    self.verdict = verdict
    self.authority = authority
    self.evidence = evidence
    self.decidedAt = decidedAt
  }
}
