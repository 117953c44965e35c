/// Finds out what became of unknown chunks, by asking the service; one for each process that works on a run.
///
/// It remembers from look to look what it needs: what it saw of witnesses, how far behind listings are, what a second
/// look has to agree with. When it looks is not its to say.
package protocol SettlingStrategy {
  /// Looks once.
  ///
  /// - Parameters:
  ///   - chunks: unknown chunks that are due.
  ///   - canSendMore: whether later acceptances can still become witnesses.
  /// - Returns: what the look says of each chunk; `nil` when the run stops meanwhile.
  /// - Throws: errors of the evidence port. Trouble with the service is a finding, not an error.
  mutating func look(
    at chunks: [UnknownChunk], canSendMore: Bool
  ) async throws -> [ChunkNumber: SettlingReading]?
}

/// What a strategy works with.
package struct SettlingContext: Sendable {
  /// What the store knows.
  package var evidence: any SettlingRecords
  /// What every request passes.
  package var gate: any ReadingGate
  /// Time.
  package var clock: any BatchClock
  /// The shortest time after which an absence means anything.
  package var delay: Duration
  /// How long a gateway may hold a request that it stopped waiting for, or that timed out.
  package var grace: Duration

  /// A context in its parts.
  package init(
    evidence: any SettlingRecords, gate: any ReadingGate, clock: any BatchClock, delay: Duration,
    grace: Duration
  ) {
    self.evidence = evidence
    self.gate = gate
    self.clock = clock
    self.delay = delay
    self.grace = grace
  }
}

/// What one look says about one chunk.
package struct SettlingReading: Sendable, Equatable {
  /// What it says.
  package enum Finding: Sendable, Equatable {
    /// The service has every item of it.
    case received
    /// The service has no item of it.
    case notReceived
    /// The service has some items of it.
    ///
    /// - Parameter isSeen: for each item, in order.
    case partlyReceived(isSeen: [Bool])
    /// The next look may confirm what this one saw.
    case unconfirmed
    /// Nothing can be concluded yet; later looks may, though not before that moment, where it is known.
    case open(notBefore: Timestamp?)
    /// Nothing can ever be concluded.
    case undecidable
  }

  /// What it says.
  package var finding: Finding
  /// What that rests on.
  package var evidence: Evidence
  /// What refusals of the run are known to mean from now on; `nil` leaves that as it was.
  package var learned: RejectionSemantics?
  /// The id that the service has for what the chunk's request made, with ``Finding/received``.
  package var externalID: String?
  /// Whether the step is done already, with ``Finding/received``: else, where another step follows, it is polled.
  package var isDone: Bool
  /// Ids of what other requests of the chunk's step made beside that.
  package var surplus: [String]

  /// A reading in its parts.
  package init(
    _ finding: Finding, _ evidence: Evidence, learned: RejectionSemantics? = nil, externalID: String? = nil,
    isDone: Bool = false, surplus: [String] = []
  ) {
    self.externalID = externalID
    self.isDone = isDone
    self.surplus = surplus
    self.finding = finding
    self.evidence = evidence
    self.learned = learned
  }
}

/// What requests that only read have to pass, as requests that submit do.
package protocol ReadingGate: Sendable {
  /// Waits for a turn.
  ///
  /// - Returns: `false` when the run stops: no request may leave then, and ``leave(isThrottled:asked:)`` is not called.
  func enter() async -> Bool

  /// A request came back. Returns once a wait that begins with it is kept, where waits are.
  ///
  /// - Parameters:
  ///   - isThrottled: whether the service told it to come back later.
  ///   - asked: the wait that the service asks for.
  func leave(isThrottled: Bool, asked: Duration?) async
}

/// What a strategy may ask the store about a run, and have it keep.
package protocol SettlingRecords: Sendable {
  /// Chunks of this run with items of that index that were accepted while no earlier attempt may have reached the
  /// service, in the order of their intents. `limit` of them where there are as many, however rare the index is.
  ///
  /// - Parameters:
  ///   - intents: only attempts whose place among the run's intents is one of these.
  ///   - moment: only attempts that were begun later than that; `nil` for any.
  ///   - newestFirst: the order, and with `limit` the choice.
  func witnesses(
    index: IndexID, intents: Range<Int>, begunAfter moment: Timestamp?, newestFirst: Bool, limit: Int
  ) async throws -> [Witness]

  /// Everything that this store sent to the run's service under these file names: by chunks of other runs, by chunks
  /// of this run that are unknown, and by those of this run whose names are known to clash. What else this run sent is left
  /// out: its names are unique within the run.
  ///
  /// - Parameters:
  ///   - names: file names by index.
  ///   - moment: only attempts that started since then.
  func sends(of names: [IndexID: Set<FileName>], since moment: Timestamp) async throws -> [NamedSend]

  /// How far behind the listing of an index was when this run last measured it.
  func listingLag(of index: IndexID) async throws -> ListingLag?

  /// Records how far behind the listing of an index is.
  func remember(_ lag: ListingLag, of index: IndexID) async throws

  /// Intents that the run has recorded so far.
  func intents() async throws -> Int

  /// When the newest accepted attempt of a step that was begun after so many intents of the run was begun and accepted,
  /// with the id that the service gave; `nil` where there is none.
  func acceptance(of step: ChunkStep, after intents: Int) async throws -> StepAcceptance?

  /// What this run has recorded of these ids of the service.
  func recorded(among ids: Set<String>) async throws -> RecordedIDs
}

/// What a run has recorded of ids that the service gave.
package struct RecordedIDs: Sendable, Equatable {
  /// Ids of attempts which came to nothing afterwards: what they made is of no use, and says nothing about a later attempt.
  package var spent: Set<String>
  /// The chunks for which an id is recorded, by step and id.
  package var chunks: [ChunkStep: [String: Set<ChunkNumber>]]

  /// Records in their parts.
  package init(spent: Set<String> = [], chunks: [ChunkStep: [String: Set<ChunkNumber>]] = [:]) {
    self.spent = spent
    self.chunks = chunks
  }

  /// Another chunk for which an id of a step is recorded: then it is not what a request for this one made.
  package func holder(of id: String, at step: ChunkStep, otherThan chunk: ChunkNumber) -> ChunkNumber? {
    chunks[step]?[id]?.filter { $0 != chunk }.min { $0.rawValue < $1.rawValue }
  }
}
