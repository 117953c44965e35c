internal import BatchDomain

/// Which witnesses the listing showed when: how far behind it is. And whether the clock can be believed about that.
struct WitnessMemory {
  /// A difference between the machine's clock and the time that passed that is no mere adjustment.
  private static let tolerance: Duration = .seconds(1)

  /// When each witness was first seen whole.
  private(set) var firstShown: [ChunkNumber: Timestamp] = [:]
  /// Witnesses that a look did not show.
  private(set) var wasMissing: Set<ChunkNumber> = []
  /// Steps of the machine's clock that were noticed.
  private(set) var steps: [ClockStep] = []
  /// Indexes whose listing was seen to be further behind than recorded.
  private var contradicted: Set<IndexID> = []
  /// Intents up to that one have times of a clock that was set back since.
  private var distrusted = 0
  private var last: (now: Timestamp, elapsed: Duration)?

  /// Compares the machine's clock with the time that passed since it was last looked at.
  ///
  /// - Returns: a step, when there was one.
  mutating func watch(now: Timestamp, elapsed: Duration) -> ClockStep? {
    defer { last = (now, elapsed) }
    guard let last else { return nil }
    let step = now.since(last.now) - (elapsed - last.elapsed)
    guard step > Self.tolerance || step < .zero - Self.tolerance else { return nil }
    steps.append(ClockStep(noticedAt: now, by: step))
    return steps.last
  }

  /// The moment from which on the request of a chunk's last attempt can no longer arrive. Time that only the clock says has
  /// passed does not count.
  ///
  /// - Parameter grace: how long a gateway may hold a request.
  func end(of chunk: UnknownChunk, grace: Duration) -> Timestamp {
    let end = chunk.arrivesBefore(grace: grace)
    guard chunk.mayArriveLater else { return end }
    return steps.reduce(end) { $1.by > .zero && $1.noticedAt > chunk.endedAt ? $0 + $1.by : $0 }
  }

  /// Forgets what is known of witnesses up to an intent: the clock that timed them was set back.
  mutating func forget(upTo intent: Int) {
    distrusted = intent
    firstShown = [:]
    wasMissing = []
  }

  /// Learns from one look at an index.
  ///
  /// - Returns: what is to be recorded from now on; `nil` when what is recorded stands.
  mutating func learn(
    from evidence: IndexEvidence, index: IndexID, recorded: ListingLag?, now: Timestamp
  ) -> ListingLag? {
    var shown: [ListingLag] = []
    var delayed: [ListingLag] = []
    for witness in evidence.witnesses + evidence.earlierWitnesses where witness.acceptedAt > now {
      // An earlier process ran under another time.
      distrusted = max(distrusted, witness.intent)
    }
    for witness in evidence.witnesses + evidence.earlierWitnesses
    where witness.intent > distrusted && witness.isCountable {
      if evidence.snapshot.shows(witness) {
        let shownAt = firstShown[witness.chunk] ?? now
        firstShown[witness.chunk] = shownAt
        let lag = ListingLag(
          acceptedAt: witness.acceptedAt, lag: max(.zero, shownAt.since(witness.startedAt)))
        shown.append(lag)
        if wasMissing.contains(witness.chunk) { delayed.append(lag) }
      } else if evidence.snapshot.gap == nil {
        wasMissing.insert(witness.chunk)
        if let recorded, evidence.snapshot.takenAt.since(witness.startedAt) > recorded.lag {
          contradicted.insert(index)
        }
      }
    }
    let longest = delayed.max { $0.lag < $1.lag }
    guard let recorded else { return longest ?? shown.min { $0.lag < $1.lag } }
    if let longest, longest.lag > recorded.lag {
      contradicted.remove(index)
      return longest
    }
    if contradicted.contains(index) {
      guard let later = shown.filter({ $0.acceptedAt > recorded.acceptedAt }).max(by: { $0.lag < $1.lag })
      else { return nil }
      contradicted.remove(index)
      return later
    }
    // A witness that is seen late may have been there for long: only a shorter time says more than is known, unless
    // it was looked for in vain.
    guard longest == nil else { return nil }
    return shown.filter { $0.lag < recorded.lag }.min { $0.lag < $1.lag }
  }

  /// Whether the listing of an index was seen to be further behind than recorded.
  func isContradicted(_ index: IndexID) -> Bool { contradicted.contains(index) }
}

/// The machine's clock was set while this process ran.
struct ClockStep: Sendable, Equatable {
  /// What the clock showed when the step was noticed.
  var noticedAt: Timestamp
  /// How far it was set; negative when it was set back.
  var by: Duration

  /// A step that was noticed.
  init(noticedAt: Timestamp, by: Duration) {
    self.noticedAt = noticedAt
    self.by = by
  }
}
