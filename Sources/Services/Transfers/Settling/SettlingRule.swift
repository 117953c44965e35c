internal import BatchDomain

/// Decides what became of an unknown chunk from what the listing showed: a pure function.
///
/// Seen is proof; absence is evidence only beside a witness that shows that the listing has caught up.
package enum SettlingRule {
  /// How far before an attempt the service's clock may put its tasks: the clocks of two machines differ.
  package static let clockMargin: Duration = .seconds(120)

  /// What one look at a chunk says.
  enum Reading: Sendable, Equatable {
    /// Every item of it was seen.
    case received
    /// Some items were seen, beside witnesses that prove that the others are not there; a second look has to agree.
    ///
    /// - Parameter isSeen: for each item, in order.
    case partial(isSeen: [Bool], witnesses: [ChunkNumber])
    /// No item of it was seen, beside witnesses that prove it; a second look has to agree. Without any witness only
    /// for a chunk that the service refused, where no chunk of the index was accepted yet.
    case absent(witnesses: [ChunkNumber])
    /// Nothing can be concluded yet; later looks may, though not before that moment, where it is known.
    case open(String, notBefore: Timestamp? = nil)
    /// Nothing can ever be concluded from the listing.
    case undecidable(String)
  }

  /// Reads the evidence for one chunk.
  ///
  /// - Parameters:
  ///   - chunk: the unknown chunk.
  ///   - evidence: what is known of each of its indexes; an index that is missing could not be listed.
  ///   - settleDelay: the shortest time after which an absence means anything.
  ///   - grace: how long a gateway may hold a request that it stopped waiting for, or that timed out. Such an attempt
  ///     counts as ended only then: a request that is not listed before may still arrive.
  static func read(
    _ chunk: UnknownChunk, evidence: [IndexID: IndexEvidence], settleDelay: Duration, grace: Duration
  ) -> Reading {
    if chunk.wasSentElsewhere {
      return .undecidable("it was sent to another address than the run's present one")
    }
    var isSeen: [Bool] = []
    // By index, when the last send ended that a task of a missing item could be mistaken for.
    var ends: [IndexID: Timestamp] = [:]
    for item in chunk.items {
      guard let known = evidence[item.index] else {
        return .open("the tasks of index \(item.index) could not be listed")
      }
      switch presence(of: item, since: chunk.startedAt, in: known) {
      case .received: isSeen.append(true)
      case .notReceived:
        isSeen.append(false)
        if let count = known.counts[item.name].flatMap({ $0 }) {
          guard let end = count.endedAt else {
            return .open("another item of its file name is under way")
          }
          ends[item.index] = max(ends[item.index] ?? chunk.endedAt, end)
        }
      case .unclear(let why): return .open(why)
      }
    }
    let seen = isSeen.count { $0 }
    guard !isSeen.isEmpty else { return .open("its items are not there") }
    if seen == isSeen.count { return .received }
    let missing = Set(zip(chunk.items, isSeen).filter { !$0.1 }.map(\.0.index))
    var proofs: [ChunkNumber] = []
    for index in missing.sorted() {
      guard let known = evidence[index] else { continue }
      let found = seen == 0 ? "none" : "\(seen) of \(isSeen.count)"
      let verb = seen == 1 ? "was" : "were"
      if let gap = known.snapshot.gap {
        return .open("\(found) of its items \(verb) seen in index \(index), and \(gap)")
      }
      let end = max(chunk.arrivesBefore(grace: grace), ends[index] ?? chunk.endedAt)
      switch witness(for: chunk, endedAt: end, in: known, settleDelay: settleDelay) {
      case .success(let witness): proofs.append(witness)
      case .failure(let lack):
        // Where nothing was ever accepted, the refusal itself is the service's word that it did not take the chunk.
        if lack.isForWantOfAny, chunk.wasRefused, seen == 0 { continue }
        return .open(
          "\(found) of its items \(verb) seen in index \(index), and \(lack.text)", notBefore: lack.notBefore)
      }
    }
    return seen == 0 ? .absent(witnesses: proofs) : .partial(isSeen: isSeen, witnesses: proofs)
  }

  /// Whether the listing has one item.
  private static func presence(
    of item: UnknownChunk.Item, since startedAt: Timestamp, in known: IndexEvidence
  ) -> NameCount.Reading {
    guard let count = known.counts[item.name] else {
      return known.snapshot.shows(item.name, since: startedAt) ? .received : .notReceived
    }
    guard let count else {
      return .unclear("its file name was sent so often that no moment separates one send from the next")
    }
    if let gap = known.snapshot.gap { return .unclear("the tasks of its name cannot be counted: \(gap)") }
    return count.reading(listed: known.snapshot.count(of: item.name, since: count.windowStart))
  }

  private struct Lack: Error {
    let text: String
    var notBefore: Timestamp?
    /// Whether no chunk of the index was accepted at all.
    var isForWantOfAny = false
  }

  /// The witness that proves that the listing has caught up to the end of the attempt.
  ///
  /// What was begun later is known from the order of the intents, which no change of the machine's clock disturbs;
  /// the times have to agree, since the service's tasks are found by time.
  ///
  /// - Parameter end: when the attempt ended, with the time in which its request may still arrive, and every other send
  ///   that may be mistaken for it.
  private static func witness(
    for chunk: UnknownChunk, endedAt end: Timestamp, in known: IndexEvidence, settleDelay: Duration
  ) -> Result<ChunkNumber, Lack> {
    if let unnamed = known.snapshot.newestUnnamed, unnamed >= chunk.startedAt - clockMargin {
      return .failure(Lack(text: "the listing shows tasks of that time without a file name"))
    }
    let earlier = known.earlierWitnesses.filter { $0.intent < chunk.intent }
    guard earlier.isEmpty || earlier.contains(where: { known.snapshot.shows($0) }) else {
      return .failure(Lack(text: unseen(earlier, "accepted before it")))
    }
    // Time that only the clock says has passed does not count.
    let skipped = known.stepsForward.reduce(Duration.zero) {
      $0 + ($1.noticedAt > chunk.endedAt ? $1.by : .zero)
    }
    let counted = chunk.mayArriveLater ? end + skipped : end
    let later = known.witnesses.filter { $0.intent > chunk.endedAfter && $0.startedAt > counted }
    if let shown = later.first(where: { known.snapshot.shows($0) }) { return .success(shown.chunk) }
    guard later.isEmpty else {
      return .failure(Lack(text: unseen(later, "accepted after it")))
    }
    guard let newest = known.witnesses.max(by: { $0.intent < $1.intent }) else {
      return .failure(
        Lack(text: "no accepted chunk shows how far the listing has caught up", isForWantOfAny: true))
    }
    guard known.snapshot.shows(newest) else {
      return .failure(Lack(text: unseen([newest], "accepted before it")))
    }
    guard let lag = lag(of: newest, in: known) else {
      return .failure(
        Lack(text: "the machine's clock was set, so that how far the listing is behind is not known"))
    }
    let needed = max(settleDelay, lag * 2)
    let passed = known.snapshot.takenAt.since(end) - skipped
    guard passed >= needed else {
      let mayStillCome = chunk.mayArriveLater && passed < .zero
      return .failure(
        Lack(
          text: mayStillCome
            ? "something on the way may still hold its request (--settle-grace)"
            : "the listing may be behind by \(lag.components.seconds) s, as chunk \(newest.chunk) shows",
          notBefore: end + needed + skipped))
    }
    return .success(newest.chunk)
  }

  /// Why none of some witnesses helps, as a part of a sentence.
  private static func unseen(_ witnesses: [CountedWitness], _ when: String) -> String {
    if let missing = witnesses.first(where: \.isCountable) {
      return "the listing does not show chunk \(missing.chunk), \(when), either"
    }
    let chunk = witnesses[0].chunk
    return "the items of chunk \(chunk), \(when), cannot be told from others of their file names"
  }

  /// How far the listing may be behind, judged by its newest witness.
  private static func lag(of newest: CountedWitness, in known: IndexEvidence) -> Duration? {
    // Counted from its start: when within its request the service made the tasks is not known.
    let bound = known.firstShown[newest.chunk].map { $0.since(newest.startedAt) }
    if let bound, known.wasMissing.contains(newest.chunk) { return bound }
    // A process that comes hours later sees the witness at its first look; what the listing's lag was when it was
    // last looked for says more.
    return [bound, known.recordedLag?.lag].compactMap { $0 }.min()
  }
}

extension UnknownChunk {
  /// Whether a gateway may still hold the request of its last attempt.
  var mayArriveLater: Bool {
    mayBeHeldOnTheWay || TransferOutcomes.mayArriveLater(status: status, code: code)
  }

  /// The moment from which on the request of its last attempt can no longer arrive.
  ///
  /// - Parameter grace: how long a gateway may hold a request.
  func arrivesBefore(grace: Duration) -> Timestamp { mayArriveLater ? endedAt + grace : endedAt }
}
