/// What became of an unknown chunk, and how that is known.
package struct Settlement: Sendable, Equatable {
  /// What became of it.
  package enum Verdict: String, Sendable, CaseIterable {
    /// The service has every item of it.
    case received
    /// The service has no item of it.
    case notReceived = "not_received"
    /// It cannot be told; a person may decide.
    case undecided
  }

  /// Who decided.
  package enum Authority: String, Sendable, CaseIterable {
    /// The service's own listing.
    case listing
    /// The setting `--on-unknown`.
    case policy
    /// A person.
    case person
  }

  /// The chunk's number.
  package var chunk: ChunkNumber
  /// The attempt whose answer was lost.
  package var attempt: Int
  /// What became of it.
  package var verdict: Verdict
  /// Who decided.
  package var authority: Authority
  /// What was seen, as one sentence: rows listed, names found, which control.
  package var evidence: String
  /// When it was decided.
  package var decidedAt: Timestamp
  /// What happens to the chunk; `nil` leaves it unknown.
  package var event: ChunkEvent?
  /// Whether the attempt now counts towards the limit.
  package var countsAttempt: Bool

  /// A verdict on a chunk.
  package init(
    chunk: ChunkNumber, attempt: Int, verdict: Verdict, authority: Authority, evidence: String,
    decidedAt: Timestamp, event: ChunkEvent?, countsAttempt: Bool
  ) {
    self.chunk = chunk
    self.attempt = attempt
    self.verdict = verdict
    self.authority = authority
    self.evidence = evidence
    self.decidedAt = decidedAt
    self.event = event
    self.countsAttempt = countsAttempt
  }
}
