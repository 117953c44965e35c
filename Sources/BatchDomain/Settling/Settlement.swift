/// What became of an unknown chunk, and how that is known.
package struct Settlement: Sendable, Equatable {
  /// What became of it.
  package enum Verdict: String, Sendable, CaseIterable {
    /// The service has every item of it.
    case received
    /// The service has some items of it; pieces take its place.
    case partlyReceived = "partly_received"
    /// The service has no item of it.
    case notReceived = "not_received"
    /// It cannot be decided; a person may.
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
    /// The answer itself, which a process told that had been taken for lost.
    case answer
  }

  /// The chunk's number.
  package var chunk: ChunkNumber
  /// The attempt whose answer was lost.
  package var attempt: Int
  /// What became of it.
  package var verdict: Verdict
  /// Who decided.
  package var authority: Authority
  /// How that is known.
  package var evidence: Evidence
  /// When it was decided.
  package var decidedAt: Timestamp
  /// What happens to the chunk; `nil` leaves it unknown.
  package var event: ChunkEvent?
  /// What takes the chunk's place, where it is divided.
  package var division: Division?
  /// Whether the attempt now counts towards the limit.
  package var countsAttempt: Bool
  /// When the chunk may be sent again, if it may; `nil` leaves its place in the order as it was.
  package var readyAt: Timestamp?
  /// What refusals of the run are known to mean from now on; `nil` leaves that as it was.
  package var semantics: RejectionSemantics?
  /// The id that the service has for what the request made, where settling found it; it is stored with the attempt.
  package var externalID: String?
  /// The step that is to be sent next, where that is another.
  package var nextStep: ChunkStep?
  /// Ids of what other requests of the chunk's step made beside that: they are left over at the service.
  package var surplus: [String]

  /// A verdict on a chunk.
  package init(
    chunk: ChunkNumber, attempt: Int, verdict: Verdict, authority: Authority, evidence: Evidence,
    decidedAt: Timestamp, event: ChunkEvent?, division: Division? = nil, countsAttempt: Bool = false,
    readyAt: Timestamp? = nil, semantics: RejectionSemantics? = nil, externalID: String? = nil,
    nextStep: ChunkStep? = nil, surplus: [String] = []
  ) {
    self.externalID = externalID
    self.nextStep = nextStep
    self.surplus = surplus
    self.chunk = chunk
    self.attempt = attempt
    self.verdict = verdict
    self.authority = authority
    self.evidence = evidence
    self.decidedAt = decidedAt
    self.event = event
    self.division = division
    self.countsAttempt = countsAttempt
    self.readyAt = readyAt
    self.semantics = semantics
  }
}

/// What a verdict rests on.
package struct Evidence: Sendable, Equatable {
  /// In words, as one sentence.
  package var text: String
  /// When the first of the looks that agree began; `nil` where the listing was not read.
  package var firstLookAt: Timestamp?
  /// When the last look began.
  package var lastLookAt: Timestamp?
  /// Tasks of the window that the last look listed, in all indexes of the chunk.
  package var tasksListed: Int?
  /// Items of the chunk among them.
  package var itemsSeen: Int?
  /// Chunks that prove that the listing had caught up.
  package var witnesses: [ChunkNumber]

  /// Evidence in words, and in its parts where the listing was read.
  package init(
    _ text: String, firstLookAt: Timestamp? = nil, lastLookAt: Timestamp? = nil, tasksListed: Int? = nil,
    itemsSeen: Int? = nil, witnesses: [ChunkNumber] = []
  ) {
    self.text = text
    self.firstLookAt = firstLookAt
    self.lastLookAt = lastLookAt
    self.tasksListed = tasksListed
    self.itemsSeen = itemsSeen
    self.witnesses = witnesses
  }
}
